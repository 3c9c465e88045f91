//! The instances that are known, by task and by app.

use std::collections::{BTreeMap, BTreeSet};

use protocol::TaskId;
use protocol::services::Instance;
use protocol::task::TaskState;

/// Every instance that has not ended. Invariant: both indices name the same tasks.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    by_task: BTreeMap<TaskId, Instance>,
    by_app: BTreeMap<String, BTreeSet<TaskId>>,
}

impl Instances {
    pub(crate) fn insert(&mut self, instance: Instance) {
        let tasks = self.by_app.entry(instance.app_id.clone()).or_default();
        tasks.insert(instance.task_id.clone());
        self.by_task.insert(instance.task_id.clone(), instance);
    }

    pub(crate) fn remove(&mut self, task_id: &TaskId) -> Option<Instance> {
        let instance = self.by_task.remove(task_id)?;
        if let Some(tasks) = self.by_app.get_mut(&instance.app_id) {
            tasks.remove(task_id);
            if tasks.is_empty() {
                self.by_app.remove(&instance.app_id);
            }
        }
        Some(instance)
    }

    pub(crate) fn get(&self, task_id: &TaskId) -> Option<&Instance> {
        self.by_task.get(task_id)
    }

    /// The app of an instance never changes, and neither does its task.
    pub(crate) fn get_mut(&mut self, task_id: &TaskId) -> Option<&mut Instance> {
        self.by_task.get_mut(task_id)
    }

    /// All, by task.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.by_task.values()
    }

    /// Those of one app, by task.
    pub(crate) fn of_app<'a>(&'a self, app_id: &str) -> impl Iterator<Item = &'a Instance> {
        let tasks = self.by_app.get(app_id).into_iter().flatten();
        tasks.filter_map(|task_id| self.by_task.get(task_id))
    }

    /// The apps that have any.
    pub(crate) fn app_ids(&self) -> impl Iterator<Item = &String> {
        self.by_app.keys()
    }
}

/// On its way up: launched, and not running yet.
pub(crate) fn is_coming_up(instance: &Instance) -> bool {
    matches!(instance.state, TaskState::Staging | TaskState::Starting)
}
