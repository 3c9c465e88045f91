//! Containers without cgroups: a container is every process that carries its mark in the
//! environment, and whoever shares a session with or descends from one of those.
//!
//! What this gives: everything of a container is found and killed; memory is watched, and a
//! container over its limit is ended. What it does not: cpu is not limited, a process that wipes
//! its environment, leaves its session and is orphaned escapes, and between two looks memory is
//! only bounded by `RLIMIT_DATA`.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use protocol::ContainerId;
use protocol::isolator::Limitation;

use crate::containment::{Containment, Entry};
use crate::error::IsolatorError;
use crate::limits::memory_limitation;
use crate::limits::{Limits, Sample};
use crate::proc::{self, Process, signal_kill};

/// As for cgroups: what waits uninterruptibly may never die.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks: the kernel tells only a parent of a death, and these have other parents.
const PAUSE: Duration = Duration::from_millis(5);

/// RLIMIT_DATA is this many times the memory limit, plus a fixed part: it is a bound for each
/// process on what it *may* touch, not on what it has, and must not hit a program that reserves
/// more than it uses (thread stacks, a garbage-collected heap).
const DATA_FACTOR: u64 = 2;
const DATA_EXTRA: u64 = 256 * 1024 * 1024;

/// The containment by processes alone.
pub struct Processes {
    /// Distinguishes our containers from those of another agent on this machine.
    root: String,
    ticks_per_second: f64,
    page_bytes: u64,
}

impl Processes {
    /// For the containers marked with `root`.
    pub fn new(root: &str) -> Self {
        let value = |variable, default| match sysconf(variable) {
            Ok(Some(value)) => value,
            _ => default,
        };
        Self {
            root: root.to_owned(),
            ticks_per_second: value(SysconfVar::CLK_TCK, 100) as f64,
            page_bytes: u64::try_from(value(SysconfVar::PAGE_SIZE, 4096)).unwrap_or(4096),
        }
    }

    /// The processes of every container of ours.
    fn members(&self) -> BTreeMap<ContainerId, Vec<Process>> {
        let mut members: BTreeMap<ContainerId, Vec<Process>> = BTreeMap::new();
        for (id, process) in assign(&self.root, proc::snapshot()) {
            members.entry(id).or_default().push(process);
        }
        members
    }

    fn members_of(&self, id: &ContainerId) -> Vec<Process> {
        self.members().remove(id).unwrap_or_default()
    }

    fn sum(&self, processes: &[Process]) -> Sample {
        let ticks: u64 = processes.iter().map(|process| process.cpu_ticks).sum();
        let pages: u64 = processes.iter().map(|process| process.resident_pages).sum();
        Sample {
            cpu_seconds: ticks as f64 / self.ticks_per_second,
            mem_bytes: pages * self.page_bytes,
            mem_peak_bytes: pages * self.page_bytes,
            processes: processes.len() as u64,
            oom_kills: 0,
        }
    }
}

impl Containment for Processes {
    fn describe(&self) -> String {
        "process groups and rlimits: cpu is not limited; memory is watched every second, and a \
         container over its limit is ended; pids are not limited"
            .into()
    }

    fn prepare(&self, _id: &ContainerId, limits: &Limits) -> Result<Entry, IsolatorError> {
        let data = limits.mem_bytes.saturating_mul(DATA_FACTOR).saturating_add(DATA_EXTRA);
        let rlimits = BTreeMap::from([("core".into(), 0), ("data".into(), data)]);
        Ok(Entry { cgroup_files: Vec::new(), rlimits })
    }

    /// What is watched is compared with the limits of the moment; nothing else can be changed from
    /// outside.
    fn update(&self, _: &ContainerId, _: &Limits, _: &Limits) -> Result<(), IsolatorError> {
        Ok(())
    }

    fn follows_changes(&self) -> bool {
        false
    }

    fn sample(&self, ids: &[ContainerId]) -> BTreeMap<ContainerId, Sample> {
        let members = self.members();
        let sample = |id: &ContainerId| Some((id.clone(), self.sum(members.get(id)?)));
        ids.iter().filter_map(sample).collect()
    }

    fn exceeded(&self, limits: &Limits, sample: &Sample) -> Option<Limitation> {
        (sample.mem_bytes > limits.mem_bytes).then(|| memory_limitation(limits, sample))
    }

    fn kill(&self, id: &ContainerId) -> Result<(), IsolatorError> {
        let start = Instant::now();
        loop {
            let members = self.members_of(id);
            if members.is_empty() {
                return Ok(());
            }
            if start.elapsed() > KILL_PATIENCE {
                let count = members.len();
                return Err(IsolatorError::Survivors { container: id.clone(), count });
            }
            // All stand still before the first dies, so that no parent sees its child end and
            // starts another.
            for process in &members {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGSTOP);
            }
            for process in &members {
                signal_kill(process.pid);
            }
            thread::sleep(PAUSE);
        }
    }

    fn remove(&self, _id: &ContainerId) -> Result<(), IsolatorError> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<ContainerId>, IsolatorError> {
        Ok(self.members().into_keys().collect())
    }

    fn close(&self) {}

    fn holds(&self, id: &ContainerId, pid: i32) -> bool {
        self.members_of(id).iter().any(|process| process.pid == pid)
    }
}

/// Whose each process is: marked ones by their mark; then, until nothing changes, those that
/// descend from or share the session of one that is known.
fn assign(root: &str, processes: Vec<Process>) -> Vec<(ContainerId, Process)> {
    let mut known: BTreeMap<i32, ContainerId> = BTreeMap::new();
    let mut sessions: BTreeMap<i32, ContainerId> = BTreeMap::new();
    let marked = |process: &Process| match &process.container {
        Some((mark, id)) if mark == root => Some(id.clone()),
        _ => None,
    };
    // A session belongs to a container if its leader does: the leader is who made it.
    for process in &processes {
        if let Some(id) = marked(process) {
            known.insert(process.pid, id.clone());
            if process.session == process.pid {
                sessions.insert(process.session, id);
            }
        }
    }
    let mut rest: BTreeSet<usize> = (0..processes.len()).collect();
    loop {
        let found: Vec<(usize, ContainerId)> = rest
            .iter()
            .filter(|index| processes[**index].container.is_none())
            .filter_map(|index| {
                let process = &processes[*index];
                let id = known.get(&process.parent).or_else(|| sessions.get(&process.session))?;
                (!known.contains_key(&process.pid)).then(|| (*index, id.clone()))
            })
            .collect();
        if found.is_empty() {
            break;
        }
        for (index, id) in found {
            rest.remove(&index);
            known.insert(processes[index].pid, id);
        }
    }
    processes.into_iter().filter_map(|p| Some((known.get(&p.pid)?.clone(), p))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, session: i32, mark: Option<&str>) -> Process {
        let container = mark.map(|id| ("root".to_owned(), ContainerId::from(id)));
        Process { pid, parent, session, container, cpu_ticks: 1, resident_pages: 1 }
    }

    #[test]
    fn descendants_and_session_mates_of_a_marked_process_belong_to_its_container() {
        let processes = vec![
            process(1, 0, 1, None),
            process(10, 1, 10, Some("c1")),
            process(11, 10, 11, None),
            process(12, 11, 12, None),
            process(13, 1, 10, None),
            process(20, 1, 20, Some("c2")),
            process(30, 1, 30, None),
        ];
        let mut pids: Vec<_> = assign("root", processes.clone())
            .into_iter()
            .map(|(id, process)| (id.to_string(), process.pid))
            .collect();
        pids.sort();
        let expected = [("c1", 10), ("c1", 11), ("c1", 12), ("c1", 13), ("c2", 20)];
        assert_eq!(pids, expected.map(|(id, pid)| (id.to_owned(), pid)));
        assert!(assign("another root", processes).is_empty());
    }
}
