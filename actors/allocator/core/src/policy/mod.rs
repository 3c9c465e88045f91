//! Who comes first. A policy ranks the roles, and the frameworks within a role; the lower rank is
//! served first, and of equal ones whoever has waited longest.
//!
//! A rank may depend on what the ranked one holds and on the cluster's total, and on nothing else:
//! it is recomputed when these change and kept in order meanwhile. A further policy is a further
//! file here and a variant of [`PolicyKind`].

mod drf;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::drf::DominantShare;
use crate::quantities::Quantities;

/// A role, or a framework within its role, as a policy sees it.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The role's name, or the framework's id.
    pub name: &'a str,
    /// The role's weight; 1 for a framework.
    pub weight: f64,
    /// Offered to it or used by it, everywhere.
    pub allocated: &'a Quantities,
    /// Sum over all agents.
    pub total: &'a Quantities,
    /// Its number in the order of arrival.
    pub arrived: u64,
}

/// See the module.
pub trait Policy: fmt::Debug + Send {
    /// As the configuration and `RoleList` have it.
    fn name(&self) -> &'static str;

    /// Where a role stands among the roles.
    fn role_rank(&self, role: &Standing<'_>) -> f64;

    /// Where a framework stands among those of its role.
    fn framework_rank(&self, framework: &Standing<'_>) -> f64;
}

/// The policies there are, by their names in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyKind {
    /// Dominant resource fairness.
    #[default]
    Drf,
}

impl PolicyKind {
    pub(crate) fn policy(self) -> Box<dyn Policy> {
        match self {
            Self::Drf => Box::new(DominantShare),
        }
    }
}
