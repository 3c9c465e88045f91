//! To `executor`, on an executor host: the tasks of one executor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::id::{ExecutorId, FrameworkId, TaskId};
use crate::messages;
use crate::task::{KillPolicy, TaskInfo};

/// Start this task. From `agent`. One that it already has is ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchTask {
    pub framework_id: FrameworkId,
    pub task: TaskInfo,
}

/// End this task: SIGTERM, and SIGKILL after the grace. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KillExecutorTask {
    pub task_id: TaskId,
    #[serde(default)]
    pub kill_policy: Option<KillPolicy>,
}

/// End all tasks, then yourself. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShutdownThisExecutor {
    /// Why, for the log.
    #[serde(default)]
    pub reason: String,
}

/// The executor's container is gone. From `agent`, to the session of an executor that speaks the v1
/// API: whoever holds its stream now is not it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorGone {}

/// The scheduler's bytes. From `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkMessage {
    pub data: Blob,
}

/// What do you run? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetExecutorState {}

/// Answers [`GetExecutorState`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorState {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub tasks: Vec<TaskProcess>,
}

/// One task's process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskProcess {
    pub task_id: TaskId,
    #[serde(default)]
    pub pid: Option<i32>,
}

messages! {
    LaunchTask,
    KillExecutorTask,
    ShutdownThisExecutor,
    ExecutorGone,
    FrameworkMessage,
    GetExecutorState -> ExecutorState,
}
