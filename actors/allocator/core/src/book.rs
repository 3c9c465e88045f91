//! Who holds what, and the sums of it: per agent, per framework and role, per role, and in all.
//!
//! Invariants (checked by `State::check`): on every agent what is free and what is held is its
//! total; every sum is the sum of the holdings; a queue holds exactly those who want offers; a
//! framework or role is kept exactly while it is subscribed or holds something.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{AgentId, FrameworkId, Generation, Resources};

use crate::model::{Agent, Client, Framework, Role, Share};
use crate::place::Place;
use crate::policy::Policy;
use crate::quantities::{Names, Quantities};
use crate::slab::{Slab, Slot};

/// See the module.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) agents: Slab<AgentId, Agent>,
    pub(crate) frameworks: Slab<FrameworkId, Framework>,
    pub(crate) roles: Slab<Arc<str>, Role>,
    /// Roles with a framework that wants offers, the next to be served first.
    pub(crate) queue: BTreeSet<Place<Arc<str>, Slot<Role>>>,
    /// The total has changed since the order was computed.
    pub(crate) order_is_stale: bool,
    pub(crate) names: Names,
    /// Sum over all agents.
    pub(crate) total: Quantities,
    pub(crate) policy: Box<dyn Policy>,
    /// By role; 1 for those that are not named.
    weights: BTreeMap<String, f64>,
    /// Numbers arrivals and grants.
    counter: u64,
}

impl Book {
    pub(crate) fn new(policy: Box<dyn Policy>, weights: BTreeMap<String, f64>) -> Self {
        Self {
            agents: Slab::default(),
            frameworks: Slab::default(),
            roles: Slab::default(),
            queue: BTreeSet::new(),
            order_is_stale: false,
            names: Names::default(),
            total: Quantities::default(),
            policy,
            weights,
            counter: 0,
        }
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The framework's slot, made if it is not there.
    pub(crate) fn framework(&mut self, id: &FrameworkId) -> Slot<Framework> {
        if let Some(slot) = self.frameworks.find(id) {
            return slot;
        }
        let framework = Framework {
            id: id.clone(),
            arrived: self.count(),
            known: false,
            active: false,
            takes_revocable: false,
            takes_gpus: false,
            shares: BTreeMap::new(),
        };
        self.frameworks.insert(id.clone(), framework)
    }

    /// The client, made if it is not there.
    pub(crate) fn client(&mut self, framework: Slot<Framework>, role: &str) -> Client {
        let role = self.role(role);
        self.frameworks[framework].shares.entry(role).or_default();
        self.roles[role].members.insert(framework);
        Client { role, framework }
    }

    fn role(&mut self, name: &str) -> Slot<Role> {
        if let Some(slot) = self.roles.find(name) {
            return slot;
        }
        let name: Arc<str> = name.into();
        let role = Role {
            name: name.clone(),
            arrived: self.count(),
            weight: self.weights.get(&*name).copied().unwrap_or(1.0),
            members: BTreeSet::new(),
            allocated: Quantities::default(),
            served: 0,
            queue: BTreeSet::new(),
            place: None,
        };
        self.roles.insert(name, role)
    }

    /// The client of a fact, if both its ends are known.
    pub(crate) fn find_client(&self, framework: &FrameworkId, role: &str) -> Option<Client> {
        let framework = self.frameworks.find(framework)?;
        let role = self.roles.find(role)?;
        self.frameworks[framework].shares.contains_key(&role).then_some(Client { role, framework })
    }

    /// Forgets a client that neither is subscribed nor holds anything, and with it a framework or
    /// role that nothing else is known of. True if it is forgotten.
    pub(crate) fn tidy(&mut self, client: Client) -> bool {
        let framework = &mut self.frameworks[client.framework];
        let over = |share: &Share| !share.subscribed && share.agents == 0;
        if !framework.shares.get(&client.role).is_some_and(over) {
            return false;
        }
        framework.shares.remove(&client.role);
        self.tidy_framework(client.framework);
        let role = &mut self.roles[client.role];
        role.members.remove(&client.framework);
        if role.members.is_empty() {
            let name = role.name.clone();
            self.roles.remove(&name);
        }
        true
    }

    /// Forgets a framework that has not subscribed and holds nothing.
    pub(crate) fn tidy_framework(&mut self, slot: Slot<Framework>) {
        let framework = &self.frameworks[slot];
        if !framework.known && framework.shares.is_empty() {
            let id = framework.id.clone();
            self.frameworks.remove(&id);
        }
    }

    /// Enters an agent with nothing held on it.
    pub(crate) fn enter_agent(
        &mut self,
        id: AgentId,
        generation: Generation,
        total: Resources,
    ) -> Slot<Agent> {
        self.total.add(&self.names.quantities(&total));
        self.order_is_stale = true;
        let plain = total.iter().all(|r| r.reservations.is_empty() && !r.revocable);
        let agent = Agent {
            id: id.clone(),
            generation,
            free: total.clone(),
            plain,
            gpus: total.scalar("gpus").is_positive(),
            total,
            holdings: BTreeMap::new(),
            refusals: BTreeMap::new(),
            passed: BTreeSet::new(),
        };
        self.agents.insert(id, agent)
    }

    /// Strikes an agent out; the caller has released what was held on it.
    pub(crate) fn strike_agent(&mut self, slot: Slot<Agent>) {
        let agent = &self.agents[slot];
        debug_assert!(agent.holdings.is_empty(), "holdings are released before their agent goes");
        self.total.subtract(&self.names.quantities(&agent.total));
        self.order_is_stale = true;
        let id = agent.id.clone();
        self.agents.remove(&id);
    }

    /// Books `resources` of an agent to a client.
    pub(crate) fn hold(&mut self, at: Slot<Agent>, client: Client, resources: &Resources) {
        let sum = self.names.quantities(resources);
        let holding = self.agents[at].holdings.entry(client);
        let new = matches!(holding, Entry::Vacant(_));
        holding.or_default().resources.add_all(resources);
        let share = self.share(client);
        share.agents += usize::from(new);
        share.allocated.add(&sum);
        self.roles[client.role].allocated.add(&sum);
        self.refresh_free(at);
    }

    /// Books `resources` to a client that was chosen for them.
    pub(crate) fn grant(&mut self, at: Slot<Agent>, client: Client, resources: &Resources) {
        self.hold(at, client, resources);
        let number = self.count();
        self.share(client).served = number;
        self.roles[client.role].served = number;
        let holding = self.agents[at].holdings.get_mut(&client);
        holding.expect("it was just booked").granted = resources.clone();
        self.requeue(client);
    }

    /// Takes `resources` of an agent back from a client: as much of them as it holds.
    pub(crate) fn release(
        &mut self,
        at: Slot<Agent>,
        client: Client,
        resources: &Resources,
    ) -> Returned {
        let Some(holding) = self.agents[at].holdings.get_mut(&client) else {
            return Returned::NotHeld;
        };
        let exact = holding.resources.contains(resources);
        let whole_grant = !resources.is_empty() && holding.granted == *resources;
        if whole_grant {
            holding.granted = Resources::EMPTY;
        }
        let mut sum = self.names.quantities(&holding.resources);
        holding.resources.remove_all(resources);
        sum.subtract(&self.names.quantities(&holding.resources));
        let last = holding.resources.is_empty();
        if last {
            self.agents[at].holdings.remove(&client);
        }
        let share = self.share(client);
        share.agents -= usize::from(last);
        share.allocated.subtract(&sum);
        self.roles[client.role].allocated.subtract(&sum);
        self.refresh_free(at);
        self.requeue(client);
        match (exact, whole_grant) {
            (false, _) => Returned::MoreThanHeld,
            (true, true) => Returned::WholeGrant,
            (true, false) => Returned::Part,
        }
    }

    /// Every framework in every of its roles, by framework.
    pub(crate) fn clients(&self) -> Vec<Client> {
        self.frameworks.slots().flat_map(|framework| self.clients_of(framework)).collect()
    }

    /// A framework in every of its roles.
    pub(crate) fn clients_of(&self, framework: Slot<Framework>) -> Vec<Client> {
        let roles = self.frameworks[framework].shares.keys();
        roles.map(|role| Client { role: *role, framework }).collect()
    }

    /// Whether a client wants offers.
    pub(crate) fn wants(&self, client: Client) -> bool {
        self.frameworks.get(client.framework).is_some_and(|f| f.wants(client.role))
    }

    pub(crate) fn share(&mut self, client: Client) -> &mut Share {
        let shares = &mut self.frameworks[client.framework].shares;
        shares.get_mut(&client.role).expect("a client is a share of its framework")
    }

    fn refresh_free(&mut self, at: Slot<Agent>) {
        let agent = &mut self.agents[at];
        agent.free = agent.total.clone();
        for holding in agent.holdings.values() {
            agent.free.remove_all(&holding.resources);
        }
    }
}

/// What was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// Exactly what was last granted: a refusal.
    WholeGrant,
    /// Some of what it held.
    Part,
    /// It holds less; what it held of it is back.
    MoreThanHeld,
    /// It holds nothing there.
    NotHeld,
}
