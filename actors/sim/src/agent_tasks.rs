//! The tasks of a modelled agent: started once, reported until acknowledged.

use std::collections::VecDeque;

use frameworks_core::News;
use protocol::Resources;
use protocol::agent::{KillAgentTask, RunTasks, UpdateAcknowledged};
use protocol::agents::RunningExecutor;
use protocol::framework::{Capability, FrameworkInfo};
use protocol::frameworks::ForwardUpdate;
use protocol::id::{AgentId, ExecutorId, FrameworkId, UpdateId};
use protocol::resize::{ReportResize, ResizeAgentTask};
use protocol::task::{Reason, Source, Task, TaskInfo, TaskState, TaskStatus};

use crate::agent::{Agent, AgentTask, Registration};
use crate::event::{AgentWake, Name, Packet, Side};
use crate::kernel::Kernel;

impl Agent {
    // --- launches and kills --------------------------------------------------------------------

    pub(crate) fn on_run(&mut self, kernel: &mut Kernel, run: RunTasks) {
        // One that has not heard its own id can report nothing: its next registration shows that
        // it has none of these.
        let (Some(framework_id), Some(agent_id)) =
            (run.framework.id.clone(), self.disk.agent_id.clone())
        else {
            return;
        };
        let current = self.registration
            == (Registration::Done { epoch: run.epoch, generation: run.generation });
        for info in run.tasks {
            let name = (framework_id.clone(), info.task_id.clone());
            if !self.disk.seen.insert(name.clone()) {
                continue;
            }
            self.disk.frameworks.insert(framework_id.clone(), run.framework.clone());
            let executor = info.executor.clone();
            let task = record(&agent_id, &framework_id, &run.role, info);
            let entry = AgentTask { task, updates: VecDeque::new(), sent: 0 };
            self.disk.tasks.insert(name.clone(), entry);
            if !current {
                let state = dropped(&run.framework);
                self.report(kernel, &name, state, Source::Agent);
                continue;
            }
            if let Some(executor) = executor {
                let key = (framework_id.clone(), executor.executor_id.clone());
                let (framework_id, role) = (framework_id.clone(), run.role.clone());
                let running = RunningExecutor { framework_id, executor, role };
                self.disk.executors.entry(key).or_insert(running);
            }
            let delay = kernel.between(5, 300);
            self.wake(kernel, delay, AgentWake::Progress(name));
        }
    }

    pub(crate) fn on_kill(&mut self, kernel: &mut Kernel, kill: KillAgentTask) {
        let name = (kill.framework_id, kill.task_id);
        match self.disk.tasks.get(&name) {
            Some(entry) if entry.task.state.is_live() => {
                let delay = kernel.between(5, 400);
                self.wake(kernel, delay, AgentWake::Killed(name));
            }
            Some(_) => {}
            None => self.report_unknown(kernel, name),
        }
    }

    /// Only what runs changes its size, and that not always: memory may be in use.
    pub(crate) fn on_resize(&mut self, kernel: &mut Kernel, resize: ResizeAgentTask) {
        let ResizeAgentTask { epoch, generation, framework_id, task_id, number, resources } =
            resize;
        let Some(agent_id) = self.disk.agent_id.clone() else { return };
        let name = (framework_id.clone(), task_id.clone());
        let last = self.resized.get(&name).map_or(0, |(number, _)| *number);
        if self.registration != (Registration::Done { epoch, generation }) || last > number {
            return;
        }
        if last < number {
            let entry = self.disk.tasks.get_mut(&name);
            let running = entry.filter(|entry| entry.task.state == TaskState::Running);
            let refused = match running {
                Some(entry) if kernel.chance(0.8) => {
                    entry.task.resources = resources;
                    None
                }
                _ => Some("not now".to_owned()),
            };
            self.resized.insert(name.clone(), (number, refused));
        }
        let refused = self.resized[&name].1.clone();
        let report = ReportResize { agent_id, generation, framework_id, task_id, number, refused };
        kernel.send(self.peer(), Side::Master, Packet::News(Box::new(News::Resized(report))));
    }

    /// Said once and not kept: it may have been dropped on its way, its scheduler waits for an end.
    fn report_unknown(&mut self, kernel: &mut Kernel, name: Name) {
        let Some(agent_id) = self.disk.agent_id.clone() else { return };
        let state = self.disk.frameworks.get(&name.0).map_or(TaskState::Lost, dropped);
        let (framework_id, task_id) = name;
        let mut status = TaskStatus::new(task_id, state, Source::Agent, kernel.now)
            .because(Reason::TaskUnknown, "the agent does not have the task");
        status.agent_id = Some(agent_id.clone());
        let update = ForwardUpdate { framework_id, agent_id, status, latest_state: state };
        kernel.send(self.peer(), Side::Master, Packet::News(Box::new(News::Update(update))));
    }

    // --- what tasks do -------------------------------------------------------------------------

    /// After a start of the agent's process, the executors find it again.
    pub(crate) fn resume_tasks(&mut self, kernel: &mut Kernel) {
        let live = self.disk.tasks.iter().filter(|(_, entry)| entry.task.state.is_live());
        let names: Vec<_> = live.map(|(name, _)| name.clone()).collect();
        for name in names {
            let delay = kernel.between(10, 2000);
            self.wake(kernel, delay, AgentWake::Progress(name));
        }
    }

    pub(crate) fn on_progress(&mut self, kernel: &mut Kernel, name: Name) {
        match self.state_of(&name) {
            Some(TaskState::Staging) => {
                self.report(kernel, &name, TaskState::Running, Source::Executor);
                if kernel.chance(0.7) {
                    let delay = kernel.between(100, 15_000);
                    self.wake(kernel, delay, AgentWake::Progress(name));
                }
            }
            Some(TaskState::Running) => {
                let failed = kernel.chance(0.2);
                let state = if failed { TaskState::Failed } else { TaskState::Finished };
                self.report(kernel, &name, state, Source::Executor);
            }
            _ => {}
        }
    }

    pub(crate) fn on_killed(&mut self, kernel: &mut Kernel, name: &Name) {
        if self.state_of(name).is_some_and(TaskState::is_live) {
            self.report(kernel, name, TaskState::Killed, Source::Executor);
        }
    }

    fn state_of(&self, name: &Name) -> Option<TaskState> {
        self.disk.tasks.get(name).map(|entry| entry.task.state)
    }

    /// The machine has gone down with all its tasks; they are found dead when the agent is back.
    pub(crate) fn end_all_unseen(&mut self, kernel: &mut Kernel) {
        self.disk.executors.clear();
        let live = self.disk.tasks.iter().filter(|(_, entry)| entry.task.state.is_live());
        let names: Vec<_> = live.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.queue(kernel, &name, TaskState::Failed, Source::Agent);
        }
    }

    /// Everything of a removed framework ends, and nobody waits for news of it.
    pub(crate) fn end_framework(&mut self, framework_id: &FrameworkId) {
        self.disk.tasks.retain(|name, _| name.0 != *framework_id);
        self.disk.executors.retain(|key, _| key.0 != *framework_id);
        self.disk.frameworks.remove(framework_id);
    }

    // --- updates -------------------------------------------------------------------------------

    fn report(&mut self, kernel: &mut Kernel, name: &Name, state: TaskState, source: Source) {
        self.queue(kernel, name, state, source);
        if self.disk.tasks.get(name).is_some_and(|entry| entry.updates.len() == 1) {
            self.send_head(kernel, name);
        }
        if state.is_terminal() {
            self.end_executor_of(kernel, name);
        }
    }

    fn queue(&mut self, kernel: &mut Kernel, name: &Name, state: TaskState, source: Source) {
        self.disk.updates += 1;
        let update_id =
            UpdateId::from(format!("{}.{}.{}", self.index, self.boots, self.disk.updates));
        let Some(entry) = self.disk.tasks.get_mut(name) else { return };
        let mut status = TaskStatus::new(name.1.clone(), state, source, kernel.now);
        status.agent_id = Some(entry.task.agent_id.clone());
        status.executor_id = Some(entry.task.executor_id.clone());
        status.update_id = Some(update_id);
        entry.task.state = state;
        entry.task.status = Some(status.clone());
        entry.updates.push_back(status);
    }

    fn end_executor_of(&mut self, kernel: &mut Kernel, name: &Name) {
        let Some(entry) = self.disk.tasks.get(name) else { return };
        let key = (name.0.clone(), entry.task.executor_id.clone());
        let used = self.disk.tasks.iter().any(|(other, entry)| {
            other.0 == key.0 && entry.task.executor_id == key.1 && entry.task.state.is_live()
        });
        if !used && self.disk.executors.remove(&key).is_some() {
            self.tell_exit(kernel, key.0, key.1);
        }
    }

    pub(crate) fn send_all_heads(&mut self, kernel: &mut Kernel) {
        let waiting = self.disk.tasks.iter().filter(|(_, entry)| !entry.updates.is_empty());
        let names: Vec<_> = waiting.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.send_head(kernel, &name);
        }
    }

    /// Sends the oldest update that is not acknowledged, and will again.
    pub(crate) fn send_head(&mut self, kernel: &mut Kernel, name: &Name) {
        let registered = matches!(self.registration, Registration::Done { .. });
        let Some(entry) = self.disk.tasks.get_mut(name) else { return };
        let (true, Some(status)) = (registered, entry.updates.front().cloned()) else { return };
        entry.sent += 1;
        let sent = entry.sent;
        let update = ForwardUpdate {
            framework_id: name.0.clone(),
            agent_id: entry.task.agent_id.clone(),
            status,
            latest_state: entry.task.state,
        };
        kernel.send(self.peer(), Side::Master, Packet::News(Box::new(News::Update(update))));
        let delay = kernel.between(900, 1500);
        self.wake(kernel, delay, AgentWake::Resend(name.clone(), sent));
    }

    pub(crate) fn on_resend(&mut self, kernel: &mut Kernel, name: &Name, sent: u64) {
        if self.disk.tasks.get(name).is_some_and(|entry| entry.sent == sent) {
            self.send_head(kernel, name);
        }
    }

    pub(crate) fn on_acknowledged(&mut self, kernel: &mut Kernel, message: &UpdateAcknowledged) {
        let name = (message.framework_id.clone(), message.task_id.clone());
        if message.generation != self.generation() {
            return;
        }
        let Some(entry) = self.disk.tasks.get_mut(&name) else { return };
        let head = entry.updates.front().and_then(|status| status.update_id.as_ref());
        if head != Some(&message.update_id) {
            return;
        }
        entry.updates.pop_front();
        entry.sent += 1;
        if !entry.updates.is_empty() {
            self.send_head(kernel, &name);
        } else if entry.task.state.is_terminal() {
            self.disk.tasks.remove(&name);
        }
    }

    // --- to look at ----------------------------------------------------------------------------

    /// What runs here, and what it takes.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Name, &Resources)> {
        let live = self.disk.tasks.iter().filter(|(_, entry)| entry.task.state.is_live());
        live.map(|(name, entry)| (name, &entry.task.resources))
    }

    /// Updates that nobody has acknowledged.
    pub(crate) fn pending(&self) -> usize {
        self.disk.tasks.values().map(|entry| entry.updates.len()).sum()
    }
}

fn record(agent_id: &AgentId, framework_id: &FrameworkId, role: &str, info: TaskInfo) -> Task {
    let executor_id = match &info.executor {
        Some(executor) => executor.executor_id.clone(),
        None => ExecutorId::from(info.task_id.as_str()),
    };
    Task {
        executor_kind: info.executor_kind(),
        task_id: info.task_id,
        framework_id: framework_id.clone(),
        agent_id: agent_id.clone(),
        executor_id,
        name: info.name,
        role: role.to_owned(),
        resources: info.resources,
        labels: info.labels,
        state: TaskState::Staging,
        status: None,
    }
}

/// What to say of a task that was never started, to a framework that may not know the state.
fn dropped(framework: &FrameworkInfo) -> TaskState {
    let aware = framework.capabilities.contains(&Capability::PartitionAware);
    if aware { TaskState::Dropped } else { TaskState::Lost }
}
