//! Messages and news of the election in, the core's effects out.

use std::sync::Arc;

use elector_core::{Candidate, Effect, Input, Reply, Seen, State, Timer};
use protocol::elector::{GetLeader, LEADER_TOPIC, LeaderChanged, Leadership, Resign};
use protocol::{Address, CallId, Epoch, Failure, codec};
use runtime::{
    Actor, Calls, Context, Handler, Handlers, Host, HostError, Outcome, Placement, SpawnOptions,
};
use store::{Ended, Incumbent, Store, StoreError, Term};
use tokio::sync::{oneshot, watch};

use crate::NAME;

/// The elector of one host.
pub struct Elector {
    core: State,
    store: Arc<dyn Store>,
    /// What the store shows others of this candidate.
    value: Vec<u8>,
    /// Dropping it ends the candidacy.
    candidacy: Option<oneshot::Sender<()>>,
    term: Option<Term>,
    calls: Calls,
}

/// Starts it. The scope of `store` is what the candidates compete for.
pub fn spawn(
    host: &Host,
    store: Arc<dyn Store>,
    candidate: Candidate,
) -> Result<Address, HostError> {
    // A thread of its own: the loss of a lease is told at once, whatever others are busy with.
    let options = SpawnOptions { placement: Placement::Own, ..SpawnOptions::default() };
    host.spawn(NAME, options, move || Elector::new(Arc::clone(&store), candidate.clone()))
}

impl Elector {
    /// Not a candidate yet.
    pub fn new(store: Arc<dyn Store>, candidate: Candidate) -> Self {
        let value = codec::encode(&candidate).expect("text and an address can be encoded");
        Self {
            core: State::new(candidate),
            store,
            value,
            candidacy: None,
            term: None,
            calls: Calls::default(),
        }
    }

    fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = Vec::new();
        self.core.step(ctx.now(), input, &mut effects);
        for effect in effects {
            self.perform(effect, ctx);
        }
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Campaign => self.campaign(ctx),
            Effect::Withdraw => self.candidacy = None,
            Effect::Resign { epoch } => self.resign(epoch, ctx),
            Effect::Publish(changed) => publish(&changed, ctx),
            Effect::Reply { call, result } => self.reply(call, result),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(timer, at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
        }
    }

    fn campaign(&mut self, ctx: &mut Context<Self>) {
        let (candidacy, mut withdrawn) = oneshot::channel::<()>();
        self.candidacy = Some(candidacy);
        let elected = self.store.campaign(self.value.clone());
        let outcome = async move {
            tokio::select! {
                elected = elected => Some(elected),
                // By dropping the other end: it is never sent.
                _ = &mut withdrawn => None,
            }
        };
        ctx.run(outcome, |this, outcome, ctx| match outcome {
            Some(Ok(term)) => this.elected(term, ctx),
            Some(Err(error)) => this.campaign_failed(&error, ctx),
            None => {}
        });
    }

    fn elected(&mut self, term: Term, ctx: &mut Context<Self>) {
        let epoch = term.epoch();
        tracing::info!(%epoch, store = %self.store.describe(), "elected");
        ctx.run(term.ended(), move |this, why, ctx| this.term_ended(epoch, &why, ctx));
        self.term = Some(term);
        self.take(Input::Elected { epoch }, ctx);
    }

    fn term_ended(&mut self, epoch: Epoch, why: &Ended, ctx: &mut Context<Self>) {
        let why = match why {
            Ended::Resigned => "it was given up".to_owned(),
            Ended::Lost(why) => why.clone(),
        };
        tracing::warn!(%epoch, why, "the term has ended");
        if self.term.as_ref().is_some_and(|term| term.epoch() == epoch) {
            self.term = None;
        }
        self.take(Input::TermEnded { epoch, why }, ctx);
    }

    fn campaign_failed(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        let why = chain(error);
        tracing::warn!(error = why, "the candidacy failed and will be tried again");
        self.take(Input::CampaignFailed { why }, ctx);
    }

    fn resign(&mut self, epoch: Epoch, ctx: &mut Context<Self>) {
        if let Some(term) = self.term.take_if(|term| term.epoch() == epoch) {
            // Its end is heard of through `Term::ended`.
            ctx.run(term.resign(), |_, _, _| {});
        }
    }

    fn reply(&mut self, call: CallId, result: Result<Reply, Failure>) {
        match result {
            Ok(Reply::Leadership(leadership)) => self.calls.reply(call, leadership),
            Ok(Reply::Resigned) => self.calls.reply(call, ()),
            Err(failure) => self.calls.refuse(call, failure),
        }
    }

    fn observe(&mut self, mut seen: watch::Receiver<Option<Incumbent>>, ctx: &mut Context<Self>) {
        let incumbent = seen.borrow_and_update().clone();
        self.take(Input::Observed(incumbent.map(read)), ctx);
        let changed = async move { seen.changed().await.map(|()| seen) };
        ctx.run(changed, |this, seen, ctx| {
            // The sender goes only with the store, and that only with this actor.
            if let Ok(seen) = seen {
                this.observe(seen, ctx);
            }
        });
    }
}

fn read(incumbent: Incumbent) -> Seen {
    let candidate = codec::decode(&incumbent.value);
    if let Err(failure) = &candidate {
        tracing::warn!(%failure, "what the leader wrote about itself cannot be read");
    }
    Seen { epoch: incumbent.epoch, candidate: candidate.ok() }
}

fn publish(changed: &LeaderChanged, ctx: &mut Context<Elector>) {
    let leader = changed.leadership.leader.as_ref().map(|leader| leader.host.to_string());
    tracing::info!(leader, leading = changed.leadership.leading, "the leadership changed");
    ctx.publish(LEADER_TOPIC, changed);
}

/// The error with all its causes, in one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Actor for Elector {
    const ABOUT: &'static str = "owns this host's candidacy, and who leads under which epoch";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>().on::<Resign>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.take(Input::Started, ctx);
        self.observe(self.store.observe(), ctx);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        self.take(Input::TimerFired(timer), ctx);
    }

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        if topic == LEADER_TOPIC {
            ctx.tell(subscriber, LeaderChanged { leadership: self.core.leadership() });
        }
    }

    fn inspect(&self) -> serde_json::Value {
        let mut state = self.core.inspect();
        state["store"] = self.store.describe().into();
        state
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, ctx: &mut Context<Self>) -> Outcome<Leadership> {
        let call = self.calls.add(ctx.defer::<Leadership>());
        self.take(Input::GetLeader { call }, ctx);
        Outcome::Later
    }
}

impl Handler<Resign> for Elector {
    fn handle(&mut self, _: Resign, ctx: &mut Context<Self>) -> Outcome<()> {
        let call = self.calls.add(ctx.defer::<()>());
        self.take(Input::Resign { call }, ctx);
        Outcome::Later
    }
}
