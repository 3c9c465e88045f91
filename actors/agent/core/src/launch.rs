//! From `RunTasks` to a container that is being made.

use protocol::agent::RunTasks;
use protocol::framework::{Capability, FrameworkInfo};
use protocol::isolator::{ContainerLaunched, LaunchContainer};
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, Reason, TaskInfo, TaskState, Uri};
use protocol::{ContainerId, Epoch, Failure, FailureKind, FrameworkId, Generation};

use crate::checkpoint::Record;
use crate::effect::Effect;
use crate::executor::{ExecutorEvent, ExecutorState, Run, SavedExecutor};
use crate::input::Timer;
use crate::state::{Early, Registration, State, Turn};
use crate::task::{ExecutorKey, SavedTask, TaskKey};

/// How many launches may wait for the answer to a registration. They arrive within the moment
/// between the master's answer and its handling here; a master sends one message per accept.
const MAX_EARLY: usize = 64;

/// How much of a task's id its container's name repeats, in bytes: for people, and short enough
/// for a file name with what precedes it.
const NAME_FROM_TASK: usize = 64;

/// Whether launches of this term may be carried out.
pub(crate) enum Standing {
    Current,
    /// The answer to the registration has not arrived; the launch overtook it.
    Early,
    Stale(&'static str),
}

impl State {
    pub(crate) fn standing(&self, epoch: Epoch, generation: Generation) -> Standing {
        let term = (epoch, generation);
        match &self.registration {
            _ if self.stopping.is_some() => Standing::Stale("the agent is shutting down"),
            Registration::Registered { .. } if term == self.term => Standing::Current,
            Registration::Registering { asked: true, .. }
                if term > self.term && self.early.len() < MAX_EARLY =>
            {
                Standing::Early
            }
            Registration::Registered { .. } => {
                Standing::Stale("the launch was meant for a former registration of the agent")
            }
            _ => Standing::Stale("the agent was not registered"),
        }
    }

    /// What to say of a task that was never started, to a framework that may not know the state.
    pub(crate) fn dropped_state(&self, framework_id: &FrameworkId) -> TaskState {
        let aware = self.durable.frameworks.get(framework_id).is_some_and(|framework| {
            framework.info.capabilities.contains(&Capability::PartitionAware)
        });
        if aware { TaskState::Dropped } else { TaskState::Lost }
    }
}

impl Turn<'_> {
    pub(crate) fn on_run_tasks(&mut self, message: RunTasks) {
        match self.standing(message.epoch, message.generation) {
            Standing::Current => self.run_tasks(message),
            Standing::Early => self.state.early.push(Early::Launch(Box::new(message))),
            Standing::Stale(why) => self.turn_away(message, why),
        }
    }

    fn run_tasks(&mut self, message: RunTasks) {
        let RunTasks { framework, role, tasks, .. } = message;
        let Some(framework_id) = self.admit_framework(framework, &tasks) else { return };
        for info in tasks {
            let key = TaskKey { framework_id: framework_id.clone(), task_id: info.task_id.clone() };
            if self.durable.tasks.contains_key(&key) {
                continue;
            }
            match self.executor_for(&framework_id, &role, &info) {
                Ok(container_id) => self.add_task(container_id, key, &role, info),
                Err(why) => {
                    self.add_ended(key, &role, info, (TaskState::Error, Reason::TaskInvalid, &why));
                }
            }
        }
        self.launch_waiting();
    }

    /// The master is told of every task that it may believe to be here.
    pub(crate) fn turn_away(&mut self, message: RunTasks, why: &str) {
        let RunTasks { framework, role, tasks, .. } = message;
        let Some(framework_id) = self.admit_framework(framework, &tasks) else { return };
        for info in tasks {
            let key = TaskKey { framework_id: framework_id.clone(), task_id: info.task_id.clone() };
            if !self.durable.tasks.contains_key(&key) {
                let state = self.dropped_state(&framework_id);
                self.add_ended(key, &role, info, (state, Reason::AgentDisconnected, why));
            }
        }
    }

    /// Remembers the framework, unless it is being ended or this brings nothing of it.
    fn admit_framework(&mut self, info: FrameworkInfo, tasks: &[TaskInfo]) -> Option<FrameworkId> {
        // It becomes a part of paths.
        let framework_id = info.id.clone().filter(|id| id.check().is_ok())?;
        let known = self.durable.frameworks.get(&framework_id);
        if known.is_some_and(|framework| framework.ending) || tasks.is_empty() {
            return None;
        }
        if known.is_none_or(|framework| framework.info != info) {
            self.persist(Record::Framework { framework_id: framework_id.clone(), info });
        }
        Some(framework_id)
    }

    fn add_task(&mut self, container_id: ContainerId, key: TaskKey, role: &str, info: TaskInfo) {
        let executor_id = self.durable.executors[&container_id].info.executor_id.clone();
        self.remember_task(SavedTask {
            framework_id: key.framework_id.clone(),
            container_id: Some(container_id.clone()),
            executor_id,
            role: role.to_owned(),
            info,
            launched: false,
            kill: None,
            status: None,
        });
        if self.runs[&container_id].state == ExecutorState::Running {
            self.resize(&container_id);
            self.give(&key);
        }
    }

    /// A task that ends before it has begun; its end is reported like any other.
    fn add_ended(
        &mut self,
        key: TaskKey,
        role: &str,
        info: TaskInfo,
        (state, reason, why): (TaskState, Reason, &str),
    ) {
        let executor_id = match &info.executor {
            Some(executor) => executor.executor_id.clone(),
            None => info.task_id.as_str().into(),
        };
        self.remember_task(SavedTask {
            framework_id: key.framework_id.clone(),
            container_id: None,
            executor_id,
            role: role.to_owned(),
            info,
            launched: false,
            kill: None,
            status: None,
        });
        self.end_task(&key, state, reason, why);
    }

    pub(crate) fn remember_task(&mut self, task: SavedTask) {
        let key = task.key();
        if let Some(container_id) = task.container_id.clone() {
            self.state.members.entry(container_id).or_default().insert(key);
        }
        self.emit_task(&task);
        self.persist(Record::Task(Box::new(task)));
    }

    /// The container in which the task is to run: a new one for a command, that of the executor it
    /// names otherwise.
    fn executor_for(
        &mut self,
        framework_id: &FrameworkId,
        role: &str,
        task: &TaskInfo,
    ) -> Result<ContainerId, String> {
        let info = executor_info(task)?;
        let key = ExecutorKey {
            framework_id: framework_id.clone(),
            executor_id: info.executor_id.clone(),
        };
        if let Some(container_id) = self.current.get(&key) {
            let same = self.durable.executors[container_id].info == info;
            return match info.kind {
                ExecutorKind::Custom if same => Ok(container_id.clone()),
                _ => Err(format!("executor {} runs with another description", key.executor_id)),
            };
        }
        let user = self.user_of(framework_id, task.command.as_ref().or(info.command.as_ref()));
        let container_id = self.name_container(task.task_id.as_str());
        self.plan_container(SavedExecutor {
            framework_id: framework_id.clone(),
            sandbox: self.sandbox_of(&key, &container_id),
            container_id: container_id.clone(),
            info,
            role: role.to_owned(),
            user,
            pid: None,
            address: None,
            ending: false,
            ended: false,
        });
        Ok(container_id)
    }

    /// Remembers the executor and puts its container into the queue of those to be made.
    pub(crate) fn plan_container(&mut self, executor: SavedExecutor) {
        let container_id = executor.container_id.clone();
        self.state.runs.insert(container_id.clone(), Run::new(ExecutorState::Launching));
        self.state.current.insert(executor.key(), container_id.clone());
        self.state.launch_queue.push_back(container_id);
        self.persist(Record::Executor(Box::new(executor)));
    }

    pub(crate) fn name_container(&mut self, task_id: &str) -> ContainerId {
        let number = self.next_name();
        let end = (0..=NAME_FROM_TASK.min(task_id.len())).rfind(|at| task_id.is_char_boundary(*at));
        let from_task = &task_id[..end.unwrap_or(0)];
        format!("{}-{number}-{from_task}", self.settings.run).into()
    }

    pub(crate) fn sandbox_of(&self, key: &ExecutorKey, container_id: &ContainerId) -> String {
        let agent_id = self.durable.agent_id.as_ref().map_or("unregistered", |id| id.as_str());
        format!(
            "{}/agents/{agent_id}/frameworks/{}/executors/{}/runs/{container_id}",
            self.settings.work_dir, key.framework_id, key.executor_id
        )
    }

    fn user_of(&self, framework_id: &FrameworkId, command: Option<&CommandInfo>) -> Option<String> {
        let framework = self.durable.frameworks.get(framework_id);
        let user = command
            .and_then(|command| command.user.clone())
            .or_else(|| framework.map(|framework| framework.info.user.clone()));
        user.filter(|user| self.settings.switch_user && !user.is_empty())
    }

    /// Has as many of the waiting containers made as may be made at a time.
    pub(crate) fn launch_waiting(&mut self) {
        let may = |s: &State| s.recovered && !s.launches_paused;
        while may(self.state) && self.launching.len() < self.settings.parallel_launches {
            let Some(container_id) = self.state.launch_queue.pop_front() else { return };
            self.link_volumes(&container_id);
            let message = Box::new(self.launch_message(&container_id));
            self.state.launching.insert(container_id);
            self.effect(Effect::Launch(message));
        }
    }

    fn pause_launches(&mut self) {
        self.state.launches_paused = true;
        let retry = self.settings.timeouts.retry;
        self.set_timer(Timer::Launch, retry);
    }

    pub(crate) fn on_launch_due(&mut self) {
        self.state.launches_paused = false;
        self.launch_waiting();
    }

    fn launch_message(&self, container_id: &ContainerId) -> LaunchContainer {
        let executor = &self.durable.executors[container_id];
        let command = self.command_in(container_id);
        LaunchContainer {
            container_id: container_id.clone(),
            framework_id: executor.framework_id.clone(),
            executor_id: executor.info.executor_id.clone(),
            resources: self.limits_of(container_id),
            user: executor.user.clone(),
            sandbox: executor.sandbox.clone(),
            uris: command.map_or_else(Vec::<Uri>::new, |command| command.uris.clone()),
            process: self.process_of(executor),
        }
    }

    /// What is executed in a container: the task of a command executor, the program of another.
    fn command_in(&self, container_id: &ContainerId) -> Option<&CommandInfo> {
        let executor = &self.durable.executors[container_id];
        match executor.is_command() {
            true => self.tasks_of(container_id).find_map(|task| task.info.command.as_ref()),
            false => executor.info.command.as_ref(),
        }
    }

    pub(crate) fn on_launch_answered(
        &mut self,
        container_id: ContainerId,
        result: Result<ContainerLaunched, Failure>,
    ) {
        self.state.launching.remove(&container_id);
        match result {
            Ok(launched) => self.on_launched(&container_id, launched.pid),
            Err(failure) => self.on_launch_failed(&container_id, &failure),
        }
        self.launch_waiting();
    }

    fn on_launched(&mut self, container_id: &ContainerId, pid: i32) {
        let Some(run) = self.state.runs.get_mut(container_id) else {
            // Given up for gone while it was being made.
            return self.ask_to_destroy(container_id);
        };
        let Ok(state) = run.state.transition(ExecutorEvent::Launched) else {
            return self.ask_to_destroy(container_id);
        };
        run.state = state;
        self.persist(Record::ContainerStarted { container_id: container_id.clone(), pid });
        match state {
            ExecutorState::Registering => {
                let timer = Timer::ExecutorRegistration(container_id.clone());
                let patience = self.settings.timeouts.executor_registration;
                self.set_timer(timer, patience);
            }
            // It was to be destroyed before the isolator had it.
            ExecutorState::Terminating => self.ask_to_destroy(container_id),
            _ => {}
        }
    }

    fn on_launch_failed(&mut self, container_id: &ContainerId, failure: &Failure) {
        let Some(run) = self.state.runs.get_mut(container_id) else { return };
        let unwanted = run.state == ExecutorState::Terminating;
        let launching = run.state == ExecutorState::Launching;
        if failure.kind == FailureKind::Overloaded && launching {
            self.state.launch_queue.push_front(container_id.clone());
            return self.pause_launches();
        }
        if run.cause.is_none() {
            run.cause = Some((Reason::ContainerLaunchFailed, failure.message.clone()));
        }
        if failure.is_certain() {
            self.container_gone(container_id, None, None);
        } else if !unwanted {
            // It may be there, or may come to be.
            self.destroy(container_id);
        }
    }
}

/// The executor that a task wants, or why the task cannot be run.
fn executor_info(task: &TaskInfo) -> Result<ExecutorInfo, String> {
    task.task_id.check().map_err(|e| format!("task {e}"))?;
    match (&task.command, &task.executor) {
        (Some(_), None) => Ok(command_executor(task)),
        (None, Some(executor)) => {
            executor.executor_id.check().map_err(|e| format!("executor {e}"))?;
            match (executor.kind, &executor.command) {
                (ExecutorKind::Custom, Some(_)) => Ok(executor.clone()),
                (ExecutorKind::Custom, None) => Err("its executor has no command".to_owned()),
                _ => Err("its executor is of a kind that this agent does not run".to_owned()),
            }
        }
        (Some(_), Some(_)) => Err("it has both a command and an executor".to_owned()),
        (None, None) => Err("it has neither a command nor an executor".to_owned()),
    }
}

/// Ours, for one command task and named after it.
fn command_executor(task: &TaskInfo) -> ExecutorInfo {
    ExecutorInfo {
        executor_id: task.task_id.as_str().into(),
        kind: ExecutorKind::Command,
        name: format!("command executor of {}", task.task_id),
        command: None,
        resources: protocol::Resources::EMPTY,
        shutdown_grace_ms: None,
        labels: Vec::new(),
        data: None,
    }
}
