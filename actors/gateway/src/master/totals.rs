//! Sums of bags, by name and over agents, as tools want them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use protocol::AgentId;
use protocol::resources::{Ranges, Resource, Resources, Scalar, Value};

/// Always there, for tools that do not look whether they are.
pub(crate) const BASIC: [&str; 4] = ["cpus", "gpus", "mem", "disk"];

/// Where a name is in [`BASIC`]. Asked for every resource of every task.
fn place(name: &str) -> Option<usize> {
    match name {
        "cpus" => Some(0),
        "gpus" => Some(1),
        "mem" => Some(2),
        "disk" => Some(3),
        _ => None,
    }
}

/// What bags amount to. What several use at once on an agent counts once there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Of [`BASIC`], what cannot be taken back.
    pub(crate) basic: [Scalar; BASIC.len()],
    /// By name: what cannot be taken back, and what can.
    pub(crate) others: BTreeMap<String, [Option<Total>; 2]>,
    /// Counted when totals are read, so that they can be added up before.
    shared: BTreeSet<(AgentId, Resource)>,
}

/// What values of one kind amount to.
#[derive(Clone, Debug)]
pub(crate) enum Total {
    Scalar(Scalar),
    /// In no order, and not merged: that is done once, when it is read.
    Ranges(Vec<(u64, u64)>),
    Set(BTreeSet<String>),
}

impl Totals {
    /// Adds what is on an agent.
    pub(crate) fn add(&mut self, agent_id: &AgentId, bag: &Resources) {
        for resource in bag.iter() {
            if resource.shared {
                self.shared.insert((agent_id.clone(), resource.clone()));
            } else {
                self.add_resource(resource);
            }
        }
    }

    /// Adds one as often as this is called.
    pub(crate) fn add_resource(&mut self, resource: &Resource) {
        match (place(&resource.name), &resource.value) {
            (Some(place), Value::Scalar(scalar)) if !resource.revocable => {
                self.basic[place] += *scalar;
            }
            (_, value) => self.add_other(&resource.name, resource.revocable, Total::of(value)),
        }
    }

    /// Adds other totals.
    pub(crate) fn add_totals(&mut self, more: &Self) {
        for (sum, more) in self.basic.iter_mut().zip(more.basic) {
            *sum += more;
        }
        for (name, totals) in &more.others {
            for (revocable, total) in [false, true].into_iter().zip(totals) {
                total.iter().for_each(|more| self.add_other(name, revocable, more.clone()));
            }
        }
        self.shared.extend(more.shared.iter().cloned());
    }

    fn add_other(&mut self, name: &str, revocable: bool, more: Total) {
        let [firm, spare] = self.others.entry(name.to_owned()).or_default();
        match if revocable { spare } else { firm } {
            Some(sum) => sum.add(more),
            none => *none = Some(more),
        }
    }

    /// With what is shared.
    pub(crate) fn whole(&self) -> Cow<'_, Self> {
        if self.shared.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut whole = Self { shared: BTreeSet::new(), ..self.clone() };
        self.shared.iter().for_each(|(_, resource)| whole.add_resource(resource));
        Cow::Owned(whole)
    }

    /// How much there is of one of [`BASIC`].
    pub(crate) fn amount(&self, name: &str, revocable: bool) -> Scalar {
        let whole = self.whole();
        if !revocable {
            return place(name).map_or(Scalar::ZERO, |place| whole.basic[place]);
        }
        match whole.others.get(name) {
            Some([_, Some(Total::Scalar(scalar))]) => *scalar,
            _ => Scalar::ZERO,
        }
    }
}

impl Total {
    fn of(value: &Value) -> Self {
        match value {
            Value::Scalar(scalar) => Self::Scalar(*scalar),
            Value::Ranges(ranges) => Self::Ranges(ranges.intervals().to_vec()),
            Value::Set(names) => Self::Set(names.clone()),
        }
    }

    /// Adds what is of the same kind; of others the first one stays.
    fn add(&mut self, more: Self) {
        match (self, more) {
            (Self::Scalar(sum), Self::Scalar(more)) => *sum += more,
            (Self::Ranges(sum), Self::Ranges(more)) => sum.extend(more),
            (Self::Set(sum), Self::Set(more)) => sum.extend(more),
            _ => {}
        }
    }

    /// As a value.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Scalar(scalar) => Value::Scalar(*scalar),
            Self::Ranges(ranges) => Value::Ranges(Ranges::from(ranges.clone())),
            Self::Set(names) => Value::Set(names.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::resources::Disk;

    use super::*;

    fn volume(shared: bool) -> Resource {
        let disk =
            Disk { persistence_id: "data".into(), container_path: "data".into(), principal: None };
        let size = Value::Scalar(Scalar::from_milli(64_000));
        Resource { disk: Some(disk), shared, ..Resource::new("disk", size) }
    }

    #[test]
    fn a_shared_volume_counts_once_on_each_agent_and_another_as_often_as_it_is_there() {
        let (one, two) = (AgentId::from("a1"), AgentId::from("a2"));
        for (shared, expected) in [(true, 128_000), (false, 192_000)] {
            let bag: Resources = std::iter::once(volume(shared)).collect();
            let mut totals = Totals::default();
            for agent_id in [&one, &one, &two] {
                totals.add(agent_id, &bag);
            }
            assert_eq!(totals.amount("disk", false).milli(), expected, "shared: {shared}");
        }
    }

    #[test]
    fn totals_are_added_up_as_what_is_in_them() {
        let (one, two) = (AgentId::from("a1"), AgentId::from("a2"));
        let bag = |text: &str| Resources::parse(text).unwrap();
        let bags =
            [bag("cpus=1;ports=[1-2]"), bag("cpus=2;ports=[3-4];slots=5"), bag("slots=1;mem=6")];
        let shared: Resources = std::iter::once(volume(true)).collect();
        let (mut all, mut parts) = (Totals::default(), Totals::default());
        for (agent_id, bag) in [&one, &one, &two].into_iter().zip(&bags) {
            let mut part = Totals::default();
            for bag in [bag, &shared] {
                all.add(agent_id, bag);
                part.add(agent_id, bag);
            }
            parts.add_totals(&part);
        }
        for totals in [all, parts] {
            let amount = |name| totals.amount(name, false).milli();
            assert_eq!(["cpus", "mem", "disk"].map(amount), [3000, 6000, 128_000]);
            let value = |name: &str| totals.others[name][0].as_ref().unwrap().value();
            assert_eq!(value("ports"), Value::Ranges(vec![(1, 4)].into()));
            assert_eq!(value("slots"), Value::Scalar(Scalar::from_milli(6000)));
        }
    }

    #[test]
    fn what_is_always_there_has_its_place() {
        for (at, name) in BASIC.iter().enumerate() {
            assert_eq!(place(name), Some(at), "{name}");
        }
        assert_eq!(place("ports"), None);
    }

    #[test]
    fn ports_of_many_are_merged_and_what_may_be_taken_back_is_apart() {
        let agent_id = AgentId::from("a1");
        let bag = |text: &str| Resources::parse(text).unwrap();
        let bags = [bag("ports=[5-6];cpus=1"), bag("ports=[7-9];cpus=2"), bag("ports=[1-1]")];
        let spare = Resource {
            revocable: true,
            ..Resource::new("cpus", Value::Scalar(Scalar::from_milli(500)))
        };
        let mut totals = Totals::default();
        bags.iter().for_each(|bag| totals.add(&agent_id, bag));
        totals.add_resource(&spare);
        let ports = totals.others["ports"][0].as_ref().unwrap().value();
        assert_eq!(ports, Value::Ranges(vec![(1, 1), (5, 9)].into()));
        let cpus = |revocable| totals.amount("cpus", revocable).milli();
        assert_eq!((cpus(false), cpus(true)), (3000, 500));
    }
}
