//! What has happened to agents since this master leads, counted under the names of Mesos.

use std::collections::BTreeMap;

use protocol::agents::AgentState;
use protocol::frameworks::AgentLossCause;
use protocol::metrics::Counts;

use crate::state::State;
use crate::term::Term;

const NAMES: [&str; 13] = [
    "messages_register_slave",
    "messages_reregister_slave",
    "messages_unregister_slave",
    "recovery_slave_removals",
    "slave_registrations",
    "slave_removals",
    "slave_removals/reason_registered",
    "slave_removals/reason_unhealthy",
    "slave_removals/reason_unregistered",
    "slave_reregistrations",
    "slave_unreachable_canceled",
    "slave_unreachable_completed",
    "slave_unreachable_scheduled",
];

/// Nothing has happened yet.
pub(crate) fn empty() -> Counts {
    Counts::of(NAMES)
}

impl State {
    /// What has been counted, by full names; nothing while this host does not lead.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let Some(term) = self.term() else { return BTreeMap::new() };
        let named = |(name, times): (&str, u64)| (format!("master/{name}"), times as f64);
        term.tally.iter().map(named).collect()
    }
}

impl Term {
    /// An agent that stood there is lost.
    pub(crate) fn count_loss(&mut self, before: AgentState, cause: AgentLossCause) {
        self.tally.count("slave_removals");
        if before == AgentState::Recovered && cause == AgentLossCause::Unreachable {
            self.tally.count("recovery_slave_removals");
        }
    }
}
