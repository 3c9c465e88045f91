//! Dominant resource fairness: the next to be served is the one whose largest fraction of any
//! resource of the cluster is smallest (A. Ghodsi et al., *Dominant Resource Fairness: Fair
//! Allocation of Multiple Resource Types*, NSDI 2011, algorithm 1; weights as in its section 4.3),
//! level by level of the role tree.
//!
//! With it nobody gains by asking for more than is needed, nobody would rather have another's
//! allocation, and nobody is worse off than with an equal slice of everything.

use super::{Policy, Standing};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct DominantShare;

impl Policy for DominantShare {
    fn name(&self) -> &'static str {
        "drf"
    }

    fn role_rank(&self, role: &Standing<'_>) -> f64 {
        role.dominant_share() / role.weight
    }

    fn framework_rank(&self, framework: &Standing<'_>) -> f64 {
        framework.dominant_share()
    }
}
