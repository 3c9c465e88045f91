//! One resource, and a normalised bag of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ranges, Scalar, Value};

/// One layer of a reservation. A resource's stack goes from the outermost role to the most
/// refined; an empty stack is unreserved.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Reservation {
    /// The role that it is held for.
    pub role: String,
    /// Made by a framework or operator at run time, rather than by the agent's configuration.
    #[serde(default)]
    pub dynamic: bool,
    /// Who made it.
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What makes a piece of disk a persistent volume.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Disk {
    /// The volume's id, unique per role and agent.
    pub persistence_id: String,
    /// Where a container sees it.
    pub container_path: String,
    /// Who made it.
    #[serde(default)]
    pub principal: Option<String>,
}

/// A named amount of something on one agent.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Resource {
    /// `cpus`, `mem` (MB), `disk` (MB), `gpus`, `ports`, or any other.
    pub name: String,
    pub value: Value,
    #[serde(default)]
    pub reservations: Vec<Reservation>,
    #[serde(default)]
    pub disk: Option<Disk>,
    /// May be taken back while it is used (oversubscribed).
    #[serde(default)]
    pub revocable: bool,
    /// Several may use it at once (a persistent volume): a bag has it once for each of them, and
    /// counts it once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl Resource {
    /// Unreserved and not revocable.
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
            reservations: Vec::new(),
            disk: None,
            revocable: false,
            shared: false,
        }
    }

    /// The role it is reserved for now; `None` if it is unreserved.
    pub fn reserved_role(&self) -> Option<&str> {
        self.reservations.last().map(|r| r.role.as_str())
    }

    /// The disk that a volume is made of; the resource itself if it is none.
    #[must_use]
    pub fn without_disk(&self) -> Self {
        Self { disk: None, shared: false, ..self.clone() }
    }

    /// Whether `wanted`, of the same kind, can be taken away once. A volume goes whole.
    fn has(&self, wanted: &Self) -> bool {
        match self.disk {
            Some(_) => self.value == wanted.value,
            None => self.value.contains(&wanted.value),
        }
    }

    fn same_kind(&self, other: &Self) -> bool {
        self.cmp_kind(other) == Ordering::Equal && self.value.same_kind(&other.value)
    }

    /// The order of a bag: by everything but the amount. What compares equal is one entry, or the
    /// same shared thing.
    fn cmp_entry(&self, other: &Self) -> Ordering {
        self.cmp_kind(other).then_with(|| match self.shared {
            true => self.value.cmp(&other.value),
            false => kind_rank(&self.value).cmp(&kind_rank(&other.value)),
        })
    }

    /// Order by everything but the value.
    fn cmp_kind(&self, other: &Self) -> Ordering {
        (&self.name, &self.reservations, &self.disk, self.revocable, self.shared).cmp(&(
            &other.name,
            &other.reservations,
            &other.disk,
            other.revocable,
            other.shared,
        ))
    }
}

/// What was asked for and is not there: the first entry that is short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is more than the available {available}")]
pub struct Shortage {
    pub wanted: String,
    pub available: String,
}

/// A normalised bag of resources. What is shared stands in it once for each of its users.
#[derive(
    Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(from = "Vec<Resource>")]
pub struct Resources(Vec<Resource>);

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
        Self(merge_equal(list))
    }
}

impl Resources {
    /// Nothing.
    pub const EMPTY: Self = Self(Vec::new());

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
        self.0.is_empty()
    }

    /// The entries in their fixed order; shared ones as often as they are used.
    pub fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.0.iter()
    }

    /// The entries in their fixed order, each once: those to count.
    pub fn distinct(&self) -> impl Iterator<Item = &Resource> {
        let before = std::iter::once(None).chain(self.0.iter().map(Some));
        let again =
            |(each, before): &(&Resource, Option<&Resource>)| each.shared && *before == Some(*each);
        self.0.iter().zip(before).filter(move |pair| !again(pair)).map(|(each, _)| each)
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
    pub fn exclusive(&self) -> Cow<'_, Self> {
        match self.0.iter().any(|resource| resource.shared) {
            true => Cow::Owned(self.filter(|resource| !resource.shared)),
            false => Cow::Borrowed(self),
        }
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
        for r in self.0.iter().filter(|r| r.name == name) {
            if let Value::Ranges(ranges) = &r.value {
                all.extend_from_slice(ranges.intervals());
            }
        }
        all.into()
    }

    /// The entries that `keep` accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Resource) -> bool) -> Self {
        Self(self.0.iter().filter(|r| keep(r)).cloned().collect())
    }

    /// Whether `other` can be taken away.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|r| self.has(r) && (!r.shared || self.count(r) >= other.count(r)))
    }

    /// Takes `other` away, or says what is short and changes nothing.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Shortage> {
        let short = |r: &&Resource| !self.has(r) || r.shared && self.count(r) < other.count(r);
        if let Some(wanted) = other.0.iter().find(short) {
            return Err(self.shortage(wanted));
        }
        let mut rest = self.clone();
        rest.remove_all(other);
        Ok(rest)
    }

    /// What is left for others while `used` is in use, or what is short. What is shared has to be
    /// there and stays.
    pub fn checked_use(&self, used: &Self) -> Result<Self, Shortage> {
        if let Some(wanted) = used.0.iter().find(|wanted| !self.has(wanted)) {
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
        self.0.iter().filter(|mine| *mine == shared).count()
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
        if other.0.len() > FEW {
            let both = std::mem::take(&mut self.0).into_iter().chain(other.0.iter().cloned());
            *self = both.collect();
            return;
        }
        for resource in &other.0 {
            self.add_one(resource);
        }
    }

    /// Takes away as much of `other` as is there.
    pub fn remove_all(&mut self, other: &Self) {
        let mut used_up = false;
        for resource in &other.0 {
            let Ok(at) = self.position(resource) else { continue };
            if resource.shared {
                self.0.remove(at);
            } else {
                self.0[at].value.subtract(&resource.value);
                used_up |= self.0[at].value.is_empty();
            }
        }
        if used_up {
            self.0.retain(|mine| !mine.value.is_empty());
        }
    }

    fn add_one(&mut self, resource: &Resource) {
        if resource.value.is_empty() {
            return;
        }
        match self.position(resource) {
            Ok(at) if !resource.shared => self.0[at].value.add(&resource.value),
            Ok(at) | Err(at) => self.0.insert(at, resource.clone()),
        }
    }

    fn position(&self, like: &Resource) -> Result<usize, usize> {
        self.0.binary_search_by(|mine| mine.cmp_entry(like))
    }

    fn find(&self, like: &Resource) -> Option<&Resource> {
        self.position(like).ok().map(|at| &self.0[at]).filter(|mine| mine.same_kind(like))
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

fn kind_rank(value: &Value) -> u8 {
    match value {
        Value::Scalar(_) => 0,
        Value::Ranges(_) => 1,
        Value::Set(_) => 2,
    }
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

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(role) = self.reserved_role() {
            write!(f, "({role})")?;
        }
        if self.revocable {
            f.write_str("{revocable}")?;
        }
        if self.shared {
            f.write_str("{shared}")?;
        }
        match &self.value {
            Value::Scalar(s) => write!(f, ":{s}"),
            Value::Ranges(r) => {
                f.write_str(":[")?;
                for (i, (begin, end)) in r.intervals().iter().enumerate() {
                    write!(f, "{}{begin}-{end}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Set(s) => {
                write!(f, ":{{{}}}", s.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, resource) in self.0.iter().enumerate() {
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
