//! Queues with guaranteed capacity and an elastic maximum, after Hadoop's capacity scheduler: the
//! next to be served is the role that uses the smallest part of its capacity, which is its quota's
//! guarantee; its quota's limit is the most that it may grow to. Roles without a guarantee come
//! when all others have theirs, by dominant share. Within a role, first come, first served.
//!
//! Capacity that its role does not use is not kept free: others may have it meanwhile. With a
//! preemption grace in the configuration it is taken back when its role wants it.

use super::{Policy, Standing};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Capacity;

impl Policy for Capacity {
    fn name(&self) -> &'static str {
        "capacity"
    }

    fn role_rank(&self, role: &Standing<'_>) -> f64 {
        let there = role.guarantees.iter().filter(|(_, capacity)| *capacity > 0);
        let used = there.map(|(i, capacity)| role.allocated.get(*i) as f64 / *capacity as f64);
        // Whoever has exactly its capacity stands where those stand that have none and use nothing.
        used.reduce(f64::max).unwrap_or_else(|| 1.0 + role.dominant_share() / role.weight)
    }

    fn framework_rank(&self, framework: &Standing<'_>) -> f64 {
        framework.first
    }

    fn holds_back(&self) -> bool {
        false
    }
}
