//! What is durable.

use std::collections::BTreeMap;

use protocol::services::{App, Instance, InstanceFailure};
use protocol::{FrameworkId, TaskId, Time};
use services_core::{AppRecord, Records, Write};

#[derive(Default)]
pub struct Store {
    pub framework_id: Option<FrameworkId>,
    pub apps: BTreeMap<String, AppRecord>,
    pub versions: BTreeMap<(String, Time), App>,
    pub instances: BTreeMap<TaskId, Instance>,
    pub failures: BTreeMap<String, InstanceFailure>,
}

impl Store {
    pub fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.apply_one(write);
        }
    }

    fn apply_one(&mut self, write: Write) {
        match write {
            Write::PutFramework(id) => self.framework_id = Some(id),
            Write::DeleteFramework => self.framework_id = None,
            Write::PutApp(record) => {
                self.apps.insert(record.app.spec.id.clone(), record);
            }
            Write::DeleteApp { id } => {
                self.apps.remove(&id);
            }
            Write::PutVersion(app) => {
                self.versions.insert((app.spec.id.clone(), app.version), app);
            }
            Write::DeleteVersion { id, version } => {
                self.versions.remove(&(id, version)).expect("only what was written is deleted");
            }
            Write::PutInstance(instance) => {
                self.instances.insert(instance.task_id.clone(), instance);
            }
            Write::DeleteInstance(task_id) => {
                self.instances.remove(&task_id).expect("only what was written is deleted");
            }
            Write::PutFailure { app_id, failure } => {
                self.failures.insert(app_id, failure);
            }
            Write::DeleteFailure { app_id } => {
                self.failures.remove(&app_id);
            }
        }
    }

    pub fn records(&self) -> Records {
        Records {
            framework_id: self.framework_id.clone(),
            apps: self.apps.values().cloned().collect(),
            versions: self.versions.values().cloned().collect(),
            instances: self.instances.values().cloned().collect(),
            failures: self.failures.clone(),
        }
    }
}
