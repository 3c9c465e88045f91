//! A running task gets more or less: the isolator first, then the record, then the master hears.
//!
//! The master counts on what a task held when the agent last registered. What the isolator does
//! after that, for an earlier registration, is taken back.

use protocol::isolator::UpdateContainer;
use protocol::resize::{ReportResize, ResizeAgentTask};
use protocol::task::TaskState;
use protocol::{ContainerId, Epoch, Failure, Generation, Resources};
use serde::Serialize;

use crate::checkpoint::Record;
use crate::effect::{Effect, ToFrameworks};
use crate::executor::ExecutorState;
use crate::state::{Registration, State, Turn};
use crate::task::{Stage, TaskKey};

/// A change that the isolator is making.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Resizing {
    pub(crate) key: TaskKey,
    pub(crate) resources: Resources,
    number: u64,
    /// Of the registration that it is for.
    term: (Epoch, Generation),
}

/// The last that was said about a task: the same is said again to the same question, whatever has
/// changed since.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Answered {
    number: u64,
    term: (Epoch, Generation),
    refused: Option<String>,
}

impl State {
    fn is_current(&self, term: (Epoch, Generation)) -> bool {
        matches!(self.registration, Registration::Registered { .. }) && self.term == term
    }

    /// The container of a task whose limits can be changed.
    fn resizable(&self, key: &TaskKey) -> Result<&ContainerId, String> {
        let task = self.durable.tasks.get(key).ok_or("the agent does not have the task")?;
        let container_id = task.container_id.as_ref();
        let run = container_id.and_then(|id| self.runs.get(id));
        match (task.stage(), container_id, run) {
            (Stage::Ended, ..) => Err("the task has ended".to_owned()),
            _ if task.kill.is_some() => Err("the task is being killed".to_owned()),
            (Stage::Launched, Some(id), Some(run)) if run.state == ExecutorState::Running => {
                match task.state() {
                    TaskState::Staging => Err("the task has not started yet".to_owned()),
                    _ => Ok(id),
                }
            }
            _ => Err("the executor of the task is not ready".to_owned()),
        }
    }
}

impl Turn<'_> {
    pub(crate) fn on_resize_agent_task(&mut self, message: ResizeAgentTask) {
        let ResizeAgentTask { epoch, generation, framework_id, task_id, number, resources } =
            message;
        let term = (epoch, generation);
        if !self.is_current(term) {
            // The master has heard what the task holds, or will.
            return;
        }
        let resizing = Resizing { key: TaskKey { framework_id, task_id }, resources, number, term };
        if let Some(answered) = self.resize_answers.get(&resizing.key).filter(|it| it.term == term)
        {
            if answered.number == number {
                let refused = answered.refused.clone();
                return self.report_resize(resizing, refused);
            } else if answered.number > number {
                return;
            }
        }
        let container_id = match self.resizable(&resizing.key) {
            Ok(container_id) => container_id.clone(),
            Err(why) => return self.report_resize(resizing, Some(why)),
        };
        match self.resizing.get(&container_id) {
            // It comes again; its answer is on the way.
            Some(earlier) if *earlier == resizing => {}
            Some(_) => {
                let why = "another task of its container is being resized".to_owned();
                self.report_resize(resizing, Some(why));
            }
            None if self.durable.tasks[&resizing.key].info.resources == resizing.resources => {
                self.report_resize(resizing, None);
            }
            None => self.ask_to_resize(container_id, resizing),
        }
    }

    fn ask_to_resize(&mut self, container_id: ContainerId, resizing: Resizing) {
        let number = resizing.number;
        self.state.resizing.insert(container_id.clone(), resizing);
        let resources = self.limits_of(&container_id);
        let message = UpdateContainer { container_id, resources, exact: true };
        self.effect(Effect::ResizeTask { number, message });
    }

    pub(crate) fn on_container_resized(
        &mut self,
        container_id: &ContainerId,
        number: u64,
        result: Result<(), Failure>,
    ) {
        let same = self.resizing.get(container_id).is_some_and(|it| it.number == number);
        let Some(resizing) = self.state.resizing.remove(container_id).filter(|_| same) else {
            return;
        };
        let live = self.durable.tasks.get(&resizing.key).is_some_and(|task| task.is_live());
        match result {
            Ok(()) if live && self.is_current(resizing.term) => {
                let (key, resources) = (resizing.key.clone(), resizing.resources.clone());
                self.persist(Record::TaskResized { key, resources });
                self.report_resize(resizing, None);
            }
            Ok(()) => {
                self.set_back(container_id);
                self.report_resize(resizing, Some("the task has ended".to_owned()));
            }
            Err(failure) => {
                // What the isolator did before it fell silent is not known.
                self.set_back(container_id);
                self.report_resize(resizing, Some(failure.message));
            }
        }
    }

    /// Its tasks have ended with it.
    pub(crate) fn stop_resizing(&mut self, container_id: &ContainerId) {
        if let Some(resizing) = self.state.resizing.remove(container_id) {
            self.report_resize(resizing, Some("the task has ended".to_owned()));
        }
    }

    /// The limits that the records speak of.
    fn set_back(&mut self, container_id: &ContainerId) {
        if self.runs.get(container_id).is_some_and(|run| run.state == ExecutorState::Running) {
            let resources = self.limits_of(container_id);
            let container_id = container_id.clone();
            let message = UpdateContainer { container_id, resources, exact: false };
            self.effect(Effect::Resize(message));
        }
    }

    fn report_resize(&mut self, resizing: Resizing, refused: Option<String>) {
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        if !self.is_current(resizing.term) {
            return;
        }
        let answered =
            Answered { number: resizing.number, term: resizing.term, refused: refused.clone() };
        self.state.resize_answers.insert(resizing.key.clone(), answered);
        let durable = &self.state.durable;
        self.state.resize_answers.retain(|key, _| durable.tasks.contains_key(key));
        let TaskKey { framework_id, task_id } = resizing.key;
        self.tell_frameworks(ToFrameworks::Resized(ReportResize {
            agent_id,
            generation: resizing.term.1,
            framework_id,
            task_id,
            number: resizing.number,
            refused,
        }));
    }
}
