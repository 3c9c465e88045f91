//! How to allocate: what an operator decides before the allocator starts.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Resources;
use protocol::quota::{Quota, QuotaError, total_guarantees};
use serde::{Deserialize, Serialize};

use crate::policy::PolicyKind;

/// How to allocate; the same for the life of the actor. Weights and quotas may be changed by
/// messages, until the next reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    pub policy: PolicyKind,
    /// By role, of any level; 1 for those that are not named.
    pub weights: BTreeMap<String, f64>,
    /// By role, of any level.
    pub quotas: BTreeMap<String, Quota>,
    /// By role, of any level, for the policy of that name: the higher is served first; 0 for those
    /// that are not named.
    pub priorities: BTreeMap<String, i64>,
    /// Scalars that do not count in shares.
    pub fairness_excluded: Vec<String>,
    /// An offer contains at least one of these; with none, anything is offered.
    pub min_allocatable: Vec<Resources>,
    /// Agents with GPUs are only for frameworks that say that they can use them.
    pub filter_gpu_resources: bool,
    /// Where the master is. Agents of other regions are for frameworks that know of regions.
    pub region: Option<String>,
    /// How long tasks are given to end when others have a better claim to what they use, in
    /// milliseconds. Absent: nothing that is used is taken back.
    pub preempt_grace_ms: Option<u64>,
    /// How long changes are collected before they are looked at together, in milliseconds.
    pub coalesce_ms: u64,
    /// Between two looks at everything that is free, in milliseconds.
    pub full_pass_ms: u64,
    /// The shortest filter on an offer that comes back whole, in milliseconds.
    pub min_refuse_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        let parse = |text| Resources::parse(text).expect("a constant that a test parses");
        Self {
            policy: PolicyKind::Drf,
            weights: BTreeMap::new(),
            quotas: BTreeMap::new(),
            priorities: BTreeMap::new(),
            fairness_excluded: Vec::new(),
            // As in Mesos: less than this starts nothing useful.
            min_allocatable: vec![parse("cpus=0.01"), parse("mem=32")],
            filter_gpu_resources: true,
            region: None,
            preempt_grace_ms: None,
            // One pass then serves the burst of an accept or of agents that come together, and the
            // wait does not show beside a launch (tens of milliseconds).
            coalesce_ms: 2,
            // Nothing depends on it; a miss that it mends is counted.
            full_pass_ms: 10_000,
            // Whoever refuses everything for no time at all costs ten offers a second and agent,
            // and the others are asked first in any case.
            min_refuse_ms: 100,
        }
    }
}

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    #[error("the weight of role `{role}` is {weight}, expected a number greater than 0")]
    Weight { role: String, weight: f64 },
    #[error("the quota of role `{role}` makes no sense")]
    Quota {
        role: String,
        #[source]
        source: QuotaError,
    },
    #[error("the quotas of roles do not fit into each other")]
    Quotas(#[source] QuotaError),
    #[error("`{0}` is 0, expected at least 1")]
    Zero(&'static str),
}

impl Options {
    /// Whether they make sense; the first thing that does not.
    pub fn validate(&self) -> Result<(), OptionsError> {
        for (role, weight) in &self.weights {
            if !is_weight(*weight) {
                return Err(OptionsError::Weight { role: role.clone(), weight: *weight });
            }
        }
        for (role, quota) in &self.quotas {
            let fault = |source| OptionsError::Quota { role: role.clone(), source };
            quota.validate().map_err(fault)?;
        }
        total_guarantees(&self.quotas).map_err(OptionsError::Quotas)?;
        match (self.coalesce_ms, self.full_pass_ms) {
            (0, _) => Err(OptionsError::Zero("coalesce_ms")),
            (_, 0) => Err(OptionsError::Zero("full_pass_ms")),
            _ => Ok(()),
        }
    }

    pub(crate) fn coalesce(&self) -> Duration {
        // Zero would put a filter off to the moment at which it is looked at.
        Duration::from_millis(self.coalesce_ms.max(1))
    }
}

/// Whether a role may have it.
pub(crate) fn is_weight(weight: f64) -> bool {
    weight.is_finite() && weight > 0.0
}
