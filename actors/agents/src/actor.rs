//! The actor: messages in.

use agents_core::{Input, State, Timer};
use protocol::CallId;
use protocol::agents::{
    AgentList, AgentRegistered, AgentSummary, AgentsView, GetAgent, GetAgents, MarkAgentGone, Pong,
    RegisterAgent, RouteAcknowledgement, RouteKill, RouteLaunch, RouteMessage, RouteOperation,
    RouteOperationAcknowledgement, RouteShutdownExecutor, RouteShutdownFramework,
    RouteUpdateFramework, SetDownMachines, UnregisterAgent, ViewAgents,
};
use protocol::elector::{LEADER_TOPIC, LeaderChanged};
use protocol::metrics::{GetMetrics, Metrics};
use protocol::resize::RouteResize;
use protocol::runtime::Exited;
use runtime::{Actor, Calls, Context, Handler, Handlers, Outcome, Placement, SpawnOptions};
use serde::Serialize;

use crate::config::Config;

/// Messages that may wait: what a large cluster's agents send when all find a new leader at once.
const CAPACITY: usize = 65_536;

/// The agents manager of one master.
pub struct Agents {
    pub(crate) core: State,
    pub(crate) calls: Calls,
    /// Empty between inputs; kept for its capacity.
    pub(crate) effects: Vec<agents_core::Effect>,
}

impl Agents {
    /// A standby, until the elector of this host says otherwise.
    pub fn new(config: &Config) -> Self {
        Self { core: State::new(config.core()), calls: Calls::default(), effects: Vec::new() }
    }

    /// How it is meant to be spawned: on a thread of its own, with room for all agents at once.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions { placement: Placement::Own, capacity: CAPACITY, ..SpawnOptions::default() }
    }

    /// A question or call, whose answer may take a write to the registry.
    fn asked<R>(
        &mut self,
        ctx: &mut Context<Self>,
        input: impl FnOnce(CallId) -> Input,
    ) -> Outcome<R>
    where
        R: Serialize + Send + 'static,
    {
        let call = self.calls.add(ctx.defer::<R>());
        self.take(input(call), ctx);
        Outcome::Later
    }

    fn told(&mut self, input: Input, ctx: &mut Context<Self>) -> Outcome<()> {
        self.take(input, ctx);
        Outcome::Reply(())
    }
}

impl Actor for Agents {
    const ABOUT: &'static str =
        "owns the agents: who is a member, who answers, and the way to each";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<RegisterAgent>()
            .on::<Pong>()
            .on::<UnregisterAgent>()
            .on::<MarkAgentGone>()
            .on::<RouteLaunch>()
            .on::<RouteKill>()
            .on::<RouteAcknowledgement>()
            .on::<RouteShutdownFramework>()
            .on::<RouteShutdownExecutor>()
            .on::<RouteMessage>()
            .on::<RouteUpdateFramework>()
            .on::<RouteResize>()
            .on::<SetDownMachines>()
            .on::<RouteOperation>()
            .on::<RouteOperationAcknowledgement>()
            .on::<GetAgents>()
            .on::<ViewAgents>()
            .on::<GetAgent>()
            .on::<GetMetrics>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let elector = ctx.local("elector");
        ctx.follow(&elector, LEADER_TOPIC);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        self.take(Input::TimerFired(timer), ctx);
    }

    fn exited(&mut self, exited: Exited, ctx: &mut Context<Self>) {
        if exited.actor == ctx.local("frameworks") {
            self.take(Input::FrameworksExited, ctx);
        } else {
            self.take(Input::AgentExited { actor: exited.actor }, ctx);
        }
    }

    fn inspect(&self) -> serde_json::Value {
        self.core.inspect()
    }
}

impl Handler<RegisterAgent> for Agents {
    fn handle(&mut self, m: RegisterAgent, ctx: &mut Context<Self>) -> Outcome<AgentRegistered> {
        self.asked(ctx, |call| Input::RegisterAgent { call, message: Box::new(m) })
    }
}

impl Handler<UnregisterAgent> for Agents {
    fn handle(&mut self, message: UnregisterAgent, ctx: &mut Context<Self>) -> Outcome<()> {
        self.asked(ctx, |call| Input::UnregisterAgent { call, message })
    }
}

impl Handler<MarkAgentGone> for Agents {
    fn handle(&mut self, message: MarkAgentGone, ctx: &mut Context<Self>) -> Outcome<()> {
        self.asked(ctx, |call| Input::MarkAgentGone { call, message })
    }
}

impl Handler<GetAgents> for Agents {
    fn handle(&mut self, _: GetAgents, ctx: &mut Context<Self>) -> Outcome<AgentList> {
        self.asked(ctx, |call| Input::GetAgents { call })
    }
}

impl Handler<ViewAgents> for Agents {
    fn handle(&mut self, _: ViewAgents, ctx: &mut Context<Self>) -> Outcome<AgentsView> {
        self.asked(ctx, |call| Input::ViewAgents { call })
    }
}

impl Handler<GetAgent> for Agents {
    fn handle(&mut self, message: GetAgent, ctx: &mut Context<Self>) -> Outcome<AgentSummary> {
        self.asked(ctx, |call| Input::GetAgent { call, message })
    }
}

impl Handler<GetMetrics> for Agents {
    fn handle(&mut self, _: GetMetrics, _: &mut Context<Self>) -> Outcome<Metrics> {
        Outcome::Reply(Metrics { values: self.core.metrics() })
    }
}

macro_rules! told {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Agents {
            fn handle(&mut self, message: $message, ctx: &mut Context<Self>) -> Outcome<()> {
                self.told(Input::$message(message), ctx)
            }
        }
    )+};
}

impl Handler<LeaderChanged> for Agents {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local("elector")) {
            return Outcome::Refuse(failure);
        }
        self.told(Input::LeaderChanged(message), ctx)
    }
}

told! {
    Pong,
    RouteLaunch,
    RouteKill,
    RouteAcknowledgement,
    RouteShutdownFramework,
    RouteShutdownExecutor,
    RouteMessage,
    RouteUpdateFramework,
    RouteResize,
    SetDownMachines,
    RouteOperation,
    RouteOperationAcknowledgement,
}
