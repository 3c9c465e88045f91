//! The highest priority first: of siblings in the role tree, the one with the highest priority is
//! served before all others; equals, and the frameworks of a role, share by dominant share.
//!
//! With a preemption grace in the configuration, what a framework has requested for a role of
//! higher priority and cannot have is taken back from roles of lower priority.

use super::{Policy, Standing};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Priority;

impl Policy for Priority {
    fn name(&self) -> &'static str {
        "priority"
    }

    fn role_rank(&self, role: &Standing<'_>) -> f64 {
        // A share over a weight is squeezed into 0..1, below the distance of two priorities.
        let share = role.dominant_share() / role.weight;
        share / (1.0 + share) - role.priority as f64
    }

    fn framework_rank(&self, framework: &Standing<'_>) -> f64 {
        framework.dominant_share()
    }

    fn preempts_by_priority(&self) -> bool {
        true
    }
}
