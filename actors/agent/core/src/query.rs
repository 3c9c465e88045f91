//! Questions about what is here.

use protocol::agent::{AgentStateReply, ExecutorSummary, ReadSandbox};
use protocol::framework::AgentInfo;
use protocol::task::TaskState;
use protocol::{CallId, Failure, FailureKind, Resources};

use crate::effect::{Effect, Reply, SandboxRead};
use crate::registration::agents_of;
use crate::state::{Registration, State, Turn};
use crate::task::TaskKey;

/// The most that one answer carries of a file.
pub(crate) const MAX_READ: u64 = 1024 * 1024;

impl State {
    /// Everything that is here.
    pub fn overview(&self) -> AgentStateReply {
        let agent_id = self.durable.agent_id.clone();
        let tasks = match &agent_id {
            Some(id) => self.durable.tasks.values().map(|task| task.summary(id)).collect(),
            None => Vec::new(),
        };
        AgentStateReply {
            agent_id,
            info: AgentInfo { resources: self.resources(), ..self.settings.info.clone() },
            master: self.registration.master().map(agents_of),
            registered: matches!(self.registration, Registration::Registered { .. }),
            executors: self.executor_summaries(),
            tasks,
            used: self.used(),
        }
    }

    fn executor_summaries(&self) -> Vec<ExecutorSummary> {
        let summary = |(id, run): (_, &crate::executor::Run)| {
            let executor = &self.durable.executors[id];
            ExecutorSummary {
                framework_id: executor.framework_id.clone(),
                executor_id: executor.info.executor_id.clone(),
                container_id: executor.container_id.clone(),
                state: run.state.as_str().to_owned(),
                sandbox: executor.sandbox.clone(),
                tasks: self.keys_of(id).into_iter().map(|key| key.task_id).collect(),
            }
        };
        self.runs.iter().map(summary).collect()
    }

    /// What live tasks and executors hold.
    pub fn used(&self) -> Resources {
        let tasks = self.durable.tasks.values().filter(|task| task.is_live());
        let executors = self.durable.executors.values().filter(|executor| !executor.ended);
        let of_tasks = tasks.map(|task| &task.info.resources);
        of_tasks.chain(executors.map(|executor| &executor.info.resources)).sum()
    }

    /// The sandboxes of the tasks that the message may mean, the newest last.
    fn sandboxes(&self, message: &ReadSandbox) -> Vec<(TaskKey, TaskState, Option<String>)> {
        let meant = |key: &TaskKey| {
            key.task_id == message.task_id
                && message.framework_id.as_ref().is_none_or(|id| *id == key.framework_id)
        };
        let completed = self.durable.completed.iter().map(|task| {
            let key =
                TaskKey { framework_id: task.framework_id.clone(), task_id: task.task_id.clone() };
            (key, task.state, task.sandbox.clone())
        });
        let present = self.durable.tasks.iter().map(|(key, task)| {
            let executor = task.container_id.as_ref().and_then(|id| self.durable.executors.get(id));
            (key.clone(), task.state(), executor.map(|executor| executor.sandbox.clone()))
        });
        completed.chain(present).filter(|(key, ..)| meant(key)).collect()
    }
}

impl Turn<'_> {
    pub(crate) fn on_get_agent_state(&mut self, call: CallId) {
        let reply = Reply::AgentState(Box::new(self.overview()));
        self.effect(Effect::Reply { call, reply });
    }

    pub(crate) fn on_read_sandbox(&mut self, call: CallId, message: ReadSandbox) {
        match self.locate(message) {
            Ok(read) => self.effect(Effect::ReadFile { call, read }),
            Err(failure) => self.effect(Effect::Reply { call, reply: Reply::Refused(failure) }),
        }
    }

    fn locate(&self, message: ReadSandbox) -> Result<SandboxRead, Failure> {
        let mut found = self.sandboxes(&message);
        let task_id = &message.task_id;
        let missing = |text| Err(Failure::new(FailureKind::NotFound, text));
        let Some((key, state, sandbox)) = found.pop() else {
            return missing(format!("no task {task_id} is known to this agent"));
        };
        if let Some((other, ..)) = found.iter().find(|(k, ..)| k.framework_id != key.framework_id) {
            let (one, two) = (&other.framework_id, &key.framework_id);
            return Err(Failure::refused(format!(
                "frameworks {one} and {two} both have a task {task_id}: name a framework_id"
            )));
        }
        let Some(sandbox) = sandbox else {
            return missing(format!("task {task_id} never had a sandbox: it was not started"));
        };
        let length = if message.length == 0 { MAX_READ } else { message.length.min(MAX_READ) };
        Ok(SandboxRead { sandbox, path: message.path, offset: message.offset, length, state })
    }
}
