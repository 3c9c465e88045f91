//! Where everybody is.

use protocol::{Address, HostAddr};

use crate::event::Peer;

fn host(text: &str) -> HostAddr {
    text.parse().expect("a host that is written out here")
}

pub(crate) fn master() -> HostAddr {
    host("10.0.0.1:7050")
}

pub(crate) fn agent_host(index: usize) -> HostAddr {
    host(&format!("10.1.0.{index}:7051"))
}

/// A scheduler's process has one of two addresses, so that a new one may come from elsewhere.
pub(crate) fn scheduler(index: usize, twin: bool) -> Address {
    let port = if twin { 9001 } else { 9000 };
    Address::new("scheduler", host(&format!("10.2.0.{index}:{port}")))
}

/// Whose host an address is on.
pub(crate) fn peer(address: &Address) -> Option<Peer> {
    let index = address.host().host().rsplit('.').next()?.parse().ok()?;
    match address.name() {
        "scheduler" => Some(Peer::Scheduler(index)),
        agents_core::AGENT => Some(Peer::Agent(index)),
        _ => None,
    }
}

/// An actor of the master's host.
pub(crate) fn local(name: &str) -> Address {
    Address::new(name, master())
}
