//! A container's limits, as the kernel wants them.

use protocol::isolator::Limitation;
use protocol::task::Reason;
use protocol::{Resources, Scalar};

/// The least memory that a container gets: less does not even start a shell reliably. As in Mesos.
pub const MIN_MEM_BYTES: u64 = 32 * MB;

const MB: u64 = 1024 * 1024;

/// What a container may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub cpus: Scalar,
    pub mem_bytes: u64,
}

impl Limits {
    /// The limits that these resources stand for.
    pub fn of(resources: &Resources) -> Self {
        let mem_milli = u64::try_from(resources.scalar("mem").milli()).unwrap_or(0);
        let mem_bytes = mem_milli.saturating_mul(MB) / 1000;
        Self { cpus: resources.scalar("cpus"), mem_bytes: mem_bytes.max(MIN_MEM_BYTES) }
    }

    /// Thousandths of a cpu.
    pub fn cpu_milli(&self) -> u64 {
        u64::try_from(self.cpus.milli()).unwrap_or(0)
    }
}

/// Bytes in whole MB, as people ask for memory.
fn mb(bytes: u64) -> u64 {
    bytes / MB
}

/// What a container uses, as far as it could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// CPU time since the start, in seconds.
    pub cpu_seconds: f64,
    pub mem_bytes: u64,
    /// The most that it ever used.
    pub mem_peak_bytes: u64,
    pub processes: u64,
    /// How often the kernel killed something for memory.
    pub oom_kills: u64,
}

/// What is said of a container that ran out of memory.
pub(crate) fn memory_limitation(limits: &Limits, sample: &Sample) -> Limitation {
    let (requested, used) = (mb(limits.mem_bytes), mb(sample.mem_peak_bytes));
    Limitation {
        reason: Reason::ContainerLimitationMemory,
        message: format!("memory limit exceeded: requested {requested}MB, maximum used {used}MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_megabytes_and_never_below_the_least() {
        let limits = |text: &str| Limits::of(&Resources::parse(text).unwrap());
        assert_eq!(limits("cpus:0.5;mem:128").mem_bytes, 128 * MB);
        assert_eq!(limits("cpus:0.5;mem:128").cpu_milli(), 500);
        assert_eq!(limits("mem:1").mem_bytes, MIN_MEM_BYTES);
        assert_eq!(limits("cpus:1").mem_bytes, MIN_MEM_BYTES);
    }
}
