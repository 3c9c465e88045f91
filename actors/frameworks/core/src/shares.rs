//! How shares of agents are counted as used, and given back to the allocator.

use protocol::allocator::RecoverResources;
use protocol::framework::Filters;
use protocol::id::{AgentId, Generation};
use protocol::resources::Resources;

use crate::agents::Share;
use crate::effect::ToAllocator;
use crate::state::{Term, Turn};

impl Term {
    /// The generation in which this agent is here.
    pub(crate) fn generation(&self, agent_id: &AgentId) -> Option<Generation> {
        self.agents.get(agent_id)?.here()
    }

    /// Gives a share that is neither offered nor used any more back to the allocator. An agent
    /// that is not here is not in the allocator's view either.
    pub(crate) fn recover(&mut self, share: Share, filters: Option<Filters>, turn: &mut Turn<'_>) {
        let Some(generation) = self.generation(&share.agent_id) else { return };
        if share.resources.is_empty() {
            return;
        }
        self.count_returned(&share, turn);
        let Share { agent_id, framework_id, role, resources } = share;
        turn.allocator(ToAllocator::Recover(RecoverResources {
            agent_id,
            generation,
            framework_id,
            role,
            resources,
            filters,
        }));
    }

    /// Counts a share as used.
    pub(crate) fn hold(&mut self, agent_id: &AgentId, resources: &Resources) {
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.used.add_all(resources);
        }
    }

    /// Counts a share as no longer used and gives it back.
    pub(crate) fn release(&mut self, share: Share, turn: &mut Turn<'_>) {
        if let Some(agent) = self.agents.get_mut(&share.agent_id) {
            agent.used.remove_all(&share.resources);
        }
        self.recover(share, None, turn);
    }
}
