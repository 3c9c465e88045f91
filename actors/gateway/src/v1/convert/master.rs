//! The master, as clients are told of it.

use std::net::IpAddr;

use protocol::elector::Leader;
use protocol::framework::Domain;

use super::domain::domain_to;
use crate::v1::MESOS_VERSION;
use crate::v1::wire::mesos;
use mesos::master_info::{Capability, capability};

/// What this master can do of what Mesos names.
const CAPABILITIES: [capability::Type; 1] = [capability::Type::AgentUpdate];

/// The names of what it can do.
pub fn capability_names() -> impl Iterator<Item = &'static str> {
    CAPABILITIES.iter().map(capability::Type::as_str_name)
}

/// The host and port of `host:port`; the port that Mesos has unless it is a number.
#[must_use]
pub fn split(http: &str) -> (&str, u16) {
    let (host, port) = http.rsplit_once(':').unwrap_or((http, ""));
    (host.trim_start_matches('[').trim_end_matches(']'), port.parse().unwrap_or(5050))
}

/// The id of a leader: another one with every election.
#[must_use]
pub fn id(leader: &Leader) -> String {
    format!("{}-{}", leader.host, leader.epoch)
}

/// How libprocess addresses a master.
#[must_use]
pub fn pid(leader: &Leader) -> String {
    format!("master@{}", leader.http)
}

/// The leader.
#[must_use]
pub fn leader_to(leader: &Leader, domain: Option<&Domain>) -> mesos::MasterInfo {
    info_to(&id(leader), &leader.http, domain)
}

/// A master as its clients know it. `ip` is an IPv4 address as its bytes lie in memory, and zero
/// where the edge has a name or another kind of address.
#[must_use]
pub fn info_to(id: &str, http: &str, domain: Option<&Domain>) -> mesos::MasterInfo {
    let (host, port) = split(http);
    let ip = host.parse::<IpAddr>().ok();
    let packed = match ip {
        Some(IpAddr::V4(ip)) => u32::from_ne_bytes(ip.octets()),
        Some(IpAddr::V6(_)) | None => 0,
    };
    let capability = |kind: &capability::Type| Capability { r#type: Some((*kind).into()) };
    mesos::MasterInfo {
        id: id.to_owned(),
        ip: packed,
        port: port.into(),
        pid: Some(format!("master@{http}")),
        hostname: Some(host.to_owned()),
        version: Some(MESOS_VERSION.to_owned()),
        address: Some(mesos::Address {
            hostname: Some(host.to_owned()),
            ip: ip.map(|ip| ip.to_string()),
            port: port.into(),
        }),
        domain: domain.map(domain_to),
        capabilities: CAPABILITIES.iter().map(capability).collect(),
    }
}

#[cfg(test)]
mod tests {
    use protocol::HostAddr;
    use protocol::id::Epoch;

    use super::*;

    #[test]
    fn the_address_is_as_its_bytes_lie_in_memory() {
        let host = HostAddr::parse("10.0.0.2:7050").unwrap();
        let leader = Leader { host, http: "10.0.0.2:5050".into(), epoch: Epoch(3) };
        let info = leader_to(&leader, None);
        assert_eq!((info.ip.to_ne_bytes(), info.port), ([10, 0, 0, 2], 5050));
        assert_eq!(info.pid.as_deref(), Some("master@10.0.0.2:5050"));
        assert_eq!(split("[::1]:5050"), ("::1", 5050));
    }
}
