//! Reports about tasks.

use protocol::task::{Reason, Source, TaskState, TaskStatus};
use serde_json::Value;

use super::maintenance::time_to;
use super::update_id;
use crate::v1::wire::mesos;
use mesos::task_status;

/// A report as schedulers read it. There is a `uuid` exactly if it must be acknowledged.
#[must_use]
pub fn status_to(status: &TaskStatus) -> mesos::TaskStatus {
    let container = status.container_id.as_ref();
    mesos::TaskStatus {
        task_id: mesos::TaskId { value: status.task_id.to_string() },
        state: state_to(status.state).into(),
        message: Some(&status.message).filter(|message| !message.is_empty()).cloned(),
        source: Some(source_to(status.source).into()),
        reason: status.reason.and_then(reason_to).map(Into::into),
        data: status.data.as_ref().map(|data| data.0.clone()),
        agent_id: status.agent_id.as_ref().map(|id| mesos::AgentId { value: id.to_string() }),
        executor_id: status
            .executor_id
            .as_ref()
            .map(|id| mesos::ExecutorId { value: id.to_string() }),
        timestamp: Some(status.timestamp.as_secs_f64()),
        uuid: status.update_id.as_ref().map(update_id::to_bytes),
        healthy: status.healthy,
        unreachable_time: status.unreachable_time.map(time_to),
        container_status: container.map(|id| mesos::ContainerStatus {
            container_id: Some(mesos::ContainerId { value: id.to_string(), parent: None }),
            ..mesos::ContainerStatus::default()
        }),
        ..mesos::TaskStatus::default()
    }
}

/// The names are the same on both sides.
pub(crate) fn state_to(state: TaskState) -> mesos::TaskState {
    mesos::TaskState::from_str_name(state.as_str()).unwrap_or(mesos::TaskState::TaskUnknown)
}

fn source_to(source: Source) -> task_status::Source {
    match source {
        Source::Master => task_status::Source::Master,
        Source::Agent => task_status::Source::Agent,
        Source::Executor => task_status::Source::Executor,
    }
}

/// The names are the same on both sides; a reason of a later version has none here.
fn reason_to(reason: Reason) -> Option<task_status::Reason> {
    match serde_json::to_value(reason) {
        Ok(Value::String(name)) => task_status::Reason::from_str_name(&name),
        _ => None,
    }
}
