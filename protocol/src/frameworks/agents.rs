//! From `agents`, and from the hosts of agents: who is there, and what became of tasks and
//! operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agents::RunningExecutor;
use crate::blob::Blob;
use crate::framework::{AgentInfo, FrameworkInfo};
use crate::id::{AgentId, ConversionId, Epoch, ExecutorId, FrameworkId, Generation, TaskId};
use crate::operation::OperationReport;
use crate::task::{Reason, Task, TaskStatus};
use crate::time::Time;

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
