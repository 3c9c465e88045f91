//! To `frameworks` (the frameworks manager, on the master).
//!
//! From schedulers: the calls. From `agents`: who is there. From `updates` of an agent: status
//! updates. From `allocator`: allocations. Every call of a scheduler is an ask whose failure says
//! what was wrong; what becomes of a task that was launched arrives as a status update.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::agents::RunningExecutor;
use crate::blob::Blob;
use crate::constraints::OfferConstraints;
use crate::explain::{ExplainOffers, OffersExplanation};
use crate::framework::{
    AgentInfo, Allocation, Filters, FrameworkInfo, FrameworkSummary, InverseAllocation,
    InverseOffer, Offer, Operation, Reclaim, Withdrawal,
};
use crate::id::{
    AgentId, ConversionId, Epoch, ExecutorId, FrameworkId, Generation, OfferId, OperationId,
    TaskId, UpdateId,
};
use crate::maintenance::{DrainingMachine, MachineId, Maintenance, MaintenanceWindow};
use crate::messages;
use crate::metrics::FrameworkCounts;
use crate::operation::{OperationReport, OperationView, ResourceOperation};
use crate::quota::Quota;
use crate::resize::{ReportResize, ResizeTask, TaskResized};
use crate::resources::Resources;
use crate::shared::SharedList;
use crate::task::{ExecutorInfo, KillPolicy, Reason, Task, TaskStatus};
use crate::time::Time;

// --- from schedulers ---------------------------------------------------------------------------

/// I schedule for this framework: from a scheduler. The sender, or `scheduler` if given, gets the
/// offers and updates. A framework that is subscribed elsewhere fails over to the new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubscribeFramework {
    pub info: FrameworkInfo,
    #[serde(default)]
    pub suppressed_roles: Vec<String>,
    #[serde(default)]
    pub scheduler: Option<Address>,
    /// Only agents like that interest me. Absent: every one does, whatever was said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_constraints: Option<OfferConstraints>,
}

impl SubscribeFramework {
    /// The sender schedules it, and wants to be offered everything.
    pub fn new(info: FrameworkInfo) -> Self {
        Self { info, suppressed_roles: Vec::new(), scheduler: None, offer_constraints: None }
    }
}

/// Answers [`SubscribeFramework`], after the registry has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkSubscribed {
    pub framework_id: FrameworkId,
    pub epoch: Epoch,
}

/// End the framework: its executors are shut down, its tasks killed, its id never used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TeardownFramework {
    pub framework_id: FrameworkId,
}

/// Use these offers, all of one agent. They are consumed whole; what the operations leave over
/// returns to the allocator with `filters`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptOffers {
    pub framework_id: FrameworkId,
    pub offer_ids: Vec<OfferId>,
    pub operations: Vec<Operation>,
    #[serde(default)]
    pub filters: Filters,
}

/// The offers were good and are used. Of tasks that were not launched, and of operations with an id
/// that were not done, statuses tell; of other operations only this does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OffersAccepted {
    #[serde(default)]
    pub refused: Vec<RefusedOperation>,
}

/// An operation of an accept that was not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedOperation {
    /// Its place among the operations of the accept, from 0.
    pub at: usize,
    /// Why, for the framework's author.
    pub why: String,
}

/// Not these, thank you.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeclineOffers {
    pub framework_id: FrameworkId,
    pub offer_ids: Vec<OfferId>,
    #[serde(default)]
    pub filters: Filters,
}

/// I leave, or do not leave, the agents of these inverse offers. Either way I am not asked again for
/// as long as the filters say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerInverseOffers {
    pub framework_id: FrameworkId,
    pub offer_ids: Vec<OfferId>,
    pub accepted: bool,
    #[serde(default)]
    pub filters: Filters,
}

/// What a framework would like to have for one of its roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceRequest {
    /// Absent: for the only one that it has.
    #[serde(default)]
    pub role: Option<String>,
    pub resources: Resources,
}

/// I would like to have so much, what I have included, instead of what I requested before; for roles
/// that are not named, no more than I have. With a policy that preempts, others may have to give it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestResources {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub requests: Vec<ResourceRequest>,
}

/// Forget my filters and offer to these roles (none: all of mine) again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviveOffers {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Offer nothing to these roles (none: all of mine) until I revive them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuppressOffers {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// End a task. A task that nobody knows is answered with a status update that says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KillTask {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    #[serde(default)]
    pub kill_policy: Option<KillPolicy>,
}

/// End an executor and all its tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShutdownExecutor {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub executor_id: ExecutorId,
}

/// I have this update; send the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcknowledgeUpdate {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub task_id: TaskId,
    pub update_id: UpdateId,
}

/// I have this status of an operation. One that is not known is none of my business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcknowledgeOperation {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub operation_id: OperationId,
    pub update_id: UpdateId,
}

/// A task in question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskQuestion {
    pub task_id: TaskId,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
}

/// What do you know of these tasks? None named: of all of mine. Answered with status updates that
/// need no acknowledgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileTasks {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub tasks: Vec<TaskQuestion>,
}

/// An operation in question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationQuestion {
    pub operation_id: OperationId,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
}

/// What do you know of these operations? Answered with `UpdateOperation`s, one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileOperations {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub operations: Vec<OperationQuestion>,
}

/// This is what my framework is from now on, and these of its roles want no offers: all of it or
/// nothing. Principal, user and checkpoint may not change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateFramework {
    pub framework_id: FrameworkId,
    pub info: FrameworkInfo,
    #[serde(default)]
    pub suppressed_roles: Vec<String>,
    /// Absent: every agent interests me, whatever was said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_constraints: Option<OfferConstraints>,
}

/// Bytes for one of my executors, best effort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageToExecutor {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

// --- from the agents manager -------------------------------------------------------------------

/// An agent has registered: everything about it, replacing what was known. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentJoined {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub info: AgentInfo,
    pub tasks: Vec<Task>,
    pub executors: Vec<RunningExecutor>,
    pub frameworks: Vec<FrameworkInfo>,
    /// Those that it has done and whose status was not acknowledged.
    #[serde(default)]
    pub operations: Vec<OperationReport>,
}

/// Why an agent is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentLossCause {
    /// The connection broke; it may be back soon. Its offers are rescinded, its tasks kept.
    Disconnected,
    /// Declared unreachable: its tasks are TASK_UNREACHABLE, or TASK_LOST.
    Unreachable,
    /// It said goodbye: its tasks have ended.
    Removed,
    /// An operator said that it is gone for ever.
    Gone,
}

/// An agent is not there. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentLeft {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub cause: AgentLossCause,
    /// Of one that is unreachable: since when, as the registry has it.
    #[serde(default)]
    pub since: Option<Time>,
}

/// A launch could not be handed to its agent. From `agents`; the tasks are TASK_DROPPED/LOST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchUndeliverable {
    pub agent_id: AgentId,
    /// As in the `RouteLaunch`: a later launch of the same task id is not meant.
    #[serde(default)]
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub task_ids: Vec<TaskId>,
    pub reason: Reason,
    pub message: String,
}

/// An operation could not be handed to its agent. From `agents`; it is OPERATION_DROPPED.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationUndeliverable {
    pub agent_id: AgentId,
    pub conversion_id: ConversionId,
    pub message: String,
}

/// The agents of the registry that may still come back: the first word of `agents` to `frameworks`
/// in a term, an ask. Refused until the receiver serves under the same epoch, and then asked again;
/// joins and losses follow in order. Said again if `frameworks` was restarted: what it knew of
/// agents before is void, and every agent registers anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentsRecovered {
    #[serde(default)]
    pub epoch: Epoch,
    pub agents: Vec<AgentId>,
}

// --- from agents' hosts ------------------------------------------------------------------------

/// A status update on its way to the scheduler. From `updates` of an agent, again and again until
/// it is acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardUpdate {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub status: TaskStatus,
    /// The newest state of the task on the agent, which may be ahead of `status`.
    pub latest_state: crate::task::TaskState,
}

/// An agent has done an operation. From `agent`, again and again until it is acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardOperation {
    pub agent_id: AgentId,
    pub report: OperationReport,
}

/// An executor ended. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorExited {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    /// As waitpid reports it.
    pub status: i32,
}

/// An executor's bytes for its scheduler, best effort. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageFromExecutor {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

// --- from operators ----------------------------------------------------------------------------

/// Give roles these quotas instead of those that they have, all of them or none; a default one takes
/// the role's away. Answered when it is durable and offers have made room for it. Refused if it makes
/// no sense; unless forced, also if more is guaranteed than the cluster has
/// ([`crate::FailureKind::Conflict`]), or a limit is below what the role consumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateQuotas {
    pub quotas: BTreeMap<String, Quota>,
    #[serde(default)]
    pub force: bool,
    /// Only if each of the roles has a quota now ([`crate::FailureKind::NotFound`] otherwise), or if
    /// none has ([`crate::FailureKind::AlreadyExists`]).
    #[serde(default)]
    pub present: Option<bool>,
}

/// Let roles count so much beside their siblings, all of them or none. Answered when it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateWeights {
    pub weights: BTreeMap<String, f64>,
}

/// Which roles have quotas and weights? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct GetRoleSettings {}

/// What is set for roles, by the configuration or by operators. Answers [`GetRoleSettings`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleSettings {
    pub quotas: BTreeMap<String, Quota>,
    pub weights: BTreeMap<String, f64>,
}

// --- from the allocator ------------------------------------------------------------------------

/// Offer these. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferAllocations {
    /// Of the last `ResetAllocator`; what was decided before it is void.
    #[serde(default)]
    pub round: u64,
    pub allocations: Vec<Allocation>,
}

/// Ask these frameworks to leave agents that are going to be away. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SendInverseOffers {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub inverse_offers: Vec<InverseAllocation>,
}

/// Take these back for others: outstanding offers are rescinded at once, and what tasks use is asked
/// for and, when the grace is over, taken by killing as few of them as will do. From `allocator`,
/// which says no more than is needed, and hears of what became free by `RecoverResources`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReclaimResources {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub reclaims: Vec<Reclaim>,
}

/// Do not take these back after all: whoever was to have them is gone, or has enough. What is being
/// killed already ends all the same. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WithdrawReclaims {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub withdrawals: Vec<Withdrawal>,
}

// --- from operators ----------------------------------------------------------------------------

/// Turn resources of this agent that nobody uses into others; offers of them are rescinded. Answered
/// when it is on its way to the agent. `Refused`: it makes no sense; `NotFound`: there is no such
/// agent; `Conflict`: what it needs is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperateOnAgent {
    pub agent_id: AgentId,
    pub operation: ResourceOperation,
}

/// These machines are to be away, and no others. Answered when it is durable; refused, with nothing
/// changed, if it is no schedule or leaves out a machine that is down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateMaintenanceSchedule {
    pub windows: Vec<MaintenanceWindow>,
}

/// These machines go down now: their agents are shut down. Answered when it is durable; refused if
/// one of them is not in the schedule, or down already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartMaintenance {
    pub machines: Vec<MachineId>,
}

/// These machines are up again, and no longer in the schedule. Answered when it is durable; refused
/// if one of them is not down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopMaintenance {
    pub machines: Vec<MachineId>,
}

// --- questions ---------------------------------------------------------------------------------

/// Which frameworks are there? From anyone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetFrameworks {
    /// Only this one.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
}

/// Answers [`GetFrameworks`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkList {
    pub frameworks: Vec<FrameworkSummary>,
}

/// Which tasks are there? From anyone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetTasks {
    /// Only of this framework.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
    /// Only this one.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// Also the remembered ones that have ended.
    #[serde(default)]
    pub completed: bool,
}

/// Answers [`GetTasks`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    pub tasks: Vec<Task>,
}

/// Which offers are outstanding? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetOffers {}

/// Answers [`GetOffers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferList {
    pub offers: Vec<Offer>,
}

/// Everything that is there, to be read at leisure on another thread. From anyone; to one of the same
/// host it costs as much as has changed since the last who asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ViewFrameworks {}

/// A framework as it is read elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkView {
    pub framework_id: FrameworkId,
    pub info: FrameworkInfo,
    /// Its scheduler is there, and it gets offers.
    pub active: bool,
    /// Known from the registry or from agents, and not subscribed since.
    pub recovered: bool,
    pub registered: Time,
    /// When it was removed, if it was.
    #[serde(default)]
    pub removed: Option<Time>,
    #[serde(default)]
    pub suppressed_roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_constraints: Option<OfferConstraints>,
    /// Its tasks that have ended and are remembered, oldest first.
    pub completed: Vec<Arc<Task>>,
}

/// An executor of a framework's own, where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorView {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    /// The role that its resources count against.
    pub role: String,
    pub info: ExecutorInfo,
}

/// Answers [`ViewFrameworks`], all of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworksView {
    pub frameworks: SharedList<FrameworkView>,
    /// Removed ones that are remembered, oldest first.
    pub completed_frameworks: Vec<Arc<FrameworkView>>,
    /// Tasks that have not ended, or have and are not acknowledged.
    pub tasks: SharedList<Task>,
    pub executors: SharedList<ExecutorView>,
    pub offers: SharedList<Offer>,
    #[serde(default)]
    pub inverse_offers: SharedList<InverseOffer>,
    /// Operations on agents that are on their way, or whose outcome was not acknowledged.
    #[serde(default)]
    pub operations: Vec<Arc<OperationView>>,
    /// Of those that have done anything since this master leads.
    #[serde(default)]
    pub counts: SharedList<FrameworkCounts>,
}

/// What is planned? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMaintenance {}

/// How far is it? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMaintenanceStatus {}

/// Answers [`GetMaintenanceStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceStatus {
    pub draining: Vec<DrainingMachine>,
    pub down: Vec<MachineId>,
}

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
