//! The conservation law and the other invariants, recomputed from scratch: for the simulator and
//! for people who ask.

use std::collections::{BTreeMap, BTreeSet};

use protocol::resources::Value;
use protocol::{AgentId, FrameworkId, Generation, Resource, Resources};

use crate::model::{Agent, Client, Share};
use crate::quantities::Quantities;
use crate::slab::Slot;
use crate::state::State;

/// What is held on one agent, by framework and role.
pub type Held = BTreeMap<(FrameworkId, String), Resources>;

impl State {
    /// The registration in which each agent is known, and who holds what of it.
    pub fn holdings(&self) -> BTreeMap<AgentId, (Generation, Held)> {
        let held = |agent: &Agent| {
            let holdings = agent.holdings.iter().map(|(client, holding)| {
                let framework = self.book.frameworks[client.framework].id.clone();
                let role = self.book.roles[client.role].name.to_string();
                ((framework, role), holding.resources.clone())
            });
            (agent.generation, holdings.collect())
        };
        self.book.agents.iter().map(|(_, agent)| (agent.id.clone(), held(agent))).collect()
    }

    /// Whether everything that should hold does; otherwise the first thing that does not.
    pub fn check(&self) -> Result<(), String> {
        for (at, agent) in self.book.agents.iter() {
            self.check_agent(at, agent)?;
        }
        self.check_sums()?;
        self.check_order()?;
        self.check_filters()?;
        self.check_kept()?;
        self.check_all_asked()
    }

    /// Once the work is done, whoever wants offers has refused all that is free.
    fn check_all_asked(&self) -> Result<(), String> {
        if !self.is_quiet() {
            return Ok(());
        }
        let overlooked = self.work.free.iter().find_map(|at| self.first_in_order(*at, false));
        overlooked.map_or(Ok(()), |(client, resources)| {
            let id = &self.book.frameworks[client.framework].id;
            Err(format!("{id} could be offered {resources} and nobody is going to"))
        })
    }

    /// Every resource of an agent is free or held by one client, and the index says so.
    fn check_agent(&self, at: Slot<Agent>, agent: &Agent) -> Result<(), String> {
        let held: Resources = agent.holdings.values().map(|h| &h.resources).sum();
        let sum = &agent.free + &held;
        if agent.total.contains(&held) && sum != agent.total {
            return Err(format!("{}: free and held are {sum}, total is {}", agent.id, agent.total));
        }
        if !agent.total.contains(&agent.free) {
            return Err(format!("{}: {} is free of {}", agent.id, agent.free, agent.total));
        }
        let one_by_one = agent.holdings.values().flat_map(|h| h.resources.iter());
        let ports: u64 = one_by_one.filter_map(ranges_len).sum();
        if ports != held.iter().filter_map(ranges_len).sum::<u64>() {
            return Err(format!("{}: a port is held twice", agent.id));
        }
        if agent.holdings.values().any(|holding| holding.resources.is_empty()) {
            return Err(format!("{}: an empty holding is kept", agent.id));
        }
        if self.is_allocatable(&agent.free) != self.work.free.contains(&at) {
            return Err(format!("{}: the index of free agents is wrong", agent.id));
        }
        Ok(())
    }

    /// The shares, roles and totals are the sums of the holdings.
    fn check_sums(&self) -> Result<(), String> {
        let mut names = self.book.names.clone();
        let mut total = Quantities::default();
        let mut shares: BTreeMap<Client, (usize, Quantities)> = BTreeMap::new();
        for (_, agent) in self.book.agents.iter() {
            total.add(&names.quantities(&agent.total));
            for (client, holding) in &agent.holdings {
                let (agents, sum) = shares.entry(*client).or_default();
                *agents += 1;
                sum.add(&names.quantities(&holding.resources));
            }
        }
        if total != self.book.total {
            return Err("the cluster's total is not the sum of its agents".to_owned());
        }
        let mut roles = BTreeMap::new();
        for client in self.book.clients() {
            let framework = &self.book.frameworks[client.framework];
            let share = &framework.shares[&client.role];
            let (agents, sum) = shares.remove(&client).unwrap_or_default();
            if (agents, &sum) != (share.agents, &share.allocated) {
                return Err(format!("{}: its share is not what it holds", framework.id));
            }
            roles.entry(client.role).or_insert_with(Quantities::default).add(&sum);
        }
        if !shares.is_empty() {
            return Err("something is held by a client that is not known".to_owned());
        }
        match self.book.roles.iter().find(|(slot, role)| roles.get(slot) != Some(&role.allocated)) {
            Some((_, role)) => Err(format!("role {}: its sum is wrong", role.name)),
            None => Ok(()),
        }
    }

    /// The queues hold exactly those who want offers, each at the place that it believes to have.
    fn check_order(&self) -> Result<(), String> {
        for client in self.book.clients() {
            let framework = &self.book.frameworks[client.framework];
            let role = &self.book.roles[client.role];
            let place = framework.shares[&client.role].place.as_ref();
            let queued = role.queue.iter().find(|place| place.slot == client.framework);
            if place != queued || place.is_some() != framework.wants(client.role) {
                return Err(format!("{}: its place in role {} is wrong", framework.id, role.name));
            }
            if !role.members.contains(&client.framework) {
                return Err(format!("role {} does not know {}", role.name, framework.id));
            }
        }
        for (slot, role) in self.book.roles.iter() {
            let queued = self.book.queue.iter().find(|place| place.slot == slot);
            if role.place.as_ref() != queued || queued.is_some() == role.queue.is_empty() {
                return Err(format!("role {}: its place is wrong", role.name));
            }
            let wanting = role.members.iter().filter(|f| self.book.frameworks[**f].wants(slot));
            if wanting.count() != role.queue.len() {
                return Err(format!("role {}: its queue is wrong", role.name));
            }
        }
        Ok(())
    }

    /// Filters lapse exactly once, belong to clients that can refuse, and are found from both ends.
    fn check_filters(&self) -> Result<(), String> {
        let agents: Vec<_> = self.book.agents.iter().collect();
        if !self.filters.has_exactly(&agents) {
            return Err("the filters and what lapses are not the same".to_owned());
        }
        let of = |(at, agent): &(Slot<Agent>, &Agent)| {
            let clients = agent.refusals.keys().chain(&agent.passed);
            let at = *at;
            clients.map(move |client| (*client, at)).collect::<Vec<_>>()
        };
        let from_agents: BTreeSet<_> = agents.iter().flat_map(of).collect();
        let at = |client: Client| {
            let share = &self.book.frameworks[client.framework].shares[&client.role];
            share.refused_at.iter().map(move |at| (client, *at)).collect::<Vec<_>>()
        };
        let from_clients: BTreeSet<_> = self.book.clients().into_iter().flat_map(at).collect();
        if from_agents != from_clients {
            return Err("agents and clients disagree on who has refused what".to_owned());
        }
        Ok(())
    }

    /// Nothing is kept that nobody needs, and no work refers to what is gone.
    fn check_kept(&self) -> Result<(), String> {
        for (_, framework) in self.book.frameworks.iter() {
            let idle = |share: &Share| !share.subscribed && share.agents == 0;
            if framework.shares.is_empty() || framework.shares.values().any(idle) {
                return Err(format!("{}: it should have been forgotten", framework.id));
            }
        }
        if let Some((_, role)) = self.book.roles.iter().find(|(_, role)| role.members.is_empty()) {
            return Err(format!("role {}: it should have been forgotten", role.name));
        }
        let swept = self.work.sweep.iter().flat_map(|sweep| &sweep.clients);
        if let Some(stray) = self.work.changed.iter().chain(swept).find(|c| !self.book.wants(**c)) {
            return Err(format!("{stray:?} is to be asked and wants nothing"));
        }
        match self.work.dirty.is_subset(&self.work.free) {
            true => Ok(()),
            false => Err("an agent with nothing to offer is to be visited".to_owned()),
        }
    }
}

fn ranges_len(resource: &Resource) -> Option<u64> {
    match &resource.value {
        Value::Ranges(ranges) => Some(ranges.len()),
        _ => None,
    }
}
