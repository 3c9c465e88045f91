//! Everything that can happen to the frameworks manager.

use protocol::elector::Leadership;
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AgentJoined, AgentLeft, AgentsRecovered,
    AnswerInverseOffers, DeclineOffers, ExecutorExited, ForwardOperation, ForwardUpdate,
    GetFrameworks, GetMaintenance, GetMaintenanceStatus, GetOffers, GetRoleSettings, GetTasks,
    KillTask, LaunchUndeliverable, MessageFromExecutor, MessageToExecutor, OfferAllocations,
    OperateOnAgent, OperationUndeliverable, ReclaimResources, ReconcileOperations, ReconcileTasks,
    RequestResources, ReviveOffers, SendInverseOffers, ShutdownExecutor, StartMaintenance,
    StopMaintenance, SubscribeFramework, SuppressOffers, TeardownFramework, UpdateFramework,
    UpdateMaintenanceSchedule, UpdateQuotas, UpdateWeights, ViewFrameworks, WithdrawReclaims,
};
use protocol::id::{CallId, Epoch};
use protocol::registrar::RegistrySnapshot;
use protocol::resize::{ReportResize, ResizeTask};
use protocol::{Address, Failure};
use serde::Serialize;

use crate::effect::{QuestionId, Timer};
use crate::writes::Subject;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    /// The elector says who leads. `run` is a fresh name, used in ids if this host does.
    LeaderChanged { leadership: Leadership, run: String },
    /// What `LoadRegistry` of this epoch brought.
    RegistryLoaded { epoch: Epoch, result: Result<RegistrySnapshot, Failure> },
    /// Somebody asks and gets a `Reply`.
    Asked { call: CallId, from: Address, request: Request },
    /// Somebody tells.
    Told(News),
    /// What became of a `Record` of this epoch.
    Recorded { epoch: Epoch, subject: Subject, result: Result<(), Failure> },
    /// A linked scheduler is gone, or its host is out of reach.
    SchedulerExited(Address),
    /// The linked allocator is gone, or has restarted without what it knew.
    AllocatorExited,
    /// What became of an `AskAllocator`.
    AllocatorAnswered { question: QuestionId, result: Result<(), Failure> },
    /// A timer that was set has come due.
    TimerFired(Timer),
}

/// What can be asked. Refused unless this host leads and has loaded the registry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Request {
    Subscribe(SubscribeFramework),
    Teardown(TeardownFramework),
    Accept(AcceptOffers),
    Decline(DeclineOffers),
    AnswerInverse(AnswerInverseOffers),
    RequestResources(RequestResources),
    Revive(ReviveOffers),
    Suppress(SuppressOffers),
    Kill(KillTask),
    ShutdownExecutor(ShutdownExecutor),
    Acknowledge(AcknowledgeUpdate),
    AcknowledgeOperation(AcknowledgeOperation),
    Reconcile(ReconcileTasks),
    ReconcileOperations(ReconcileOperations),
    UpdateFramework(UpdateFramework),
    Message(MessageToExecutor),
    /// From an operator.
    Operate(OperateOnAgent),
    /// `agents` opens its term; refused unless it is ours.
    Introduce(AgentsRecovered),
    UpdateQuotas(UpdateQuotas),
    UpdateWeights(UpdateWeights),
    ListRoleSettings(GetRoleSettings),
    ListFrameworks(GetFrameworks),
    ListTasks(GetTasks),
    ListOffers(GetOffers),
    View(ViewFrameworks),
    Resize(ResizeTask),
    UpdateMaintenanceSchedule(UpdateMaintenanceSchedule),
    StartMaintenance(StartMaintenance),
    StopMaintenance(StopMaintenance),
    ReadMaintenance(GetMaintenance),
    ReadMaintenanceStatus(GetMaintenanceStatus),
}

/// What other actors report. Ignored unless this host leads: agents repeat, the allocator is reset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum News {
    AgentJoined(AgentJoined),
    AgentLeft(AgentLeft),
    LaunchUndeliverable(LaunchUndeliverable),
    Update(ForwardUpdate),
    Operation(Box<ForwardOperation>),
    OperationUndeliverable(OperationUndeliverable),
    ExecutorExited(ExecutorExited),
    ExecutorMessage(MessageFromExecutor),
    Allocations(OfferAllocations),
    InverseAllocations(SendInverseOffers),
    Reclaim(ReclaimResources),
    Withdraw(WithdrawReclaims),
    Resized(ReportResize),
}
