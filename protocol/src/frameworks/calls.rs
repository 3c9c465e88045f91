//! From schedulers: the calls of frameworks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::blob::Blob;
use crate::constraints::OfferConstraints;
use crate::framework::{Filters, FrameworkInfo, Operation};
use crate::id::{AgentId, Epoch, ExecutorId, FrameworkId, OfferId, OperationId, TaskId, UpdateId};
use crate::resources::Resources;
use crate::task::KillPolicy;

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
