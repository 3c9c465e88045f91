//! To `frameworks` (the frameworks manager, on the master).
//!
//! From schedulers: the calls. From `agents`: who is there. From `updates` of an agent: status
//! updates. From `allocator`: allocations. Every call of a scheduler is an ask whose failure says
//! what was wrong; what becomes of a task that was launched arrives as a status update.

mod agents;
mod allocator;
mod calls;
mod operators;
mod questions;

pub use self::agents::*;
pub use self::allocator::*;
pub use self::calls::*;
pub use self::operators::*;
pub use self::questions::*;

use crate::explain::{ExplainOffers, OffersExplanation};
use crate::maintenance::Maintenance;
use crate::messages;
use crate::resize::{ReportResize, ResizeTask, TaskResized};

messages! {
    SubscribeFramework -> FrameworkSubscribed,
    TeardownFramework,
    AcceptOffers -> OffersAccepted,
    DeclineOffers,
    AnswerInverseOffers,
    RequestResources,
    ReviveOffers,
    SuppressOffers,
    KillTask,
    ShutdownExecutor,
    AcknowledgeUpdate,
    ReconcileTasks,
    ReconcileOperations,
    UpdateFramework,
    MessageToExecutor,
    AgentJoined,
    AgentLeft,
    LaunchUndeliverable,
    AgentsRecovered,
    ForwardUpdate,
    ExecutorExited,
    MessageFromExecutor,
    AcknowledgeOperation,
    OperationUndeliverable,
    ForwardOperation,
    OperateOnAgent,
    UpdateQuotas,
    UpdateWeights,
    GetRoleSettings -> RoleSettings,
    OfferAllocations,
    SendInverseOffers,
    ReclaimResources,
    WithdrawReclaims,
    UpdateMaintenanceSchedule,
    StartMaintenance,
    StopMaintenance,
    GetMaintenance -> Maintenance,
    GetMaintenanceStatus -> MaintenanceStatus,
    GetFrameworks -> FrameworkList,
    GetTasks -> TaskList,
    GetOffers -> OfferList,
    ViewFrameworks -> FrameworksView,
    ExplainOffers -> OffersExplanation,
    ResizeTask -> TaskResized,
    ReportResize,
}
