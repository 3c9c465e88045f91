//! Memory: the hard limit, what is used, and how often the kernel enforced it.

use std::path::Path;

use protocol::isolator::{JoinContainer, Limitation};

use crate::cgroup::{Controller, Group, Version, file};
use crate::error::IsolatorError;
use crate::limits::{Limits, Sample, memory_limitation};

const V1_LIMIT: &str = "memory.limit_in_bytes";
const V1_LIMIT_WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
const V1_SOFT_LIMIT: &str = "memory.soft_limit_in_bytes";
const V1_USAGE: &str = "memory.usage_in_bytes";
const V1_PEAK: &str = "memory.max_usage_in_bytes";
const V1_OOM: &str = "memory.oom_control";
const V2_LIMIT: &str = "memory.max";
const V2_SWAP_LIMIT: &str = "memory.swap.max";
const V2_OOM_GROUP: &str = "memory.oom.group";
const V2_USAGE: &str = "memory.current";
const V2_PEAK: &str = "memory.peak";
const V2_EVENTS: &str = "memory.events";
const STAT: &str = "memory.stat";
const OOM_KILL: &str = "oom_kill";

/// The `memory` controller.
pub(crate) struct Memory {
    /// Swap counts, too.
    pub(crate) limit_swap: bool,
}

impl Controller for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn describe(&self) -> String {
        let swap = if self.limit_swap { " (with swap)" } else { "" };
        format!("memory{swap} by a hard limit")
    }

    fn apply(&self, group: &Group, limits: &Limits) -> Result<(), IsolatorError> {
        match group.version {
            Version::V1 => self.apply_v1(group, limits.mem_bytes),
            Version::V2 => self.apply_v2(group, limits.mem_bytes),
        }
    }

    fn sample(&self, group: &Group, sample: &mut Sample) -> Result<(), IsolatorError> {
        let (usage, peak, inactive) = match group.version {
            Version::V1 => (V1_USAGE, V1_PEAK, "total_inactive_file"),
            Version::V2 => (V2_USAGE, V2_PEAK, "inactive_file"),
        };
        let usage = file::read_number(&group.file(usage))?.unwrap_or(0);
        // Page cache that nobody needs is not use: the kernel drops it before it kills.
        let cache = file::read_keyed(&group.file(STAT), inactive)?.unwrap_or(0);
        sample.mem_bytes = usage.saturating_sub(cache);
        sample.mem_peak_bytes = file::read_number(&group.file(peak))?.unwrap_or(usage);
        sample.oom_kills = oom_kills(&group.dir)?;
        Ok(())
    }
}

impl Memory {
    /// The limit with swap may never be the lower one, so the order depends on the direction.
    fn apply_v1(&self, group: &Group, bytes: u64) -> Result<(), IsolatorError> {
        let set_with_swap = || match self.limit_swap {
            true => file::write_if_there(&group.file(V1_LIMIT_WITH_SWAP), bytes),
            false => Ok(()),
        };
        file::write_if_there(&group.file(V1_SOFT_LIMIT), bytes)?;
        let raising =
            file::read_number(&group.file(V1_LIMIT_WITH_SWAP))?.is_some_and(|n| bytes > n);
        if raising {
            set_with_swap()?;
        }
        file::write(&group.file(V1_LIMIT), bytes)?;
        if raising { Ok(()) } else { set_with_swap() }
    }

    fn apply_v2(&self, group: &Group, bytes: u64) -> Result<(), IsolatorError> {
        file::write(&group.file(V2_LIMIT), bytes)?;
        if self.limit_swap {
            file::write_if_there(&group.file(V2_SWAP_LIMIT), 0)?;
        }
        // A task with a hole in it helps nobody: the kernel ends all of it.
        file::write_if_there(&group.file(V2_OOM_GROUP), 1)
    }
}

/// How often the kernel killed something in this cgroup for memory; either version.
fn oom_kills(dir: &Path) -> Result<u64, IsolatorError> {
    for name in [V1_OOM, V2_EVENTS] {
        if let Some(count) = file::read_keyed(&dir.join(name), OOM_KILL)? {
            return Ok(count);
        }
    }
    Ok(0)
}

/// Whether the kernel killed something for memory in the container that `join` names: how an
/// executor, which stays outside, learns why its task was killed, without a race with the agent.
pub fn out_of_memory(join: &JoinContainer) -> Option<Limitation> {
    let dirs = join.cgroup_files.iter().filter_map(|procs| Path::new(procs).parent());
    let dir = dirs.into_iter().find(|dir| oom_kills(dir).is_ok_and(|count| count > 0))?;
    let version = if dir.join(V2_LIMIT).exists() { Version::V2 } else { Version::V1 };
    let group = Group { version, dir: dir.to_owned() };
    let mut sample = Sample::default();
    Memory { limit_swap: false }.sample(&group, &mut sample).ok()?;
    let limit = if version == Version::V2 { V2_LIMIT } else { V1_LIMIT };
    let mem_bytes = file::read_number(&group.file(limit)).ok()??;
    Some(memory_limitation(&Limits { cpus: protocol::Scalar::ZERO, mem_bytes }, &sample))
}
