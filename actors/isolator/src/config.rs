//! What an operator decides about isolation.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How containers are held together and limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Cgroups where they can be had, processes otherwise; the start says which and why.
    #[default]
    Auto,
    /// Cgroups, or no start at all.
    Cgroups,
    /// Process groups and rlimits, also as root.
    Processes,
}

/// Settings of the isolator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsolatorConfig {
    pub isolation: Isolation,
    /// Where the kernel's cgroup file systems are mounted.
    pub cgroup_mount: PathBuf,
    /// The cgroup under which every container of this agent lives. Everything in it that a
    /// recovery does not know is killed, so no two agents of a machine may share it, and an agent
    /// must keep it across its restarts.
    pub cgroup_root: String,
    /// Also cap cpu time at `cpus` (CFS quota). Off, as in Mesos: shares already give everyone
    /// what it asked for under contention, and a task may use what would lie idle otherwise. On
    /// buys predictability for throttling.
    pub cfs_quota: bool,
    /// Count swap into the memory limit, so that a task over its limit is ended and not swapped.
    pub limit_swap: bool,
    /// Processes and threads that one container may have; 0: as many as the kernel has. The
    /// default is room for a large JVM and ends a fork bomb long before the kernel's 32768.
    pub pids_max: u64,
    /// Run tasks as their framework's or their own user (needs root). Off: as the agent's.
    pub switch_user: bool,
}

impl Default for IsolatorConfig {
    fn default() -> Self {
        Self {
            isolation: Isolation::Auto,
            cgroup_mount: "/sys/fs/cgroup".into(),
            cgroup_root: "meseta/agent".into(),
            cfs_quota: false,
            limit_swap: true,
            pids_max: 4096,
            switch_user: true,
        }
    }
}
