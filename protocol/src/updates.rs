//! To `updates`, on an agent host: status updates until they are acknowledged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AgentId, FrameworkId, TaskId, UpdateId};
use crate::messages;
use crate::task::TaskStatus;

/// Keep this update and forward it until it is acknowledged. From `agent`. Answered once it is on
/// disk. A repeat (same `update_id`) is answered and not queued again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueUpdate {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub status: TaskStatus,
}

/// The scheduler has it. From `agent`. Answered with the task if its last, terminal update is
/// thereby done and the task can be forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmUpdate {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub update_id: UpdateId,
}

/// Answers [`ConfirmUpdate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateConfirmed {
    /// Nothing of this task is left to be acknowledged and its last update was terminal.
    pub task_done: bool,
}

/// Forward to this master from now on; absent: hold everything. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetMaster {
    /// The address of `frameworks` on the leader.
    #[serde(default)]
    pub frameworks: Option<Address>,
}

/// Forget all updates of this framework: it was torn down. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForgetFramework {
    pub framework_id: FrameworkId,
}

/// What is unacknowledged? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetPendingUpdates {}

/// The queue of one task, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PendingUpdates {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub updates: Vec<TaskStatus>,
}

/// Answers [`GetPendingUpdates`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PendingUpdateList {
    pub tasks: Vec<PendingUpdates>,
}

messages! {
    QueueUpdate,
    ConfirmUpdate -> UpdateConfirmed,
    SetMaster,
    ForgetFramework,
    GetPendingUpdates -> PendingUpdateList,
}
