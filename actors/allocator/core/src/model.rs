//! What the allocator keeps of agents, frameworks and roles. Data only; `book` keeps the sums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{AgentId, FrameworkId, Generation, Resources, Time};

use crate::place::Place;
use crate::quantities::Quantities;
use crate::slab::Slot;

/// A framework in one of its roles: the one that shares, filters and offers are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) role: Slot<Role>,
    pub(crate) framework: Slot<Framework>,
}

/// One registration of one agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) generation: Generation,
    pub(crate) total: Resources,
    /// `total` without the holdings; empty where they exceed it.
    pub(crate) free: Resources,
    pub(crate) holdings: BTreeMap<Client, Holding>,
    pub(crate) refusals: BTreeMap<Client, Vec<Refusal>>,
    /// Who has given everything back since somebody last made use of this agent. They are asked
    /// again once all others have been, so that two that refuse in turn do not starve a third.
    pub(crate) passed: BTreeSet<Client>,
    /// Nothing is reserved or revocable: everyone may have all of it.
    pub(crate) plain: bool,
    pub(crate) gpus: bool,
}

/// What one client holds on one agent: offered or used, the allocator does not know which.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    pub(crate) resources: Resources,
    /// The last grant. If it comes back whole, nothing of it was of use.
    pub(crate) granted: Resources,
}

/// A filter: nothing that is contained in `resources`, until then.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) resources: Resources,
    pub(crate) until: Time,
    /// Tells it from others that lapse at the same time.
    pub(crate) number: u64,
}

/// A framework that has subscribed, or that holds something.
#[derive(Debug)]
pub(crate) struct Framework {
    pub(crate) id: FrameworkId,
    pub(crate) arrived: u64,
    /// Has subscribed. False: only what it holds is known, from the agents.
    pub(crate) known: bool,
    pub(crate) active: bool,
    pub(crate) takes_revocable: bool,
    pub(crate) takes_gpus: bool,
    pub(crate) shares: BTreeMap<Slot<Role>, Share>,
}

impl Framework {
    /// Whether it wants offers for `role`.
    pub(crate) fn wants(&self, role: Slot<Role>) -> bool {
        let wanted = |share: &Share| share.subscribed && !share.suppressed;
        self.active && self.shares.get(&role).is_some_and(wanted)
    }
}

/// A framework's part in one role.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pub(crate) subscribed: bool,
    pub(crate) suppressed: bool,
    pub(crate) allocated: Quantities,
    /// On how many agents it holds something.
    pub(crate) agents: usize,
    /// The number of its last grant.
    pub(crate) served: u64,
    /// The agents with a refusal of it, or that it has passed.
    pub(crate) refused_at: BTreeSet<Slot<Agent>>,
    /// Its place in the role's queue; none while it wants no offers.
    pub(crate) place: Option<Place<FrameworkId, Slot<Framework>>>,
}

/// A role that some framework has subscribed to or holds something for.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: Arc<str>,
    pub(crate) arrived: u64,
    pub(crate) weight: f64,
    pub(crate) members: BTreeSet<Slot<Framework>>,
    pub(crate) allocated: Quantities,
    pub(crate) served: u64,
    /// Its frameworks that want offers, the next to be served first.
    pub(crate) queue: BTreeSet<Place<FrameworkId, Slot<Framework>>>,
    /// Its place among the roles; none while no framework wants offers.
    pub(crate) place: Option<Place<Arc<str>, Slot<Role>>>,
}
