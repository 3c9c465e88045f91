//! Resources as the endpoints have them: one object of totals by name.

use std::collections::BTreeMap;

use protocol::resources::{Resource, Resources, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::master::totals::{BASIC, Total, Totals};

/// What may be taken back has names of its own.
const REVOCABLE: &str = "_revocable";

/// Which entries of a bag.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    All,
    Unreserved,
    ReservedFor(&'a str),
}

impl Which<'_> {
    fn takes(self, resource: &Resource) -> bool {
        match self {
            Self::All => true,
            Self::Unreserved => resource.reservations.is_empty(),
            Self::ReservedFor(role) => resource.reserved_role() == Some(role),
        }
    }
}

/// The totals of a bag that is on one agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amounts<'a> {
    bag: &'a Resources,
    which: Which<'a>,
}

impl<'a> Amounts<'a> {
    pub(super) fn of(bag: &'a Resources) -> Self {
        Self { bag, which: Which::All }
    }

    pub(super) fn only(bag: &'a Resources, which: Which<'a>) -> Self {
        Self { bag, which }
    }

    fn entries(self) -> impl Iterator<Item = &'a Resource> {
        self.bag.distinct().filter(move |resource| self.which.takes(resource))
    }
}

/// What is reserved, by role.
pub(super) fn reserved(bag: &Resources) -> BTreeMap<&str, Amounts<'_>> {
    let roles = bag.iter().filter_map(Resource::reserved_role);
    roles.map(|role| (role, Amounts::only(bag, Which::ReservedFor(role)))).collect()
}

impl Serialize for Amounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut totals = Totals::default();
        self.entries().for_each(|resource| totals.add_resource(resource));
        totals.serialize(serializer)
    }
}

/// `{"cpus": 8.0, "gpus": 0.0, "mem": …, "disk": …, "ports": "[31000-32000]"}`.
impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.whole();
        let mut object = serializer.serialize_map(None)?;
        for (name, sum) in BASIC.iter().zip(whole.basic) {
            object.serialize_entry(name, &sum.as_f64())?;
        }
        for (name, [firm, spare]) in &whole.others {
            if let Some(total) = firm {
                object.serialize_entry(name, total)?;
            }
            if let Some(total) = spare {
                object.serialize_entry(&format!("{name}{REVOCABLE}"), total)?;
            }
        }
        object.end()
    }
}

/// A number, or text.
impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(scalar) => serializer.serialize_f64(scalar.as_f64()),
            other => serializer.serialize_str(&text(&other.value())),
        }
    }
}

/// `[31000-31999, 33000-33001]` or `{a, b}`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Scalar(scalar) => scalar.to_string(),
        Value::Ranges(ranges) => {
            let interval = |(begin, end): &(u64, u64)| format!("{begin}-{end}");
            let intervals: Vec<_> = ranges.intervals().iter().map(interval).collect();
            format!("[{}]", intervals.join(", "))
        }
        Value::Set(names) => {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("{{{}}}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::resources::Scalar;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_tools_add_up_is_always_there_and_what_may_be_taken_back_is_apart() {
        let cpus = |n: i64| Resource::new("cpus", Value::Scalar(Scalar::from_milli(n * 1000)));
        let reserved_cpus = Resource {
            reservations: vec![protocol::resources::Reservation {
                role: "eng".into(),
                dynamic: false,
                principal: None,
                labels: BTreeMap::new(),
            }],
            ..cpus(2)
        };
        let ports = Resource::new("ports", Value::Ranges(vec![(1, 2), (5, 5)].into()));
        let taken_back = Resource { revocable: true, ..cpus(4) };
        let bag: Resources = [cpus(1), reserved_cpus, ports, taken_back].into_iter().collect();
        let json = serde_json::to_value(Amounts::of(&bag)).unwrap();
        assert_eq!(
            json,
            json!({
                "cpus": 3.0, "gpus": 0.0, "mem": 0.0, "disk": 0.0, "cpus_revocable": 4.0,
                "ports": "[1-2, 5-5]",
            })
        );
        let unreserved = serde_json::to_value(Amounts::only(&bag, Which::Unreserved)).unwrap();
        assert_eq!(unreserved["cpus"], 1.0);
        let reserved = serde_json::to_value(reserved(&bag)).unwrap();
        assert_eq!(reserved["eng"]["cpus"], 2.0);
    }
}
