//! The beginning of a life: what the former one left behind.

use protocol::isolator::{DestroyContainer, KnownContainer, RecoverContainers};
use protocol::task::Reason;
use protocol::{ContainerId, Failure};

use crate::checkpoint::Record;
use crate::effect::Effect;
use crate::executor::{ExecutorState, Run, SavedExecutor};
use crate::input::Timer;
use crate::state::{Outgoing, State, Turn};
use crate::task::{SavedTask, TaskKey};

/// What is to be done about an executor of a former life.
enum Fate {
    /// Its container was gone before.
    Ended,
    /// Its process may still run: it is expected to register again.
    Expected,
    /// It was to end, and its container may still be there.
    Unwanted,
    /// Its container was never made, or was on its way: a new one is made for its tasks.
    Replaced,
    /// It cannot be there any more.
    Lost(&'static str),
}

impl State {
    fn fate_of(&self, executor: &SavedExecutor, rebooted: bool) -> Fate {
        let given = self.tasks_of(&executor.container_id).any(|task| task.launched);
        match (executor.ended, rebooted, executor.pid) {
            (true, ..) => Fate::Ended,
            (false, true, _) => Fate::Lost("the machine was restarted"),
            (false, false, Some(_)) if executor.ending => Fate::Unwanted,
            (false, false, Some(_)) => Fate::Expected,
            (false, false, None) if executor.ending => {
                Fate::Lost("it was ended while its container was being made")
            }
            (false, false, None) if given => {
                Fate::Lost("the agent was restarted while its container was being made")
            }
            (false, false, None) => Fate::Replaced,
        }
    }
}

impl Turn<'_> {
    pub(crate) fn on_started(&mut self) {
        let boot_id = self.settings.info.boot_id.clone();
        let rebooted = self.durable.boot_id != boot_id;
        let incarnation = self.durable.incarnation.next();
        self.persist(Record::Started { incarnation, boot_id });
        self.settle_volumes();
        self.remember_members();
        let containers: Vec<_> = self.durable.executors.keys().cloned().collect();
        for container_id in containers {
            self.recover_executor(&container_id, rebooted);
        }
        self.tidy_up();
        self.report_ended_again();
        self.recover_containers();
        let ending = self.durable.frameworks.iter().filter(|(_, framework)| framework.ending);
        let ending: Vec<_> = ending.map(|(id, _)| id.clone()).collect();
        for framework_id in ending {
            self.end_framework(&framework_id);
        }
    }

    fn remember_members(&mut self) {
        for (key, task) in &self.state.durable.tasks {
            if let Some(container_id) = &task.container_id {
                let members = self.state.members.entry(container_id.clone()).or_default();
                members.insert(key.clone());
            }
        }
    }

    /// The end of each ended task is given to `updates` once more: it may not have got that far.
    fn report_ended_again(&mut self) {
        let ended: Vec<_> = self.durable.tasks.values().filter(|task| !task.is_live()).collect();
        let ends: Vec<_> = ended
            .into_iter()
            .filter_map(|task| {
                let status = task.status.clone()?;
                let update_id = status.update_id.clone()?;
                Some((task.key(), Outgoing { status, update_id, calls: Vec::new() }))
            })
            .filter(|(key, _)| !self.outboxes.contains_key(key))
            .collect();
        for (key, outgoing) in ends {
            self.post(&key, outgoing);
        }
    }

    fn recover_executor(&mut self, container_id: &ContainerId, rebooted: bool) {
        let executor = self.durable.executors[container_id].clone();
        let fate = self.fate_of(&executor, rebooted);
        let state = match fate {
            Fate::Ended => ExecutorState::Terminated,
            Fate::Expected => ExecutorState::Registering,
            Fate::Unwanted | Fate::Replaced | Fate::Lost(_) => ExecutorState::Terminating,
        };
        self.state.runs.insert(container_id.clone(), Run::new(state));
        if state.takes_tasks() {
            self.state.current.insert(executor.key(), container_id.clone());
        }
        match fate {
            Fate::Ended => {}
            Fate::Unwanted => self.ask_to_destroy(container_id),
            Fate::Expected => self.expect_executor(container_id),
            Fate::Replaced => self.replace_container(&executor),
            Fate::Lost(why) => self.give_up_executor(container_id, why),
        }
    }

    fn give_up_executor(&mut self, container_id: &ContainerId, why: &str) {
        if let Some(run) = self.state.runs.get_mut(container_id) {
            run.cause = Some((Reason::AgentRestarted, why.to_owned()));
        }
        self.destroy_unheard(container_id);
        self.container_gone(container_id, None, None);
    }

    /// An isolator that has outlived the agent's former life may be making it at this moment.
    fn destroy_unheard(&mut self, container_id: &ContainerId) {
        self.effect(Effect::Destroy(DestroyContainer { container_id: container_id.clone() }));
    }

    fn expect_executor(&mut self, container_id: &ContainerId) {
        let command = self.durable.executors[container_id].is_command();
        if command && !self.tasks_of(container_id).any(SavedTask::is_live) {
            return self.destroy(container_id);
        }
        let patience = self.settings.timeouts.executor_reregistration;
        self.set_timer(Timer::ExecutorRegistration(container_id.clone()), patience);
        for key in self.keys_of(container_id) {
            let kill = self.durable.tasks[&key].kill;
            kill.into_iter().for_each(|policy| self.expect_end(&key, policy));
        }
    }

    /// The same executor and tasks in a container of this life.
    fn replace_container(&mut self, old: &SavedExecutor) {
        let tasks: Vec<_> = self.tasks_of(&old.container_id).cloned().collect();
        let live: Vec<_> = tasks.into_iter().filter(SavedTask::is_live).collect();
        if let Some(first) = live.first() {
            let container_id = self.name_container(first.info.task_id.as_str());
            let sandbox = self.sandbox_of(&old.key(), &container_id);
            self.plan_container(SavedExecutor {
                container_id: container_id.clone(),
                sandbox,
                address: None,
                ..old.clone()
            });
            for task in live {
                self.move_task(task, &old.container_id, &container_id);
            }
        }
        self.destroy_unheard(&old.container_id);
        self.container_gone(&old.container_id, None, None);
    }

    fn move_task(&mut self, task: SavedTask, from: &ContainerId, to: &ContainerId) {
        let key = task.key();
        if let Some(members) = self.state.members.get_mut(from) {
            members.remove(&key);
        }
        self.state.members.entry(to.clone()).or_default().insert(key);
        let task = SavedTask { container_id: Some(to.clone()), ..task };
        self.persist(Record::Task(Box::new(task)));
    }

    /// A crash between two records leaves tasks without an executor, executors without a task, and
    /// frameworks with nothing.
    fn tidy_up(&mut self) {
        let orphans = self.durable.tasks.values().filter(|task| {
            let executor = task.container_id.as_ref().and_then(|id| self.runs.get(id));
            task.is_live() && executor.is_none()
        });
        let orphans: Vec<TaskKey> = orphans.map(SavedTask::key).collect();
        for key in orphans {
            let state = self.dropped_state(&key.framework_id);
            let why = "the agent was restarted before the task had an executor";
            self.end_task(&key, state, Reason::AgentRestarted, why);
        }
        let containers: Vec<_> = self.durable.executors.keys().cloned().collect();
        containers.iter().for_each(|container_id| self.forget_if_done(container_id));
        let frameworks: Vec<_> = self.durable.frameworks.keys().cloned().collect();
        frameworks.iter().for_each(|framework_id| self.forget_framework_if_done(framework_id));
        self.trim_completed();
    }

    /// Tells the isolator what should be there; it destroys everything else.
    pub(crate) fn recover_containers(&mut self) {
        let known = |executor: &SavedExecutor| {
            Some(KnownContainer {
                container_id: executor.container_id.clone(),
                pid: executor.pid.filter(|_| !executor.ended)?,
                framework_id: executor.framework_id.clone(),
                executor_id: executor.info.executor_id.clone(),
                resources: self.limits_of(&executor.container_id),
            })
        };
        let containers = self.durable.executors.values().filter_map(known).collect();
        self.effect(Effect::Recover(RecoverContainers { containers }));
    }

    pub(crate) fn on_containers_recovered(&mut self, result: Result<(), Failure>) {
        if result.is_ok() {
            self.state.recovered = true;
            self.launch_waiting();
        } else {
            let retry = self.settings.timeouts.retry;
            self.set_timer(Timer::Recover, retry);
        }
    }

    pub(crate) fn on_isolator_restarted(&mut self) {
        self.state.recovered = false;
        self.recover_containers();
    }
}
