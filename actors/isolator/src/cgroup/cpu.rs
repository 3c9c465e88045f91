//! Cpu: shares by weight, optionally a quota of time, and the time used.

use crate::cgroup::{Controller, Group, Version, file};
use crate::error::IsolatorError;
use crate::limits::{Limits, Sample};

const V1_SHARES: &str = "cpu.shares";
const V1_PERIOD: &str = "cpu.cfs_period_us";
const V1_QUOTA: &str = "cpu.cfs_quota_us";
const V2_WEIGHT: &str = "cpu.weight";
const V2_MAX: &str = "cpu.max";
const V2_STAT: &str = "cpu.stat";
const V1_USAGE: &str = "cpuacct.usage";

/// The kernel's shares of one cpu, and the range that it takes.
const SHARES_PER_CPU: u64 = 1024;
const SHARES: (u64, u64) = (2, 262_144);
/// The kernel's default weight is taken to be one cpu, as in Mesos; its range.
const WEIGHT_PER_CPU: u64 = 100;
const WEIGHT: (u64, u64) = (1, 10_000);
/// The kernel's default period, and the least quota that it takes.
const PERIOD_US: u64 = 100_000;
const MIN_QUOTA_US: u64 = 1_000;

/// The `cpu` controller.
pub(crate) struct Cpu {
    /// Cap the time, too.
    pub(crate) quota: bool,
}

impl Controller for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn describe(&self) -> String {
        let quota = if self.quota { "and quota" } else { "without quota" };
        format!("cpu by shares {quota}")
    }

    fn apply(&self, group: &Group, limits: &Limits) -> Result<(), IsolatorError> {
        let milli = limits.cpu_milli();
        let share = |per_cpu: u64, (least, most): (u64, u64)| {
            (milli.saturating_mul(per_cpu) / 1000).clamp(least, most)
        };
        let quota = (milli.saturating_mul(PERIOD_US) / 1000).max(MIN_QUOTA_US);
        match group.version {
            Version::V1 => {
                file::write(&group.file(V1_SHARES), share(SHARES_PER_CPU, SHARES))?;
                if self.quota {
                    file::write(&group.file(V1_PERIOD), PERIOD_US)?;
                    file::write(&group.file(V1_QUOTA), quota)?;
                }
            }
            Version::V2 => {
                file::write(&group.file(V2_WEIGHT), share(WEIGHT_PER_CPU, WEIGHT))?;
                if self.quota {
                    file::write(&group.file(V2_MAX), format!("{quota} {PERIOD_US}"))?;
                }
            }
        }
        Ok(())
    }

    fn sample(&self, group: &Group, sample: &mut Sample) -> Result<(), IsolatorError> {
        if group.version == Version::V2 {
            let usage = file::read_keyed(&group.file(V2_STAT), "usage_usec")?;
            sample.cpu_seconds = usage.unwrap_or(0) as f64 / 1e6;
        }
        Ok(())
    }
}

/// The `cpuacct` controller: version 1 accounts for time apart from limiting it.
pub(crate) struct CpuAccounting;

impl Controller for CpuAccounting {
    fn name(&self) -> &'static str {
        "cpuacct"
    }

    fn describe(&self) -> String {
        "cpu time".into()
    }

    fn apply(&self, _group: &Group, _limits: &Limits) -> Result<(), IsolatorError> {
        Ok(())
    }

    fn sample(&self, group: &Group, sample: &mut Sample) -> Result<(), IsolatorError> {
        let nanoseconds = file::read_number(&group.file(V1_USAGE))?;
        sample.cpu_seconds = nanoseconds.unwrap_or(0) as f64 / 1e9;
        Ok(())
    }
}
