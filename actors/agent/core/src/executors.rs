//! Executors that run: their registration, their tasks, their messages, their end.

use std::time::Duration;

use protocol::agent::{DeliverMessage, ExecutorRegistered, RegisterExecutor, SendToScheduler};
use protocol::executor::{FrameworkMessage, KillExecutorTask, LaunchTask, ShutdownThisExecutor};
use protocol::frameworks::MessageFromExecutor;
use protocol::isolator::{DestroyContainer, UpdateContainer};
use protocol::task::{Reason, TaskState};
use protocol::{Address, CallId, ContainerId, Failure, FailureKind, Resources};

use crate::checkpoint::Record;
use crate::effect::{Effect, Reply, ToExecutor, ToFrameworks};
use crate::executor::{ExecutorEvent, ExecutorState};
use crate::input::Timer;
use crate::registration::frameworks_of;
use crate::state::{State, Turn};
use crate::task::{ExecutorKey, SavedTask, Stage, TaskKey};

/// How often the isolator is asked to destroy a container before the agent goes on without its
/// word: the container is unknown to it, and it will never report its end.
const MAX_DESTROYS: u32 = 4;

/// What becomes of a task that was given to an executor which does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    Repeated,
    Lost,
}

impl State {
    /// What a container may use: its executor, and the live tasks in it.
    pub(crate) fn limits_of(&self, container_id: &ContainerId) -> Resources {
        let mut limits = self.durable.executors[container_id].info.resources.clone();
        for task in self.tasks_of(container_id).filter(|task| task.is_live()) {
            let resizing = self.resizing.get(container_id).filter(|it| it.key == task.key());
            limits.add_all(resizing.map_or(&task.info.resources, |it| &it.resources));
        }
        limits
    }
}

impl Turn<'_> {
    pub(crate) fn on_register_executor(
        &mut self,
        call: CallId,
        sender: Address,
        message: RegisterExecutor,
    ) {
        self.register_executor(call, sender, &message, Undelivered::Repeated);
    }

    pub(crate) fn register_executor(
        &mut self,
        call: CallId,
        sender: Address,
        message: &RegisterExecutor,
        undelivered: Undelivered,
    ) {
        let RegisterExecutor { container_id, executor, tasks, unconfirmed, .. } = message;
        let address = executor.clone().unwrap_or(sender);
        let Some(agent_id) = self.accept_executor(message) else {
            let text =
                format!("container {container_id} is not one that an executor is awaited in");
            let failure = Failure::new(FailureKind::NotFound, text);
            self.effect(Effect::Reply { call, reply: Reply::Refused(failure) });
            return self.tell_to_end(address, "the agent has no use for it");
        };
        self.cancel_timer(Timer::ExecutorRegistration(container_id.clone()));
        if self.durable.executors[container_id].address.as_ref() != Some(&address) {
            let container_id = container_id.clone();
            self.persist(Record::ExecutorRegistered { container_id, address });
        }
        let reply = Reply::Registered(ExecutorRegistered { agent_id });
        self.effect(Effect::Reply { call, reply });
        let from = self.durable.executors[container_id].key();
        for status in unconfirmed {
            self.take_status(&from, status.clone(), None);
        }
        self.bring_up_to_date(container_id, tasks, undelivered);
    }

    /// The transition to running, if this is the executor that is awaited there.
    fn accept_executor(&mut self, message: &RegisterExecutor) -> Option<protocol::AgentId> {
        let key = ExecutorKey {
            framework_id: message.framework_id.clone(),
            executor_id: message.executor_id.clone(),
        };
        let agent_id = self.durable.agent_id.clone()?;
        self.durable.executors.get(&message.container_id).filter(|e| e.key() == key)?;
        let run = self.state.runs.get_mut(&message.container_id)?;
        run.state = run.state.transition(ExecutorEvent::Registered).ok()?;
        run.disconnected = false;
        Some(agent_id)
    }

    /// Gives an executor that has (again) registered what it does not have yet.
    fn bring_up_to_date(
        &mut self,
        container_id: &ContainerId,
        has: &[protocol::TaskId],
        undelivered: Undelivered,
    ) {
        if self.runs[container_id].state != ExecutorState::Running {
            return;
        }
        if !self.tasks_of(container_id).any(|task| task.is_live() || task.launched) {
            // All that it was started for has been killed meanwhile.
            return self.shut_down(container_id, "its tasks were killed");
        }
        self.resize(container_id);
        for key in self.keys_of(container_id) {
            let task = &self.durable.tasks[&key];
            let (stage, state, kill) = (task.stage(), task.state(), task.kill);
            match stage {
                Stage::Pending => self.give(&key),
                Stage::Launched if state == TaskState::Staging && !has.contains(&key.task_id) => {
                    match undelivered {
                        Undelivered::Repeated => self.deliver(&key),
                        Undelivered::Lost => self.drop_undelivered(&key),
                    }
                }
                _ => {}
            }
            if let Some(policy) = kill.filter(|_| stage == Stage::Launched) {
                self.send_kill(&key, policy);
            }
        }
    }

    fn drop_undelivered(&mut self, key: &TaskKey) {
        let state = self.dropped_state(&key.framework_id);
        let why = "the task was on its way to the executor when the connection was lost";
        self.end_task(key, state, Reason::AgentRestarted, why);
    }

    /// A pending task is its executor's from now on.
    pub(crate) fn give(&mut self, key: &TaskKey) {
        self.link_volumes_of_task(key);
        self.persist(Record::TaskLaunched { key: key.clone() });
        self.deliver(key);
    }

    /// Tells the executor of a launched task about it, unless it has answered for it already.
    pub(crate) fn deliver(&mut self, key: &TaskKey) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        let waits = task.stage() == Stage::Launched && task.state() == TaskState::Staging;
        let Some(to) = self.address_of_task(task).filter(|_| waits) else { return };
        let framework_id = key.framework_id.clone();
        let message = Box::new(LaunchTask { framework_id, task: task.info.clone() });
        self.effect(Effect::DeliverTask { to, key: key.clone(), message });
    }

    pub(crate) fn on_task_delivered(&mut self, key: TaskKey, result: Result<(), Failure>) {
        use FailureKind::{BadMessage, Refused, UnknownMessage};
        let Err(failure) = result else { return };
        if !matches!(failure.kind, BadMessage | Refused | UnknownMessage) {
            let retry = self.settings.timeouts.retry;
            return self.set_timer(Timer::Deliver(key), retry);
        }
        let task = self.durable.tasks.get(&key);
        if task.is_some_and(|t| t.stage() == Stage::Launched && t.state() == TaskState::Staging) {
            let why = format!("the executor does not take the task: {}", failure.message);
            self.end_task(&key, TaskState::Failed, Reason::TaskInvalid, &why);
        }
    }

    /// Where the executor of a task takes messages, if it takes any.
    pub(crate) fn address_of_task(&self, task: &SavedTask) -> Option<Address> {
        let container_id = task.container_id.as_ref()?;
        self.runs.get(container_id).filter(|run| run.state == ExecutorState::Running)?;
        self.durable.executors.get(container_id)?.address.clone()
    }

    /// The tasks of a custom executor come and go, and its limits with them.
    pub(crate) fn resize(&mut self, container_id: &ContainerId) {
        let executor = &self.durable.executors[container_id];
        if executor.is_command() || self.runs[container_id].state != ExecutorState::Running {
            return;
        }
        let resources = self.limits_of(container_id);
        let container_id = container_id.clone();
        let message = UpdateContainer { container_id, resources, exact: false };
        self.effect(Effect::Resize(message));
    }

    pub(crate) fn on_registration_overdue(&mut self, container_id: &ContainerId) {
        let Some(run) = self.runs.get(container_id) else { return };
        if run.state != ExecutorState::Registering {
            return;
        }
        let again = self.durable.executors[container_id].address.is_some();
        let timeouts = &self.settings.timeouts;
        let (reason, patience, text) = match (again, run.disconnected) {
            (_, true) => (
                Reason::ExecutorTerminated,
                self.patience_for_stream(container_id),
                "the executor's connection was lost, and it did not subscribe again within",
            ),
            (true, false) => (
                Reason::AgentRestarted,
                timeouts.executor_reregistration,
                "the executor did not register again after a restart of the agent within",
            ),
            (false, false) => (
                Reason::ExecutorRegistrationTimeout,
                timeouts.executor_registration,
                "the executor did not register within",
            ),
        };
        let cause = (reason, format!("{text} {}", seconds(patience)));
        if let Some(run) = self.state.runs.get_mut(container_id) {
            run.cause = Some(cause);
        }
        self.destroy(container_id);
    }

    /// Asks an executor to end by itself, and destroys its container if it does not in time.
    pub(crate) fn shut_down(&mut self, container_id: &ContainerId, reason: &str) {
        let Some(run) = self.runs.get(container_id) else { return };
        let executor = &self.durable.executors[container_id];
        let address = executor.address.clone().filter(|_| run.state == ExecutorState::Running);
        let Some(address) = address else { return self.destroy(container_id) };
        let grace = executor.info.shutdown_grace_ms.map(Duration::from_millis);
        let grace = grace.unwrap_or(self.settings.timeouts.executor_shutdown);
        self.end(container_id);
        self.tell_to_end(address, reason);
        self.set_timer(Timer::ExecutorShutdown(container_id.clone()), grace);
    }

    fn tell_to_end(&mut self, to: Address, reason: &str) {
        let message = ToExecutor::Shutdown(ShutdownThisExecutor { reason: reason.to_owned() });
        self.effect(Effect::ToExecutor { to, message });
    }

    /// Ends a run of an executor with everything in its container.
    pub(crate) fn destroy(&mut self, container_id: &ContainerId) {
        if !self.end(container_id) {
            return;
        }
        if let Some(waiting) = self.launch_queue.iter().position(|id| id == container_id) {
            self.state.launch_queue.remove(waiting);
            return self.container_gone(container_id, None, None);
        }
        self.ask_to_destroy(container_id);
    }

    /// No task is given to it from now on. False if it has ended.
    fn end(&mut self, container_id: &ContainerId) -> bool {
        let Some(run) = self.state.runs.get_mut(container_id) else { return false };
        let Ok(state) = run.state.transition(ExecutorEvent::End) else { return false };
        run.state = state;
        self.retire(container_id);
        self.cancel_timer(Timer::ExecutorRegistration(container_id.clone()));
        if !self.durable.executors[container_id].ending {
            self.persist(Record::ExecutorEnding { container_id: container_id.clone() });
        }
        true
    }

    /// A new run of the same executor may begin.
    pub(crate) fn retire(&mut self, container_id: &ContainerId) {
        let key = self.durable.executors[container_id].key();
        if self.current.get(&key) == Some(container_id) {
            self.state.current.remove(&key);
        }
    }

    /// Asks the isolator, and asks again until it reports the end.
    pub(crate) fn ask_to_destroy(&mut self, container_id: &ContainerId) {
        self.effect(Effect::Destroy(DestroyContainer { container_id: container_id.clone() }));
        if let Some(run) = self.state.runs.get_mut(container_id) {
            run.destroys += 1;
            let patience = self.settings.timeouts.destroy;
            self.cancel_timer(Timer::ExecutorShutdown(container_id.clone()));
            self.set_timer(Timer::Destroy(container_id.clone()), patience);
        }
    }

    pub(crate) fn on_destroy_overdue(&mut self, container_id: &ContainerId) {
        let Some(run) = self.runs.get(container_id) else { return };
        // Whoever is still being made is destroyed when it is there, or never comes to be.
        if run.destroys < MAX_DESTROYS || self.launching.contains(container_id) {
            self.ask_to_destroy(container_id);
        } else {
            self.container_gone(container_id, None, None);
        }
    }

    pub(crate) fn on_deliver_message(&mut self, message: DeliverMessage) {
        let DeliverMessage { framework_id, executor_id, data } = message;
        let container_id = self.current.get(&ExecutorKey { framework_id, executor_id });
        let executor = container_id.and_then(|id| self.durable.executors.get(id));
        if let Some(to) = executor.and_then(|executor| executor.address.clone()) {
            let message = ToExecutor::Message(FrameworkMessage { data });
            self.effect(Effect::ToExecutor { to, message });
        }
    }

    pub(crate) fn on_send_to_scheduler(&mut self, message: SendToScheduler) {
        let SendToScheduler { framework_id, executor_id, data } = message;
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        let message = MessageFromExecutor { agent_id, framework_id, executor_id, data };
        self.tell_frameworks(ToFrameworks::MessageFromExecutor(message));
    }

    /// Tells the leader, if there is one: best effort.
    pub(crate) fn tell_frameworks(&mut self, message: ToFrameworks) {
        if let Some(to) = self.registration.master().map(frameworks_of) {
            self.effect(Effect::ToFrameworks { to, message });
        }
    }

    pub(crate) fn send_kill(&mut self, key: &TaskKey, policy: protocol::task::KillPolicy) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        if let Some(to) = self.address_of_task(task) {
            let kill = KillExecutorTask { task_id: key.task_id.clone(), kill_policy: Some(policy) };
            self.effect(Effect::ToExecutor { to, message: ToExecutor::Kill(kill) });
        }
    }
}

/// For people.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
