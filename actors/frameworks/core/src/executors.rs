//! The executors of frameworks' own: what they hold beside their tasks, from the launch that starts
//! one until its end. Command executors are the agent's, and hold nothing.

use protocol::frameworks::{ExecutorExited, MessageFromExecutor};
use protocol::scheduler::{ExecutorMessage, ReportFailure};
use protocol::task::Task;

use crate::effect::ToScheduler;
use crate::ledger::ExecutorKey;
use crate::state::{Term, Turn};

impl Term {
    /// A task of it was reported; `lives`: for the first time, and it lives. Then it is a run that
    /// began after the last end that was reported.
    pub(crate) fn heard_of_executor(&mut self, key: &ExecutorKey, lives: bool) {
        if let Some(executor) = self.ledger.executors.get_mut(key) {
            executor.started = true;
            executor.exited &= !lives;
        }
    }

    /// Forgets an executor that does not run, once no task is left that it may be started for.
    pub(crate) fn retire_executor(&mut self, key: &ExecutorKey, turn: &mut Turn<'_>) {
        let Some(executor) = self.ledger.executors.get(key) else { return };
        if (executor.exited || !executor.started) && !self.is_needed(key) {
            self.end_executor(key, turn);
        }
    }

    fn is_needed(&self, key: &ExecutorKey) -> bool {
        let uses = |task: &Task| {
            task.framework_id == key.framework_id && task.executor_id == key.executor_id
        };
        let keys = self.ledger.on_agent(&key.agent_id);
        keys.iter().filter_map(|k| self.ledger.get(k)).any(|e| e.holds() && uses(&e.task))
    }

    /// Forgets an executor; what it held beside its tasks is free.
    pub(crate) fn end_executor(&mut self, key: &ExecutorKey, turn: &mut Turn<'_>) {
        if let Some(executor) = self.ledger.executors.remove(key) {
            self.release(executor.share(key), turn);
        }
    }

    /// What it held is free, unless a launch that counts on it is on its way: then the agent
    /// starts it again.
    pub(crate) fn on_executor_exited(&mut self, message: ExecutorExited, turn: &mut Turn<'_>) {
        self.counters.count("messages_exited_executor");
        let ExecutorExited { agent_id, framework_id, executor_id, status } = message;
        if self.generation(&agent_id).is_none() {
            return;
        }
        let key = ExecutorKey {
            agent_id: agent_id.clone(),
            framework_id: framework_id.clone(),
            executor_id: executor_id.clone(),
        };
        if let Some(executor) = self.ledger.executors.get_mut(&key) {
            executor.exited = true;
        }
        self.retire_executor(&key, turn);
        let failure = ReportFailure {
            framework_id: framework_id.clone(),
            agent_id,
            executor_id: Some(executor_id),
            status: Some(status),
        };
        self.tell(&framework_id, ToScheduler::Failure(failure), turn);
    }

    pub(crate) fn on_executor_message(
        &mut self,
        message: MessageFromExecutor,
        turn: &mut Turn<'_>,
    ) {
        let MessageFromExecutor { agent_id, framework_id, executor_id, data } = message;
        self.counters.count("messages_executor_to_framework");
        let valid =
            self.frameworks.contains_key(&framework_id) && self.generation(&agent_id).is_some();
        self.counters.count(match valid {
            true => "valid_executor_to_framework_messages",
            false => "invalid_executor_to_framework_messages",
        });
        let to = framework_id.clone();
        let message = ExecutorMessage { framework_id, agent_id, executor_id, data };
        self.tell(&to, ToScheduler::Message(message), turn);
    }
}
