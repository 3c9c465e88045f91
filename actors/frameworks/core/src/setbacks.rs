//! What of a framework came to nothing lately, for its author to see. Nothing is decided by it.

use std::collections::{BTreeMap, VecDeque};

use protocol::Time;
use protocol::explain::{Setback, SetbackKind};
use protocol::framework::Operation;
use protocol::id::{AgentId, FrameworkId, OfferId, TaskId};
use serde::Serialize;

/// How many are remembered for each framework: enough to see a pattern, and nothing in memory.
const REMEMBERED: usize = 16;

/// The last setbacks of each framework, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Setbacks(BTreeMap<FrameworkId, VecDeque<Setback>>);

impl Setbacks {
    pub(crate) fn note(&mut self, id: &FrameworkId, setback: Setback) {
        let all = self.0.entry(id.clone()).or_default();
        all.push_front(setback);
        all.truncate(REMEMBERED);
    }

    pub(crate) fn of(&self, id: &FrameworkId) -> impl Iterator<Item = &Setback> {
        self.0.get(id).into_iter().flatten()
    }

    pub(crate) fn forget(&mut self, id: &FrameworkId) {
        self.0.remove(id);
    }
}

/// One that names nothing yet.
pub(crate) fn setback(kind: SetbackKind, at: Time, reason: impl Into<String>) -> Setback {
    Setback {
        at,
        kind,
        reason: reason.into(),
        agent_id: None,
        offer_ids: Vec::new(),
        task_ids: Vec::new(),
    }
}

/// Offers that came to nothing.
pub(crate) fn of_offers(
    kind: SetbackKind,
    at: Time,
    reason: impl Into<String>,
    offer_ids: &[OfferId],
) -> Setback {
    Setback { offer_ids: offer_ids.to_vec(), ..setback(kind, at, reason) }
}

/// A task that came to nothing.
pub(crate) fn of_task(
    kind: SetbackKind,
    at: Time,
    reason: impl Into<String>,
    agent_id: &AgentId,
    task_id: &TaskId,
) -> Setback {
    Setback {
        agent_id: Some(agent_id.clone()),
        task_ids: vec![task_id.clone()],
        ..setback(kind, at, reason)
    }
}

/// The tasks that operations are about.
pub(crate) fn tasks_of(operations: &[Operation]) -> Vec<TaskId> {
    let mut found = Vec::new();
    for operation in operations {
        match operation {
            Operation::Launch { tasks } => found.extend(tasks.iter().map(|t| t.task_id.clone())),
            Operation::Apply { .. } => {}
            Operation::Refused { task_ids, .. } => found.extend(task_ids.iter().cloned()),
        }
    }
    found
}
