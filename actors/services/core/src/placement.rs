//! Whether an app's next instance fits what is left of an offer, and what it takes of it.
//!
//! First fit. Resources that are reserved for our role are used before those anyone may use;
//! volumes and revocable resources are left alone.

use protocol::resources::{Ranges, Value};
use protocol::services::AppSpec;
use protocol::{Resource, Resources, Scalar};

/// What one instance takes of an offer.
#[derive(Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) resources: Resources,
    /// In the order of the app's ports.
    pub(crate) ports: Vec<u16>,
}

/// Takes what an instance of `spec` needs out of `left`, or nothing if it does not fit. Free ports
/// are looked for from `port_hint` on.
pub(crate) fn take(
    left: &mut Resources,
    spec: &AppSpec,
    role: &str,
    port_hint: u64,
) -> Option<Share> {
    let usable = usable(left, role);
    let mut parts = Vec::new();
    for (name, amount) in [("cpus", spec.cpus), ("mem", spec.mem), ("disk", spec.disk)] {
        take_scalar(&usable, name, amount, &mut parts)?;
    }
    let ports = choose_ports(&usable, spec, port_hint)?;
    take_ports(&usable, &ports, &mut parts);
    let resources = Resources::from(parts);
    *left = left.checked_sub(&resources).ok()?;
    Some(Share { resources, ports })
}

/// What may be used, the reserved first.
fn usable(left: &Resources, role: &str) -> Vec<Resource> {
    let ours = |r: &Resource| r.reserved_role().is_none_or(|reserved| reserved == role);
    let mut usable: Vec<Resource> =
        left.iter().filter(|r| !r.revocable && r.disk.is_none() && ours(r)).cloned().collect();
    usable.sort_by_key(|r| r.reservations.is_empty());
    usable
}

fn take_scalar(
    usable: &[Resource],
    name: &str,
    amount: Scalar,
    parts: &mut Vec<Resource>,
) -> Option<()> {
    let mut missing = amount;
    for resource in usable.iter().filter(|r| r.name == name) {
        let Value::Scalar(there) = resource.value else { continue };
        let part = there.min(missing);
        if part.is_positive() {
            parts.push(Resource { value: Value::Scalar(part), ..resource.clone() });
            missing -= part;
        }
    }
    (!missing.is_positive()).then_some(())
}

fn choose_ports(usable: &[Resource], spec: &AppSpec, hint: u64) -> Option<Vec<u16>> {
    if spec.ports.is_empty() {
        return Some(Vec::new());
    }
    let free = free_ports(usable);
    if spec.require_ports {
        let fixed = spec.ports.iter().map(|p| p.port);
        let there = |port: u16| free.contains(&Ranges::single(port.into(), port.into()));
        return fixed.map(|port| there(port).then_some(port)).collect();
    }
    let from_hint = clipped(&free, hint, u64::from(u16::MAX));
    let before = clipped(&free, 1, hint.saturating_sub(1));
    let ports = from_hint.iter().chain(before.iter()).take(spec.ports.len());
    let ports: Vec<u16> = ports.filter_map(|port| u16::try_from(port).ok()).collect();
    (ports.len() == spec.ports.len()).then_some(ports)
}

fn free_ports(usable: &[Resource]) -> Ranges {
    let mut all = Vec::new();
    for resource in usable.iter().filter(|r| r.name == "ports") {
        if let Value::Ranges(ranges) = &resource.value {
            all.extend_from_slice(ranges.intervals());
        }
    }
    all.into()
}

/// The part of `ranges` within `low..=high`.
fn clipped(ranges: &Ranges, low: u64, high: u64) -> Ranges {
    let parts = ranges.intervals().iter().map(|(begin, end)| (*begin.max(&low), *end.min(&high)));
    parts.collect::<Vec<_>>().into()
}

/// Each port out of the first resource that has it.
fn take_ports(usable: &[Resource], ports: &[u16], parts: &mut Vec<Resource>) {
    for port in ports.iter().map(|port| u64::from(*port)) {
        let one = Value::Ranges(Ranges::single(port, port));
        let holder = usable.iter().find(|r| r.name == "ports" && r.value.contains(&one));
        parts.extend(holder.map(|holder| Resource { value: one, ..holder.clone() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::resources::Reservation;

    fn spec(ports: &[u16]) -> AppSpec {
        let ports: Vec<_> = ports.iter().map(|p| serde_json::json!({ "port": p })).collect();
        let json = serde_json::json!({
            "id": "/a", "cmd": "x", "instances": 1, "cpus": 1, "mem": 64, "disk": 0,
            "ports": ports,
            "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
        });
        serde_json::from_value(json).unwrap()
    }

    fn bag(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    #[test]
    fn an_instance_takes_exactly_what_it_asks_for() {
        let mut left = bag("cpus=2;mem=100;disk=50;ports=[10-12]");
        let share = take(&mut left, &spec(&[0, 0]), "*", 0).unwrap();
        assert_eq!(share.resources, bag("cpus=1;mem=64;ports=[10-11]"));
        assert_eq!(share.ports, [10, 11]);
        assert_eq!(left, bag("cpus=1;mem=36;disk=50;ports=[12-12]"));
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        for text in ["cpus=0.9;mem=100", "cpus=2;mem=63", "cpus=2;mem=100;ports=[1-1]"] {
            let mut left = bag(text);
            assert_eq!(take(&mut left, &spec(&[0, 0]), "*", 0), None, "{text}");
            assert_eq!(left, bag(text));
        }
    }

    #[test]
    fn ports_are_looked_for_from_the_hint_on_and_around() {
        let ports = |hint| {
            let mut left = bag("cpus=2;mem=100;ports=[10-12,20-21]");
            take(&mut left, &spec(&[0, 0]), "*", hint).unwrap().ports
        };
        assert_eq!(ports(12), [12, 20]);
        assert_eq!(ports(21), [21, 10]);
        assert_eq!(ports(99), [10, 11]);
    }

    #[test]
    fn required_ports_are_the_ones_or_none() {
        let required = |ports| AppSpec { require_ports: true, ..spec(ports) };
        let mut left = bag("cpus=2;mem=200;ports=[80-81]");
        assert_eq!(take(&mut left, &required(&[82]), "*", 0), None);
        assert_eq!(take(&mut left, &required(&[81]), "*", 0).unwrap().ports, [81]);
        assert_eq!(take(&mut left, &required(&[81]), "*", 0), None, "it is taken now");
    }

    #[test]
    fn reserved_resources_are_used_first_and_those_of_others_never() {
        let reserved = |role: &str, cpus| {
            let mut resource = Resource::new("cpus", Value::Scalar(Scalar::from_milli(cpus)));
            resource.reservations.push(Reservation {
                role: role.into(),
                dynamic: false,
                principal: None,
                labels: Default::default(),
            });
            Resources::from(vec![resource])
        };
        let mut left = &(&bag("cpus=1;mem=100") + &reserved("web", 400)) + &reserved("db", 900);
        let share = take(&mut left, &spec(&[]), "web", 0).unwrap();
        assert!(share.resources.contains(&reserved("web", 400)));
        assert_eq!(left.scalar("cpus"), Scalar::from_milli(1300));
        let mut left = &bag("cpus=0.5;mem=100") + &reserved("db", 900);
        assert_eq!(take(&mut left, &spec(&[]), "web", 0), None);
    }

    #[test]
    fn revocable_resources_are_left_alone() {
        let mut resource = Resource::new("cpus", Value::Scalar(Scalar::from_milli(4000)));
        resource.revocable = true;
        let mut left = &Resources::from(vec![resource]) + &bag("mem=100");
        assert_eq!(take(&mut left, &spec(&[]), "*", 0), None);
    }
}
