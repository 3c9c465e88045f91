//! Persistent volumes: directories under the work directory that outlive tasks, and the links by
//! which sandboxes lead to them.

use protocol::id::check_id;
use protocol::resources::{Resource, Resources};
use protocol::{ContainerId, TaskId};
use serde::Serialize;

use crate::effect::Effect;
use crate::state::{State, Turn};
use crate::task::TaskKey;

/// The way from a sandbox to a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeLink {
    /// The volume's directory.
    pub volume: String,
    /// Relative to the sandbox.
    pub path: String,
}

impl State {
    /// Where a volume is, if `resource` is one. Roles are levels by `/`, which a name of a directory
    /// cannot have, and never have blanks (as in Mesos).
    fn volume_dir(&self, resource: &Resource) -> Option<String> {
        let disk = resource.disk.as_ref()?;
        let role = resource.reserved_role()?.replace('/', " ");
        let sound = check_id(&role).is_ok() && check_id(&disk.persistence_id).is_ok();
        let (work_dir, id) = (&self.settings.work_dir, &disk.persistence_id);
        sound.then(|| format!("{work_dir}/volumes/roles/{role}/{id}"))
    }

    fn links(&self, resources: &Resources) -> Vec<VolumeLink> {
        let link = |resource: &Resource| {
            let path = resource.disk.as_ref()?.container_path.clone();
            Some(VolumeLink { volume: self.volume_dir(resource)?, path })
        };
        resources.iter().filter_map(link).collect()
    }

    fn links_of(&self, container_id: &ContainerId) -> Vec<VolumeLink> {
        let executor = self.durable.executors.get(container_id);
        let mut links = executor.map_or_else(Vec::new, |e| self.links(&e.info.resources));
        for task in self.tasks_of(container_id) {
            links.extend(self.links(&task.info.resources));
        }
        links
    }
}

impl Turn<'_> {
    /// The directories are those of the volumes that there are, and no others.
    pub(crate) fn settle_volumes(&mut self) {
        let volumes = self.durable.converted.iter().filter_map(|r| self.volume_dir(r)).collect();
        self.effect(Effect::SettleVolumes { volumes });
    }

    /// Leads from the sandbox of a container that is about to be made to the volumes of its tasks.
    pub(crate) fn link_volumes(&mut self, container_id: &ContainerId) {
        let links = self.links_of(container_id);
        self.link(container_id, None, links);
    }

    /// The same for a task that joins others in theirs.
    pub(crate) fn link_volumes_of_task(&mut self, key: &TaskKey) {
        let Some(task) = self.durable.tasks.get(key) else { return };
        let (links, container_id) = (self.links(&task.info.resources), task.container_id.clone());
        let Some(container_id) = container_id else { return };
        // A command executor's only task was there when its container was made.
        if self.durable.executors.get(&container_id).is_some_and(|e| !e.is_command()) {
            self.link(&container_id, Some(key.task_id.clone()), links);
        }
    }

    fn link(
        &mut self,
        container_id: &ContainerId,
        task_id: Option<TaskId>,
        links: Vec<VolumeLink>,
    ) {
        let Some(executor) = self.durable.executors.get(container_id) else { return };
        if links.is_empty() {
            return;
        }
        let (sandbox, user) = (executor.sandbox.clone(), executor.user.clone());
        self.effect(Effect::LinkVolumes { sandbox, task_id, user, links });
    }
}
