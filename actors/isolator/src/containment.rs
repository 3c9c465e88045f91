//! What holds a container together, limits it, and kills all of it: cgroups, or processes alone.

use std::collections::BTreeMap;

use protocol::ContainerId;
use protocol::isolator::Limitation;

use crate::error::IsolatorError;
use crate::limits::{Limits, Sample};

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
    /// Changes the limits of a container that runs. On an error they are as they were; below what is
    /// used, memory is not limited.
    fn update(&self, id: &ContainerId, from: &Limits, to: &Limits) -> Result<(), IsolatorError>;
    /// Whether the kernel holds a container to limits that change while it runs.
    fn follows_changes(&self) -> bool;
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
