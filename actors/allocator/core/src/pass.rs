//! The pass: agents on which something was freed meet everyone who wants offers, and clients that
//! want more meet every agent with something free. Nobody else can have become a match, which is
//! why nothing else is looked at:
//!
//! Invariant: once the work is done, no client that wants offers has not refused an offer that it
//! could be made.
//!
//! All that is free on an agent and that a client may have goes to that client (coarse-grained, as
//! in Mesos): fewer, larger offers, and the accept returns the rest within milliseconds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use protocol::Resources;
use protocol::framework::Allocation;

use crate::filters::Filters;
use crate::model::{Agent, Client, Framework, Role};
use crate::slab::Slot;
use crate::state::{State, Sweep};

/// Agents that one pass visits. At a few microseconds each it ends within the coalescing time; the
/// rest follows after the messages that came meanwhile.
const PASS_LIMIT: usize = 1000;
/// Up to so many changed clients are tried one by one; more are found faster by walking the order.
const FEW_CLIENTS: usize = 16;

impl State {
    /// Visits what there is to visit, up to a limit.
    pub(crate) fn pass(&mut self) -> Vec<Allocation> {
        self.book.refresh_order();
        self.counters.passes += 1;
        let mut granted = Vec::new();
        let mut visits = PASS_LIMIT;
        while visits > 0 {
            let Some(at) = self.work.dirty.pop_first() else { break };
            self.visit(at, None, &mut granted);
            visits -= 1;
        }
        while visits > 0 && self.sweep_on(&mut granted) {
            visits -= 1;
        }
        self.counters.visits += (PASS_LIMIT - visits) as u64;
        self.counters.allocations += granted.len() as u64;
        granted
    }

    /// Visits the next free agent for the clients that have changed. False: there is none.
    fn sweep_on(&mut self, granted: &mut Vec<Allocation>) -> bool {
        let clients = &mut self.work.changed;
        let mut sweep = match self.work.sweep.take() {
            Some(sweep) => sweep,
            None if clients.is_empty() => return false,
            None => Sweep { clients: std::mem::take(clients), next: Slot::FIRST },
        };
        if let Some(at) = self.work.free.range(sweep.next..).next().copied() {
            sweep.next = at.next();
            self.visit(at, Some(&sweep.clients), granted);
            self.work.sweep = Some(sweep);
        }
        true
    }

    /// Gives away what is free on an agent, to anybody or to some of `among`.
    fn visit(
        &mut self,
        at: Slot<Agent>,
        among: Option<&BTreeSet<Client>>,
        granted: &mut Vec<Allocation>,
    ) {
        while let Some((client, resources)) = self.choose(at, among) {
            self.book.grant(at, client, &resources);
            self.note_free(at);
            let agent = &self.book.agents[at];
            granted.push(Allocation {
                framework_id: self.book.frameworks[client.framework].id.clone(),
                role: self.book.roles[client.role].name.to_string(),
                agent_id: agent.id.clone(),
                generation: agent.generation,
                resources,
            });
        }
    }

    /// Who is to have what of an agent.
    fn choose(
        &mut self,
        at: Slot<Agent>,
        among: Option<&BTreeSet<Client>>,
    ) -> Option<(Client, Resources)> {
        if !self.work.free.contains(&at) {
            return None;
        }
        if let Some(few) = among.filter(|clients| clients.len() <= FEW_CLIENTS) {
            return self.first_of(few, at);
        }
        if let Some(choice) = self.first_in_order(at, true) {
            return Some(choice);
        }
        if self.book.agents[at].passed.is_empty() {
            return None;
        }
        Filters::forget_passed(&mut self.book, at);
        self.first_in_order(at, false)
    }

    /// The first client in order that can be offered something of an agent; with `new_only`, of
    /// those that have not passed.
    pub(crate) fn first_in_order(
        &self,
        at: Slot<Agent>,
        new_only: bool,
    ) -> Option<(Client, Resources)> {
        let agent = &self.book.agents[at];
        let in_role = |role: Slot<Role>| {
            let queue = self.book.roles[role].queue.iter();
            queue.map(move |place| Client { role, framework: place.slot })
        };
        let clients = self.book.queue.iter().flat_map(|place| in_role(place.slot));
        clients
            .filter(|client| !(new_only && agent.passed.contains(client)))
            .find_map(|client| Some((client, self.offer_to(client, agent)?.into_owned())))
    }

    fn first_of(&self, few: &BTreeSet<Client>, at: Slot<Agent>) -> Option<(Client, Resources)> {
        let agent = &self.book.agents[at];
        let place = |client: &Client| {
            let share = self.book.frameworks.get(client.framework)?.shares.get(&client.role)?;
            Some((self.book.roles[client.role].place.as_ref()?, share.place.as_ref()?))
        };
        let offer =
            |client: &Client| Some((place(client)?, *client, self.offer_to(*client, agent)?));
        let (_, client, resources) =
            few.iter().filter_map(offer).min_by_key(|(place, ..)| *place)?;
        Some((client, resources.into_owned()))
    }

    /// What a client in a queue could be offered of an agent and has not refused.
    fn offer_to<'a>(&self, client: Client, agent: &'a Agent) -> Option<Cow<'a, Resources>> {
        let role = &self.book.roles[client.role];
        let offer = part_for(&self.book.frameworks[client.framework], &role.name, agent)?;
        (self.is_allocatable(&offer) && !agent.is_refused(client, &offer)).then_some(offer)
    }

    /// Whether it is enough for an offer.
    pub(crate) fn is_allocatable(&self, bag: &Resources) -> bool {
        let enough = |least: &Resources| {
            least.scalars().into_iter().all(|(name, amount)| bag.scalar(name) >= amount)
        };
        let least = &self.options.min_allocatable;
        !bag.is_empty() && (least.is_empty() || least.iter().any(enough))
    }
}

/// What of the free resources a framework may have for a role: nothing that is reserved for others,
/// and of revocable resources and of agents with GPUs nothing unless it says that it can deal with
/// them.
fn part_for<'a>(framework: &Framework, role: &str, agent: &'a Agent) -> Option<Cow<'a, Resources>> {
    if agent.gpus && !framework.takes_gpus {
        return None;
    }
    if agent.plain {
        return Some(Cow::Borrowed(&agent.free));
    }
    Some(Cow::Owned(agent.free.filter(|resource| {
        resource.reserved_role().is_none_or(|reserved| serves(reserved, role))
            && (!resource.revocable || framework.takes_revocable)
    })))
}

/// Whether what is reserved for one role may be offered to another: to itself and to its children.
fn serves(reserved: &str, role: &str) -> bool {
    role.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_serves_its_role_and_the_children_of_it() {
        assert!(serves("eng", "eng") && serves("eng", "eng/web"));
        assert!(!serves("eng", "engine") && !serves("eng/web", "eng"));
    }
}
