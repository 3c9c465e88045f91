//! Changes of the registry that are not durable yet, laid over it.

use std::collections::BTreeMap;

use protocol::registrar::{AgentRecord, FrameworkRecord, Registry};
use protocol::{AgentId, FrameworkId};

use crate::tables::{Changes, Draft};

/// What one request sees while it is applied: its own changes, over those of the requests before
/// it in the same commit, over what is durable.
pub(crate) struct View<'a> {
    pub(crate) own: Draft,
    pub(crate) before: &'a Draft,
    pub(crate) durable: &'a Registry,
}

impl View<'_> {
    /// The agent's record as it would be.
    pub(crate) fn agent(&self, id: &AgentId) -> Option<&AgentRecord> {
        seen(id, [&self.own.agents, &self.before.agents], &self.durable.agents)
    }

    /// The framework's record as it would be.
    pub(crate) fn framework(&self, id: &FrameworkId) -> Option<&FrameworkRecord> {
        seen(id, [&self.own.frameworks, &self.before.frameworks], &self.durable.frameworks)
    }
}

/// What the newest of the changes says, or else what is durable.
fn seen<'a, K: Ord, R>(
    id: &K,
    newest_first: [&'a Changes<K, R>; 2],
    durable: &'a BTreeMap<K, R>,
) -> Option<&'a R> {
    match newest_first.into_iter().find_map(|changes| changes.get(id)) {
        Some(changed) => changed.as_ref(),
        None => durable.get(id),
    }
}
