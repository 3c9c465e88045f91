//! Containers as cgroups: one cgroup for each, with the controllers that this kernel has.
//!
//! Owns everything below the configured root cgroup. The two versions of the kernel's interface
//! differ in where a container's files are ([`Hierarchy`]) and in what they are called (one file of
//! this folder for each controller, holding both).

mod cpu;
pub(crate) mod file;
mod freezer;
mod hierarchy;
mod memory;
mod pids;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use protocol::ContainerId;
use protocol::isolator::Limitation;

use crate::config::IsolatorConfig;
use crate::containment::{Containment, Entry};
use crate::error::IsolatorError;
use crate::limits::{Limits, Sample, memory_limitation};
use crate::proc::signal_kill;

pub use hierarchy::{Hierarchy, V1, V2};
pub use memory::out_of_memory;

/// The file that a process enters a cgroup by.
pub(crate) const PROCS: &str = "cgroup.procs";
/// Version 1: the file that a single thread enters by. A process that has just been forked is one
/// thread, and entering so does not wait for every other fork of the machine to pass (as a write to
/// `cgroup.procs` does: some 10 ms for each controller, against a fraction of one).
const V1_TASKS: &str = "tasks";
/// Version 2, since Linux 5.14: kills everything inside, forks included.
const V2_KILL: &str = "cgroup.kill";

/// How long a kill may take until it counts as failed and is tried again later: a process in an
/// uninterruptible wait (a dead network file system) dies when the wait ends, which may be never.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// How long a cgroup whose processes have just died may refuse to be removed.
const REMOVE_PATIENCE: Duration = Duration::from_secs(5);
/// The first pause between two looks; doubled up to the second. Version 1 tells nobody when a
/// cgroup is empty without a program of its own, and neither version when it can be removed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The interface that the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// One container's directory for one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub version: Version,
    pub dir: PathBuf,
}

impl Group {
    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// One resource that the kernel limits or accounts for.
pub(crate) trait Controller: Send + Sync {
    /// The kernel's name for it.
    fn name(&self) -> &'static str;
    /// What it gives, in a few words.
    fn describe(&self) -> String;
    /// Sets the limits, at the start and at every change.
    fn apply(&self, group: &Group, limits: &Limits) -> Result<(), IsolatorError>;
    /// Adds what it knows.
    fn sample(&self, group: &Group, sample: &mut Sample) -> Result<(), IsolatorError>;
}

/// The containment by cgroups.
pub struct Cgroups {
    hierarchy: Box<dyn Hierarchy>,
    controllers: Vec<Box<dyn Controller>>,
}

impl Cgroups {
    /// Takes the controllers under the configured mount, whichever version it has, and makes the
    /// root cgroup.
    pub fn open(config: &IsolatorConfig) -> Result<Self, IsolatorError> {
        let hierarchy: Box<dyn Hierarchy> = match V2::detect(config) {
            Some(v2) => Box::new(v2),
            None => Box::new(V1::detect(config)?),
        };
        let controllers = all_controllers(config);
        let controllers =
            controllers.into_iter().filter(|c| hierarchy.has(c.name())).collect::<Vec<_>>();
        if controllers.is_empty() {
            return Err(IsolatorError::NoControllers(config.cgroup_mount.clone()));
        }
        hierarchy.prepare_root()?;
        Ok(Self { hierarchy, controllers })
    }

    fn group(&self, controller: &dyn Controller, id: &ContainerId) -> Group {
        let dir = self.hierarchy.root(controller.name()).join(id.as_str());
        Group { version: self.hierarchy.version(), dir }
    }

    /// Every directory of a container, once.
    fn dirs(&self, id: &ContainerId) -> BTreeSet<PathBuf> {
        self.controllers.iter().map(|c| self.group(c.as_ref(), id).dir).collect()
    }

    fn apply(&self, id: &ContainerId, limits: &Limits) -> Result<(), IsolatorError> {
        self.controllers.iter().try_for_each(|c| c.apply(&self.group(c.as_ref(), id), limits))
    }

    /// The kernel of version 2 would kill what does not fit; that of version 1 refuses late.
    fn check_use(&self, id: &ContainerId, limits: &Limits) -> Result<(), IsolatorError> {
        let sample = self.sample(std::slice::from_ref(id)).remove(id).unwrap_or_default();
        if sample.mem_bytes > limits.mem_bytes {
            let (used, limit) = (sample.mem_bytes, limits.mem_bytes);
            return Err(IsolatorError::MemoryInUse { used, limit });
        }
        Ok(())
    }

    fn processes(&self, id: &ContainerId) -> Result<BTreeSet<i32>, IsolatorError> {
        let mut pids = BTreeSet::new();
        for dir in self.dirs(id) {
            pids.extend(file::processes(&dir)?);
        }
        Ok(pids)
    }

    /// One round of killing. The first strikes at once, which is enough for nearly all; the others
    /// stop everything first, which is what ends a fork bomb.
    fn strike(&self, id: &ContainerId, stop_first: bool) -> Result<(), IsolatorError> {
        let group = self.freezer_group(id);
        if group.version == Version::V2 && group.file(V2_KILL).exists() {
            return file::write(&group.file(V2_KILL), 1);
        }
        if stop_first {
            freezer::freeze(&group)?;
        }
        for pid in self.processes(id)? {
            signal_kill(pid);
        }
        if stop_first { freezer::thaw(&group) } else { Ok(()) }
    }

    /// The directory that stops and kills: the freezer's in version 1, the only one in version 2.
    fn freezer_group(&self, id: &ContainerId) -> Group {
        self.group(&freezer::Freezer, id)
    }
}

impl Containment for Cgroups {
    fn describe(&self) -> String {
        let controllers: Vec<String> = self.controllers.iter().map(|c| c.describe()).collect();
        let version = match self.hierarchy.version() {
            Version::V1 => 1,
            Version::V2 => 2,
        };
        let root = self.hierarchy.root(self.controllers[0].name());
        let missing: Vec<&str> = ["cpu", "memory", "pids"]
            .into_iter()
            .filter(|name| !self.hierarchy.has(name))
            .collect();
        let missing = match missing.is_empty() {
            true => String::new(),
            false => format!("; not limited, for want of a controller: {}", missing.join(", ")),
        };
        format!("cgroups v{version} in {}: {}{missing}", root.display(), controllers.join(", "))
    }

    fn prepare(&self, id: &ContainerId, limits: &Limits) -> Result<Entry, IsolatorError> {
        let dirs = self.dirs(id);
        let made = dirs.iter().try_for_each(|dir| {
            std::fs::create_dir(dir).map_err(|e| IsolatorError::file("make cgroup", dir, e))
        });
        if let Err(error) = made.and_then(|()| self.apply(id, limits)) {
            // The first error is the one to report; what remains is found by the next recovery.
            let _ = self.remove(id);
            return Err(error);
        }
        let name = if self.hierarchy.version() == Version::V1 { V1_TASKS } else { PROCS };
        let file = |dir: &PathBuf| dir.join(name).to_string_lossy().into_owned();
        Ok(Entry { cgroup_files: dirs.iter().map(file).collect(), rlimits: BTreeMap::new() })
    }

    fn update(&self, id: &ContainerId, from: &Limits, to: &Limits) -> Result<(), IsolatorError> {
        if to.mem_bytes < from.mem_bytes {
            self.check_use(id, to)?;
        }
        self.apply(id, to).inspect_err(|_| {
            // The first error is the one to report, and what it left is overwritten.
            let _ = self.apply(id, from);
        })
    }

    fn follows_changes(&self) -> bool {
        self.hierarchy.has("cpu") && self.hierarchy.has("memory")
    }

    fn sample(&self, ids: &[ContainerId]) -> BTreeMap<ContainerId, Sample> {
        let sample = |id: &ContainerId| {
            let mut sample = Sample::default();
            for controller in &self.controllers {
                controller.sample(&self.group(controller.as_ref(), id), &mut sample).ok()?;
            }
            Some((id.clone(), sample))
        };
        ids.iter().filter_map(sample).collect()
    }

    fn exceeded(&self, limits: &Limits, sample: &Sample) -> Option<Limitation> {
        (sample.oom_kills > 0).then(|| memory_limitation(limits, sample))
    }

    fn kill(&self, id: &ContainerId) -> Result<(), IsolatorError> {
        let start = Instant::now();
        let mut pause = PAUSE.0;
        let mut stop_first = false;
        loop {
            let left = self.processes(id)?;
            if left.is_empty() {
                return Ok(());
            }
            if start.elapsed() > KILL_PATIENCE {
                return Err(IsolatorError::Survivors { container: id.clone(), count: left.len() });
            }
            self.strike(id, stop_first)?;
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE.1);
            stop_first = true;
        }
    }

    fn remove(&self, id: &ContainerId) -> Result<(), IsolatorError> {
        for dir in self.dirs(id) {
            for dir in file::tree(&dir)? {
                remove_dir(&dir)?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<ContainerId>, IsolatorError> {
        let mut found = BTreeSet::new();
        for controller in &self.controllers {
            for dir in file::children(&self.hierarchy.root(controller.name()))? {
                let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
                found.extend(name.map(ContainerId::from));
            }
        }
        Ok(found.into_iter().collect())
    }

    fn close(&self) {
        // The kernel refuses to remove a cgroup that has another in it. The parent is shared with
        // other agents and goes with the last of them.
        for controller in &self.controllers {
            let root = self.hierarchy.root(controller.name());
            let _ = std::fs::remove_dir(&root).map(|()| root.parent().map(std::fs::remove_dir));
        }
    }

    fn holds(&self, id: &ContainerId, pid: i32) -> bool {
        self.processes(id).is_ok_and(|pids| pids.contains(&pid))
    }
}

fn all_controllers(config: &IsolatorConfig) -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(cpu::Cpu { quota: config.cfs_quota }),
        Box::new(cpu::CpuAccounting),
        Box::new(memory::Memory { limit_swap: config.limit_swap }),
        Box::new(pids::Pids { max: config.pids_max }),
        Box::new(freezer::Freezer),
    ]
}

/// Removes a cgroup, which the kernel refuses for a moment after its last process died.
fn remove_dir(dir: &std::path::Path) -> Result<(), IsolatorError> {
    let start = Instant::now();
    let mut pause = PAUSE.0;
    loop {
        match std::fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.raw_os_error() == Some(Errno::ENOENT as i32) => return Ok(()),
            Err(e)
                if e.raw_os_error() == Some(Errno::EBUSY as i32)
                    && start.elapsed() < REMOVE_PATIENCE =>
            {
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE.1);
            }
            Err(e) => return Err(IsolatorError::file("remove cgroup", dir, e)),
        }
    }
}
