//! What the allocator keeps of agents, frameworks and roles. Data only; `book` keeps the sums and
//! `tree` those of the roles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::allocator::Rejection;
use protocol::framework::{AgentInfo, Attribute, Domain, Unavailability};
use protocol::{AgentId, FrameworkId, Generation, Resources, Time};

use crate::bits::Bits;
use crate::constraints::Constraints;
use crate::place::Place;
use crate::quantities::{Least, Quantities};
use crate::slab::Slot;

/// A framework in one of its roles: the one that shares, filters and offers are about.
pub(crate) type Client = Slot<Share>;

/// One registration of one agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) generation: Generation,
    /// What is known of it beside its resources.
    pub(crate) traits: Traits,
    pub(crate) total: Resources,
    /// `total` without the holdings; empty where they exceed it.
    pub(crate) free: Resources,
    /// The scalars of `free`.
    pub(crate) free_sums: Quantities,
    /// Of those, what is neither reserved nor revocable; zero while the agent is not active.
    pub(crate) pool: Quantities,
    /// The holdings are more than the total.
    pub(crate) overfull: bool,
    pub(crate) holdings: BTreeMap<Client, Holding>,
    /// May be offered: not drained, not away.
    pub(crate) active: bool,
    /// Nothing is reserved, revocable or shared: everyone may have all of it.
    pub(crate) plain: bool,
    pub(crate) refusals: BTreeMap<Client, Vec<Refusal>>,
    /// What was free when it was last looked at, or more than is free now.
    pub(crate) base: Resources,
    /// Some of those whose refusals contain all of `base`: nobody need look at them again.
    pub(crate) refused: Bits<Share>,
    /// Some of those whose constraints exclude this agent.
    pub(crate) excluded: Bits<Share>,
    /// Who has given everything back since somebody last made use of this agent. They are asked
    /// again once all others have been, so that two that refuse in turn do not starve a third.
    pub(crate) passed: Bits<Share>,
    pub(crate) unavailability: Option<Unavailability>,
    /// Who has been asked to leave; until when not again, if not for ever.
    pub(crate) asked: BTreeMap<FrameworkId, Option<Time>>,
}

/// What offer constraints and capabilities are about.
#[derive(Debug, PartialEq)]
pub(crate) struct Traits {
    pub(crate) hostname: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) domain: Option<Domain>,
    pub(crate) gpus: bool,
}

impl Traits {
    pub(crate) fn of(info: &AgentInfo) -> Self {
        Self {
            hostname: info.hostname.clone(),
            attributes: info.attributes.clone(),
            domain: info.domain.clone(),
            gpus: info.resources.scalar("gpus").is_positive(),
        }
    }
}

/// What one client holds on one agent: offered or used, the allocator does not know which.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    pub(crate) resources: Resources,
    pub(crate) granted: Granted,
}

/// The last grant. If it comes back whole, nothing of it was of use.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Granted {
    /// There was none, or it came back.
    #[default]
    Nothing,
    /// All that is held.
    All,
    Part(Resources),
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
    pub(crate) name: Arc<str>,
    pub(crate) arrived: u64,
    /// Has subscribed. False: only what it holds is known, from the agents.
    pub(crate) known: bool,
    pub(crate) active: bool,
    pub(crate) takes: Takes,
    pub(crate) clients: BTreeMap<Slot<Role>, Client>,
    /// The last offers that came back whole, the newest first.
    pub(crate) recent: VecDeque<Rejection>,
}

/// What a framework says that it can deal with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Takes {
    pub(crate) revocable: bool,
    pub(crate) gpus: bool,
    pub(crate) shared: bool,
    pub(crate) refined: bool,
    pub(crate) regions: bool,
}

/// A framework's part in one role.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) framework: Slot<Framework>,
    pub(crate) role: Slot<Role>,
    pub(crate) subscribed: bool,
    pub(crate) suppressed: bool,
    pub(crate) allocated: Quantities,
    /// On how many agents it holds something.
    pub(crate) agents: usize,
    /// The number of its last grant.
    pub(crate) served: u64,
    /// The agents with a refusal of it, that it has passed or that its constraints exclude.
    pub(crate) refused_at: Bits<Agent>,
    /// How many filters it has, on all agents.
    pub(crate) filters: usize,
    /// Its place in the role's queue; none while it wants no offers.
    pub(crate) place: Option<Place<Client>>,
    /// Its own minimum, instead of the cluster's.
    pub(crate) least: Option<Least>,
    pub(crate) constraints: Option<Constraints>,
    /// What it has requested to have in all.
    pub(crate) wish: Quantities,
}

/// One of those that share what a role gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Branch {
    /// The role's own frameworks together: the virtual leaf "." of Mesos.
    Own,
    Child(Slot<Role>),
}

/// A role that some framework has subscribed to or holds something for, that has a quota or a
/// reservation, or that is above one of these. The root of the tree has no name.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: Arc<str>,
    pub(crate) parent: Option<Slot<Role>>,
    /// How far below the root.
    pub(crate) depth: usize,
    pub(crate) children: BTreeSet<Slot<Role>>,
    pub(crate) weight: f64,
    pub(crate) priority: i64,
    pub(crate) members: BTreeSet<Client>,
    /// Held by its own frameworks.
    pub(crate) own: Quantities,
    /// Held by its own frameworks and those of its descendants.
    pub(crate) allocated: Quantities,
    pub(crate) quota: Bounds,
    /// Reserved for it or a descendant, held or not.
    pub(crate) reserved: Quantities,
    /// Of `allocated`, what is not revocable and not part of `reserved`.
    pub(crate) charged: Quantities,
    /// What has to be kept free for it and its descendants.
    pub(crate) need: Quantities,
    /// The sum of the `need` of its children.
    pub(crate) need_below: Quantities,
    /// Somebody was offered less because of its limit: more room is news.
    pub(crate) cut: bool,
    pub(crate) served: u64,
    /// When its own frameworks were last served.
    pub(crate) own_served: u64,
    /// Its own frameworks that want offers, the next to be served first.
    pub(crate) queue: BTreeSet<Place<Client>>,
    /// Those below it that want offers, the next to be served first.
    pub(crate) branches: BTreeSet<Place<Branch>>,
    /// Its own place among its siblings; none while nobody below it wants offers.
    pub(crate) place: Option<Place<Branch>>,
    /// The place of its own frameworks in `branches`.
    pub(crate) own_place: Option<Place<Branch>>,
}

/// A quota, by index.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) is_set: bool,
    pub(crate) guarantees: Vec<(usize, i64)>,
    pub(crate) limits: Vec<(usize, i64)>,
}

impl Role {
    /// What counts against its quota.
    pub(crate) fn consumed(&self, index: usize) -> i64 {
        self.charged.get(index) + self.reserved.get(index)
    }

    /// What it is guaranteed and does not have.
    pub(crate) fn lacks(&self) -> Quantities {
        let mut lacks = Quantities::default();
        for (index, guarantee) in &self.quota.guarantees {
            *lacks.at(*index) = (guarantee - self.consumed(*index)).max(0);
        }
        lacks
    }

    /// What `need` should be: its descendants' needs are part of its own.
    pub(crate) fn due(&self) -> Quantities {
        let mut due = self.need_below.clone();
        if !self.quota.guarantees.is_empty() {
            for (index, lacks) in self.lacks().iter() {
                let due = due.at(index);
                *due = (*due).max(lacks);
            }
        }
        due
    }

    /// Whether nothing asks for it to be kept.
    pub(crate) fn is_idle(&self) -> bool {
        self.members.is_empty()
            && self.children.is_empty()
            && !self.quota.is_set
            && self.reserved.is_zero()
    }
}
