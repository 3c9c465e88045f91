//! Messages in, `State::step`, effects out.

use allocator_core::{Answer, Effect, Input, Options, State, Timer};
use protocol::allocator::{
    AddAgent, AddFramework, AnswerInverseOffer, ConvertResources, ExplainFramework,
    FrameworkExplanation, GetRoles, GrowHolding, RecoverResources, RemoveAgent, RemoveFramework,
    RequestResources, ResetAllocator, ReviveRoles, RoleList, SetAgentActive, SetFrameworkActive,
    SetQuota, SetUnavailability, SetWeight, ShareResources, SuppressRoles, UpdateAgent,
};
use protocol::explain::{ExplainRole, RoleStanding};
use protocol::metrics::{GetMetrics, Metrics};
use protocol::{Address, CallId, Failure, FailureKind, Message, Time};
use runtime::{
    Actor, Calls, Context, Handler, Handlers, Host, HostError, Outcome, SpawnOptions, Timings,
};
use serde_json::json;

/// Its name on every host that has one.
pub const NAME: &str = "allocator";

/// A fact that is lost leaves resources unused until the next reset, so there is room for every
/// agent of a large cluster to be introduced at once, and its frameworks and tasks with them.
const CAPACITY: usize = 1 << 17;

/// See the crate.
#[derive(Debug)]
pub struct Allocator {
    state: State,
    /// Where facts come from and allocations go.
    frameworks: Option<Address>,
    calls: Calls,
    effects: Vec<Effect>,
    /// How long passes take.
    runs: Timings,
    /// How long there was work before the pass that did it.
    latency: Timings,
    /// Since when there has been.
    pending: Option<Time>,
}

/// Starts it on a thread of its own: a pass over a large cluster holds up nobody else.
pub fn spawn(host: &Host, options: Options) -> Result<Address, HostError> {
    let spawn = SpawnOptions { capacity: CAPACITY, ..SpawnOptions::own() };
    host.spawn(NAME, spawn, move || Allocator::new(options.clone()))
}

impl Allocator {
    /// Knows nothing until it is reset.
    pub fn new(options: Options) -> Self {
        Self {
            state: State::new(options),
            frameworks: None,
            calls: Calls::default(),
            effects: Vec::new(),
            runs: Timings::default(),
            latency: Timings::default(),
            pending: None,
        }
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.state.step(ctx.now(), input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Offer(offer) => self.tell(offer, ctx),
            Effect::Invert(offers) => self.tell(offers, ctx),
            Effect::Reclaim(reclaims) => self.tell(reclaims, ctx),
            Effect::Withdraw(withdrawals) => self.tell(withdrawals, ctx),
            Effect::Reply { call, answer } => self.answer(call, answer),
            Effect::SetTimer { timer, at } => {
                if timer == Timer::Pass {
                    self.pending = Some(ctx.now());
                }
                ctx.set_timer_at(timer, at);
            }
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
        }
    }

    fn tell<M: Message>(&self, message: M, ctx: &mut Context<Self>) {
        if let Some(frameworks) = &self.frameworks {
            ctx.tell(frameworks, message);
        }
    }

    fn answer(&mut self, call: CallId, answer: Answer) {
        match answer {
            Answer::Roles(roles) => self.calls.reply(call, roles),
            Answer::Explanation(explanation) => self.calls.reply(call, explanation),
            Answer::Role(standing) => self.calls.reply(call, *standing),
            Answer::Done => self.calls.reply(call, ()),
            Answer::Refused(why) => self.calls.refuse(call, Failure::refused(why)),
            Answer::Unknown(what) => {
                self.calls.refuse(call, Failure::new(FailureKind::NotFound, what));
            }
        }
    }

    /// Takes a fact, if it comes from where the others came from.
    fn fact(&mut self, input: Input, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = self.check_sender(ctx) {
            return Outcome::Refuse(failure);
        }
        self.step(input, ctx);
        Outcome::Reply(())
    }

    fn check_sender(&self, ctx: &Context<Self>) -> Result<(), Failure> {
        match &self.frameworks {
            None => Err(Failure::refused(
                "the allocator knows nothing yet; the facts begin with ResetAllocator",
            )),
            Some(frameworks) if frameworks != ctx.sender() => Err(Failure::refused(format!(
                "facts are taken from {frameworks}, which reset the allocator, not from {}",
                ctx.sender()
            ))),
            Some(_) => Ok(()),
        }
    }
}

impl Actor for Allocator {
    const ABOUT: &'static str =
        "who is offered what: roles, shares, filters, and what is free on every agent";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<ResetAllocator>()
            .on::<AddFramework>()
            .on::<SetFrameworkActive>()
            .on::<RemoveFramework>()
            .on::<AddAgent>()
            .on::<RemoveAgent>()
            .on::<RecoverResources>()
            .on::<ReviveRoles>()
            .on::<SuppressRoles>()
            .on::<UpdateAgent>()
            .on::<SetAgentActive>()
            .on::<SetUnavailability>()
            .on::<AnswerInverseOffer>()
            .on::<ConvertResources>()
            .on::<GrowHolding>()
            .on::<SetQuota>()
            .on::<SetWeight>()
            .on::<ShareResources>()
            .on::<RequestResources>()
            .on::<GetRoles>()
            .on::<ExplainFramework>()
            .on::<ExplainRole>()
            .on::<GetMetrics>();
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        let begun = ctx.now();
        if let Some(since) = self.pending.take_if(|_| timer == Timer::Pass) {
            self.latency.record(begun.since(since));
        }
        self.step(Input::TimerFired(timer), ctx);
        if matches!(timer, Timer::Pass | Timer::FullPass) {
            self.runs.record(ctx.now().since(begun));
        }
    }

    fn inspect(&self) -> serde_json::Value {
        json!({
            "epoch": self.state.epoch(),
            "frameworks": self.frameworks,
            "quiet": self.state.is_quiet(),
            "sizes": self.state.sizes(),
            "counters": self.state.counters(),
            "conservation": self.state.check().err().unwrap_or_else(|| "holds".to_owned()),
        })
    }
}

impl Handler<ResetAllocator> for Allocator {
    fn handle(&mut self, message: ResetAllocator, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Some(epoch) = self.state.epoch().filter(|epoch| message.epoch < *epoch) {
            return Outcome::Refuse(Failure::refused(format!(
                "epoch {} is over, the facts of epoch {epoch} are taken",
                message.epoch
            )));
        }
        self.frameworks = Some(ctx.sender().clone());
        self.step(Input::ResetAllocator(message), ctx);
        Outcome::Reply(())
    }
}

impl Handler<GetRoles> for Allocator {
    fn handle(&mut self, _: GetRoles, ctx: &mut Context<Self>) -> Outcome<RoleList> {
        let call = self.calls.add(ctx.defer::<RoleList>());
        self.step(Input::GetRoles { call }, ctx);
        Outcome::Later
    }
}

impl Handler<ExplainFramework> for Allocator {
    fn handle(
        &mut self,
        question: ExplainFramework,
        ctx: &mut Context<Self>,
    ) -> Outcome<FrameworkExplanation> {
        let call = self.calls.add(ctx.defer::<FrameworkExplanation>());
        self.step(Input::ExplainFramework { call, question }, ctx);
        Outcome::Later
    }
}

impl Handler<ExplainRole> for Allocator {
    fn handle(&mut self, question: ExplainRole, ctx: &mut Context<Self>) -> Outcome<RoleStanding> {
        let call = self.calls.add(ctx.defer::<RoleStanding>());
        self.step(Input::ExplainRole { call, question }, ctx);
        Outcome::Later
    }
}

impl Handler<GetMetrics> for Allocator {
    fn handle(&mut self, _: GetMetrics, _: &mut Context<Self>) -> Outcome<Metrics> {
        let mut values = self.state.metrics();
        if !values.is_empty() {
            self.runs.write("allocator/mesos/allocation_run_ms", &mut values);
            self.latency.write("allocator/mesos/allocation_run_latency_ms", &mut values);
        }
        Outcome::Reply(Metrics { values })
    }
}

impl Handler<ConvertResources> for Allocator {
    fn handle(&mut self, fact: ConvertResources, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = self.check_sender(ctx) {
            return Outcome::Refuse(failure);
        }
        let call = self.calls.add(ctx.defer::<()>());
        self.step(Input::ConvertResources { call, fact }, ctx);
        Outcome::Later
    }
}

impl Handler<GrowHolding> for Allocator {
    fn handle(&mut self, fact: GrowHolding, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = self.check_sender(ctx) {
            return Outcome::Refuse(failure);
        }
        let call = self.calls.add(ctx.defer::<()>());
        self.step(Input::GrowHolding { call, fact }, ctx);
        Outcome::Later
    }
}

macro_rules! facts {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Allocator {
            fn handle(
                &mut self,
                message: $message,
                ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                self.fact(Input::$message(message), ctx)
            }
        }
    )+};
}

facts! {
    AddFramework, SetFrameworkActive, RemoveFramework, AddAgent, RemoveAgent, RecoverResources,
    ReviveRoles, SuppressRoles, UpdateAgent, SetAgentActive, SetUnavailability, AnswerInverseOffer,
    SetQuota, SetWeight, ShareResources, RequestResources,
}
