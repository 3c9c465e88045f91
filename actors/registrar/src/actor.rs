//! The actor: messages in, effects performed.

use std::sync::Arc;

use protocol::elector::{LEADER_TOPIC, LeaderChanged};
use protocol::metrics::{GetMetrics, Metrics};
use protocol::registrar::{ApplyOperations, GetRegistry, RegistrySnapshot};
use protocol::{CallId, Epoch, Failure};
use registrar_core::{Answer, Committed, Effect, Input, RecordWrite, State, Timer};
use runtime::{Actor, Calls, Context, Handler, Handlers, Outcome, Timings};
use store::{CommitError, Store, Write};

/// The registrar of one master.
pub struct Registrar {
    core: State,
    store: Arc<dyn Store>,
    calls: Calls,
    fetches: Timings,
    stores: Timings,
}

impl Registrar {
    /// A standby, until the elector of this host says otherwise. The store is the one that the
    /// elector campaigns in: its epochs are the fence.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            core: State::new(),
            store,
            calls: Calls::default(),
            fetches: Timings::default(),
            stores: Timings::default(),
        }
    }

    /// Gives one input to the core and does what it wants.
    fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = Vec::new();
        self.core.step(ctx.now(), input, &mut effects);
        for effect in effects {
            self.perform(effect, ctx);
        }
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Load { epoch } => self.load(epoch, ctx),
            Effect::Commit { epoch, writes } => self.commit(epoch, writes, ctx),
            Effect::Reply { call, result } => self.answer(call, result),
            Effect::Fail(why) => ctx.fail(why),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(timer, at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
        }
    }

    fn load(&self, epoch: Epoch, ctx: &mut Context<Self>) {
        let begun = ctx.now();
        ctx.run(self.store.load(""), move |this, found, ctx| {
            this.fetches.record(ctx.now().since(begun));
            let result = found.map_err(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot load the registry"
                );
                error.to_string()
            });
            this.take(Input::Loaded { epoch, result }, ctx);
        });
    }

    fn commit(&self, epoch: Epoch, writes: Vec<RecordWrite>, ctx: &mut Context<Self>) {
        let writes = writes.into_iter().map(|write| match write.value {
            Some(value) => Write::put(write.key, value),
            None => Write::delete(write.key),
        });
        let begun = ctx.now();
        ctx.run(self.store.commit(epoch, writes.collect()), move |this, outcome, ctx| {
            this.stores.record(ctx.now().since(begun));
            this.take(Input::Committed { epoch, result: committed(outcome) }, ctx);
        });
    }

    fn answer(&mut self, call: CallId, result: Result<Answer, Failure>) {
        match result {
            Ok(Answer::Applied) => self.calls.reply(call, ()),
            Ok(Answer::Registry(snapshot)) => self.calls.reply(call, snapshot),
            Err(failure) => self.calls.refuse(call, failure),
        }
    }
}

/// Which of the store's errors mean that nothing was done.
fn committed(outcome: Result<(), CommitError>) -> Committed {
    match outcome {
        Ok(()) => Committed::Done,
        Err(CommitError::Deposed { .. }) => Committed::Deposed,
        Err(error) if error.is_unknown() => Committed::Unknown(error.to_string()),
        Err(error) => Committed::Refused(error.to_string()),
    }
}

impl Actor for Registrar {
    const ABOUT: &'static str =
        "owns the registry of agents, frameworks, quotas and weights, and is its only writer";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<ApplyOperations>()
            .on::<GetRegistry>()
            .on::<GetMetrics>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let elector = ctx.local("elector");
        ctx.follow(&elector, LEADER_TOPIC);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        self.take(Input::TimerFired(timer), ctx);
    }

    fn inspect(&self) -> serde_json::Value {
        let mut state = self.core.inspect();
        state["store"] = self.store.describe().into();
        state
    }
}

impl Handler<LeaderChanged> for Registrar {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local("elector")) {
            return Outcome::Refuse(failure);
        }
        self.take(Input::LeaderChanged(message.leadership), ctx);
        Outcome::Reply(())
    }
}

impl Handler<ApplyOperations> for Registrar {
    fn handle(&mut self, request: ApplyOperations, ctx: &mut Context<Self>) -> Outcome<()> {
        let call = self.calls.add(ctx.defer::<()>());
        self.take(Input::Apply { call, request }, ctx);
        Outcome::Later
    }
}

impl Handler<GetRegistry> for Registrar {
    fn handle(&mut self, _: GetRegistry, ctx: &mut Context<Self>) -> Outcome<RegistrySnapshot> {
        let call = self.calls.add(ctx.defer::<RegistrySnapshot>());
        self.take(Input::GetRegistry { call }, ctx);
        Outcome::Later
    }
}

impl Handler<GetMetrics> for Registrar {
    fn handle(&mut self, _: GetMetrics, _: &mut Context<Self>) -> Outcome<Metrics> {
        let mut values = self.core.metrics();
        if !values.is_empty() {
            self.fetches.write("registrar/state_fetch_ms", &mut values);
            self.stores.write("registrar/state_store_ms", &mut values);
        }
        Outcome::Reply(Metrics { values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_the_core_are_those_of_the_store() {
        assert_eq!(registrar_core::MAX_WRITES, store::MAX_WRITES);
        assert_eq!(registrar_core::MAX_BYTES, store::MAX_BYTES);
    }

    #[test]
    fn each_error_of_the_store_has_its_outcome() {
        let epoch = Epoch(1);
        assert_eq!(committed(Ok(())), Committed::Done);
        assert_eq!(committed(Err(CommitError::Deposed { epoch })), Committed::Deposed);
        let unknown = CommitError::Unknown("x".into());
        assert!(matches!(committed(Err(unknown)), Committed::Unknown(_)));
        let rejected = CommitError::Rejected("x".into());
        assert!(matches!(committed(Err(rejected)), Committed::Refused(_)));
        let large = CommitError::TooLarge { what: "x".into(), limit: "y".into() };
        assert!(matches!(committed(Err(large)), Committed::Refused(_)));
    }
}
