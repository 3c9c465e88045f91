//! What a call of an executor must say, beyond the fields that are always required.

use uuid::Uuid;

use crate::v1::error::WireError;
use crate::v1::wire::executor::Call;
use crate::v1::wire::executor::call::Type;
use crate::v1::wire::mesos::task_status::Source;
use crate::v1::wire::mesos::{TaskState, TaskStatus};

/// Whether `call` says what its type needs, and nothing in contradiction to itself.
///
/// A call of type `UNKNOWN` passes: its answer is 501, not 400.
///
/// # Errors
/// 400 with Mesos's text.
pub fn executor_call(call: &Call) -> Result<(), WireError> {
    check(call).map_err(WireError::invalid::<Call>)
}

fn check(call: &Call) -> Result<(), String> {
    if call.r#type.is_none() {
        return Err(expecting("type"));
    }
    match call.r#type() {
        Type::Subscribe if call.subscribe.is_none() => Err(expecting("subscribe")),
        Type::Message if call.message.is_none() => Err(expecting("message")),
        Type::Update => {
            let update = call.update.as_ref().ok_or_else(|| expecting("update"))?;
            check_status(call, &update.status)
        }
        Type::Unknown | Type::Subscribe | Type::Message | Type::Heartbeat => Ok(()),
    }
}

fn check_status(call: &Call, status: &TaskStatus) -> Result<(), String> {
    let uuid = status.uuid.as_deref().ok_or_else(|| expecting("uuid"))?;
    Uuid::from_slice(uuid).map_err(|_| "Not a valid UUID".to_owned())?;
    let (executor_id, framework_id) = (&call.executor_id.value, &call.framework_id.value);
    if let Some(other) = status.executor_id.as_ref().filter(|id| id.value != *executor_id) {
        return Err(format!(
            "ExecutorID in Call: {executor_id} does not match ExecutorID in TaskStatus: {}",
            other.value
        ));
    }
    if status.source.is_none() || status.source() != Source::Executor {
        return Err(format!(
            "Received Call from executor {executor_id} of framework {framework_id} with invalid \
             source, expecting 'SOURCE_EXECUTOR'"
        ));
    }
    if status.state() == TaskState::TaskStaging {
        return Err(format!(
            "Received TASK_STAGING from executor {executor_id} of framework {framework_id} which \
             is not allowed"
        ));
    }
    Ok(())
}

fn expecting(field: &str) -> String {
    format!("Expecting '{field}' to be present")
}
