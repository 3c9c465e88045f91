//! The queue of one task.

use std::collections::{BTreeSet, VecDeque};

use protocol::task::{TaskState, TaskStatus};
use protocol::{AgentId, CallId, UpdateId};
use serde::Serialize;

/// An update that waits for its acknowledgement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    pub(crate) status: TaskStatus,
    /// The number of its record; it is on disk when that is durable.
    pub(crate) sequence: u64,
    /// Who waits for that.
    pub(crate) waiting: Vec<CallId>,
}

/// What became of an update that was to be queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It is the last of the queue now.
    Added,
    /// It is in the queue already.
    Waiting,
    /// It has been acknowledged, or comes after the end: there is nothing to do for it.
    Settled,
}

/// The queue of one task. It stays, empty, between the acknowledgement of one update and the next,
/// so that repeats are recognised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stream {
    pub(crate) agent_id: AgentId,
    entries: VecDeque<Entry>,
    confirmed: BTreeSet<UpdateId>,
    latest_state: TaskState,
    /// How often the head has been forwarded to this master.
    pub(crate) sent: u32,
}

impl Stream {
    pub(crate) fn new(agent_id: AgentId) -> Self {
        Self {
            agent_id,
            entries: VecDeque::new(),
            confirmed: BTreeSet::new(),
            latest_state: TaskState::Staging,
            sent: 0,
        }
    }

    /// Appends an update unless it, or a terminal one, is there.
    pub(crate) fn queue(&mut self, status: TaskStatus, sequence: u64) -> Queued {
        if self.entry(&status).is_some() {
            return Queued::Waiting;
        }
        let repeated = status.update_id.as_ref().is_some_and(|id| self.confirmed.contains(id));
        if repeated || self.latest_state.is_terminal() {
            return Queued::Settled;
        }
        self.latest_state = status.state;
        self.entries.push_back(Entry { status, sequence, waiting: Vec::new() });
        Queued::Added
    }

    /// The queued update that `status` is a repeat of.
    pub(crate) fn entry(&mut self, status: &TaskStatus) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.status.update_id == status.update_id)
    }

    /// Removes the head if this is its id.
    pub(crate) fn confirm(&mut self, update_id: &UpdateId) -> Option<Entry> {
        self.head().filter(|head| head.status.update_id.as_ref() == Some(update_id))?;
        self.confirmed.insert(update_id.clone());
        self.sent = 0;
        self.entries.pop_front()
    }

    pub(crate) fn head(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// The state of the newest update.
    pub(crate) fn latest_state(&self) -> TaskState {
        self.latest_state
    }

    /// Its terminal update was acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.entries.is_empty() && self.latest_state.is_terminal()
    }
}
