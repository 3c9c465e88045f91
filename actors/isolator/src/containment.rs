//! What holds a container together, limits it, and kills all of it: cgroups, or processes alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use nix::unistd::geteuid;
use protocol::ContainerId;
use protocol::isolator::Limitation;

use crate::cgroup::Cgroups;
use crate::config::{Isolation, IsolatorConfig};
use crate::error::{IsolatorError, chain};
use crate::limits::{Limits, Sample};
use crate::processes::Processes;

/// How a process gets into a prepared container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Files that it writes `0` into, to enter a cgroup by each.
    pub cgroup_files: Vec<String>,
    /// Limits that it sets on itself.
    pub rlimits: BTreeMap<String, u64>,
}

/// One way of containing processes. Every method may block; none is called on an actor's thread.
pub trait Containment: Send + Sync {
    /// What it gives and what not, as a line for the log at start.
    fn describe(&self) -> String;
    /// Makes room for a container. Nothing is left of it when this fails.
    fn prepare(&self, id: &ContainerId, limits: &Limits) -> Result<Entry, IsolatorError>;
    /// Changes the limits of a container that runs.
    fn update(&self, id: &ContainerId, limits: &Limits) -> Result<(), IsolatorError>;
    /// What these containers use; those that are gone are left out.
    fn sample(&self, ids: &[ContainerId]) -> BTreeMap<ContainerId, Sample>;
    /// Whether a container that uses this much has broken its limits.
    fn exceeded(&self, limits: &Limits, sample: &Sample) -> Option<Limitation>;
    /// Kills everything in a container; returns when all of it is gone.
    fn kill(&self, id: &ContainerId) -> Result<(), IsolatorError>;
    /// Removes what [`Self::prepare`] made, after the kill. Gone already: fine.
    fn remove(&self, id: &ContainerId) -> Result<(), IsolatorError>;
    /// Every container of this agent that the kernel has, known or not.
    fn list(&self) -> Result<Vec<ContainerId>, IsolatorError>;
    /// Removes what is left when there are no containers; with containers, nothing happens.
    fn close(&self);
    /// Whether this process is in that container.
    fn holds(&self, id: &ContainerId, pid: i32) -> bool;
}

/// The containment that the configuration asks for, and that can be had.
pub fn choose(config: &IsolatorConfig) -> Result<(Arc<dyn Containment>, String), IsolatorError> {
    let processes = || Arc::new(Processes::new(&config.cgroup_root));
    if config.isolation == Isolation::Processes {
        let chosen = processes();
        let text = chosen.describe();
        return Ok((chosen, text));
    }
    match cgroups(config) {
        Ok(chosen) => {
            let text = chosen.describe();
            Ok((Arc::new(chosen), text))
        }
        Err(error) if config.isolation == Isolation::Auto => {
            let chosen = processes();
            let text = format!("no cgroups ({}): {}", chain(&error), chosen.describe());
            Ok((chosen, text))
        }
        Err(error) => Err(error),
    }
}

fn cgroups(config: &IsolatorConfig) -> Result<Cgroups, IsolatorError> {
    // A delegated subtree is writable for others, too; the kernel's own answer decides.
    Cgroups::open(config).map_err(|error| match error {
        IsolatorError::File { .. } if !geteuid().is_root() => IsolatorError::NotRoot,
        error => error,
    })
}
