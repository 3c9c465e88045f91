//! Who comes first. A policy ranks siblings of the role tree, and the frameworks of a role; the
//! lower rank is served first, and of equal ones whoever has waited longest.
//!
//! A rank may depend on what [`Standing`] says and on nothing else: it is recomputed when that
//! changes and kept in order meanwhile. A further policy is a further file here and a variant of
//! [`PolicyKind`].

mod capacity;
mod drf;
mod fcfs;
mod lrf;
mod priority;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::capacity::Capacity;
pub use self::drf::DominantShare;
pub use self::fcfs::FirstCome;
pub use self::lrf::LeastResources;
pub use self::priority::Priority;
use crate::quantities::Quantities;

/// A role with its descendants, or a framework within its role, as a policy sees it.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The role's name, or the framework's id.
    pub name: &'a str,
    /// The role's weight; 1 for a framework and for all frameworks of one role together.
    pub weight: f64,
    /// The role's; 0 unless the configuration says otherwise.
    pub priority: i64,
    /// Offered to it or used by it, everywhere.
    pub allocated: &'a Quantities,
    /// Sum over all agents of what counts in shares. It may be off by a hundredth in a large
    /// cluster in which agents come and go.
    pub total: &'a Quantities,
    /// What the role is guaranteed, by index.
    pub guarantees: &'a [(usize, i64)],
    /// A framework's number in the order of arrival; of a role, the lowest rank within it.
    pub first: f64,
}

impl Standing<'_> {
    /// The largest fraction that it has of any resource of the cluster.
    pub fn dominant_share(&self) -> f64 {
        self.allocated.dominant(self.total).map_or(0.0, |(share, _)| share)
    }
}

/// See the module.
pub trait Policy: fmt::Debug + Send {
    /// As the configuration and `RoleList` have it.
    fn name(&self) -> &'static str;

    /// Where a role stands among its siblings.
    fn role_rank(&self, role: &Standing<'_>) -> f64;

    /// Where a framework stands among those of its role.
    fn framework_rank(&self, framework: &Standing<'_>) -> f64;

    /// Whether what a role is guaranteed and does not have yet is kept free for it. If not, others
    /// may use it meanwhile.
    fn holds_back(&self) -> bool {
        true
    }

    /// Whether what is requested for a role of higher priority may be taken from a lower one.
    fn preempts_by_priority(&self) -> bool {
        false
    }
}

/// The policies there are, by their names in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyKind {
    /// Dominant resource fairness.
    #[default]
    Drf,
    /// First come, first served.
    Fcfs,
    /// Least resources first.
    Lrf,
    /// Queues with guaranteed capacity that lend what they do not use.
    Capacity,
    /// The highest priority first.
    Priority,
}

impl PolicyKind {
    pub(crate) fn policy(self) -> Box<dyn Policy> {
        match self {
            Self::Drf => Box::new(DominantShare),
            Self::Fcfs => Box::new(FirstCome),
            Self::Lrf => Box::new(LeastResources),
            Self::Capacity => Box::new(Capacity),
            Self::Priority => Box::new(Priority),
        }
    }
}
