//! Offers, and what an accept does with them.

use std::net::IpAddr;

use protocol::framework::{Attribute, Offer, Operation, OperationState};
use protocol::operation::ResourceOperation;
use protocol::task::Reason;
use protocol::{OperationId, TaskId};

use super::domain::domain_to;
use super::maintenance::unavailability_to;
use super::resource::{Dialect, bag_to, ranges_to};
use super::{ConvertError, Within, operation, task};
use crate::v1::wire::mesos;
use mesos::offer::operation::Type;
use mesos::resource::AllocationInfo;
use mesos::value;

/// An offer as a framework of this dialect reads it.
#[must_use]
pub fn offer_to(offer: &Offer, dialect: &Dialect) -> mesos::Offer {
    let executor_id = |id: &protocol::id::ExecutorId| mesos::ExecutorId { value: id.to_string() };
    mesos::Offer {
        id: mesos::OfferId { value: offer.offer_id.to_string() },
        framework_id: mesos::FrameworkId { value: offer.framework_id.to_string() },
        agent_id: mesos::AgentId { value: offer.agent_id.to_string() },
        hostname: offer.hostname.clone(),
        url: url_to(&offer.hostname, &offer.http),
        domain: offer.domain.as_ref().map(domain_to),
        resources: bag_to(&offer.resources, &offer.role, dialect),
        attributes: offer
            .attributes
            .iter()
            .map(|(name, value)| attribute_to(name, value))
            .collect(),
        executor_ids: offer.executor_ids.iter().map(executor_id).collect(),
        unavailability: offer.unavailability.as_ref().map(unavailability_to),
        allocation_info: dialect
            .allocated
            .then(|| AllocationInfo { role: Some(offer.role.clone()) }),
    }
}

/// The agent's edge. `None` if it has none that can be reached.
pub(super) fn url_to(hostname: &str, http: &str) -> Option<mesos::Url> {
    let (host, port) = http.rsplit_once(':')?;
    let port = port.parse::<u16>().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_ip = host.parse::<IpAddr>().is_ok();
    let address = mesos::Address {
        hostname: Some(if is_ip { hostname } else { host }.to_owned()),
        ip: is_ip.then(|| host.to_owned()),
        port: port.into(),
    };
    Some(mesos::Url { scheme: "http".to_owned(), address, ..mesos::Url::default() })
}

pub(super) fn attribute_to(name: &str, attribute: &Attribute) -> mesos::Attribute {
    let mut wire = mesos::Attribute { name: name.to_owned(), ..mesos::Attribute::default() };
    match attribute {
        Attribute::Text(text) => {
            wire.set_type(value::Type::Text);
            wire.text = Some(value::Text { value: text.clone() });
        }
        Attribute::Scalar(scalar) => {
            wire.set_type(value::Type::Scalar);
            wire.scalar = Some(value::Scalar { value: scalar.as_f64() });
        }
        Attribute::Ranges(ranges) => {
            wire.set_type(value::Type::Ranges);
            wire.ranges = Some(ranges_to(ranges));
        }
    }
    wire
}

/// The operations of an accept, and the place of what each was made of. Those that have no
/// counterpart, and the tasks that have none, are refused by the place of what is wrong in them.
#[must_use]
pub fn operations_from(operations: &[mesos::offer::Operation]) -> (Vec<usize>, Vec<Operation>) {
    let numbered = operations.iter().enumerate();
    numbered
        .flat_map(|(at, operation)| {
            let made = operation_from(operation, &format!("operations[{at}]"));
            made.into_iter().map(move |operation| (at, operation))
        })
        .unzip()
}

fn operation_from(operation: &mesos::offer::Operation, place: &str) -> Vec<Operation> {
    match operation.r#type() {
        Type::Launch => match &operation.launch {
            Some(launch) if operation.id.is_some() => {
                let text = "The `id` field cannot be set on LAUNCH operations";
                vec![refused_tasks(&launch.task_infos, Reason::TaskInvalid, text)]
            }
            Some(launch) => launch_from(&launch.task_infos, &format!("{place}.launch")),
            None => vec![refused(operation, &ConvertError::missing("launch").within(place))],
        },
        Type::LaunchGroup => {
            let group = operation.launch_group.as_ref().map(|group| &group.task_group.tasks);
            let error = ConvertError::unsupported("launch_group").within(place);
            let tasks = group.map_or([].as_slice(), |tasks| tasks);
            vec![refused_tasks(tasks, Reason::TaskGroupInvalid, error.to_string())]
        }
        Type::Unknown => vec![refused(operation, &ConvertError::missing("type").within(place))],
        _ => match operation_from_part(operation) {
            Ok(part) => {
                let (operation_id, operation) = (id_of(operation), Box::new(part));
                vec![Operation::Apply { operation_id, operation }]
            }
            Err(error) => vec![refused(operation, &error.within(place))],
        },
    }
}

fn operation_from_part(
    operation: &mesos::offer::Operation,
) -> Result<ResourceOperation, ConvertError> {
    operation::operation_from(operation).unwrap_or_else(|| Err(ConvertError::missing("type")))
}

fn id_of(operation: &mesos::offer::Operation) -> Option<OperationId> {
    operation.id.as_ref().map(|id| OperationId::from(id.value.as_str()))
}

/// Good tasks go even if their siblings do not.
fn launch_from(tasks: &[mesos::TaskInfo], place: &str) -> Vec<Operation> {
    let mut operations = Vec::new();
    let mut good = Vec::new();
    for (at, task) in tasks.iter().enumerate() {
        match task::info_from(task).within(&format!("{place}.task_infos[{at}]")) {
            Ok(info) => good.push(info),
            Err(error) => {
                let tasks = std::slice::from_ref(task);
                operations.push(refused_tasks(tasks, Reason::TaskInvalid, error.to_string()));
            }
        }
    }
    // Last, so that one that is refused does not take a good one's name.
    operations.push(Operation::Launch { tasks: good });
    operations
}

fn refused_tasks(
    tasks: &[mesos::TaskInfo],
    reason: Reason,
    message: impl Into<String>,
) -> Operation {
    let task_ids = tasks.iter().map(|task| TaskId::from(task.task_id.value.as_str())).collect();
    Operation::Refused { operation_id: None, task_ids, reason, message: message.into() }
}

fn refused(operation: &mesos::offer::Operation, error: &ConvertError) -> Operation {
    Operation::Refused {
        operation_id: id_of(operation),
        task_ids: Vec::new(),
        reason: Reason::TaskInvalid,
        message: error.to_string(),
    }
}

/// How an operation stands. The names are the same on both sides.
#[must_use]
pub fn operation_state_to(state: OperationState) -> mesos::OperationState {
    use mesos::OperationState as Wire;
    match state {
        OperationState::Pending => Wire::OperationPending,
        OperationState::Finished => Wire::OperationFinished,
        OperationState::Failed => Wire::OperationFailed,
        OperationState::Error => Wire::OperationError,
        OperationState::Dropped => Wire::OperationDropped,
        OperationState::Unreachable => Wire::OperationUnreachable,
        OperationState::GoneByOperator => Wire::OperationGoneByOperator,
        OperationState::Recovering => Wire::OperationRecovering,
        OperationState::Unknown => Wire::OperationUnknown,
    }
}
