//! The agents as the offer book sees them: who is here, and how much is held there.

use protocol::Time;
use protocol::framework::{AgentInfo, Unavailability};
use protocol::id::{AgentId, FrameworkId, Generation};
use protocol::resources::Resources;
use serde::Serialize;

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

impl Standing {
    /// Since when nothing was heard of it, if that is too long.
    pub(crate) fn unreachable_since(self) -> Option<Time> {
        match self {
            Self::Unreachable { since } => Some(since),
            _ => None,
        }
    }
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
    /// When it is going to be away.
    pub(crate) unavailability: Option<Unavailability>,
}

impl Agent {
    pub(crate) fn new(standing: Standing) -> Self {
        Self {
            standing,
            info: None,
            used: Resources::EMPTY,
            offered: Resources::EMPTY,
            unavailability: None,
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it has, if it has joined.
    pub fn info(&self) -> Option<&AgentInfo> {
        self.info.as_ref()
    }

    /// What tasks and executors hold of it.
    pub fn used(&self) -> &Resources {
        &self.used
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
        self.free().contains(wanted)
    }

    /// What is not used, whether or not it is offered; and all that is shared.
    pub(crate) fn unused(&self) -> Resources {
        let mut unused = self.info.as_ref().map_or(Resources::EMPTY, |it| it.resources.clone());
        unused.remove_all(&self.used.exclusive());
        unused
    }

    /// What is neither offered nor used; and all that is shared.
    pub(crate) fn free(&self) -> Resources {
        let mut free = self.unused();
        free.remove_all(&self.offered.exclusive());
        free
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
