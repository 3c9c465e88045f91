//! Resources, in both formats of reservations.

use std::collections::{BTreeMap, BTreeSet};

use protocol::resources::{Disk, Ranges, Reservation, Resource, Resources, Scalar, Value};

use super::{ConvertError, Within, each, label_map_from, label_map_to, non_empty, unsupported};
use crate::v1::wire::mesos;
use mesos::resource::reservation_info::Type as ReservationType;
use mesos::resource::{AllocationInfo, DiskInfo, ReservationInfo, disk_info};
use mesos::value::{self, Type};

/// The role of what is not reserved.
const ANY_ROLE: &str = "*";

/// How a framework reads resources, by its capabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// `RESERVATION_REFINEMENT`: reservations are a stack; otherwise a role and its reservation.
    pub stacked: bool,
    /// `MULTI_ROLE`: says which role an allocation is for.
    pub allocated: bool,
}

/// A bag of resources.
///
/// # Errors
/// Names the place and field.
pub fn bag_from(resources: &[mesos::Resource], field: &str) -> Result<Resources, ConvertError> {
    each::<_, _, Resources>(resources, field, resource_from)
}

/// What is requested, by the role that it is to be allocated to; `None`: none is named.
///
/// # Errors
/// Names the place and field.
pub fn requests_from(
    resources: &[mesos::Resource],
    field: &str,
) -> Result<BTreeMap<Option<String>, Resources>, ConvertError> {
    let requested: Vec<_> = each(resources, field, |resource| {
        let role = resource.allocation_info.as_ref().and_then(|info| info.role.clone());
        Ok((role, resource_from(resource)?))
    })?;
    let mut by_role: BTreeMap<_, Resources> = BTreeMap::new();
    for (role, resource) in requested {
        by_role.entry(role).or_default().add_all(&[resource].into_iter().collect());
    }
    Ok(by_role)
}

/// Resources that are allocated to `role`, as a framework reads them. Those with a refined
/// reservation have no form in the old format and are left out, as Mesos does.
#[must_use]
pub fn bag_to(resources: &Resources, role: &str, dialect: &Dialect) -> Vec<mesos::Resource> {
    resources.iter().filter_map(|resource| resource_to(resource, role, dialect)).collect()
}

/// One resource, in whichever format. The role that it is allocated to is that of its offer.
///
/// # Errors
/// Names the field.
pub fn resource_from(resource: &mesos::Resource) -> Result<Resource, ConvertError> {
    unsupported(&[("provider_id", resource.provider_id.is_some())])?;
    if resource.shared.is_some() && resource.disk.is_none() {
        return Err(ConvertError::invalid("shared", "is for persistent volumes only"));
    }
    Ok(Resource {
        name: resource.name.clone(),
        value: value_from(resource)?,
        reservations: reservations_from(resource)?,
        disk: resource.disk.as_ref().map_or(Ok(None), |disk| disk_from(disk).within("disk"))?,
        revocable: resource.revocable.is_some(),
        shared: resource.shared.is_some(),
    })
}

fn value_from(resource: &mesos::Resource) -> Result<Value, ConvertError> {
    match resource.r#type() {
        Type::Scalar => {
            let scalar = resource.scalar.as_ref().ok_or_else(|| ConvertError::missing("scalar"))?;
            let amount = scalar_from(scalar.value, "scalar.value")?;
            if resource.name == "gpus" && amount.milli() % 1000 != 0 {
                return Err(ConvertError::invalid(
                    "scalar.value",
                    "must be a whole number of gpus",
                ));
            }
            Ok(Value::Scalar(amount))
        }
        Type::Ranges => {
            let ranges = resource.ranges.as_ref().ok_or_else(|| ConvertError::missing("ranges"))?;
            ranges_from(ranges).within("ranges").map(Value::Ranges)
        }
        Type::Set => {
            let set = resource.set.as_ref().ok_or_else(|| ConvertError::missing("set"))?;
            let items: BTreeSet<_> = set.item.iter().cloned().collect();
            if items.len() < set.item.len() {
                return Err(ConvertError::invalid("set.item", "must not name an item twice"));
            }
            Ok(Value::Set(items))
        }
        Type::Text => Err(ConvertError::invalid("type", "must be SCALAR, RANGES or SET")),
    }
}

fn scalar_from(value: f64, field: &str) -> Result<Scalar, ConvertError> {
    match Scalar::from_f64(value) {
        Some(scalar) if value >= 0.0 => Ok(scalar),
        _ => Err(ConvertError::invalid(field, format!("must be a quantity, not {value}"))),
    }
}

fn ranges_from(ranges: &value::Ranges) -> Result<Ranges, ConvertError> {
    let intervals: Vec<(u64, u64)> = each(&ranges.range, "range", |range| {
        if range.begin <= range.end {
            return Ok((range.begin, range.end));
        }
        Err(ConvertError::invalid("end", "must not be less than 'begin'"))
    })?;
    let mut ordered = intervals;
    ordered.sort_unstable();
    if ordered.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
        return Err(ConvertError::invalid("range", "must not overlap"));
    }
    Ok(ordered.into())
}

fn reservations_from(resource: &mesos::Resource) -> Result<Vec<Reservation>, ConvertError> {
    let role = resource.role.as_deref().filter(|role| !role.is_empty() && *role != ANY_ROLE);
    if !resource.reservations.is_empty() {
        if role.is_some() || resource.reservation.is_some() {
            return Err(ConvertError::invalid("reservations", "excludes 'role' and 'reservation'"));
        }
        return each(&resource.reservations, "reservations", layer_from);
    }
    match (role, &resource.reservation) {
        (None, None) => Ok(Vec::new()),
        (None, Some(_)) => {
            Err(ConvertError::invalid("reservation", "needs 'role' to be other than '*'"))
        }
        (Some(role), dynamic) => Ok(vec![Reservation {
            role: role.to_owned(),
            dynamic: dynamic.is_some(),
            principal: dynamic.as_ref().and_then(|dynamic| dynamic.principal.clone()),
            labels: label_map_from(dynamic.as_ref().and_then(|dynamic| dynamic.labels.as_ref())),
        }]),
    }
}

fn layer_from(layer: &ReservationInfo) -> Result<Reservation, ConvertError> {
    let dynamic = match layer.r#type() {
        ReservationType::Static => false,
        ReservationType::Dynamic => true,
        ReservationType::Unknown => return Err(ConvertError::missing("type")),
    };
    Ok(Reservation {
        role: non_empty(layer.role.as_ref()).ok_or_else(|| ConvertError::missing("role"))?,
        dynamic,
        principal: layer.principal.clone(),
        labels: label_map_from(layer.labels.as_ref()),
    })
}

fn disk_from(disk: &DiskInfo) -> Result<Option<Disk>, ConvertError> {
    unsupported(&[("source", disk.source.is_some())])?;
    let (persistence, volume) = match (&disk.persistence, &disk.volume) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(ConvertError::unsupported("volume")),
        (Some(_), None) => return Err(ConvertError::missing("volume")),
        (Some(persistence), Some(volume)) => (persistence, volume),
    };
    unsupported(&[
        ("volume.host_path", volume.host_path.is_some()),
        ("volume.image", volume.image.is_some()),
        ("volume.source", volume.source.is_some()),
    ])?;
    if volume.mode() != mesos::volume::Mode::Rw {
        return Err(ConvertError::invalid("volume.mode", "must be RW"));
    }
    Ok(Some(Disk {
        persistence_id: persistence.id.clone(),
        container_path: volume.container_path.clone(),
        principal: persistence.principal.clone(),
    }))
}

/// One resource that is allocated to `role`; `None` if the dialect has no form for it.
#[must_use]
pub fn resource_to(resource: &Resource, role: &str, dialect: &Dialect) -> Option<mesos::Resource> {
    if !dialect.stacked && resource.reservations.len() > 1 {
        return None;
    }
    let mut wire = mesos::Resource { name: resource.name.clone(), ..mesos::Resource::default() };
    set_value(&mut wire, &resource.value);
    if dialect.stacked {
        wire.reservations = resource.reservations.iter().map(layer_to).collect();
    } else {
        set_role(&mut wire, resource.reservations.first());
    }
    wire.allocation_info =
        dialect.allocated.then(|| AllocationInfo { role: Some(role.to_owned()) });
    wire.disk = resource.disk.as_ref().map(disk_to);
    wire.revocable = resource.revocable.then(mesos::resource::RevocableInfo::default);
    wire.shared = resource.shared.then(mesos::resource::SharedInfo::default);
    Some(wire)
}

fn set_value(wire: &mut mesos::Resource, value: &Value) {
    match value {
        Value::Scalar(scalar) => {
            wire.set_type(Type::Scalar);
            wire.scalar = Some(value::Scalar { value: scalar.as_f64() });
        }
        Value::Ranges(ranges) => {
            wire.set_type(Type::Ranges);
            wire.ranges = Some(ranges_to(ranges));
        }
        Value::Set(names) => {
            wire.set_type(Type::Set);
            wire.set = Some(value::Set { item: names.iter().cloned().collect() });
        }
    }
}

pub(super) fn ranges_to(ranges: &Ranges) -> value::Ranges {
    let range = |(begin, end): &(u64, u64)| value::Range { begin: *begin, end: *end };
    value::Ranges { range: ranges.intervals().iter().map(range).collect() }
}

fn set_role(wire: &mut mesos::Resource, reservation: Option<&Reservation>) {
    wire.role = Some(reservation.map_or(ANY_ROLE, |layer| &layer.role).to_owned());
    wire.reservation = reservation.filter(|layer| layer.dynamic).map(|layer| ReservationInfo {
        principal: layer.principal.clone(),
        labels: label_map_to(&layer.labels),
        ..ReservationInfo::default()
    });
}

fn layer_to(layer: &Reservation) -> ReservationInfo {
    let kind = if layer.dynamic { ReservationType::Dynamic } else { ReservationType::Static };
    ReservationInfo {
        r#type: Some(kind.into()),
        role: Some(layer.role.clone()),
        principal: layer.principal.clone(),
        labels: label_map_to(&layer.labels),
    }
}

fn disk_to(disk: &Disk) -> DiskInfo {
    let volume = mesos::Volume {
        mode: mesos::volume::Mode::Rw.into(),
        container_path: disk.container_path.clone(),
        ..mesos::Volume::default()
    };
    DiskInfo {
        persistence: Some(disk_info::Persistence {
            id: disk.persistence_id.clone(),
            principal: disk.principal.clone(),
        }),
        volume: Some(volume),
        source: None,
    }
}
