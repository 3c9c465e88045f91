//! A container is gone: what that means for its executor and tasks.

use protocol::ContainerId;
use protocol::agent::ContainerExited;
use protocol::frameworks::ExecutorExited;
use protocol::isolator::Limitation;
use protocol::task::{Reason, TaskState, Termination};

use crate::checkpoint::Record;
use crate::effect::ToFrameworks;
use crate::executor::ExecutorEvent;
use crate::input::Timer;
use crate::state::Turn;
use crate::task::{SavedTask, TaskKey};

impl Turn<'_> {
    pub(crate) fn on_container_exited(&mut self, message: ContainerExited) {
        let ContainerExited { container_id, termination, limitation } = message;
        self.container_gone(&container_id, termination, limitation);
    }

    /// Ends the run of the executor and every task that lives in it.
    pub(crate) fn container_gone(
        &mut self,
        container_id: &ContainerId,
        termination: Option<Termination>,
        limitation: Option<Limitation>,
    ) {
        let Some(run) = self.state.runs.get_mut(container_id) else { return };
        let Ok(state) = run.state.transition(ExecutorEvent::Exited) else { return };
        self.release_held(container_id, limitation.as_ref());
        self.retire(container_id);
        for timer in [Timer::ExecutorRegistration, Timer::ExecutorShutdown, Timer::Destroy] {
            self.cancel_timer(timer(container_id.clone()));
        }
        for key in self.keys_of(container_id) {
            self.end_with_container(&key, container_id, termination, limitation.as_ref());
        }
        if let Some(run) = self.state.runs.get_mut(container_id) {
            run.state = state;
        }
        self.stop_resizing(container_id);
        self.persist(Record::ExecutorEnded { container_id: container_id.clone() });
        self.close_session(container_id);
        self.report_exit(container_id, termination);
        self.forget_if_done(container_id);
    }

    fn end_with_container(
        &mut self,
        key: &TaskKey,
        container_id: &ContainerId,
        termination: Option<Termination>,
        limitation: Option<&Limitation>,
    ) {
        let Some(task) = self.durable.tasks.get(key).filter(|task| task.is_live()) else { return };
        let cause = self.runs.get(container_id).and_then(|run| run.cause.clone());
        let (state, reason, message) = match (limitation, cause) {
            (Some(limitation), _) => {
                (TaskState::Failed, limitation.reason, limitation.message.clone())
            }
            (None, _) if task.kill.is_some() => (
                TaskState::Killed,
                Reason::ExecutorTerminated,
                "killed together with its executor".to_owned(),
            ),
            (None, Some((reason, message))) => (TaskState::Failed, reason, message),
            (None, None) => {
                (TaskState::Failed, Reason::ExecutorTerminated, exit_message(task, termination))
            }
        };
        self.end_task(key, state, reason, &message);
    }

    /// A framework hears of the end of an executor that it knows.
    fn report_exit(&mut self, container_id: &ContainerId, termination: Option<Termination>) {
        let executor = &self.durable.executors[container_id];
        if executor.is_command() {
            return;
        }
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        let message = ExecutorExited {
            agent_id,
            framework_id: executor.framework_id.clone(),
            executor_id: executor.info.executor_id.clone(),
            status: wait_status(termination),
        };
        self.tell_frameworks(ToFrameworks::ExecutorExited(message));
    }

    /// Forgets a run that has ended and has nothing left to be acknowledged.
    pub(crate) fn forget_if_done(&mut self, container_id: &ContainerId) {
        let Some(executor) = self.durable.executors.get(container_id) else { return };
        if !executor.ended || self.tasks_of(container_id).next().is_some() {
            return;
        }
        let (framework_id, sandbox) = (executor.framework_id.clone(), executor.sandbox.clone());
        self.state.runs.remove(container_id);
        self.state.members.remove(container_id);
        self.persist(Record::ExecutorRemoved { container_id: container_id.clone() });
        self.release_sandbox(sandbox);
        self.forget_framework_if_done(&framework_id);
    }
}

fn exit_message(task: &SavedTask, termination: Option<Termination>) -> String {
    let how = termination.map_or_else(|| "ended".to_owned(), |t| t.to_string());
    match task.launched {
        true => format!("the executor {how}"),
        false => format!("the executor {how} before it took the task"),
    }
}

/// As waitpid(2) reports it; -1 if nobody knows.
fn wait_status(termination: Option<Termination>) -> i32 {
    match termination {
        Some(Termination::Exited(code)) => (code & 0xff) << 8,
        Some(Termination::Signaled(signal)) => signal & 0x7f,
        None => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_those_of_waitpid() {
        assert_eq!(wait_status(Some(Termination::Exited(3))), 0x300);
        assert_eq!(wait_status(Some(Termination::Signaled(9))), 9);
    }
}
