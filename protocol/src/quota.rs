//! What a role is guaranteed, and what it may have at most.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resources::Scalar;

/// Of scalar resources, by name. It holds for the role with all its descendants together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Quota {
    /// So much is kept free for it while it has less. Absent: nothing is.
    pub guarantees: BTreeMap<String, Scalar>,
    /// It never gets more. Absent: it may have everything.
    pub limits: BTreeMap<String, Scalar>,
}

/// Why a quota cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    #[error("{name}: {amount} is negative")]
    Negative { name: String, amount: Scalar },
    #[error("{name}: the guarantee {guarantee} is more than the limit {limit}")]
    GuaranteeAboveLimit { name: String, guarantee: Scalar, limit: Scalar },
}

impl Quota {
    /// No guarantee and no limit: as if it was never set.
    pub fn is_default(&self) -> bool {
        self.limits.is_empty() && self.guarantees.values().all(|amount| !amount.is_positive())
    }

    /// Whether it makes sense; the first thing that does not.
    pub fn validate(&self) -> Result<(), QuotaError> {
        let mut amounts = self.guarantees.iter().chain(&self.limits);
        if let Some((name, amount)) = amounts.find(|(_, amount)| **amount < Scalar::ZERO) {
            return Err(QuotaError::Negative { name: name.clone(), amount: *amount });
        }
        for (name, guarantee) in &self.guarantees {
            let limit = self.limits.get(name).copied().unwrap_or(*guarantee);
            if *guarantee > limit {
                let (name, guarantee) = (name.clone(), *guarantee);
                return Err(QuotaError::GuaranteeAboveLimit { name, guarantee, limit });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(list: &[(&str, i64)]) -> BTreeMap<String, Scalar> {
        let amount = |(name, n): &(&str, i64)| ((*name).to_owned(), Scalar::from_milli(n * 1000));
        list.iter().map(amount).collect()
    }

    #[test]
    fn a_guarantee_is_within_the_limit_and_nothing_is_negative() {
        let quota =
            |guarantees, limits| Quota { guarantees: amounts(guarantees), limits: amounts(limits) };
        assert_eq!(quota(&[("cpus", 2)], &[("cpus", 2), ("mem", 0)]).validate(), Ok(()));
        assert_eq!(quota(&[("cpus", 2)], &[]).validate(), Ok(()));
        assert!(quota(&[("cpus", 3)], &[("cpus", 2)]).validate().is_err());
        assert!(quota(&[("cpus", -1)], &[]).validate().is_err());
        assert!(quota(&[("cpus", 0)], &[]).is_default());
        assert!(!quota(&[], &[("cpus", 0)]).is_default());
    }
}
