//! Where agents and masters are.

use protocol::framework::Domain;

use crate::v1::wire::mesos;
use mesos::domain_info::FaultDomain;
use mesos::domain_info::fault_domain::{RegionInfo, ZoneInfo};

/// A domain as clients read it.
#[must_use]
pub fn domain_to(domain: &Domain) -> mesos::DomainInfo {
    let region = RegionInfo { name: domain.region.clone() };
    let zone = ZoneInfo { name: domain.zone.clone() };
    mesos::DomainInfo { fault_domain: Some(FaultDomain { region, zone }) }
}
