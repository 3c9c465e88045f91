//! The core's effects out: to the driver, the store, the askers and the event log.

use std::time::Duration;

use driver::{Relay, SchedulerConfig, start_scheduler};
use protocol::events::Report;
use protocol::explain::{AppExplanation, ExplainOffers};
use protocol::framework::Operation;
use protocol::{CallId, Epoch, Failure, FrameworkId};
use runtime::Context;
use services_core::{Answer, Effect, Event, Input};

use crate::NAME;
use crate::actor::{Alarm, Services};
use crate::{config, keys};

/// The name of the driver's actor on this host.
const SCHEDULER: &str = "scheduler";
/// For the master, and its allocator, to say why.
const EXPLAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Until the store is read again after it could not be.
const LOAD_AGAIN: Duration = Duration::from_secs(1);

impl Services {
    /// Gives one input to the core and does what it wants.
    pub(crate) fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.core.step(ctx.now(), input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Load { epoch } => self.load(epoch, ctx),
            Effect::Persist { id, epoch, writes } => {
                self.writer.push(id, writes.iter().map(keys::encode));
                self.commit(epoch, ctx);
            }
            Effect::Subscribe { framework_id } => self.subscribe(framework_id, ctx),
            Effect::Unsubscribe => self.unsubscribe(),
            Effect::Explain { call, explanation } => explain(call, *explanation, ctx),
            Effect::Reply { call, result } => self.answer(call, result),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(Alarm::Core(timer), at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&Alarm::Core(timer)),
            Effect::Emit(event) => report(&event, ctx),
            Effect::Fail { why } => ctx.fail(why),
            call => self.call_master(call),
        }
    }

    fn answer(&mut self, call: CallId, result: Result<Answer, Failure>) {
        match result {
            Ok(Answer::Accepted(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Killed(answer)) => self.calls.reply(call, answer),
            Ok(Answer::App(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Apps(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Versions(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Deployments(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Info(answer)) => self.calls.reply(call, answer),
            Err(failure) => self.calls.refuse(call, failure),
        }
    }

    /// What the driver takes: it never blocks, and what becomes of a call arrives as news.
    fn call_master(&self, effect: Effect) {
        let Some(driver) = &self.driver else { return };
        match effect {
            Effect::Accept { offer_ids, tasks, filters } => {
                driver.accept(offer_ids, vec![Operation::Launch { tasks }], filters);
            }
            Effect::Decline { offer_ids, filters } => driver.decline(offer_ids, filters),
            Effect::Revive => driver.revive(vec![]),
            Effect::Suppress => driver.suppress(vec![]),
            Effect::Kill { task_id, agent_id, kill_policy } => {
                driver.kill(task_id, agent_id, kill_policy);
            }
            Effect::Reconcile { tasks } => driver.reconcile(tasks),
            Effect::Acknowledge { status } => driver.acknowledge(&status),
            other => debug_assert!(false, "not a call to the master: {other:?}"),
        }
    }

    // --- the store ---

    pub(crate) fn load(&mut self, epoch: Epoch, ctx: &mut Context<Self>) {
        if self.core.epoch() != Some(epoch) {
            return;
        }
        // What was left of another term can never be written.
        self.writer.clear();
        ctx.run(self.store.load(""), move |this, found, ctx| match found {
            Ok(found) => match keys::decode(&found) {
                Ok(records) => this.take(Input::Loaded { epoch, records }, ctx),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "apps cannot be read from the store");
                    ctx.fail(error.to_string());
                }
            },
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot load the apps, trying again");
                ctx.set_timer(Alarm::Load(epoch), LOAD_AGAIN);
            }
        });
    }

    fn commit(&mut self, epoch: Epoch, ctx: &mut Context<Self>) {
        let Some(writes) = self.writer.next() else { return };
        ctx.run(self.store.commit(epoch, writes), move |this, outcome, ctx| match outcome {
            Ok(()) => this.on_committed(epoch, ctx),
            Err(error) => {
                let why = error.to_string();
                this.take(Input::PersistFailed { epoch, why }, ctx);
            }
        });
    }

    fn on_committed(&mut self, epoch: Epoch, ctx: &mut Context<Self>) {
        if self.core.epoch() != Some(epoch) {
            return;
        }
        for id in self.writer.committed() {
            self.take(Input::Persisted { epoch, id }, ctx);
        }
        self.commit(epoch, ctx);
    }

    // --- the master ---

    /// A driver that was there before ends first: what it still says must not be taken for the
    /// new one's.
    fn subscribe(&mut self, framework_id: Option<FrameworkId>, ctx: &mut Context<Self>) {
        let host = ctx.host().clone();
        ctx.wait(async move { host.stop_actor(SCHEDULER).await }, |this, (), ctx| {
            this.start_driver(framework_id, ctx);
        });
    }

    fn start_driver(&mut self, framework_id: Option<FrameworkId>, ctx: &mut Context<Self>) {
        let host = ctx.host().clone();
        let info = config::introduction(&self.config, framework_id, host.addr());
        let scheduler = SchedulerConfig {
            name: SCHEDULER.to_owned(),
            explicit_acknowledgements: true,
            ..SchedulerConfig::new(info, self.masters.clone())
        };
        let relay_host = host.clone();
        match start_scheduler(&host, scheduler, move || Relay::new(&relay_host, NAME)) {
            Ok(driver) => self.driver = Some(driver),
            Err(error) => ctx.fail(format!("cannot start the scheduler's driver: {error}")),
        }
    }

    fn unsubscribe(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.stop();
        }
    }
}

/// The driver of this host knows the leading master and our framework's id.
fn explain(call: CallId, app: AppExplanation, ctx: &mut Context<Services>) {
    let framework_id = FrameworkId::from("");
    let question = ExplainOffers { framework_id, need: Some(app.need.clone()) };
    let driver = ctx.local(SCHEDULER);
    ctx.ask(&driver, question, EXPLAIN_DEADLINE, move |this, answer, _| {
        this.calls.reply(call, services_core::conclude(app, answer));
    });
}

fn report(event: &Event, ctx: &mut Context<Services>) {
    let data = serde_json::to_value(event).expect("events are text, numbers and lists");
    let events = ctx.local("events");
    ctx.tell(&events, Report { kind: event.kind().to_owned(), data });
}
