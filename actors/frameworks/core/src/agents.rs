//! The agents as the offer book sees them: who is here, and how much is held there.

use protocol::Time;
use protocol::allocator::RecoverResources;
use protocol::framework::{AgentInfo, Filters};
use protocol::id::{AgentId, FrameworkId, Generation};
use protocol::resources::Resources;
use serde::Serialize;

use crate::effect::ToAllocator;
use crate::state::{Term, Turn};

/// Where an agent stands. `agents` decides it; this is what it has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Standing {
    /// In the registry; has not come back since this master leads.
    Recovered,
    /// Registered: can be offered and launched on.
    Here { generation: Generation },
    /// The connection broke; may be back soon with its tasks.
    Disconnected,
    /// Not heard of for too long; may be back.
    Unreachable { since: Time },
    /// Never to come back.
    Gone { since: Time },
}

/// An agent, and what of it is in whose hands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agent {
    pub(crate) standing: Standing,
    /// Absent until it has joined.
    pub(crate) info: Option<AgentInfo>,
    /// Held by tasks and executors. A cache of the ledger's sum.
    pub(crate) used: Resources,
    /// In outstanding offers. A cache of the book's sum.
    pub(crate) offered: Resources,
}

impl Agent {
    pub(crate) fn new(standing: Standing) -> Self {
        Self { standing, info: None, used: Resources::EMPTY, offered: Resources::EMPTY }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it has, if it has joined.
    pub fn info(&self) -> Option<&AgentInfo> {
        self.info.as_ref()
    }

    /// The generation in which it is here.
    pub(crate) fn here(&self) -> Option<Generation> {
        match self.standing {
            Standing::Here { generation } => Some(generation),
            _ => None,
        }
    }

    /// Whether this much of it is neither offered nor used.
    pub(crate) fn has_free(&self, wanted: &Resources) -> bool {
        let Some(info) = &self.info else { return false };
        let mut free = info.resources.clone();
        free.remove_all(&self.used);
        free.remove_all(&self.offered);
        free.contains(wanted)
    }
}

/// Resources of one agent in one framework's hands, for one role.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) agent_id: AgentId,
    pub(crate) framework_id: FrameworkId,
    pub(crate) role: String,
    pub(crate) resources: Resources,
}

impl Term {
    /// The generation in which this agent is here.
    pub(crate) fn generation(&self, agent_id: &AgentId) -> Option<Generation> {
        self.agents.get(agent_id)?.here()
    }

    /// Gives a share that is neither offered nor used any more back to the allocator. An agent
    /// that is not here is not in the allocator's view either.
    pub(crate) fn recover(&self, share: Share, filters: Option<Filters>, turn: &mut Turn<'_>) {
        let Some(generation) = self.generation(&share.agent_id) else { return };
        if share.resources.is_empty() {
            return;
        }
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
