//! What roles are guaranteed, and what they may have at most.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resources::{Resource, Scalar};

/// A trillion, as in Mesos.
const MOST: Scalar = Scalar::from_milli(1_000_000_000_000_000);
/// An exabyte, as in Mesos.
const MOST_MEGABYTES: Scalar = Scalar::from_milli((1 << 40) * 1000);

/// Of scalar resources, by name. It holds for the role with all its descendants together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Quota {
    /// So much is kept free for it while it has less. Absent: nothing is.
    pub guarantees: Amounts,
    /// It never gets more. Absent: it may have everything.
    pub limits: Amounts,
}

/// Why a quota cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    #[error("{name}: {amount} is negative")]
    Negative { name: String, amount: Scalar },
    #[error("{name}: {amount} is more than can be counted, {most}")]
    TooLarge { name: String, amount: Scalar, most: Scalar },
    #[error("{name}: the guarantee {guarantee} is more than the limit {limit}")]
    GuaranteeAboveLimit { name: String, guarantee: Scalar, limit: Scalar },
    #[error("{name}: the guarantees below role `{role}` are {below} together, more than its {own}")]
    MoreBelow { role: String, name: String, own: Scalar, below: Scalar },
}

/// By the name of the resource.
pub type Amounts = BTreeMap<String, Scalar>;

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
        for (name, amount) in self.guarantees.iter().chain(&self.limits) {
            let is_megabytes = matches!(name.as_str(), "mem" | "disk");
            let most = if is_megabytes { MOST_MEGABYTES } else { MOST };
            if *amount > most {
                return Err(QuotaError::TooLarge { name: name.clone(), amount: *amount, most });
            }
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

/// Whether `role` is `above` or one of its descendants. Everything is below the root, "".
pub fn is_within(role: &str, above: &str) -> bool {
    above.is_empty()
        || role.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a resource that is held for a role counts against the quota of `above`, which is that
/// role or above it, beside what is reserved there anyway.
pub fn is_charged(resource: &Resource, above: &str) -> bool {
    !resource.revocable && resource.reserved_role().is_none_or(|role| !is_within(role, above))
}

/// What is guaranteed to all these roles together. What is guaranteed to a role below another is
/// part of what that one is guaranteed.
///
/// # Errors
/// The roles below one are guaranteed more than itself, or than its limit if it is guaranteed
/// nothing.
pub fn total_guarantees(quotas: &BTreeMap<String, Quota>) -> Result<Amounts, QuotaError> {
    sum_up(quotas, |role, quota, mut below| {
        quota.check_below(role, &below)?;
        below.extend(quota.guarantees.clone());
        Ok(below)
    })
}

/// What is lacking to all these roles together, `unmet` being what is lacking to one. What a role
/// below another lacks is part of what that one lacks.
pub fn total_unmet(
    quotas: &BTreeMap<String, Quota>,
    unmet: impl Fn(&str, &Quota) -> Amounts,
) -> Amounts {
    let total = sum_up(quotas, |role, quota, mut below| {
        for (name, amount) in unmet(role, quota) {
            let total = below.entry(name).or_default();
            *total = amount.max(*total);
        }
        Ok::<_, std::convert::Infallible>(below)
    });
    let Ok(total) = total;
    total
}

/// The sum over roles that are below no other one, of what `total` makes of each and of the sum over
/// those below it.
fn sum_up<E>(
    quotas: &BTreeMap<String, Quota>,
    total: impl Fn(&str, &Quota, Amounts) -> Result<Amounts, E>,
) -> Result<Amounts, E> {
    let mut below: BTreeMap<&str, Amounts> = BTreeMap::new();
    let mut roles: Vec<_> = quotas.iter().collect();
    roles.sort_by_key(|(role, _)| std::cmp::Reverse(role.matches('/').count()));
    for (role, quota) in roles {
        let sum = below.remove(role.as_str()).unwrap_or_default();
        let sum = total(role, quota, sum)?;
        let above = below.entry(nearest_above(role, quotas)).or_default();
        for (name, amount) in sum {
            *above.entry(name).or_default() += amount;
        }
    }
    Ok(below.remove("").unwrap_or_default())
}

/// The closest role above this one that has a quota; the root if there is none.
fn nearest_above<'a>(role: &'a str, quotas: &BTreeMap<String, Quota>) -> &'a str {
    let above = std::iter::successors(Some(role), |role| Some(role.rsplit_once('/')?.0));
    above.skip(1).find(|above| quotas.contains_key(*above)).unwrap_or_default()
}

impl Quota {
    fn check_below(&self, role: &str, below: &Amounts) -> Result<(), QuotaError> {
        for (name, below) in below {
            let own = self.guarantees.get(name).or_else(|| self.limits.get(name));
            if let Some(own) = own.filter(|own| *own < below) {
                let (role, name) = (role.to_owned(), name.clone());
                return Err(QuotaError::MoreBelow { role, name, own: *own, below: *below });
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
        assert!(quota(&[("mem", 1 << 40)], &[]).validate().is_ok());
        assert!(quota(&[("mem", (1 << 40) + 1)], &[]).validate().is_err());
        assert!(quota(&[], &[("cpus", 1_000_000_000_001)]).validate().is_err());
        assert!(quota(&[("cpus", 0)], &[]).is_default());
        assert!(!quota(&[], &[("cpus", 0)]).is_default());
    }

    #[test]
    fn a_role_is_within_itself_and_what_is_above_it() {
        assert!(is_within("eng", "eng") && is_within("eng/web", "eng") && is_within("eng", ""));
        assert!(!is_within("engine", "eng") && !is_within("eng", "eng/web"));
    }

    #[test]
    fn what_is_guaranteed_below_a_role_is_part_of_its_own_and_never_more() {
        let total = |quotas: &[(&str, i64, i64)]| {
            let list = |n: i64| if n < 0 { Amounts::new() } else { amounts(&[("cpus", n)]) };
            let quota = |(role, guarantee, limit): &(&str, i64, i64)| {
                let quota = Quota { guarantees: list(*guarantee), limits: list(*limit) };
                ((*role).to_owned(), quota)
            };
            total_guarantees(&quotas.iter().map(quota).collect())
        };
        let cpus = |n: i64| Ok(amounts(&[("cpus", n)]));
        assert_eq!(total(&[("a", 4, -1), ("b", 2, -1), ("c", -1, 9)]), cpus(6));
        assert_eq!(total(&[("a", 4, -1), ("a/x", 1, -1), ("a/y/z", 3, -1)]), cpus(4));
        assert_eq!(total(&[("a/x", 1, -1), ("a/y", 3, -1)]), cpus(4), "nothing bounds them");
        assert_eq!(total(&[("a", -1, 4), ("a/x", 4, -1)]), cpus(4));
        assert_eq!(total(&[]), Ok(Amounts::new()));
        for more in [
            &[("a", 4, -1), ("a/x", 2, -1), ("a/y", 3, -1)][..],
            &[("a", -1, 4), ("a/x", 5, -1)],
            &[("a", 4, -1), ("a/x", -1, 9), ("a/x/y", 5, -1)],
        ] {
            assert!(matches!(total(more), Err(QuotaError::MoreBelow { .. })), "{more:?}");
        }
    }
}
