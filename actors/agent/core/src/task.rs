//! A task as the agent remembers it.

use protocol::task::{KillPolicy, Task, TaskInfo, TaskState, TaskStatus};
use protocol::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use serde::{Deserialize, Serialize};

/// Which task: ids are unique within their framework.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskKey {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
}

/// Which executor: ids are unique within their framework and this agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExecutorKey {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
}

/// How far a task has come on its way through this agent.
///
/// ```text
/// Pending ──executor registers──► Launched ──terminal status──► Ended ──acknowledged──► (gone)
///    └───────────────────killed, launch failed─────────────────►
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// Waits for its executor.
    Pending,
    /// Given to its executor.
    Launched,
    /// Its terminal status has been reported, and waits to be acknowledged.
    Ended,
}

/// A task as the checkpoint has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedTask {
    pub framework_id: FrameworkId,
    /// The run of the executor that it belongs to; absent for a task that was turned away.
    pub container_id: Option<ContainerId>,
    pub executor_id: ExecutorId,
    pub role: String,
    pub info: TaskInfo,
    /// It has been given to its executor.
    #[serde(default)]
    pub launched: bool,
    /// It was asked to end; the policy of the last that asked.
    #[serde(default)]
    pub kill: Option<KillPolicy>,
    /// The newest.
    #[serde(default)]
    pub status: Option<TaskStatus>,
}

impl SavedTask {
    pub(crate) fn key(&self) -> TaskKey {
        TaskKey { framework_id: self.framework_id.clone(), task_id: self.info.task_id.clone() }
    }

    pub(crate) fn state(&self) -> TaskState {
        self.status.as_ref().map_or(TaskState::Staging, |status| status.state)
    }

    pub(crate) fn stage(&self) -> Stage {
        match (self.state().is_terminal(), self.launched) {
            (true, _) => Stage::Ended,
            (false, true) => Stage::Launched,
            (false, false) => Stage::Pending,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.stage() != Stage::Ended
    }

    /// As the master knows tasks.
    pub(crate) fn summary(&self, agent_id: &AgentId) -> Task {
        Task {
            task_id: self.info.task_id.clone(),
            framework_id: self.framework_id.clone(),
            agent_id: agent_id.clone(),
            executor_id: self.executor_id.clone(),
            executor_kind: self.info.executor_kind(),
            name: self.info.name.clone(),
            role: self.role.clone(),
            resources: self.info.resources.clone(),
            labels: self.info.labels.clone(),
            state: self.state(),
            status: self.status.clone(),
        }
    }
}

/// A task that has ended and been acknowledged: where its sandbox is, for those who read it later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletedTask {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub state: TaskState,
    /// Absent for a task that never had one.
    #[serde(default)]
    pub sandbox: Option<String>,
}
