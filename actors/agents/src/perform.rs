//! The core's effects, performed in order.

use std::time::Duration;

use agents_core::{CommitId, Effect, Input, Reply, ToAgent, ToFrameworks};
use protocol::frameworks::AgentsRecovered;
use protocol::registrar::{ApplyOperations, GetRegistry};
use protocol::{Address, CallId, Epoch, Failure};
use runtime::Context;

use crate::actor::Agents;

/// As long as the registrar may take to read the registry before it is asked again.
const LOAD_DEADLINE: Duration = Duration::from_secs(10);
/// As long as a write may take, as in Mesos (`registry_store_timeout`).
const COMMIT_DEADLINE: Duration = Duration::from_secs(20);
/// As long as `frameworks`, on this host, may take to load the registry itself.
const INTRODUCE_DEADLINE: Duration = Duration::from_secs(10);

impl Agents {
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
            Effect::LoadRegistry { epoch } => load_registry(epoch, ctx),
            Effect::Introduce(message) => introduce(message, ctx),
            Effect::Commit { commit, request } => apply(commit, request, ctx),
            Effect::ToFrameworks(message) => to_frameworks(message, ctx),
            Effect::ToAgent { to, message } => to_agent(&to, message, ctx),
            Effect::Link(agent) => ctx.link(&agent),
            Effect::Unlink(agent) => ctx.unlink(&agent),
            Effect::Reply { call, result } => self.answer(call, result),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(timer, at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
            Effect::Emit(report) => {
                let events = ctx.local("events");
                ctx.tell(&events, report);
            }
        }
    }

    fn answer(&mut self, call: CallId, result: Result<Reply, Failure>) {
        match result {
            Ok(Reply::Done) => self.calls.reply(call, ()),
            Ok(Reply::Registered(answer)) => self.calls.reply(call, answer),
            Ok(Reply::Agents(answer)) => self.calls.reply(call, answer),
            Ok(Reply::View(answer)) => self.calls.reply(call, answer),
            Ok(Reply::Agent(answer)) => self.calls.reply(call, *answer),
            Err(failure) => self.calls.refuse(call, failure),
        }
    }
}

fn load_registry(epoch: Epoch, ctx: &mut Context<Agents>) {
    let registrar = ctx.local("registrar");
    ctx.ask(&registrar, GetRegistry {}, LOAD_DEADLINE, move |this, result, ctx| {
        this.take(Input::RegistryLoaded { epoch, result }, ctx);
    });
}

fn introduce(message: AgentsRecovered, ctx: &mut Context<Agents>) {
    let epoch = message.epoch;
    let frameworks = ctx.local("frameworks");
    ctx.link(&frameworks);
    ctx.ask(&frameworks, message, INTRODUCE_DEADLINE, move |this, result, ctx| {
        this.take(Input::Introduced { epoch, result }, ctx);
    });
}

fn apply(commit: CommitId, request: ApplyOperations, ctx: &mut Context<Agents>) {
    let registrar = ctx.local("registrar");
    ctx.ask(&registrar, request, COMMIT_DEADLINE, move |this, result, ctx| {
        this.take(Input::Committed { commit, result }, ctx);
    });
}

fn to_frameworks(message: ToFrameworks, ctx: &mut Context<Agents>) {
    let to = &ctx.local("frameworks");
    match message {
        ToFrameworks::Joined(m) => ctx.tell(to, *m),
        ToFrameworks::Left(m) => ctx.tell(to, m),
        ToFrameworks::Undeliverable(m) => ctx.tell(to, m),
        ToFrameworks::Resized(m) => ctx.tell(to, m),
        ToFrameworks::NotOperated(m) => ctx.tell(to, m),
    }
}

fn to_agent(to: &Address, message: ToAgent, ctx: &mut Context<Agents>) {
    match message {
        ToAgent::Ping(m) => ctx.tell(to, m),
        ToAgent::Run(m) => ctx.tell(to, *m),
        ToAgent::Kill(m) => ctx.tell(to, m),
        ToAgent::Acknowledged(m) => ctx.tell(to, m),
        ToAgent::ShutdownFramework(m) => ctx.tell(to, m),
        ToAgent::ShutdownExecutor(m) => ctx.tell(to, m),
        ToAgent::Deliver(m) => ctx.tell(to, m),
        ToAgent::UpdateFramework(m) => ctx.tell(to, *m),
        ToAgent::Resize(m) => ctx.tell(to, m),
        ToAgent::Operate(m) => ctx.tell(to, *m),
        ToAgent::OperationAcknowledged(m) => ctx.tell(to, m),
    }
}
