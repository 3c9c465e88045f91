//! The actor: messages in.

use std::sync::Arc;

use frameworks_core::{Effect, Input, News, Request, State, Timer};
use protocol::access::Acls;
use protocol::elector::{LEADER_TOPIC, LeaderChanged};
use protocol::explain::{ExplainOffers, ExplainRole};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AgentJoined, AgentLeft, AgentsRecovered,
    AnswerInverseOffers, DeclineOffers, ExecutorExited, ForwardOperation, ForwardUpdate,
    GetFrameworks, GetMaintenance, GetMaintenanceStatus, GetOffers, GetRoleSettings, GetTasks,
    KillTask, LaunchUndeliverable, MessageFromExecutor, MessageToExecutor, OfferAllocations,
    OperateOnAgent, OperationUndeliverable, ReclaimResources, ReconcileOperations, ReconcileTasks,
    RequestResources, ReviveOffers, RoleSettings, SendInverseOffers, ShutdownExecutor,
    StartMaintenance, StopMaintenance, SubscribeFramework, SuppressOffers, TeardownFramework,
    UpdateFramework, UpdateMaintenanceSchedule, UpdateQuotas, UpdateWeights, ViewFrameworks,
    WithdrawReclaims,
};
use protocol::metrics::{GetMetrics, Metrics};
use protocol::resize::{ReportResize, ResizeTask};
use protocol::runtime::Exited;
use protocol::{Address, Message};
use runtime::{Actor, Calls, Context, Handler, Handlers, Outcome, Placement, SpawnOptions};
use serde::Serialize;

use crate::config::Config;

/// Messages that may wait: an agent of 10,000 tasks that was cut off sends that many updates at
/// once, and several agents come back together.
const CAPACITY: usize = 65_536;

/// The frameworks manager of one master.
pub struct Frameworks {
    pub(crate) core: State,
    pub(crate) allocator: Option<Address>,
    /// Of the allocator's last reset.
    pub(crate) round: u64,
    /// Why nothing is offered: the allocator is not there, or does not understand.
    pub(crate) no_offers: Option<String>,
    pub(crate) calls: Calls,
    /// Empty between inputs; kept for its capacity.
    pub(crate) effects: Vec<Effect>,
}

impl Frameworks {
    /// A standby, until the elector of this host says otherwise.
    pub fn new(config: &Config) -> Self {
        Self::with_rules(config, RoleSettings::default(), Arc::default())
    }

    /// The same, where roles have quotas and weights by the configuration, and not everybody may do
    /// everything.
    pub fn with_rules(config: &Config, roles: RoleSettings, acls: Arc<Acls>) -> Self {
        Self {
            core: State::new(config.core(roles, acls)),
            allocator: config.allocator.clone(),
            round: 0,
            no_offers: None,
            calls: Calls::default(),
            effects: Vec::new(),
        }
    }

    /// How it is meant to be spawned: on a thread of its own, with room for many updates.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions { placement: Placement::Own, capacity: CAPACITY, ..SpawnOptions::default() }
    }

    /// A question or call, whose answer may take a write to the registry.
    fn asked<R>(&mut self, request: Request, ctx: &mut Context<Self>) -> Outcome<R>
    where
        R: Serialize + Send + 'static,
    {
        let call = self.calls.add(ctx.defer::<R>());
        let from = ctx.sender().clone();
        self.take(Input::Asked { call, from, request }, ctx);
        Outcome::Later
    }

    /// News, which are refused where nobody can use them.
    fn told(&mut self, news: News, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Some(failure) = self.core.refusal() {
            return Outcome::Refuse(failure);
        }
        self.take(Input::Told(news), ctx);
        Outcome::Reply(())
    }
}

impl Actor for Frameworks {
    const ABOUT: &'static str = "owns the frameworks, their outstanding offers and the task ledger";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<SubscribeFramework>()
            .on::<TeardownFramework>()
            .on::<AcceptOffers>()
            .on::<DeclineOffers>()
            .on::<AnswerInverseOffers>()
            .on::<RequestResources>()
            .on::<ReviveOffers>()
            .on::<SuppressOffers>()
            .on::<KillTask>()
            .on::<ShutdownExecutor>()
            .on::<AcknowledgeUpdate>()
            .on::<AcknowledgeOperation>()
            .on::<OperateOnAgent>()
            .on::<ReconcileTasks>()
            .on::<ReconcileOperations>()
            .on::<UpdateFramework>()
            .on::<MessageToExecutor>()
            .on::<AgentsRecovered>()
            .on::<AgentJoined>()
            .on::<AgentLeft>()
            .on::<LaunchUndeliverable>()
            .on::<ForwardUpdate>()
            .on::<ForwardOperation>()
            .on::<OperationUndeliverable>()
            .on::<ExecutorExited>()
            .on::<MessageFromExecutor>()
            .on::<OfferAllocations>()
            .on::<UpdateQuotas>()
            .on::<UpdateWeights>()
            .on::<GetRoleSettings>()
            .on::<SendInverseOffers>()
            .on::<ReclaimResources>()
            .on::<WithdrawReclaims>()
            .on::<GetFrameworks>()
            .on::<GetTasks>()
            .on::<GetOffers>()
            .on::<ViewFrameworks>()
            .on::<ResizeTask>()
            .on::<ReportResize>()
            .on::<UpdateMaintenanceSchedule>()
            .on::<StartMaintenance>()
            .on::<StopMaintenance>()
            .on::<GetMaintenance>()
            .on::<GetMaintenanceStatus>()
            .on::<ExplainOffers>()
            .on::<ExplainRole>()
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
        if exited.actor == self.allocator(ctx) {
            let Exited { actor, reason } = exited;
            return self.allocator_lost(format!("{actor} ended: {reason}"), ctx);
        }
        self.take(Input::SchedulerExited(exited.actor), ctx);
    }

    fn inspect(&self) -> serde_json::Value {
        let mut state = serde_json::to_value(self.core.summary()).unwrap_or_default();
        state["calls_waiting"] = self.calls.len().into();
        state["no_offers"] = self.no_offers.clone().into();
        state
    }
}

impl Handler<LeaderChanged> for Frameworks {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local("elector")) {
            return Outcome::Refuse(failure);
        }
        let led = self.core.term().is_some();
        let leadership = message.leadership;
        let run = uuid::Uuid::new_v4().to_string();
        self.take(Input::LeaderChanged { leadership, run }, ctx);
        if led && self.core.term().is_none() {
            ctx.fail("this host leads no more");
        }
        Outcome::Reply(())
    }
}

impl Handler<GetMetrics> for Frameworks {
    fn handle(&mut self, _: GetMetrics, _: &mut Context<Self>) -> Outcome<Metrics> {
        Outcome::Reply(Metrics { values: self.core.metrics() })
    }
}

impl Handler<ForwardOperation> for Frameworks {
    fn handle(&mut self, message: ForwardOperation, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(News::Operation(Box::new(message)), ctx)
    }
}

macro_rules! asked {
    ($($message:ty => $request:ident),+ $(,)?) => {$(
        impl Handler<$message> for Frameworks {
            fn handle(
                &mut self,
                message: $message,
                ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                self.asked(Request::$request(message), ctx)
            }
        }
    )+};
}

macro_rules! told {
    ($($message:ty => $news:ident),+ $(,)?) => {$(
        impl Handler<$message> for Frameworks {
            fn handle(&mut self, message: $message, ctx: &mut Context<Self>) -> Outcome<()> {
                self.told(News::$news(message), ctx)
            }
        }
    )+};
}

asked! {
    SubscribeFramework => Subscribe,
    TeardownFramework => Teardown,
    AcceptOffers => Accept,
    DeclineOffers => Decline,
    AnswerInverseOffers => AnswerInverse,
    RequestResources => RequestResources,
    ReviveOffers => Revive,
    SuppressOffers => Suppress,
    KillTask => Kill,
    ShutdownExecutor => ShutdownExecutor,
    AcknowledgeUpdate => Acknowledge,
    AcknowledgeOperation => AcknowledgeOperation,
    OperateOnAgent => Operate,
    ReconcileTasks => Reconcile,
    ReconcileOperations => ReconcileOperations,
    UpdateFramework => UpdateFramework,
    MessageToExecutor => Message,
    AgentsRecovered => Introduce,
    UpdateQuotas => UpdateQuotas,
    UpdateWeights => UpdateWeights,
    GetRoleSettings => ListRoleSettings,
    GetFrameworks => ListFrameworks,
    GetTasks => ListTasks,
    GetOffers => ListOffers,
    ViewFrameworks => View,
    ResizeTask => Resize,
    UpdateMaintenanceSchedule => UpdateMaintenanceSchedule,
    StartMaintenance => StartMaintenance,
    StopMaintenance => StopMaintenance,
    GetMaintenance => ReadMaintenance,
    GetMaintenanceStatus => ReadMaintenanceStatus,
}

told! {
    AgentJoined => AgentJoined,
    AgentLeft => AgentLeft,
    LaunchUndeliverable => LaunchUndeliverable,
    ForwardUpdate => Update,
    OperationUndeliverable => OperationUndeliverable,
    ExecutorExited => ExecutorExited,
    MessageFromExecutor => ExecutorMessage,
    OfferAllocations => Allocations,
    SendInverseOffers => InverseAllocations,
    ReclaimResources => Reclaim,
    WithdrawReclaims => Withdraw,
    ReportResize => Resized,
}
