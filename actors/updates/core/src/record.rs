//! What is on disk, and how it is read back.

use std::collections::BTreeMap;

use protocol::task::TaskStatus;
use protocol::{AgentId, FrameworkId, TaskId, UpdateId};
use serde::{Deserialize, Serialize};

use crate::stream::Stream;

/// Which queue: task ids are unique within their framework.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKey {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
}

/// One change of what is unacknowledged, as the log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// An update was queued.
    Queued { framework_id: FrameworkId, agent_id: AgentId, status: TaskStatus },
    /// The head of a queue was acknowledged.
    Confirmed { key: StreamKey, update_id: UpdateId },
    /// A framework was torn down.
    Forgotten { framework_id: FrameworkId },
}

/// What the records of a log amount to. Queues that have nothing left are not in it.
pub(crate) fn replay(records: impl IntoIterator<Item = Record>) -> BTreeMap<StreamKey, Stream> {
    let mut streams = BTreeMap::<StreamKey, Stream>::new();
    for record in records {
        match record {
            Record::Queued { framework_id, agent_id, status } => {
                let key = StreamKey { framework_id, task_id: status.task_id.clone() };
                let stream = streams.entry(key).or_insert_with(|| Stream::new(agent_id));
                stream.queue(status, 0);
            }
            Record::Confirmed { key, update_id } => {
                if let Some(stream) = streams.get_mut(&key) {
                    stream.confirm(&update_id);
                }
            }
            Record::Forgotten { framework_id } => {
                streams.retain(|key, _| key.framework_id != framework_id);
            }
        }
    }
    streams.retain(|_, stream| stream.head().is_some());
    streams
}
