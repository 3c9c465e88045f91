//! A running task gets more or less: from whoever wants it to `frameworks`, through `agents` to
//! `agent`, and back. Ledger, allocator and agent agree, or nothing changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, Epoch, FrameworkId, Generation, TaskId};
use crate::resources::{Resources, Scalar};

/// Let this task have so much from now on: to `frameworks`, from its scheduler or an operator.
/// Answered when it is so; refused with the reason, and nothing has changed. The scheduler is told
/// by an update of the same state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResizeTask {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    /// Where the task is meant to be; absent: wherever it is.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// In all. Absent: as many as before.
    #[serde(default)]
    pub cpus: Option<Scalar>,
    /// MB in all. Absent: as much as before.
    #[serde(default)]
    pub mem: Option<Scalar>,
}

/// Answers [`ResizeTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskResized {
    pub agent_id: AgentId,
    /// All that the task holds now.
    pub resources: Resources,
}

/// Route a change of a task's resources to its agent: from `frameworks` to `agents`. Answered by
/// telling `frameworks` [`ReportResize`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteResize {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    /// Tells the answer to this from one to another change of the same task.
    pub number: u64,
    /// All that the task is to hold.
    pub resources: Resources,
}

/// Change what a task may use: from `agents` to `agent`. One that comes again is answered again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResizeAgentTask {
    pub epoch: Epoch,
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub number: u64,
    pub resources: Resources,
}

/// What became of a change of a task's resources: to `frameworks`, from `agent`, or from `agents`
/// when there is no way to it. An agent that registers anew meanwhile says nothing but what its
/// tasks hold then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportResize {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub number: u64,
    /// Why nothing has changed; absent: the task holds what was asked for.
    #[serde(default)]
    pub refused: Option<String>,
}
