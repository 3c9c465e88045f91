//! What executors report.

use protocol::blob::Blob;
use protocol::id::TaskId;
use protocol::task::{Reason, Source, TaskState, TaskStatus};
use protocol::time::Time;
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::update_id;
use crate::v1::wire::mesos;

/// A report of an executor; who reports it is added by the agent. Without a time that can be, it is
/// of `now`.
///
/// Labels, checks, addresses and limitations have no place in the vocabulary of the actors yet, and
/// are left out: a report is worth more than its ornaments.
#[must_use]
pub fn status_from(status: &mesos::TaskStatus, now: Time) -> TaskStatus {
    TaskStatus {
        reason: status.reason.is_some().then(|| reason_from(status.reason())),
        message: status.message().to_owned(),
        update_id: status.uuid.as_deref().and_then(update_id::from_bytes),
        healthy: status.healthy,
        data: status.data.clone().map(Blob),
        ..TaskStatus::new(
            TaskId::from(status.task_id.value.as_str()),
            state_from(status.state()),
            Source::Executor,
            status.timestamp.and_then(time_from).unwrap_or(now),
        )
    }
}

/// The names are the same on both sides.
fn state_from(state: mesos::TaskState) -> TaskState {
    let name = StrDeserializer::<ValueError>::new(state.as_str_name());
    TaskState::deserialize(name).unwrap_or(TaskState::Unknown)
}

fn reason_from(reason: mesos::task_status::Reason) -> Reason {
    let name = StrDeserializer::<ValueError>::new(reason.as_str_name());
    Reason::deserialize(name).unwrap_or(Reason::Other)
}

fn time_from(seconds: f64) -> Option<Time> {
    // `as` stops at the last moment.
    (seconds.is_finite() && seconds >= 0.0).then(|| Time((seconds * 1e6).round() as u64))
}
