//! Forgetting what nobody will ask for again, so that the registry does not grow for ever.

use std::time::Duration;

use protocol::Time;
use protocol::registrar::{AgentStanding, Registry};

use crate::tables::Draft;

/// How long the records of unreachable agents and of ended frameworks are kept: two weeks, as in
/// Mesos. Agents that are gone are kept for ever, since their ids are refused for ever.
pub const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// Between two looks: as in Mesos.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Drops at most `most` old records.
pub(crate) fn draft(registry: &Registry, now: Time, most: usize) -> Draft {
    let old = |since: Time| now.since(since) > KEPT_FOR;
    let agents = registry.agents.iter().filter(|(_, record)| match record.standing {
        AgentStanding::Unreachable { since } => old(since),
        AgentStanding::Admitted | AgentStanding::Gone { .. } => false,
    });
    let frameworks =
        registry.frameworks.iter().filter(|(_, record)| record.removed.is_some_and(old));
    let mut draft = Draft::default();
    let mut left = most;
    for (id, _) in agents.take(most) {
        draft.agents.insert(id.clone(), None);
        left -= 1;
    }
    for (id, _) in frameworks.take(left) {
        draft.frameworks.insert(id.clone(), None);
    }
    draft
}
