//! Ending tasks, executors and frameworks on the master's word.

use std::time::Duration;

use protocol::agent::{KillAgentTask, ShutdownAgentExecutor, ShutdownFramework, UpdateFramework};
use protocol::task::{KillPolicy, Reason, Source, TaskState, TaskStatus};
use protocol::updates::ForgetFramework;
use protocol::{Epoch, FrameworkId};

use crate::checkpoint::Record;
use crate::effect::Effect;
use crate::input::Timer;
use crate::state::Turn;
use crate::task::{ExecutorKey, Stage, TaskKey};

impl Turn<'_> {
    pub(crate) fn on_kill_agent_task(&mut self, message: KillAgentTask) {
        let KillAgentTask { epoch, framework_id, task_id, kill_policy } = message;
        if self.is_deposed(epoch) {
            return;
        }
        let key = TaskKey { framework_id, task_id };
        match self.durable.tasks.get(&key) {
            Some(task) => {
                let policy = kill_policy.or(task.info.kill_policy).unwrap_or_default();
                self.kill(&key, policy);
            }
            None => self.report_unknown(key),
        }
    }

    /// Said by a master that has lost its office.
    fn is_deposed(&self, epoch: Epoch) -> bool {
        self.registration.master().is_some_and(|master| epoch < master.epoch)
    }

    /// The task is not here, and may have been dropped on its way: its scheduler waits for an end.
    fn report_unknown(&mut self, key: TaskKey) {
        let state = self.dropped_state(&key.framework_id);
        let mut status = TaskStatus::new(key.task_id, state, Source::Agent, self.now)
            .because(Reason::TaskUnknown, "the agent does not have the task");
        status.agent_id = self.durable.agent_id.clone();
        self.forward_unacknowledged(&key.framework_id, status);
    }

    pub(crate) fn kill(&mut self, key: &TaskKey, policy: KillPolicy) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        let container_id = task.container_id.clone();
        match task.stage() {
            Stage::Ended => {}
            Stage::Pending => {
                let why = "killed before its executor had it";
                self.end_task(key, TaskState::Killed, Reason::TaskKilledDuringLaunch, why);
                if let Some(container_id) = container_id {
                    self.end_unused(&container_id);
                }
            }
            Stage::Launched => {
                let grace_ms = Some(policy.grace_ms.unwrap_or_else(|| self.default_grace_ms()));
                let policy = KillPolicy { grace_ms };
                self.persist(Record::TaskKill { key: key.clone(), policy });
                self.send_kill(key, policy);
                self.expect_end(key, policy);
            }
        }
    }

    fn default_grace_ms(&self) -> u64 {
        protocol::time::millis(self.settings.timeouts.kill_grace)
    }

    /// An executor none of whose tasks it was ever given has nothing to wait for.
    fn end_unused(&mut self, container_id: &protocol::ContainerId) {
        let used = self.tasks_of(container_id).any(|task| task.is_live() || task.launched);
        if !used {
            self.destroy(container_id);
        }
    }

    /// A command executor that does not obey is ended with its task. A custom one is its
    /// framework's business: it may have other tasks, and ways of its own to end this one.
    pub(crate) fn expect_end(&mut self, key: &TaskKey, policy: KillPolicy) {
        let task = self.durable.tasks.get(key);
        let executor = task
            .and_then(|task| task.container_id.as_ref())
            .and_then(|id| self.durable.executors.get(id));
        if executor.is_some_and(|executor| executor.is_command()) {
            let timeouts = &self.settings.timeouts;
            let grace = policy.grace_ms.map_or(timeouts.kill_grace, Duration::from_millis);
            let patience = grace + timeouts.kill_slack;
            self.set_timer(Timer::Kill(key.clone()), patience);
        }
    }

    pub(crate) fn on_kill_overdue(&mut self, key: &TaskKey) {
        let Some(task) = self.durable.tasks.get(key).filter(|task| task.is_live()) else { return };
        if let Some(container_id) = task.container_id.clone() {
            self.destroy(&container_id);
        }
    }

    pub(crate) fn on_shutdown_agent_executor(&mut self, message: ShutdownAgentExecutor) {
        let ShutdownAgentExecutor { epoch, framework_id, executor_id } = message;
        let container_id = self.current.get(&ExecutorKey { framework_id, executor_id }).cloned();
        if let Some(container_id) = container_id.filter(|_| !self.is_deposed(epoch)) {
            self.shut_down(&container_id, "the framework asked for it");
        }
    }

    pub(crate) fn on_shutdown_framework(&mut self, message: ShutdownFramework) {
        let ShutdownFramework { epoch, framework_id } = message;
        if !self.is_deposed(epoch) {
            self.tear_down(framework_id);
        }
    }

    pub(crate) fn tear_down(&mut self, framework_id: FrameworkId) {
        if self.durable.frameworks.get(&framework_id).is_some_and(|f| !f.ending) {
            self.persist(Record::FrameworkEnding { framework_id: framework_id.clone() });
            self.end_framework(&framework_id);
        }
        self.effect(Effect::ForgetFramework(ForgetFramework { framework_id }));
    }

    /// Ends all that a torn-down framework has here; nobody waits for news of it.
    pub(crate) fn end_framework(&mut self, framework_id: &FrameworkId) {
        let of_it = |key: &&TaskKey| key.framework_id == *framework_id;
        let mut idle: Vec<_> = self.durable.tasks.keys().filter(of_it).cloned().collect();
        idle.retain(|key| !self.durable.tasks[key].is_live() && !self.is_held(key));
        for key in idle {
            self.forget_task(&key);
        }
        let executors = self.durable.executors.values();
        let of_it = executors.filter(|e| e.framework_id == *framework_id && !e.ended);
        let containers: Vec<_> = of_it.map(|e| e.container_id.clone()).collect();
        for container_id in containers {
            self.shut_down(&container_id, "the framework was torn down");
        }
        self.forget_framework_if_done(framework_id);
    }

    fn is_held(&self, key: &TaskKey) -> bool {
        self.runs.values().filter_map(|run| run.held.as_ref()).any(|held| held.key == *key)
    }

    pub(crate) fn on_update_framework(&mut self, message: UpdateFramework) {
        let info = message.framework;
        let Some(framework_id) = info.id.clone() else { return };
        if self.durable.frameworks.get(&framework_id).is_some_and(|f| f.info != info) {
            self.persist(Record::Framework { framework_id, info });
        }
    }
}
