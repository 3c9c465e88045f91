//! Operations on resources: reservations and volumes.

use protocol::framework::OperationStatus;
use protocol::operation::{OperationReport, OperationView, ResourceOperation};
use protocol::resources::{Resource, Scalar};

use super::offer::operation_state_to;
use super::resource::{Dialect, bag_from, bag_to, resource_from, resource_to};
use super::{ConvertError, Within, update_id};
use crate::v1::wire::mesos;
use mesos::offer::operation::{self, Type};

/// The operation of an accept; `None` if it is of another kind.
///
/// # Errors
/// Names the part and field.
pub fn operation_from(
    wire: &mesos::offer::Operation,
) -> Option<Result<ResourceOperation, ConvertError>> {
    // The part of an operation is named like its type.
    let name = wire.r#type().as_str_name().to_lowercase();
    let missing = || Err(ConvertError::missing(&name));
    let converted = match wire.r#type() {
        Type::Reserve => wire.reserve.as_ref().map_or_else(missing, |it| {
            if !it.source.is_empty() {
                // The text of Mesos.
                let text =
                    "is set: Reservation updates are not yet implemented for the scheduler API.";
                return Err(ConvertError::invalid("reserve.source", text));
            }
            reserve_from(&it.resources, &[]).within("reserve")
        }),
        Type::Unreserve => wire
            .unreserve
            .as_ref()
            .map_or_else(missing, |it| unreserve_from(&it.resources).within("unreserve")),
        Type::Create => wire
            .create
            .as_ref()
            .map_or_else(missing, |it| create_from(&it.volumes).within("create")),
        Type::Destroy => wire
            .destroy
            .as_ref()
            .map_or_else(missing, |it| destroy_from(&it.volumes).within("destroy")),
        Type::GrowVolume => wire
            .grow_volume
            .as_ref()
            .map_or_else(missing, |it| grow_from(&it.volume, &it.addition).within("grow_volume")),
        Type::ShrinkVolume => wire.shrink_volume.as_ref().map_or_else(missing, |it| {
            shrink_from(&it.volume, it.subtract.value).within("shrink_volume")
        }),
        Type::CreateDisk | Type::DestroyDisk => Err(ConvertError::invalid(
            format!("{name}.source"),
            "must be of a resource provider, and this cluster has none",
        )),
        Type::Unknown | Type::Launch | Type::LaunchGroup => return None,
    };
    Some(converted)
}

/// Each of these is also a call of operators.
pub(crate) fn reserve_from(
    resources: &[mesos::Resource],
    source: &[mesos::Resource],
) -> Result<ResourceOperation, ConvertError> {
    let source = bag_from(source, "source")?;
    Ok(ResourceOperation::Reserve { resources: bag_from(resources, "resources")?, source })
}

pub(crate) fn unreserve_from(
    resources: &[mesos::Resource],
) -> Result<ResourceOperation, ConvertError> {
    Ok(ResourceOperation::Unreserve { resources: bag_from(resources, "resources")? })
}

/// Volumes of one id would become one in a bag.
pub(crate) fn create_from(volumes: &[mesos::Resource]) -> Result<ResourceOperation, ConvertError> {
    let bag = bag_from(volumes, "volumes")?;
    if bag.iter().count() < volumes.len() {
        return Err(ConvertError::invalid("volumes", "must be different, and none of them empty"));
    }
    Ok(ResourceOperation::Create { volumes: bag })
}

pub(crate) fn destroy_from(volumes: &[mesos::Resource]) -> Result<ResourceOperation, ConvertError> {
    Ok(ResourceOperation::Destroy { volumes: bag_from(volumes, "volumes")? })
}

pub(crate) fn grow_from(
    volume: &mesos::Resource,
    addition: &mesos::Resource,
) -> Result<ResourceOperation, ConvertError> {
    let volume = resource_from(volume).within("volume")?;
    let addition = resource_from(addition).within("addition")?;
    Ok(ResourceOperation::GrowVolume { volume, addition })
}

pub(crate) fn shrink_from(
    volume: &mesos::Resource,
    subtract: f64,
) -> Result<ResourceOperation, ConvertError> {
    let volume = resource_from(volume).within("volume")?;
    let subtract = Scalar::from_f64(subtract)
        .ok_or_else(|| ConvertError::invalid("subtract.value", "must be a quantity"))?;
    Ok(ResourceOperation::ShrinkVolume { volume, subtract })
}

/// How an operation stands.
#[must_use]
pub fn status_to(status: &OperationStatus, dialect: &Dialect) -> mesos::OperationStatus {
    let id = status.operation_id.as_ref();
    mesos::OperationStatus {
        operation_id: id.map(|id| mesos::OperationId { value: id.to_string() }),
        state: operation_state_to(status.state).into(),
        message: Some(&status.message).filter(|message| !message.is_empty()).cloned(),
        // What it was allocated to is not a part of what an agent has.
        converted_resources: bag_to(&status.converted, "*", &plain(dialect)),
        uuid: status.update_id.as_ref().map(|id| mesos::Uuid { value: update_id::to_bytes(id) }),
        agent_id: status.agent_id.as_ref().map(|id| mesos::AgentId { value: id.to_string() }),
        ..mesos::OperationStatus::default()
    }
}

/// An operation as lists show it.
#[must_use]
pub fn view_to(view: &OperationView, dialect: &Dialect) -> mesos::Operation {
    let OperationReport { operation, status } = &view.report;
    let status = status_to(status, dialect);
    let framework_id = operation.framework_id.as_ref();
    let mut info = operation_to(&operation.operation, &plain(dialect));
    let id = operation.operation_id.as_ref();
    info.id = id.map(|id| mesos::OperationId { value: id.to_string() });
    mesos::Operation {
        framework_id: framework_id.map(|id| mesos::FrameworkId { value: id.to_string() }),
        agent_id: Some(mesos::AgentId { value: view.agent_id.to_string() }),
        info,
        latest_status: status.clone(),
        statuses: vec![status],
        uuid: mesos::Uuid { value: operation.conversion_id.as_str().as_bytes().to_vec() },
    }
}

fn plain(dialect: &Dialect) -> Dialect {
    Dialect { allocated: false, ..dialect.clone() }
}

fn operation_to(operation: &ResourceOperation, dialect: &Dialect) -> mesos::offer::Operation {
    let bag = |bag| bag_to(bag, "*", dialect);
    let one = |resource: &Resource| resource_to(resource, "*", dialect).unwrap_or_default();
    let mut wire = mesos::offer::Operation::default();
    let kind = Type::from_str_name(operation.name()).unwrap_or(Type::Unknown);
    wire.set_type(kind);
    match operation {
        ResourceOperation::Reserve { resources, source } => {
            let reserve = operation::Reserve { resources: bag(resources), source: bag(source) };
            wire.reserve = Some(reserve);
        }
        ResourceOperation::Unreserve { resources } => {
            wire.unreserve = Some(operation::Unreserve { resources: bag(resources) });
        }
        ResourceOperation::Create { volumes } => {
            wire.create = Some(operation::Create { volumes: bag(volumes) });
        }
        ResourceOperation::Destroy { volumes } => {
            wire.destroy = Some(operation::Destroy { volumes: bag(volumes) });
        }
        ResourceOperation::GrowVolume { volume, addition } => {
            let (volume, addition) = (one(volume), one(addition));
            wire.grow_volume = Some(operation::GrowVolume { volume, addition });
        }
        ResourceOperation::ShrinkVolume { volume, subtract } => {
            let subtract = mesos::value::Scalar { value: subtract.as_f64() };
            wire.shrink_volume = Some(operation::ShrinkVolume { volume: one(volume), subtract });
        }
    }
    wire
}
