//! The conservation law and the other invariants, recomputed from scratch: for the simulator and
//! for people who ask.

use std::collections::{BTreeMap, BTreeSet};

use protocol::quota::{is_charged, is_within};
use protocol::resources::Value;
use protocol::{AgentId, FrameworkId, Generation, Resource, Resources};

use crate::model::{Agent, Client, Framework, Share};
use crate::pass::Lessons;
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
                let share = &self.book.clients[*client];
                let framework = self.book.frameworks[share.framework].id.clone();
                let role = self.book.roles[share.role].name.to_string();
                ((framework, role), Resources::clone(&holding.resources))
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
        self.check_tree()?;
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
        let first = |at: &Slot<Agent>| self.first_in_order(*at, false, &mut Lessons::default());
        let overlooked = self.work.free.iter().find_map(|at| first(&at));
        overlooked.map_or(Ok(()), |(client, resources)| {
            let id = &self.framework_of(client).id;
            Err(format!("{id} could be offered {resources} and nobody is going to"))
        })
    }

    /// Every resource of an agent is free or held by one client, and the index says so; what is
    /// shared is free and held.
    fn check_agent(&self, at: Slot<Agent>, agent: &Agent) -> Result<(), String> {
        let held: Resources = agent.holdings.values().map(|h| &h.resources).sum();
        let sum = &agent.free + &held.exclusive();
        if agent.total.checked_use(&held).is_ok() && sum != agent.total {
            return Err(format!("{}: free and held are {sum}, total is {}", agent.id, agent.total));
        }
        if !agent.total.contains(&agent.free) || agent.free.shared().ne(agent.total.shared()) {
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
        if self.is_allocatable(agent) != self.work.free.contains(at) {
            return Err(format!("{}: the index of free agents is wrong", agent.id));
        }
        Ok(())
    }

    /// The shares and totals are the sums of the holdings and of what is free.
    fn check_sums(&self) -> Result<(), String> {
        let mut names = self.book.names.clone();
        let (mut total, mut pool) = (Quantities::default(), Quantities::default());
        let mut shares: BTreeMap<Client, (usize, Quantities)> = BTreeMap::new();
        for (_, agent) in self.book.agents.iter() {
            total.add(&names.quantities(&agent.total));
            let unreserved = |r: &Resource| r.reservations.is_empty() && !r.revocable;
            if agent.active {
                pool.add(&names.sum_if(&agent.free, unreserved));
            }
            if names.quantities(&agent.free) != agent.free_sums {
                return Err(format!("{}: the sums of what is free are wrong", agent.id));
            }
            for (client, holding) in &agent.holdings {
                let (agents, sum) = shares.entry(*client).or_default();
                *agents += 1;
                sum.add(&names.quantities(&holding.resources));
            }
        }
        if (&total, &pool) != (&self.book.total, &self.book.pool) {
            return Err("the cluster's total or pool is not the sum of its agents".to_owned());
        }
        for (client, share) in self.book.clients.iter() {
            let (agents, sum) = shares.remove(&client).unwrap_or_default();
            if (agents, &sum) != (share.agents, &share.allocated) {
                let framework = self.framework_of(client);
                return Err(format!("{}: its share is not what it holds", framework.id));
            }
        }
        match shares.is_empty() {
            true => Ok(()),
            false => Err("something is held by a client that is not known".to_owned()),
        }
    }

    /// What is counted for every role, up to the root, is that of its parts.
    fn check_tree(&self) -> Result<(), String> {
        let mut names = self.book.names.clone();
        for (slot, role) in self.book.roles.iter() {
            let below = |client: &Client| {
                let own = &self.book.roles[self.book.clients[*client].role].name;
                is_within(own, &role.name)
            };
            let (mut held, mut charged) = (Quantities::default(), Quantities::default());
            let mut reserved = Quantities::default();
            for (_, agent) in self.book.agents.iter() {
                let within = |r: &Resource| {
                    r.reserved_role().is_some_and(|reserved| is_within(reserved, &role.name))
                };
                reserved.add(&names.sum_if(&agent.total, within));
                for (_, holding) in agent.holdings.iter().filter(|(client, _)| below(client)) {
                    held.add(&names.quantities(&holding.resources));
                    let counts = |r: &Resource| is_charged(r, &role.name);
                    charged.add(&names.sum_if(&holding.resources, counts));
                }
            }
            if (&held, &charged, &reserved) != (&role.allocated, &role.charged, &role.reserved) {
                return Err(format!("role `{}`: its sums are wrong", role.name));
            }
            let mut need_below = Quantities::default();
            role.children.iter().for_each(|child| need_below.add(&self.book.roles[*child].need));
            if need_below != role.need_below || role.due() != role.need {
                return Err(format!("role `{}`: its need is wrong", role.name));
            }
            let parent = role.parent.map(|parent| &self.book.roles[parent]);
            if parent.is_some_and(|parent| !parent.children.contains(&slot) || role.is_idle()) {
                return Err(format!("role `{}`: it should have been forgotten", role.name));
            }
        }
        Ok(())
    }

    /// The queues hold exactly those who want offers, each at the place where it belongs.
    fn check_order(&self) -> Result<(), String> {
        for (client, share) in self.book.clients.iter() {
            let (framework, role) = (self.framework_of(client), &self.book.roles[share.role]);
            let wants = self.book.wants(client);
            let place = wants.then(|| self.book.framework_place(client));
            let queued = role.queue.iter().find(|place| place.slot == client);
            if share.place != place
                || share.place.as_ref() != queued
                || self.book.wanting.contains(client) != wants
            {
                return Err(format!("{}: its place in role {} is wrong", framework.id, role.name));
            }
            if !role.members.contains(&client) || framework.clients[&share.role] != client {
                return Err(format!("role {} does not know {}", role.name, framework.id));
            }
        }
        for (slot, role) in self.book.roles.iter() {
            let members: usize = role.members.iter().filter(|c| self.book.wants(**c)).count();
            let mut branches: BTreeSet<_> = self.book.own_place(slot).into_iter().collect();
            branches.extend(role.children.iter().filter_map(|child| self.book.role_place(*child)));
            if members != role.queue.len() || branches != role.branches {
                return Err(format!("role {}: its queue is wrong", role.name));
            }
        }
        match self.book.wanting.iter().all(|client| self.book.wants(client)) {
            true => Ok(()),
            false => Err("somebody who is not there wants offers".to_owned()),
        }
    }

    /// Filters lapse exactly once, belong to clients that can refuse, and are found from both ends.
    fn check_filters(&self) -> Result<(), String> {
        let agents: Vec<_> = self.book.agents.iter().collect();
        if !self.filters.has_exactly(&self.book, &agents) {
            return Err("the filters and what lapses are not the same".to_owned());
        }
        let of = |(at, agent): &(Slot<Agent>, &Agent)| {
            let out = agent.passed.iter().chain(agent.excluded.iter());
            let clients = agent.refusals.keys().copied().chain(out);
            let at = *at;
            clients.map(move |client| (client, at)).collect::<Vec<_>>()
        };
        let from_agents: BTreeSet<_> = agents.iter().flat_map(of).collect();
        let at = |(client, share): (Client, &Share)| {
            share.refused_at.iter().map(move |at| (client, at)).collect::<Vec<_>>()
        };
        let from_clients: BTreeSet<_> = self.book.clients.iter().flat_map(at).collect();
        if from_agents != from_clients {
            return Err("agents and clients disagree on who has refused what".to_owned());
        }
        let wrong = |agent: &&Agent| {
            let accepts = |client: Client| {
                let constraints = self.book.clients[client].constraints.as_ref();
                constraints.is_none_or(|wanted| wanted.accept(&agent.traits))
            };
            let refused = !agent.refusals.is_empty() && !agent.base.contains(&agent.free)
                || agent.refused.iter().all(|client| agent.refuses_all(client));
            !refused || agent.excluded.iter().any(accepts)
        };
        match agents.iter().map(|(_, agent)| *agent).find(wrong) {
            Some(agent) => Err(format!("{}: what is remembered of refusals is wrong", agent.id)),
            None => Ok(()),
        }
    }

    fn framework_of(&self, client: Client) -> &Framework {
        &self.book.frameworks[self.book.clients[client].framework]
    }

    /// Nothing is kept that nobody needs, and no work refers to what is gone.
    fn check_kept(&self) -> Result<(), String> {
        let idle = |share: &Share| !share.subscribed && share.agents == 0;
        if let Some((client, _)) = self.book.clients.iter().find(|(_, share)| idle(share)) {
            let id = &self.framework_of(client).id;
            return Err(format!("{id}: it should have been forgotten for a role"));
        }
        let unknown = |framework: &Framework| framework.clients.is_empty();
        if let Some((_, framework)) = self.book.frameworks.iter().find(|(_, f)| unknown(f)) {
            return Err(format!("{}: it should have been forgotten", framework.id));
        }
        let own = self.book.clients.iter().filter_map(|(_, share)| share.least.as_ref());
        let mut minimums = BTreeMap::new();
        own.for_each(|least| *minimums.entry(least.clone()).or_insert(0) += 1);
        if minimums != self.minimums {
            return Err("the minimums of frameworks are not counted right".to_owned());
        }
        let swept = self.work.sweep.iter().flat_map(|sweep| &sweep.clients);
        if let Some(stray) = self.work.changed.iter().chain(swept).find(|c| !self.book.wants(**c)) {
            return Err(format!("{stray:?} is to be asked and wants nothing"));
        }
        match self.work.dirty.without(&[&self.work.free]).next().is_none() {
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
