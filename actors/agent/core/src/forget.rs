//! What is no longer of use: ended tasks, frameworks that have nothing here, sandboxes.

use protocol::{ContainerId, FrameworkId};

use crate::checkpoint::Record;
use crate::effect::{Effect, Reply};
use crate::input::Timer;
use crate::state::Turn;
use crate::task::TaskKey;

impl Turn<'_> {
    /// The framework was torn down: nobody waits for news of its tasks.
    pub(crate) fn is_ending(&self, framework_id: &FrameworkId) -> bool {
        self.durable.frameworks.get(framework_id).is_some_and(|framework| framework.ending)
    }

    /// The end of a task has been acknowledged. Its sandbox is kept for a while.
    pub(crate) fn complete_task(&mut self, key: &TaskKey) {
        self.end_executor_of(key);
        let container_id = self.durable.tasks.get(key).and_then(|t| t.container_id.clone());
        self.persist(Record::TaskCompleted { key: key.clone() });
        self.drop_traces(key, container_id);
        self.trim_completed();
    }

    pub(crate) fn trim_completed(&mut self) {
        while self.durable.completed.len() > self.settings.completed_tasks {
            let sandbox = self.durable.completed.front().and_then(|task| task.sandbox.clone());
            self.persist(Record::CompletedForgotten);
            sandbox.into_iter().for_each(|sandbox| self.release_sandbox(sandbox));
        }
    }

    /// Nobody will ask for this task again.
    pub(crate) fn forget_task(&mut self, key: &TaskKey) {
        let container_id = self.durable.tasks.get(key).and_then(|t| t.container_id.clone());
        self.persist(Record::TaskForgotten { key: key.clone() });
        self.drop_traces(key, container_id);
    }

    fn drop_traces(&mut self, key: &TaskKey, container_id: Option<ContainerId>) {
        // `updates` may have had the last status, and its answer been lost, before the scheduler
        // acknowledged it.
        let outbox = self.state.outboxes.remove(key).unwrap_or_default();
        for call in outbox.waiting.into_iter().flat_map(|outgoing| outgoing.calls) {
            self.effect(Effect::Reply { call, reply: Reply::Done });
        }
        for timer in [Timer::Queue, Timer::Kill, Timer::Deliver] {
            self.cancel_timer(timer(key.clone()));
        }
        if let Some(container_id) = container_id {
            if let Some(keys) = self.state.members.get_mut(&container_id) {
                keys.remove(key);
            }
            self.forget_if_done(&container_id);
        }
        self.forget_framework_if_done(&key.framework_id);
    }

    pub(crate) fn forget_framework_if_done(&mut self, framework_id: &FrameworkId) {
        let tasks = self.durable.tasks.keys().any(|key| key.framework_id == *framework_id);
        let executors = self.durable.executors.values().any(|e| e.framework_id == *framework_id);
        if !tasks && !executors && self.durable.frameworks.contains_key(framework_id) {
            let framework_id = framework_id.clone();
            self.persist(Record::FrameworkRemoved { framework_id });
        }
    }

    /// Removes a sandbox that neither an executor nor a remembered task has.
    pub(crate) fn release_sandbox(&mut self, sandbox: String) {
        let used = self.durable.executors.values().any(|e| e.sandbox == sandbox);
        let remembered =
            self.durable.completed.iter().any(|t| t.sandbox.as_deref() == Some(&sandbox));
        if !used && !remembered {
            self.effect(Effect::RemoveSandbox { sandbox });
        }
    }
}
