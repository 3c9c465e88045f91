//! Who holds what, and the sums of it: per agent, per framework and role, and in all.
//!
//! Invariants (checked by `State::check`): on every agent what is free and what is held is its
//! total, except that what is shared is always free and held by each of its users; every sum is the
//! sum of the holdings; a queue holds exactly those who want offers; a framework is kept exactly
//! while it is subscribed or holds something.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::{AgentId, FrameworkId, Resource, Resources};

use crate::bits::Bits;
use crate::model::{Agent, Client, Framework, Granted, Holding, Role, Share, Takes};
use crate::options::Options;
use crate::policy::Policy;
use crate::quantities::{Least, Names, Quantities};
use crate::slab::{Slab, Slot};
use crate::tree::Change;

/// See the module.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) agents: Slab<AgentId, Agent>,
    pub(crate) frameworks: Slab<FrameworkId, Framework>,
    pub(crate) clients: Slab<(Slot<Framework>, Slot<Role>), Share>,
    pub(crate) roles: Slab<Arc<str>, Role>,
    /// Above all roles.
    pub(crate) root: Slot<Role>,
    /// Who wants offers.
    pub(crate) wanting: Bits<Share>,
    pub(crate) names: Names,
    /// Sum over all agents.
    pub(crate) total: Quantities,
    /// The total that shares are of: as it was lately, without what does not count.
    pub(crate) ranked: Quantities,
    /// The sum of the agents' `pool`.
    pub(crate) pool: Quantities,
    /// Somebody was offered less, or nothing, because of what is held back for others, while no
    /// more than this was free beyond that.
    pub(crate) held: Option<Quantities>,
    /// Roles whose frameworks may be offered more than when they were last looked at.
    pub(crate) room_grew: BTreeSet<Slot<Role>>,
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) least: Least,
    /// By role; 1 for those that are not named.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) priorities: BTreeMap<String, i64>,
    pub(crate) excluded: Vec<String>,
    /// The name of a role's own frameworks among its branches, as in Mesos.
    pub(crate) dot: Arc<str>,
    /// Numbers arrivals and grants.
    counter: u64,
}

impl Book {
    pub(crate) fn new(options: &Options) -> Self {
        let mut names = Names::default();
        let set = |bag: &Resources, names: &mut Names| {
            let sums = names.quantities(bag);
            sums.iter().filter(|(_, milli)| *milli > 0).collect()
        };
        let least = options.min_allocatable.iter().map(|bag| set(bag, &mut names)).collect();
        let mut book = Self {
            agents: Slab::default(),
            frameworks: Slab::default(),
            clients: Slab::default(),
            roles: Slab::default(),
            root: Slot::FIRST,
            wanting: Bits::default(),
            names,
            total: Quantities::default(),
            ranked: Quantities::default(),
            pool: Quantities::default(),
            held: None,
            room_grew: BTreeSet::new(),
            policy: options.policy.policy(),
            least: Least(least),
            weights: options.weights.clone(),
            priorities: options.priorities.clone(),
            excluded: options.fairness_excluded.clone(),
            dot: ".".into(),
            counter: 0,
        };
        book.root = book.insert_role("".into(), None, 0);
        for (role, quota) in &options.quotas {
            book.set_quota(role, quota);
        }
        book
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
            name: id.as_str().into(),
            arrived: self.count(),
            known: false,
            active: false,
            takes: Takes::default(),
            clients: BTreeMap::new(),
            recent: VecDeque::new(),
        };
        self.frameworks.insert(id.clone(), framework)
    }

    /// The client, made if it is not there.
    pub(crate) fn client(&mut self, framework: Slot<Framework>, role: &str) -> Client {
        let role = self.role(role);
        if let Some(client) = self.frameworks[framework].clients.get(&role) {
            return *client;
        }
        let share = Share {
            framework,
            role,
            subscribed: false,
            suppressed: false,
            allocated: Quantities::default(),
            agents: 0,
            served: 0,
            refused_at: Bits::default(),
            filters: 0,
            place: None,
            least: None,
            constraints: None,
            wish: Quantities::default(),
        };
        let client = self.clients.insert((framework, role), share);
        self.frameworks[framework].clients.insert(role, client);
        self.roles[role].members.insert(client);
        client
    }

    /// The client of a fact, if both its ends are known.
    pub(crate) fn find_client(&self, framework: &FrameworkId, role: &str) -> Option<Client> {
        let framework = self.frameworks.find(framework)?;
        let role = self.roles.find(role)?;
        self.frameworks[framework].clients.get(&role).copied()
    }

    /// Forgets a client that neither is subscribed nor holds anything, and with it a framework or
    /// role that nothing else is known of. The caller has taken away what it refused.
    pub(crate) fn tidy(&mut self, client: Client) {
        let share = &self.clients[client];
        if share.subscribed || share.agents > 0 {
            return;
        }
        let (framework, role) = (share.framework, share.role);
        debug_assert!(share.refused_at.is_empty(), "refusals go before whose they are");
        self.clients.remove(&(framework, role));
        self.wanting.remove(client);
        self.frameworks[framework].clients.remove(&role);
        self.roles[role].members.remove(&client);
        let framework = &self.frameworks[framework];
        if !framework.known && framework.clients.is_empty() {
            let id = framework.id.clone();
            self.frameworks.remove(&id);
        }
        self.tidy_role(role);
    }

    /// Enters an agent with nothing held on it.
    pub(crate) fn enter_agent(&mut self, agent: Agent) -> Slot<Agent> {
        let total = agent.total.clone();
        let slot = self.agents.insert(agent.id.clone(), agent);
        self.count_total(&total, Change::More);
        self.recount_free(slot);
        slot
    }

    /// Strikes an agent out; the caller has released what was held on it.
    pub(crate) fn strike_agent(&mut self, slot: Slot<Agent>) {
        let agent = &self.agents[slot];
        debug_assert!(agent.holdings.is_empty(), "holdings are released before their agent goes");
        let (id, total) = (agent.id.clone(), agent.total.clone());
        self.pool.subtract(&self.agents[slot].pool);
        self.agents.remove(&id);
        self.count_total(&total, Change::Less);
    }

    /// Gives an agent another total, whatever is held on it.
    pub(crate) fn replace_total(&mut self, at: Slot<Agent>, total: Resources) {
        let old = std::mem::replace(&mut self.agents[at].total, total.clone());
        self.count_total(&total, Change::More);
        self.count_total(&old, Change::Less);
        self.recount_free(at);
    }

    fn count_total(&mut self, total: &Resources, change: Change) {
        let sum = self.names.quantities(total);
        self.total.change(change, &sum);
        self.reserve(total, change);
    }

    /// Books `resources` of an agent to a client.
    pub(crate) fn hold(&mut self, at: Slot<Agent>, client: Client, resources: &Resources) {
        let agent = &mut self.agents[at];
        let exclusive = resources.exclusive();
        let counted = match agent.holdings.get(&client) {
            Some(holding) => newly_shared(resources, &holding.resources),
            None => resources.clone(),
        };
        let sum = self.names.quantities(&counted);
        let new = match agent.holdings.entry(client) {
            Entry::Vacant(entry) => {
                entry.insert(Holding::default()).resources = resources.clone();
                true
            }
            Entry::Occupied(entry) => {
                let holding = entry.into_mut();
                holding.resources.add_all(resources);
                if holding.granted == Granted::All {
                    holding.granted = Granted::Nothing;
                }
                false
            }
        };
        if !agent.overfull && agent.free.contains(&exclusive) {
            agent.free.remove_all(&exclusive);
            self.count_free(at);
        } else {
            self.recount_free(at);
        }
        let share = &mut self.clients[client];
        share.agents += usize::from(new);
        share.allocated.add(&sum);
        self.charge(self.clients[client].role, &counted, &sum, Change::More);
    }

    /// Books `resources` to a client that was chosen for them.
    pub(crate) fn grant(&mut self, at: Slot<Agent>, client: Client, resources: &Resources) {
        let first = !self.agents[at].holdings.contains_key(&client);
        self.hold(at, client, resources);
        let number = self.count();
        let share = &mut self.clients[client];
        share.served = number;
        let role = share.role;
        self.roles[role].own_served = number;
        let mut next = Some(role);
        while let Some(slot) = next {
            let role = &mut self.roles[slot];
            role.served = number;
            next = role.parent;
        }
        let holding = self.agents[at].holdings.get_mut(&client).expect("it was just booked");
        holding.granted = if first { Granted::All } else { Granted::Part(resources.clone()) };
        self.requeue(client);
    }

    /// Takes `resources` of an agent back from a client: as much of them as it holds.
    pub(crate) fn release(
        &mut self,
        at: Slot<Agent>,
        client: Client,
        resources: &Resources,
    ) -> Returned {
        let agent = &mut self.agents[at];
        let Some(holding) = agent.holdings.get_mut(&client) else {
            return Returned::NotHeld;
        };
        let all = holding.resources == *resources;
        let exact = all || holding.resources.contains(resources);
        let whole_grant = !resources.is_empty()
            && match &holding.granted {
                Granted::Nothing => false,
                Granted::All => all,
                Granted::Part(part) => part == resources,
            };
        if whole_grant || holding.granted == Granted::All {
            holding.granted = Granted::Nothing;
        }
        let returned = match exact {
            true => resources.clone(),
            false => common(&holding.resources, resources),
        };
        holding.resources.remove_all(&returned);
        let counted = newly_shared(&returned, &holding.resources);
        let last = holding.resources.is_empty();
        if last {
            agent.holdings.remove(&client);
        }
        if agent.overfull {
            self.recount_free(at);
        } else {
            agent.free.add_all(&returned.exclusive());
            self.count_free(at);
        }
        let sum = self.names.quantities(&counted);
        let share = &mut self.clients[client];
        share.agents -= usize::from(last);
        share.allocated.subtract(&sum);
        self.charge(self.clients[client].role, &counted, &sum, Change::Less);
        self.requeue(client);
        match (exact, whole_grant) {
            (false, _) => Returned::MoreThanHeld,
            (true, true) => Returned::WholeGrant,
            (true, false) => Returned::Part,
        }
    }

    /// A framework in every of its roles.
    pub(crate) fn clients_of(&self, framework: Slot<Framework>) -> Vec<Client> {
        self.frameworks[framework].clients.values().copied().collect()
    }

    /// What is free on an agent, from its total and its holdings.
    pub(crate) fn recount_free(&mut self, at: Slot<Agent>) {
        let agent = &mut self.agents[at];
        let held: Resources = agent.holdings.values().map(|holding| &holding.resources).sum();
        agent.overfull = agent.total.checked_use(&held).is_err();
        let mut free = agent.total.clone();
        free.remove_all(&held.exclusive());
        agent.free = free;
        let plain = |r: &Resource| r.reservations.is_empty() && !r.revocable && !r.shared;
        agent.plain = agent.total.iter().all(plain);
        self.count_free(at);
    }

    /// Brings the sums of what is free on an agent up to date.
    pub(crate) fn count_free(&mut self, at: Slot<Agent>) {
        let agent = &mut self.agents[at];
        agent.free_sums = self.names.quantities(&agent.free);
        let pool = match (agent.active, agent.plain) {
            (false, _) => Quantities::default(),
            (true, true) => agent.free_sums.clone(),
            (true, false) => {
                self.names.sum_if(&agent.free, |r| r.reservations.is_empty() && !r.revocable)
            }
        };
        self.pool.subtract(&agent.pool);
        self.pool.add(&pool);
        agent.pool = pool;
    }
}

/// What counts of `some` for who holds `others`, too: what is shared counts once.
fn newly_shared(some: &Resources, others: &Resources) -> Resources {
    match some.first_shared_with(others) {
        None => some.clone(),
        Some(_) => {
            let held = |resource: &Resource| others.iter().any(|other| other == resource);
            some.filter(|resource| !resource.shared || !held(resource))
        }
    }
}

/// What is in both.
fn common(one: &Resources, other: &Resources) -> Resources {
    let mut rest = one.clone();
    rest.remove_all(other);
    let mut common = one.clone();
    common.remove_all(&rest);
    common
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
