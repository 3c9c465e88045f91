//! What a task must be before anything is launched for it.

use protocol::id::{AgentId, ExecutorId, FrameworkId, IdError, TaskId};
use protocol::resources::{Resources, Shortage};
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, TaskInfo};
use serde::Serialize;

use crate::ledger::{ExecutorKey, Ledger};

/// Why a task is TASK_ERROR. The texts are for the framework's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("task id is not valid: {0}")]
    TaskId(IdError),
    #[error("Task has duplicate ID: {0}")]
    Duplicate(TaskId),
    #[error("task is for agent {wanted}, while the offers are of agent {offered}")]
    Agent { wanted: AgentId, offered: AgentId },
    #[error("task has neither a command nor an executor; exactly one is expected")]
    NothingToRun,
    #[error("task has both a command and an executor; exactly one is expected")]
    CommandAndExecutor,
    #[error("command has nothing to execute: give `value`, or `arguments` if `shell` is false")]
    EmptyCommand,
    #[error("executor id is not valid: {0}")]
    ExecutorId(IdError),
    #[error("executor `{0}` must be custom and have a command; for a command task give `command`")]
    NotCustom(ExecutorId),
    #[error("executor `{0}` runs already on this agent with another description")]
    IncompatibleExecutor(ExecutorId),
    #[error("task uses no resources")]
    NoResources,
    #[error("Total resources required by task and its executor is more than available: {0}")]
    TooMuch(Shortage),
}

/// A task that can be launched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Validated {
    pub(crate) info: TaskInfo,
    pub(crate) executor_id: ExecutorId,
    /// An executor that starts with this task and holds resources of its own.
    pub(crate) new_executor: Option<ExecutorInfo>,
}

/// What a task is checked against.
pub(crate) struct Site<'a> {
    pub(crate) framework_id: &'a FrameworkId,
    pub(crate) agent_id: &'a AgentId,
    pub(crate) ledger: &'a Ledger,
    pub(crate) available: &'a Resources,
}

impl Site<'_> {
    /// In the order in which Mesos checks.
    pub(crate) fn validate(&self, info: TaskInfo) -> Result<Validated, Invalid> {
        info.task_id.check().map_err(Invalid::TaskId)?;
        if self.ledger.named(self.framework_id, &info.task_id).next().is_some() {
            return Err(Invalid::Duplicate(info.task_id));
        }
        if info.agent_id != *self.agent_id {
            let (wanted, offered) = (info.agent_id, self.agent_id.clone());
            return Err(Invalid::Agent { wanted, offered });
        }
        if info.resources.is_empty() {
            return Err(Invalid::NoResources);
        }
        let (executor_id, new_executor) = self.executor(&info)?;
        let rest = self.available.checked_use(&info.resources).map_err(Invalid::TooMuch)?;
        if let Some(executor) = &new_executor {
            rest.checked_use(&executor.resources).map_err(Invalid::TooMuch)?;
        }
        Ok(Validated { info, executor_id, new_executor })
    }

    /// Whose process runs it, and whether that starts with it. A command task's executor is the
    /// agent's, is named like the task, and holds nothing of its own.
    fn executor(&self, info: &TaskInfo) -> Result<(ExecutorId, Option<ExecutorInfo>), Invalid> {
        match (&info.command, &info.executor) {
            (None, None) => Err(Invalid::NothingToRun),
            (Some(_), Some(_)) => Err(Invalid::CommandAndExecutor),
            (Some(command), None) => {
                check_command(command)?;
                Ok((ExecutorId::from(info.task_id.as_str()), None))
            }
            (None, Some(executor)) => {
                let new = self.custom_executor(executor)?;
                Ok((executor.executor_id.clone(), new.then(|| executor.clone())))
            }
        }
    }

    /// Whether it has to be started.
    fn custom_executor(&self, executor: &ExecutorInfo) -> Result<bool, Invalid> {
        let id = &executor.executor_id;
        id.check().map_err(Invalid::ExecutorId)?;
        let (ExecutorKind::Custom, Some(command)) = (executor.kind, &executor.command) else {
            return Err(Invalid::NotCustom(id.clone()));
        };
        check_command(command)?;
        let key = ExecutorKey {
            agent_id: self.agent_id.clone(),
            framework_id: self.framework_id.clone(),
            executor_id: id.clone(),
        };
        match self.ledger.executors.get(&key) {
            None => Ok(true),
            Some(known) if known.info == *executor => Ok(false),
            Some(_) => Err(Invalid::IncompatibleExecutor(id.clone())),
        }
    }
}

fn check_command(command: &CommandInfo) -> Result<(), Invalid> {
    let has_value = command.value.as_ref().is_some_and(|v| !v.is_empty());
    if has_value || (!command.shell && !command.arguments.is_empty()) {
        Ok(())
    } else {
        Err(Invalid::EmptyCommand)
    }
}
