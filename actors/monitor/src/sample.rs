//! One look at the machine.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use procfs::{CpuTime, Current, CurrentSI, KernelStats, LoadAverage, Meminfo, ProcError};
use protocol::monitor::MachineUsage;

/// Ticks of all CPUs together since the boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    busy: u64,
    all: u64,
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SampleError {
    #[error("failed to read procfs")]
    Procfs(#[from] ProcError),
    #[error("failed to ask for the file system of the work directory")]
    Statvfs(#[from] nix::Error),
}

impl Ticks {
    fn of(time: &CpuTime) -> Self {
        let optional = |ticks: Option<u64>| ticks.unwrap_or(0);
        let busy = time.user
            + time.nice
            + time.system
            + optional(time.irq)
            + optional(time.softirq)
            + optional(time.steal);
        Self { busy, all: busy + time.idle + optional(time.iowait) }
    }

    /// The share of the time since `before` that the CPUs were busy, 0 to 1.
    fn busy_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        let busy = self.busy.saturating_sub(before.busy);
        if all == 0 { 0.0 } else { busy as f64 / all as f64 }
    }
}

/// Looks at the machine; `before` is where the last look ended. Blocks, on a work directory on a
/// network file system for as long as that is away.
pub(crate) fn sample(work_dir: &Path, before: Ticks) -> Result<(MachineUsage, Ticks), SampleError> {
    let stats = KernelStats::current()?;
    let ticks = Ticks::of(&stats.total);
    let cpus = stats.cpu_time.len() as u64;
    let memory = Meminfo::current()?;
    let load = LoadAverage::current()?;
    let disk = statvfs(work_dir)?;
    let usage = MachineUsage {
        cpus,
        cpus_used: ticks.busy_since(before) * cpus as f64,
        mem_total_bytes: memory.mem_total,
        mem_available_bytes: memory.mem_available.unwrap_or(memory.mem_free),
        disk_total_bytes: disk.blocks() * disk.fragment_size(),
        disk_available_bytes: disk.blocks_available() * disk.fragment_size(),
        load_1m: f64::from(load.one),
        load_5m: f64::from(load.five),
        load_15m: f64::from(load.fifteen),
    };
    Ok((usage, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_this_machine_is_plausible() {
        let (usage, ticks) = sample(Path::new("/"), Ticks::default()).unwrap();
        assert!(usage.cpus > 0 && usage.cpus_used >= 0.0 && usage.cpus_used <= usage.cpus as f64);
        assert!(usage.mem_total_bytes >= usage.mem_available_bytes);
        assert!(usage.mem_total_bytes > 1024 * 1024, "bytes, and not kilobytes");
        assert!(usage.disk_total_bytes >= usage.disk_available_bytes);
        assert!(ticks.all > ticks.busy);
    }

    #[test]
    fn use_is_the_share_of_busy_ticks_between_two_samples() {
        let before = Ticks { busy: 100, all: 1000 };
        assert_eq!(Ticks { busy: 150, all: 1100 }.busy_since(before), 0.5);
        assert_eq!(before.busy_since(before), 0.0, "no time has passed");
    }
}
