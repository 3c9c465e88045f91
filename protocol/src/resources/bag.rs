//! A normalised bag of resources.
//!
//! Copies of a bag share its entries until one of them is changed: most bags go whole from an agent
//! to an offer to a task, and are only looked at on their way.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Ranges, Resource, Scalar, Value};

/// What was asked for and is not there: the first entry that is short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is more than the available {available}")]
pub struct Shortage {
    pub wanted: String,
    pub available: String,
}

/// A normalised bag of resources. What is shared stands in it once for each of its users. Travels as
/// a list; a copy costs one count.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(from = "Vec<Resource>")]
pub struct Resources(#[schemars(with = "Vec<Resource>")] Option<Arc<Vec<Resource>>>);

impl Serialize for Resources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries().serialize(serializer)
    }
}

impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.is_copy_of(other) || self.entries() == other.entries()
    }
}

impl Eq for Resources {}

impl PartialOrd for Resources {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Resources {
    fn cmp(&self, other: &Self) -> Ordering {
        self.entries().cmp(other.entries())
    }
}

impl Hash for Resources {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entries().hash(state);
    }
}

impl From<Vec<Resource>> for Resources {
    fn from(list: Vec<Resource>) -> Self {
        list.into_iter().collect()
    }
}

impl FromIterator<Resource> for Resources {
    /// Sorts first, so that a long list from a peer costs little more than its length.
    fn from_iter<I: IntoIterator<Item = Resource>>(list: I) -> Self {
        let mut list: Vec<Resource> = list.into_iter().filter(|r| !r.value.is_empty()).collect();
        list.sort_by(Resource::cmp_entry);
        Self::of(merge_equal(list))
    }
}

impl Resources {
    /// Nothing.
    pub const EMPTY: Self = Self(None);

    /// What is normalised already.
    fn of(entries: Vec<Resource>) -> Self {
        Self((!entries.is_empty()).then(|| Arc::new(entries)))
    }

    fn entries(&self) -> &[Resource] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// To change: nobody else sees it.
    fn entries_mut(&mut self) -> &mut Vec<Resource> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Whether both are surely the same, without a look at the entries.
    fn is_copy_of(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        }
    }

    /// Unreserved cpus, mem (MB) and disk (MB).
    pub fn basic(cpus: Scalar, mem: Scalar, disk: Scalar) -> Self {
        [("cpus", cpus), ("mem", mem), ("disk", disk)]
            .into_iter()
            .map(|(name, scalar)| Resource::new(name, Value::Scalar(scalar)))
            .collect()
    }

    /// Unreserved ports.
    pub fn ports(ranges: Ranges) -> Self {
        std::iter::once(Resource::new("ports", Value::Ranges(ranges))).collect()
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// The entries in their fixed order; shared ones as often as they are used.
    pub fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.entries().iter()
    }

    /// The entries in their fixed order, each once: those to count.
    pub fn distinct(&self) -> impl Iterator<Item = &Resource> {
        let before = std::iter::once(None).chain(self.iter().map(Some));
        let again =
            |(each, before): &(&Resource, Option<&Resource>)| each.shared && *before == Some(*each);
        self.iter().zip(before).filter(move |pair| !again(pair)).map(|(each, _)| each)
    }

    /// What several may use at once, each once.
    pub fn shared(&self) -> impl Iterator<Item = &Resource> {
        self.distinct().filter(|resource| resource.shared)
    }

    /// The first that both may use at once.
    pub fn first_shared_with(&self, other: &Self) -> Option<&Resource> {
        self.shared().find(|resource| other.has(resource))
    }

    /// Without what several may use at once.
    #[must_use]
    pub fn exclusive(&self) -> Self {
        match self.has_shared() {
            true => self.filter(|resource| !resource.shared),
            false => self.clone(),
        }
    }

    /// Whether several may use something of it at once.
    pub fn has_shared(&self) -> bool {
        self.iter().any(|resource| resource.shared)
    }

    /// The sum of a scalar over all its entries, whatever they are reserved for.
    pub fn scalar(&self, name: &str) -> Scalar {
        self.distinct()
            .filter(|r| r.name == name)
            .filter_map(|r| if let Value::Scalar(s) = r.value { Some(s) } else { None })
            .sum()
    }

    /// All scalars by name, summed over their entries.
    pub fn scalars(&self) -> BTreeMap<&str, Scalar> {
        let mut sums = BTreeMap::new();
        for r in self.distinct() {
            if let Value::Scalar(s) = r.value {
                *sums.entry(r.name.as_str()).or_insert(Scalar::ZERO) += s;
            }
        }
        sums
    }

    /// The union of the intervals of `name` (for example `ports`).
    pub fn ranges(&self, name: &str) -> Ranges {
        let mut all = Vec::new();
        for r in self.iter().filter(|r| r.name == name) {
            if let Value::Ranges(ranges) = &r.value {
                all.extend_from_slice(ranges.intervals());
            }
        }
        all.into()
    }

    /// The entries that `keep` accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Resource) -> bool) -> Self {
        Self::of(self.iter().filter(|r| keep(r)).cloned().collect())
    }

    /// Whether `other` can be taken away.
    pub fn contains(&self, other: &Self) -> bool {
        let has = |r: &Resource| self.has(r) && (!r.shared || self.count(r) >= other.count(r));
        self.is_copy_of(other) || other.iter().all(has)
    }

    /// Takes `other` away, or says what is short and changes nothing.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Shortage> {
        let short = |r: &&Resource| !self.has(r) || r.shared && self.count(r) < other.count(r);
        if let Some(wanted) = other.iter().find(short) {
            return Err(self.shortage(wanted));
        }
        let mut rest = self.clone();
        rest.remove_all(other);
        Ok(rest)
    }

    /// What is left for others while `used` is in use, or what is short. What is shared has to be
    /// there and stays.
    pub fn checked_use(&self, used: &Self) -> Result<Self, Shortage> {
        if let Some(wanted) = used.iter().find(|wanted| !self.has(wanted)) {
            return Err(self.shortage(wanted));
        }
        let mut rest = self.clone();
        rest.remove_all(&used.exclusive());
        Ok(rest)
    }

    fn has(&self, wanted: &Resource) -> bool {
        self.find(wanted).is_some_and(|mine| mine.has(wanted))
    }

    /// How often a shared one is used.
    fn count(&self, shared: &Resource) -> usize {
        self.iter().filter(|mine| *mine == shared).count()
    }

    fn shortage(&self, wanted: &Resource) -> Shortage {
        let mine = self.find(wanted);
        Shortage {
            wanted: wanted.to_string(),
            available: mine.map_or_else(|| format!("{}:0", wanted.name), ToString::to_string),
        }
    }

    /// Adds everything of `other`.
    pub fn add_all(&mut self, other: &Self) {
        if self.is_empty() {
            *self = other.clone();
        } else if other.entries().len() > FEW {
            *self = self.iter().chain(other.iter()).cloned().collect();
        } else {
            other.iter().for_each(|resource| self.add_one(resource));
        }
    }

    /// Takes away as much of `other` as is there.
    pub fn remove_all(&mut self, other: &Self) {
        if self.is_copy_of(other) {
            *self = Self::EMPTY;
            return;
        }
        let mut used_up = false;
        for resource in other.iter() {
            let Ok(at) = self.position(resource) else { continue };
            let mine = self.entries_mut();
            if resource.shared {
                mine.remove(at);
            } else {
                mine[at].value.subtract(&resource.value);
                used_up |= mine[at].value.is_empty();
            }
        }
        if used_up {
            self.entries_mut().retain(|mine| !mine.value.is_empty());
        }
    }

    fn add_one(&mut self, resource: &Resource) {
        if resource.value.is_empty() {
            return;
        }
        match self.position(resource) {
            Ok(at) if !resource.shared => self.entries_mut()[at].value.add(&resource.value),
            Ok(at) | Err(at) => self.entries_mut().insert(at, resource.clone()),
        }
    }

    fn position(&self, like: &Resource) -> Result<usize, usize> {
        self.entries().binary_search_by(|mine| mine.cmp_entry(like))
    }

    fn find(&self, like: &Resource) -> Option<&Resource> {
        self.position(like).ok().map(|at| &self.entries()[at]).filter(|mine| mine.same_kind(like))
    }
}

/// Up to so many entries are added one by one, each moving those behind it; more are sorted in. The
/// bags of a cluster's daily work have four.
const FEW: usize = 16;

/// One entry for each run of equal ones in a sorted list. Shared ones stay as they are.
fn merge_equal(list: Vec<Resource>) -> Vec<Resource> {
    let mut merged: Vec<Resource> = Vec::with_capacity(list.len());
    let mut list = list.into_iter().peekable();
    while let Some(mut entry) = list.next() {
        let same = |next: &Resource| !entry.shared && entry.cmp_entry(next) == Ordering::Equal;
        let more = std::iter::from_fn(|| list.next_if(|next| same(next)).map(|next| next.value));
        let more: Vec<Value> = more.collect();
        entry.value.add_each(more);
        merged.push(entry);
    }
    merged
}

impl std::ops::Add for &Resources {
    type Output = Resources;
    fn add(self, other: &Resources) -> Resources {
        let mut sum = self.clone();
        sum.add_all(other);
        sum
    }
}

impl<'a> std::iter::Sum<&'a Resources> for Resources {
    fn sum<I: Iterator<Item = &'a Resources>>(bags: I) -> Self {
        let mut sum = Self::default();
        for bag in bags {
            sum.add_all(bag);
        }
        sum
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, resource) in self.iter().enumerate() {
            write!(f, "{}{resource}", if i > 0 { ";" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Disk, Reservation};
    use proptest::prelude::*;

    fn any_resource() -> impl Strategy<Value = Resource> {
        let scalar = (prop_oneof!["cpus", "mem"], 0i64..5000)
            .prop_map(|(n, m)| Resource::new(n, Value::Scalar(Scalar::from_milli(m))));
        let reserved = scalar.clone().prop_map(|mut r| {
            r.reservations.push(Reservation {
                role: "dev".into(),
                dynamic: true,
                principal: None,
                labels: BTreeMap::new(),
            });
            r
        });
        let shared = scalar.clone().prop_map(|r| Resource { shared: true, ..r });
        prop_oneof![3 => scalar, 3 => reserved, 1 => shared]
    }

    fn any_bag() -> impl Strategy<Value = Resources> {
        proptest::collection::vec(any_resource(), 0..6).prop_map(Resources::from)
    }

    /// One of many names and of every kind, empty ones among them.
    fn any_entry() -> impl Strategy<Value = Resource> {
        let set = proptest::collection::btree_set("[ab]", 0..2).prop_map(Value::Set);
        let value = prop_oneof![
            (-1i64..3).prop_map(|milli| Value::Scalar(Scalar::from_milli(milli))),
            (0u64..9, 0u64..9).prop_map(|(b, e)| Value::Ranges(Ranges::single(b, e))),
            set,
        ];
        ("[a-e]{1,2}", value, any::<bool>()).prop_map(|(name, value, revocable)| Resource {
            revocable,
            ..Resource::new(name, value)
        })
    }

    proptest! {
        #[test]
        fn adding_and_taking_away_is_exact(a in any_bag(), b in any_bag()) {
            let sum = &a + &b;
            prop_assert!(sum.contains(&a) && sum.contains(&b));
            prop_assert_eq!(sum.checked_sub(&b).unwrap(), a.clone());
            prop_assert_eq!(&b + &a, sum);
        }

        #[test]
        fn contains_agrees_with_subtraction(a in any_bag(), b in any_bag()) {
            prop_assert_eq!(a.contains(&b), a.checked_sub(&b).is_ok());
        }

        #[test]
        fn many_at_once_are_as_one_by_one(
            list in proptest::collection::vec(any_entry(), 0..60),
            more in proptest::collection::vec(any_entry(), 0..60),
        ) {
            let one_by_one = |mut bag: Resources, list: &[Resource]| {
                list.iter().for_each(|each| bag.add_one(each));
                bag
            };
            let (bag, other) = (Resources::from(list.clone()), Resources::from(more.clone()));
            prop_assert_eq!(&bag, &one_by_one(Resources::EMPTY, &list));
            let sum = &bag + &other;
            prop_assert_eq!(&sum, &one_by_one(bag, &more));
            let mut rest = sum.clone();
            rest.remove_all(&sum);
            prop_assert_eq!(rest, Resources::EMPTY);
        }

        #[test]
        fn text_reads_back(a in any_bag()) {
            prop_assert_eq!(Resources::from_iter(a.iter().cloned()), a);
        }
    }

    #[test]
    fn a_copy_stays_as_it_is_when_the_original_changes() {
        let mut bag = Resources::parse("cpus=1;mem=128").unwrap();
        let copy = bag.clone();
        assert!(copy.is_copy_of(&bag) && copy.contains(&bag));
        bag.add_all(&Resources::parse("cpus=1").unwrap());
        bag.remove_all(&Resources::parse("mem=128").unwrap());
        assert_eq!(bag.to_string(), "cpus:2");
        assert_eq!(copy.to_string(), "cpus:1;mem:128");
        bag.remove_all(&bag.clone());
        assert_eq!((bag, copy.iter().count()), (Resources::EMPTY, 2));
    }

    #[test]
    fn a_shortage_names_what_is_short() {
        let have = Resources::parse("cpus=1;mem=128").unwrap();
        let want = Resources::parse("cpus=2").unwrap();
        assert_eq!(
            have.checked_sub(&want).unwrap_err().to_string(),
            "cpus:2 is more than the available cpus:1"
        );
    }

    #[test]
    fn a_volume_goes_whole() {
        let volume = |disk: &str| {
            let disk_of = |r: &Resource| Resource {
                disk: Some(Disk {
                    persistence_id: "v".into(),
                    container_path: "data".into(),
                    principal: None,
                }),
                ..r.clone()
            };
            Resources::parse(disk).unwrap().iter().map(disk_of).collect::<Resources>()
        };
        let have = &volume("disk=5") + &Resources::parse("disk=9").unwrap();
        assert!(have.contains(&volume("disk=5")));
        assert!(!have.contains(&volume("disk=4")) && !have.contains(&volume("disk=6")));
        assert!(have.checked_sub(&volume("disk=4")).is_err());
        assert!(have.contains(&Resources::parse("disk=4").unwrap()));
    }

    #[test]
    fn what_is_shared_is_there_once_for_each_user_and_counts_once() {
        let shared = |text: &str| {
            let shared = |r: &Resource| Resource { shared: true, ..r.clone() };
            Resources::parse(text).unwrap().iter().map(shared).collect::<Resources>()
        };
        let total = &shared("disk=5") + &Resources::parse("cpus=2;disk=1").unwrap();
        let user = &shared("disk=5") + &Resources::parse("cpus=1").unwrap();
        let both = &user + &user;
        assert_eq!((both.shared().count(), both.iter().count()), (1, 3));
        assert_eq!(both.scalar("disk"), Scalar::from_milli(5000));
        assert!(!total.contains(&both) && both.contains(&user));
        assert_eq!(both.checked_sub(&user), Ok(user.clone()));
        assert_eq!(user.checked_sub(&both).unwrap_err().available, "cpus:1");
        let left = total.checked_use(&both).unwrap();
        assert_eq!(left, &shared("disk=5") + &Resources::parse("disk=1").unwrap());
        assert!(left.checked_use(&user).is_err() && left.checked_use(&shared("disk=4")).is_err());
        assert_eq!(Resources::from(both.iter().cloned().collect::<Vec<_>>()), both);
    }

    #[test]
    fn reserved_and_unreserved_do_not_stand_in_for_each_other() {
        let mut reserved = Resource::new("cpus", Value::Scalar(Scalar::from_milli(1000)));
        reserved.reservations.push(Reservation {
            role: "dev".into(),
            dynamic: false,
            principal: None,
            labels: BTreeMap::new(),
        });
        let reserved = Resources::from(vec![reserved]);
        assert!(!reserved.contains(&Resources::parse("cpus=0.5").unwrap()));
        assert_eq!(reserved.scalar("cpus"), Scalar::from_milli(1000));
    }
}
