//! Every queue, and where updates go.

use std::collections::BTreeMap;

use protocol::Address;
use serde::Serialize;

use crate::record::{Record, StreamKey, replay};
use crate::settings::Settings;
use crate::stream::Stream;

/// Every queue, and where updates go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    pub(crate) settings: Settings,
    pub(crate) streams: BTreeMap<StreamKey, Stream>,
    /// `frameworks` of the leader.
    pub(crate) master: Option<Address>,
    /// The number of the newest record.
    pub(crate) sequence: u64,
    /// Every record up to this one is on disk.
    pub(crate) durable: u64,
    /// The queue of each update whose record is not.
    pub(crate) unwritten: BTreeMap<u64, StreamKey>,
}

/// What [`State::summary`] says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub master: Option<Address>,
    pub tasks: usize,
    pub unacknowledged: usize,
    /// How many of these have been forwarded more than once.
    pub resent: usize,
    /// Records on their way to the disk.
    pub writing: u64,
}

impl State {
    /// With what a former life left in its log.
    pub fn new(settings: Settings, log: impl IntoIterator<Item = Record>) -> Self {
        Self {
            settings,
            streams: replay(log),
            master: None,
            sequence: 0,
            durable: 0,
            unwritten: BTreeMap::new(),
        }
    }

    /// The shortest log that says the same, for when the log has grown long.
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (key, stream) in &self.streams {
            records.extend(stream.entries().map(|entry| Record::Queued {
                framework_id: key.framework_id.clone(),
                agent_id: stream.agent_id.clone(),
                status: entry.status.clone(),
            }));
        }
        records
    }

    /// How many updates wait for an acknowledgement.
    pub fn unacknowledged(&self) -> usize {
        self.streams.values().map(|stream| stream.entries().count()).sum()
    }

    /// In short, for people.
    pub fn summary(&self) -> Summary {
        Summary {
            master: self.master.clone(),
            tasks: self.streams.len(),
            unacknowledged: self.unacknowledged(),
            resent: self.streams.values().filter(|stream| stream.sent > 1).count(),
            writing: self.sequence - self.durable,
        }
    }

    /// What must hold between any two steps.
    pub fn check(&self) -> Result<(), String> {
        if self.durable > self.sequence {
            return Err("records are durable that were never made".into());
        }
        for (key, stream) in &self.streams {
            self.check_stream(stream).map_err(|e| format!("{}: {e}", key.task_id))?;
        }
        Ok(())
    }

    fn check_stream(&self, stream: &Stream) -> Result<(), &'static str> {
        if stream.is_done() {
            return Err("is done and still there");
        }
        let terminal = stream.entries().filter(|e| e.status.state.is_terminal()).count();
        if terminal > usize::from(stream.latest_state().is_terminal()) {
            return Err("something is queued behind a terminal update");
        }
        if stream.entries().any(|e| e.sequence <= self.durable && !e.waiting.is_empty()) {
            return Err("an update is on disk and not answered");
        }
        let head_durable = stream.head().is_some_and(|e| e.sequence <= self.durable);
        if stream.sent > 0 && !head_durable {
            return Err("an update was forwarded before it was on disk");
        }
        if self.master.is_some() && head_durable && stream.sent == 0 {
            return Err("an update waits and is not forwarded");
        }
        Ok(())
    }
}
