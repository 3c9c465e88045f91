//! More for somebody who holds something on an agent: of what is free, for a task that grows; of
//! what is shared, for one that uses it too.

use protocol::allocator::{GrowHolding, ShareResources, Verdict};

use crate::effect::Answer;
use crate::model::{Client, Granted};
use crate::state::State;

impl State {
    /// All of it or nothing. It is no offer: filters and suppression do not matter, limits and what
    /// is guaranteed to others do.
    pub(crate) fn on_grow_holding(&mut self, fact: &GrowHolding) -> Answer {
        let GrowHolding { agent_id, generation, holder, resources } = fact;
        let Some(at) = self.registration(agent_id, *generation) else {
            return Answer::Refused(format!("agent {agent_id} is not here"));
        };
        let client = self.book.find_client(&holder.framework_id, &holder.role);
        let Some(client) = client.filter(|c| self.book.agents[at].holdings.contains_key(c)) else {
            return Answer::Refused(format!(
                "agent {agent_id}: the framework holds nothing there for this role"
            ));
        };
        if let Err(shortage) = self.book.agents[at].free.checked_use(resources) {
            return Answer::Refused(format!("agent {agent_id}: {shortage}"));
        }
        if let Err(verdict) = self.book.may_have(client, resources) {
            return Answer::Refused(format!("role {}: {}", holder.role, obstacle(verdict)));
        }
        if !resources.is_empty() {
            self.book.hold(at, client, resources);
            let holding = self.book.agents[at].holdings.get_mut(&client);
            holding.expect("it was just booked").granted = Granted::Nothing;
            self.book.requeue(client);
            self.note_free(at);
        }
        Answer::Done
    }

    /// What is shared is used by one more.
    pub(crate) fn on_share_resources(&mut self, fact: &ShareResources) {
        let ShareResources { agent_id, generation, holder, resources } = fact;
        let Some(at) = self.registration(agent_id, *generation) else { return };
        let client = self.book.find_client(&holder.framework_id, &holder.role);
        let held = |client: &Client| {
            let holding = self.book.agents[at].holdings.get(client);
            holding.is_some_and(|it| it.resources.checked_use(resources).is_ok())
        };
        match client.filter(held) {
            Some(client) if resources.exclusive().is_empty() => {
                self.book.hold(at, client, resources);
                self.book.requeue(client);
            }
            _ => self.counters.anomalies += 1,
        }
    }
}

/// The rest of a sentence about a role.
fn obstacle(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Limit => "its limit, or that of a role above it, allows no more",
        Verdict::HeldBack => "what is free is held back for the guarantees of others",
        Verdict::Reserved => "what is free is reserved for others",
        Verdict::Capability => "the framework lacks the capability for it",
        _ => "it cannot have this now",
    }
}
