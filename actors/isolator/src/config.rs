//! What an operator decides about isolation.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::IsolatorError;

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
    /// must keep it across its restarts. Empty: one that follows from the work directory.
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
            cgroup_root: String::new(),
            cfs_quota: false,
            limit_swap: true,
            pids_max: 4096,
            switch_user: true,
        }
    }
}

impl IsolatorConfig {
    /// With a root, if none is given: the same for every life of the agent that works in
    /// `work_dir`, and another for every other agent.
    pub fn resolved(mut self, work_dir: &Path) -> Result<Self, IsolatorError> {
        if self.cgroup_root.is_empty() {
            let work_dir = std::fs::canonicalize(work_dir).unwrap_or_else(|_| work_dir.to_owned());
            self.cgroup_root = format!("meseta/{:016x}", fnv1a(work_dir.as_os_str().as_bytes()));
        }
        self.check().map(|()| self)
    }

    /// Whether the root is one, and below the mount.
    pub(crate) fn check(&self) -> Result<(), IsolatorError> {
        let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        let root = Path::new(&self.cgroup_root);
        match !self.cgroup_root.is_empty() && root.components().all(plain) {
            true => Ok(()),
            false => Err(IsolatorError::BadRoot(self.cgroup_root.clone())),
        }
    }
}

/// The 64-bit FNV-1a hash: unlike the standard library's, the same in every build of the agent.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_directory_has_its_own_root_and_keeps_it() {
        let root = |dir: &str| {
            IsolatorConfig::default().resolved(Path::new(dir)).map(|c| c.cgroup_root).unwrap()
        };
        assert_eq!(root("/var/lib/a"), root("/var/lib/a"));
        assert_ne!(root("/var/lib/a"), root("/var/lib/b"));
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8, "the published example");
        let given = |root: &str| {
            let config = IsolatorConfig { cgroup_root: root.into(), ..IsolatorConfig::default() };
            config.resolved(Path::new("/")).map(|config| config.cgroup_root)
        };
        assert_eq!(given("mine/here").unwrap(), "mine/here");
        assert!(given("../x").is_err() && given("/x").is_err());
    }
}
