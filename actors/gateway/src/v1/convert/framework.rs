//! Frameworks and their filters.

use std::collections::{BTreeMap, BTreeSet};

use protocol::framework::{Capability, Filters, FrameworkInfo, OfferFilters};
use protocol::id::FrameworkId;
use protocol::resources::Scalar;
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::resource::Dialect;
use super::{ConvertError, labels_from, non_empty};
use crate::v1::wire::mesos;
use mesos::framework_info::{Capability as WireCapability, capability};

/// What a duration of Mesos, 64 bits of nanoseconds, can hold.
const MAX_FAILOVER_SECONDS: f64 = 9_223_372_036.0;

/// A framework as it introduces itself.
///
/// # Errors
/// Names the field.
pub fn info_from(info: &mesos::FrameworkInfo) -> Result<FrameworkInfo, ConvertError> {
    let capabilities = capabilities_from(&info.capabilities);
    Ok(FrameworkInfo {
        user: info.user.clone(),
        name: info.name.clone(),
        id: id_from(info.id.as_ref())?,
        failover_timeout_ms: failover_timeout_from(info.failover_timeout())?,
        roles: roles_from(info, capabilities.contains(&Capability::MultiRole))?,
        hostname: info.hostname().to_owned(),
        principal: info.principal.clone(),
        webui_url: non_empty(info.webui_url.as_ref()),
        checkpoint: info.checkpoint(),
        capabilities,
        labels: labels_from(info.labels.as_ref()),
        offer_filters: offer_filters_from(&info.offer_filters)?,
    })
}

fn id_from(id: Option<&mesos::FrameworkId>) -> Result<Option<FrameworkId>, ConvertError> {
    let Some(id) = id.filter(|id| !id.value.is_empty()) else { return Ok(None) };
    let id = FrameworkId::from(id.value.as_str());
    id.check().map_err(|error| ConvertError::invalid("id", format!("cannot be used: {error}")))?;
    Ok(Some(id))
}

fn failover_timeout_from(seconds: f64) -> Result<u64, ConvertError> {
    if (0.0..=MAX_FAILOVER_SECONDS).contains(&seconds) {
        return Ok((seconds * 1000.0).round() as u64);
    }
    Err(ConvertError::invalid("failover_timeout", format!("({seconds}) is invalid")))
}

fn roles_from(info: &mesos::FrameworkInfo, several: bool) -> Result<Vec<String>, ConvertError> {
    match (several, &info.role) {
        (true, None) => Ok(info.roles.clone()),
        (true, Some(_)) => Err(ConvertError::invalid("role", "must not be set with MULTI_ROLE")),
        (false, _) if !info.roles.is_empty() => {
            Err(ConvertError::invalid("roles", "must not be set without MULTI_ROLE"))
        }
        (false, _) => Ok(vec![info.role().to_owned()]),
    }
}

/// The names are the same on both sides. What either does not know makes no difference.
fn capabilities_from(capabilities: &[WireCapability]) -> BTreeSet<Capability> {
    let known = capabilities.iter().map(WireCapability::r#type);
    known.filter(|kind| *kind != capability::Type::Unknown).filter_map(capability_from).collect()
}

fn capability_from(kind: capability::Type) -> Option<Capability> {
    Capability::deserialize(StrDeserializer::<ValueError>::new(kind.as_str_name())).ok()
}

/// By role, what an offer has to contain.
fn offer_filters_from(
    filters: &BTreeMap<String, mesos::OfferFilters>,
) -> Result<BTreeMap<String, OfferFilters>, ConvertError> {
    let convert = |(role, filters): (&String, &mesos::OfferFilters)| {
        let minimum = filters.min_allocatable_resources.as_ref();
        let sets = minimum.map(|it| it.quantities.iter().map(quantities_from).collect());
        Ok((role.clone(), OfferFilters { min_allocatable: sets.transpose()? }))
    };
    filters.iter().map(convert).collect()
}

fn quantities_from(
    set: &mesos::offer_filters::ResourceQuantities,
) -> Result<BTreeMap<String, Scalar>, ConvertError> {
    let convert = |(name, scalar): (&String, &mesos::value::Scalar)| {
        let invalid =
            |text: &str| ConvertError::Quantity { name: name.clone(), reason: text.to_owned() };
        let amount = match scalar.value {
            value if value.is_nan() => return Err(invalid("NaN not supported")),
            value if value.is_infinite() => return Err(invalid("Infinite values not supported")),
            value if value < 0.0 => return Err(invalid("Negative values not supported")),
            value => Scalar::from_f64(value).ok_or_else(|| invalid("too large"))?,
        };
        Ok((name.clone(), amount))
    };
    set.quantities.iter().map(convert).collect()
}

/// The same, as operators read it.
pub(super) fn offer_filters_to(
    filters: &BTreeMap<String, OfferFilters>,
) -> BTreeMap<String, mesos::OfferFilters> {
    use mesos::offer_filters::{MinAllocatableResources, ResourceQuantities};
    let scalar = |(name, amount): (&String, &Scalar)| {
        (name.clone(), mesos::value::Scalar { value: amount.as_f64() })
    };
    let set = |set: &BTreeMap<String, Scalar>| ResourceQuantities {
        quantities: set.iter().map(scalar).collect(),
    };
    let minimum = |sets: &Vec<BTreeMap<String, Scalar>>| MinAllocatableResources {
        quantities: sets.iter().map(set).collect(),
    };
    let filter = |(role, filters): (&String, &OfferFilters)| {
        let min_allocatable_resources = filters.min_allocatable.as_ref().map(minimum);
        (role.clone(), mesos::OfferFilters { min_allocatable_resources })
    };
    filters.iter().map(filter).collect()
}

/// How this framework reads resources.
#[must_use]
pub fn dialect(info: &FrameworkInfo) -> Dialect {
    Dialect {
        stacked: info.capabilities.contains(&Capability::ReservationRefinement),
        allocated: info.capabilities.contains(&Capability::MultiRole),
    }
}

/// How long not to be offered again: 5 s unless stated or not a time, a year at most.
#[must_use]
pub fn filters_from(filters: Option<&mesos::Filters>) -> Filters {
    let Some(seconds) = filters.and_then(|filters| filters.refuse_seconds) else {
        return Filters::default();
    };
    if seconds.is_nan() || seconds < 0.0 {
        return Filters::default();
    }
    // `as` stops at the largest number, which the cap lowers.
    let refuse_ms = (seconds * 1000.0).round() as u64;
    Filters { refuse_ms: refuse_ms.min(Filters::MAX_REFUSE_MS) }
}
