//! Offers, and what an accept does with them.

use std::net::IpAddr;

use protocol::framework::{Attribute, Offer, Operation};

use super::resource::{Dialect, bag_to, ranges_to};
use super::{ConvertError, Within, each, task};
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
        resources: bag_to(&offer.resources, &offer.role, dialect),
        attributes: offer
            .attributes
            .iter()
            .map(|(name, value)| attribute_to(name, value))
            .collect(),
        executor_ids: offer.executor_ids.iter().map(executor_id).collect(),
        allocation_info: dialect
            .allocated
            .then(|| AllocationInfo { role: Some(offer.role.clone()) }),
        ..mesos::Offer::default()
    }
}

/// The agent's edge. `None` if it has none that can be reached.
fn url_to(hostname: &str, http: &str) -> Option<mesos::Url> {
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

/// The operations of an accept.
///
/// # Errors
/// Names the place and field, or the operation that is not supported yet.
pub fn operations_from(
    operations: &[mesos::offer::Operation],
) -> Result<Vec<Operation>, ConvertError> {
    each(operations, "operations", operation_from)
}

fn operation_from(operation: &mesos::offer::Operation) -> Result<Operation, ConvertError> {
    match operation.r#type() {
        Type::Launch if operation.id.is_some() => {
            Err(ConvertError::invalid("id", "cannot be set on LAUNCH operations"))
        }
        Type::Launch => {
            let launch =
                operation.launch.as_ref().ok_or_else(|| ConvertError::missing("launch"))?;
            let tasks = each(&launch.task_infos, "task_infos", task::info_from).within("launch")?;
            Ok(Operation::Launch { tasks })
        }
        Type::Unknown => Err(ConvertError::missing("type")),
        // The part of an operation is named like its type.
        other => Err(ConvertError::unsupported(other.as_str_name().to_lowercase())),
    }
}
