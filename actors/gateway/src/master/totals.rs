//! Sums of bags, by name and over agents, as tools want them.

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
pub(crate) struct Totals<'a> {
    /// Of [`BASIC`], what cannot be taken back.
    pub(crate) basic: [Scalar; BASIC.len()],
    /// By name, and whether it may be taken back.
    pub(crate) others: BTreeMap<(&'a str, bool), Total<'a>>,
    shared: BTreeSet<(&'a AgentId, &'a Resource)>,
}

/// What values of one kind amount to.
#[derive(Clone, Debug)]
pub(crate) enum Total<'a> {
    Scalar(Scalar),
    /// In no order, and not merged: that is done once, when it is read.
    Ranges(Vec<(u64, u64)>),
    Set(BTreeSet<&'a str>),
}

impl<'a> Totals<'a> {
    /// Adds what is on an agent.
    pub(crate) fn add(&mut self, agent_id: &'a AgentId, bag: &'a Resources) {
        for resource in bag.iter() {
            if !resource.shared || self.shared.insert((agent_id, resource)) {
                self.add_resource(resource);
            }
        }
    }

    /// Adds one that is not shared, or was not added before.
    pub(crate) fn add_resource(&mut self, resource: &'a Resource) {
        match (place(&resource.name), &resource.value) {
            (Some(place), Value::Scalar(scalar)) if !resource.revocable => {
                self.basic[place] += *scalar;
            }
            (_, value) => {
                let key = (resource.name.as_str(), resource.revocable);
                self.others.entry(key).or_insert_with(|| Total::none(value)).add(value);
            }
        }
    }

    /// How much there is of one of [`BASIC`].
    pub(crate) fn amount(&self, name: &str, revocable: bool) -> Scalar {
        if !revocable {
            return place(name).map_or(Scalar::ZERO, |place| self.basic[place]);
        }
        match self.others.get(&(name, true)) {
            Some(Total::Scalar(scalar)) => *scalar,
            _ => Scalar::ZERO,
        }
    }
}

impl<'a> Total<'a> {
    /// Nothing of this kind.
    fn none(value: &Value) -> Self {
        match value {
            Value::Scalar(_) => Self::Scalar(Scalar::ZERO),
            Value::Ranges(_) => Self::Ranges(Vec::new()),
            Value::Set(_) => Self::Set(BTreeSet::new()),
        }
    }

    /// Adds a value of the same kind; of others the first one stays.
    fn add(&mut self, value: &'a Value) {
        match (self, value) {
            (Self::Scalar(sum), Value::Scalar(scalar)) => *sum += *scalar,
            (Self::Ranges(sum), Value::Ranges(ranges)) => sum.extend(ranges.intervals()),
            (Self::Set(sum), Value::Set(names)) => sum.extend(names.iter().map(String::as_str)),
            _ => {}
        }
    }

    /// As a value.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Scalar(scalar) => Value::Scalar(*scalar),
            Self::Ranges(ranges) => Value::Ranges(Ranges::from(ranges.clone())),
            Self::Set(names) => Value::Set(names.iter().map(|name| (*name).to_owned()).collect()),
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
        let ports = totals.others[&("ports", false)].value();
        assert_eq!(ports, Value::Ranges(vec![(1, 1), (5, 9)].into()));
        let cpus = |revocable| totals.amount("cpus", revocable).milli();
        assert_eq!((cpus(false), cpus(true)), (3000, 500));
    }
}
