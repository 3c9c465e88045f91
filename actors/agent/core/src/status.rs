//! Statuses of tasks: from whoever reports them to `updates`, and their acknowledgement.

use protocol::agent::{ReportStatus, UpdateAcknowledged};
use protocol::events::{Report, types};
use protocol::frameworks::ForwardUpdate;
use protocol::isolator::Limitation;
use protocol::task::{Reason, Source, TaskState, TaskStatus};
use protocol::updates::{ConfirmUpdate, QueueUpdate, UpdateConfirmed};
use protocol::{CallId, ContainerId, Failure, FrameworkId, Generation, UpdateId};

use crate::checkpoint::Record;
use crate::effect::{Effect, Reply, ToFrameworks};
use crate::executor::{ExecutorState, Held};
use crate::input::Timer;
use crate::state::{Outgoing, Registration, Turn};
use crate::task::{ExecutorKey, SavedTask, Stage, TaskKey};

impl Turn<'_> {
    pub(crate) fn on_report_status(&mut self, call: CallId, message: ReportStatus) {
        let ReportStatus { framework_id, executor_id, status } = message;
        self.take_status(&ExecutorKey { framework_id, executor_id }, status, Some(call));
    }

    /// A status from an executor. Its reporter is answered when it is safe, or of no use.
    pub(crate) fn take_status(
        &mut self,
        from: &ExecutorKey,
        mut status: TaskStatus,
        call: Option<CallId>,
    ) {
        let framework_id = from.framework_id.clone();
        let key = TaskKey { framework_id, task_id: status.task_id.clone() };
        status.source = Source::Executor;
        status.agent_id = self.durable.agent_id.clone();
        status.executor_id = Some(from.executor_id.clone());
        let Some(task) = self.durable.tasks.get(&key) else {
            self.pass_on_unknown(&key, status);
            return self.answer(call, Reply::Done);
        };
        if let Err(failure) = check_report(from, task, &status) {
            return self.answer(call, Reply::Refused(failure));
        }
        if self.is_repeat(&key, task, &status) {
            return self.wait_for(&key, status.update_id.as_ref(), call);
        }
        if self.is_ending(&key.framework_id) || task.state().transition(status.state).is_err() {
            return self.answer(call, Reply::Done);
        }
        let failed = status.state == TaskState::Failed;
        let may_be_a_limit = failed && self.is_alone_in_its_container(task);
        status.container_id = task.container_id.clone();
        let update_id = self.identify(&mut status);
        self.apply(&key, status.clone());
        if may_be_a_limit {
            self.hold(key, call);
        } else {
            let calls = call.into_iter().collect();
            self.post(&key, Outgoing { status, update_id, calls });
        }
    }

    fn answer(&mut self, call: Option<CallId>, reply: Reply) {
        if let Some(call) = call {
            self.effect(Effect::Reply { call, reply });
        }
    }

    /// It is the newest status already, or on its way.
    fn is_repeat(&self, key: &TaskKey, task: &SavedTask, status: &TaskStatus) -> bool {
        let Some(id) = &status.update_id else { return false };
        let newest = task.status.as_ref().and_then(|status| status.update_id.as_ref());
        let outbox = self.outboxes.get(key);
        let safe = outbox.and_then(|outbox| outbox.safe.as_ref());
        let waiting =
            outbox.is_some_and(|outbox| outbox.waiting.iter().any(|o| o.update_id == *id));
        waiting || safe == Some(id) || (newest == Some(id) && status.state.is_terminal())
    }

    /// Answers when that status is safe; at once if it is, or is on nobody's way.
    fn wait_for(&mut self, key: &TaskKey, update_id: Option<&UpdateId>, call: Option<CallId>) {
        let Some(call) = call else { return };
        let waiting = self.state.outboxes.get_mut(key).and_then(|outbox| {
            outbox.waiting.iter_mut().find(|outgoing| Some(&outgoing.update_id) == update_id)
        });
        if let Some(outgoing) = waiting {
            return outgoing.calls.push(call);
        }
        let held = self.state.runs.values_mut().filter_map(|run| run.held.as_mut());
        match held.into_iter().find(|held| held.key == *key) {
            Some(held) => held.calls.push(call),
            None => self.effect(Effect::Reply { call, reply: Reply::Done }),
        }
    }

    /// A status of a task that this agent has no memory of: told to the master once. One that has
    /// ended and been acknowledged is no news to anybody.
    fn pass_on_unknown(&mut self, key: &TaskKey, mut status: TaskStatus) {
        let of_it =
            |framework_id, task_id| framework_id == &key.framework_id && task_id == &key.task_id;
        if self.durable.completed.iter().any(|task| of_it(&task.framework_id, &task.task_id)) {
            return;
        }
        status.update_id = None;
        status.agent_id = self.durable.agent_id.clone();
        self.forward_unacknowledged(&key.framework_id, status);
    }

    /// Tells the master something that it need not acknowledge.
    pub(crate) fn forward_unacknowledged(
        &mut self,
        framework_id: &FrameworkId,
        status: TaskStatus,
    ) {
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        let latest_state = status.state;
        let framework_id = framework_id.clone();
        let message = ForwardUpdate { framework_id, agent_id, status, latest_state };
        self.tell_frameworks(ToFrameworks::ForwardUpdate(Box::new(message)));
    }

    /// The terminal status of a task, on the agent's own word.
    pub(crate) fn end_task(
        &mut self,
        key: &TaskKey,
        state: TaskState,
        reason: Reason,
        message: &str,
    ) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        let (container_id, executor_id) = (task.container_id.clone(), task.executor_id.clone());
        if self.is_ending(&key.framework_id) {
            return self.forget_task(key);
        }
        let mut status = TaskStatus::new(key.task_id.clone(), state, Source::Agent, self.now)
            .because(reason, message);
        status.agent_id = self.durable.agent_id.clone();
        status.executor_id = Some(executor_id);
        status.container_id = container_id;
        let update_id = self.identify(&mut status);
        self.apply(key, status.clone());
        self.post(key, Outgoing { status, update_id, calls: Vec::new() });
    }

    fn identify(&mut self, status: &mut TaskStatus) -> UpdateId {
        if let Some(id) = &status.update_id {
            return id.clone();
        }
        let number = self.next_name();
        let id = update_id(self.settings.updates, number);
        status.update_id = Some(id.clone());
        id
    }

    /// From now on this is how the task stands.
    fn apply(&mut self, key: &TaskKey, status: TaskStatus) {
        let terminal = status.state.is_terminal();
        self.emit_status(key, &status);
        self.persist(Record::TaskStatus { key: key.clone(), status: Box::new(status) });
        if terminal {
            self.cancel_timer(Timer::Kill(key.clone()));
            self.cancel_timer(Timer::Deliver(key.clone()));
            let container_id = self.durable.tasks.get(key).and_then(|t| t.container_id.clone());
            if let Some(container_id) = container_id {
                self.resize(&container_id);
            }
        }
    }

    /// Hands a status to `updates`, behind those of the same task that are on their way.
    pub(crate) fn post(&mut self, key: &TaskKey, outgoing: Outgoing) {
        let outbox = self.state.outboxes.entry(key.clone()).or_default();
        outbox.waiting.push_back(outgoing);
        if outbox.waiting.len() == 1 {
            self.queue_next(key);
        }
    }

    pub(crate) fn queue_next(&mut self, key: &TaskKey) {
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        let next = self.outboxes.get(key).and_then(|outbox| outbox.waiting.front());
        if let Some(outgoing) = next {
            let framework_id = key.framework_id.clone();
            let status = outgoing.status.clone();
            self.effect(Effect::Queue(Box::new(QueueUpdate { framework_id, agent_id, status })));
        }
    }

    pub(crate) fn on_update_queued(
        &mut self,
        key: TaskKey,
        update_id: &UpdateId,
        result: Result<(), Failure>,
    ) {
        let Some(outbox) = self.state.outboxes.get_mut(&key) else { return };
        if outbox.waiting.front().is_none_or(|head| head.update_id != *update_id) {
            return;
        }
        if result.is_err() {
            let retry = self.settings.timeouts.retry;
            return self.set_timer(Timer::Queue(key), retry);
        }
        let Some(safe) = outbox.waiting.pop_front() else { return };
        outbox.safe = Some(safe.update_id);
        for call in safe.calls {
            self.effect(Effect::Reply { call, reply: Reply::Done });
        }
        self.queue_next(&key);
        if safe.status.state.is_terminal() {
            self.end_executor_of(&key);
        }
    }

    /// An executor that was made for one task is of no use when its end is safe.
    pub(crate) fn end_executor_of(&mut self, key: &TaskKey) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        let Some(container_id) = task.container_id.clone() else { return };
        let executor = self.durable.executors.get(&container_id);
        let alive = self.runs.get(&container_id).is_some_and(|run| run.state.takes_tasks());
        if alive && executor.is_some_and(|executor| executor.is_command()) {
            self.destroy(&container_id);
        }
    }

    /// The kernel may have ended the task for a limit of its container; the isolator knows when the
    /// container is gone. The task has ended for everybody here, the master hears it with the
    /// reason.
    fn hold(&mut self, key: TaskKey, call: Option<CallId>) {
        let container_id = self.durable.tasks.get(&key).and_then(|t| t.container_id.clone());
        let Some(container_id) = container_id else { return };
        if let Some(run) = self.state.runs.get_mut(&container_id) {
            run.held = Some(Held { key, calls: call.into_iter().collect() });
        }
        let patience = self.settings.timeouts.limitation;
        self.set_timer(Timer::Limitation(container_id.clone()), patience);
        self.destroy(&container_id);
    }

    /// Only then does the end of the container say something about the one task.
    fn is_alone_in_its_container(&self, task: &SavedTask) -> bool {
        let Some(container_id) = &task.container_id else { return false };
        let command = self.durable.executors.get(container_id).is_some_and(|e| e.is_command());
        let up = |state| state != ExecutorState::Terminated;
        command && self.runs.get(container_id).is_some_and(|run| up(run.state))
    }

    /// The container is gone, or its end has been waited for long enough.
    pub(crate) fn release_held(
        &mut self,
        container_id: &ContainerId,
        limitation: Option<&Limitation>,
    ) {
        let held = self.state.runs.get_mut(container_id).and_then(|run| run.held.take());
        let Some(Held { key, calls }) = held else { return };
        self.cancel_timer(Timer::Limitation(container_id.clone()));
        if self.is_ending(&key.framework_id) {
            calls.into_iter().for_each(|call| self.answer(Some(call), Reply::Done));
            return self.forget_task(&key);
        }
        let Some(mut status) = self.durable.tasks.get(&key).and_then(|t| t.status.clone()) else {
            return;
        };
        if let Some(limitation) = limitation {
            status = status.because(limitation.reason, limitation.message.clone());
            self.emit_status(&key, &status);
            let status = Box::new(status.clone());
            self.persist(Record::TaskStatus { key: key.clone(), status });
        }
        let update_id = self.identify(&mut status);
        self.post(&key, Outgoing { status, update_id, calls });
    }

    pub(crate) fn on_update_acknowledged(&mut self, message: UpdateAcknowledged) {
        let UpdateAcknowledged { framework_id, task_id, update_id, generation } = message;
        if self.is_of_another_registration(generation) {
            return;
        }
        self.effect(Effect::Confirm(ConfirmUpdate { framework_id, task_id, update_id }));
    }

    /// Whether an acknowledgement is void: what it is of was introduced as not acknowledged since.
    pub(crate) fn is_of_another_registration(&self, generation: Option<Generation>) -> bool {
        let registered = matches!(self.registration, Registration::Registered { .. });
        generation.is_some_and(|generation| !registered || generation != self.term.1)
    }

    /// A failure needs no answer: the update is forwarded, and acknowledged, once more.
    pub(crate) fn on_update_confirmed(
        &mut self,
        key: &TaskKey,
        result: Result<UpdateConfirmed, Failure>,
    ) {
        let done = result.is_ok_and(|confirmed| confirmed.task_done);
        let ended = self.durable.tasks.get(key).is_some_and(|task| !task.is_live());
        if done && ended {
            self.complete_task(key);
        }
    }

    pub(crate) fn emit_task(&mut self, task: &SavedTask) {
        let data = serde_json::json!({
            "framework_id": task.framework_id,
            "task_id": task.info.task_id,
            "executor_id": task.executor_id,
            "resources": task.info.resources,
        });
        self.effect(Effect::Emit(Report { kind: types::TASK_ADDED.to_owned(), data }));
    }

    fn emit_status(&mut self, key: &TaskKey, status: &TaskStatus) {
        let data = serde_json::json!({
            "framework_id": key.framework_id,
            "task_id": key.task_id,
            "state": status.state,
            "reason": status.reason,
            "message": status.message,
        });
        self.effect(Effect::Emit(Report { kind: types::TASK_UPDATED.to_owned(), data }));
    }
}

/// Whether an executor may say this of a task.
fn check_report(from: &ExecutorKey, task: &SavedTask, status: &TaskStatus) -> Result<(), Failure> {
    let wrong = if !status.state.is_live() && !status.state.is_terminal() {
        format!("{} is not for an executor to report", status.state)
    } else if task.executor_id != from.executor_id {
        format!("task {} is not one of executor {}", status.task_id, from.executor_id)
    } else if task.stage() == Stage::Pending {
        format!("task {} has not been given to an executor yet", status.task_id)
    } else {
        return Ok(());
    };
    Err(Failure::refused(wrong))
}

/// A UUID, because that is what schedulers of the v1 API are sent and acknowledge. The number
/// changes the low bits only, so version and variant stay those of the life's.
pub(crate) fn update_id(life: u128, number: u64) -> UpdateId {
    let hex = format!("{:032x}", life ^ u128::from(number));
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    UpdateId::from(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_of_one_life_have_uuids_of_their_own() {
        let life = 0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8;
        let [first, second] = [1, 2].map(|number| update_id(life, number));
        assert_eq!(first.as_str(), "67e55044-10b1-426f-9247-bb680e5fe0c9");
        assert_eq!(second.as_str(), "67e55044-10b1-426f-9247-bb680e5fe0ca");
    }
}
