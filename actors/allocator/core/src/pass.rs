//! The pass: agents on which something was freed meet everyone who wants offers, and clients that
//! want more meet every agent with something free. Nobody else can have become a match, which is
//! why nothing else is looked at:
//!
//! Invariant: once the work is done, no client that wants offers has not refused an offer that it
//! could be made.
//!
//! All that is free on an agent and that a client may have goes to that client (coarse-grained, as
//! in Mesos): fewer, larger offers, and the accept returns the rest within milliseconds.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use protocol::Resources;
use protocol::allocator::Verdict;
use protocol::framework::Allocation;

use crate::filters::Filters;
use crate::model::{Agent, Client, Role};
use crate::part::{Obstacle, Part};
use crate::slab::Slot;
use crate::state::{State, Sweep};

/// Agents that one pass visits. At a few microseconds each it ends within the coalescing time; the
/// rest follows after the messages that came meanwhile.
const PASS_LIMIT: usize = 1000;
/// Up to so many clients are compared with each other; of more, the first is found faster by walking
/// the order.
const FEW_CLIENTS: usize = 16;

/// What was learned from those that cannot be offered what is free.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    /// Their constraints exclude the agent.
    excluded: Vec<Client>,
    /// They have refused what they could be offered.
    refused: Vec<Client>,
    /// These limits took something off.
    limits: BTreeSet<Slot<Role>>,
    /// The guarantees of others took something off.
    held_back: bool,
}

impl Lessons {
    fn obstacle(&mut self, client: Client, obstacle: Obstacle) {
        match obstacle.verdict {
            Verdict::Constraint => self.excluded.push(client),
            Verdict::Filter => self.refused.push(client),
            _ => {}
        }
        self.cut(obstacle.limit, obstacle.held_back);
    }

    fn cut(&mut self, limit: Option<Slot<Role>>, held_back: bool) {
        self.limits.extend(limit);
        self.held_back |= held_back;
    }
}

impl State {
    /// Visits what there is to visit, up to a limit.
    pub(crate) fn pass(&mut self) -> Vec<Allocation> {
        self.book.refresh_order(false);
        self.counters.passes += 1;
        let mut granted = Vec::new();
        let mut visits = PASS_LIMIT;
        let mut next = Slot::FIRST;
        while visits > 0 {
            let Some(at) = self.work.dirty.next(next) else { break };
            next = at.next();
            self.work.dirty.remove(at);
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
        if let Some(at) = self.work.free.next(sweep.next) {
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
            let share = &self.book.clients[client];
            let agent = &self.book.agents[at];
            if agent.unavailability.is_some() {
                self.work.leaving.insert(at);
            }
            granted.push(Allocation {
                framework_id: self.book.frameworks[share.framework].id.clone(),
                role: self.book.roles[share.role].name.to_string(),
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
        if !self.work.free.contains(at) {
            return None;
        }
        self.book.agents[at].rebase();
        let mut lessons = Lessons::default();
        let few = among.filter(|clients| clients.len() <= FEW_CLIENTS);
        let mut choice = match few {
            Some(few) => self.first_of(few.iter().copied(), at, &mut lessons),
            None => self.first_in_order(at, true, &mut lessons),
        };
        if choice.is_none() && few.is_none() && !self.book.agents[at].passed.is_empty() {
            Filters::forget_passed(&mut self.book, at);
            choice = self.first_in_order(at, false, &mut lessons);
        }
        self.learn(at, lessons);
        choice
    }

    /// Remembers what need not be found out again, and what would change it.
    fn learn(&mut self, at: Slot<Agent>, lessons: Lessons) {
        for client in lessons.excluded {
            Filters::exclude(&mut self.book, at, client);
        }
        let agent = &mut self.book.agents[at];
        for client in lessons.refused {
            if agent.refuses_all(client) {
                agent.refused.insert(client);
            }
        }
        for role in lessons.limits {
            self.book.roles[role].cut = true;
        }
        if lessons.held_back {
            let surplus = self.book.surplus();
            self.book.held = Some(match &self.book.held {
                Some(old) => old.least(&surplus),
                None => surplus,
            });
        }
    }

    /// The first client in order that can be offered something of an agent; with `new_only`, of
    /// those that have not passed.
    pub(crate) fn first_in_order(
        &self,
        at: Slot<Agent>,
        new_only: bool,
        lessons: &mut Lessons,
    ) -> Option<(Client, Resources)> {
        let agent = &self.book.agents[at];
        let wanting = &self.book.wanting;
        let out = [&agent.refused, &agent.excluded, &agent.passed];
        let out = if new_only { &out[..] } else { &out[..2] };
        if wanting.without(out).nth(FEW_CLIENTS).is_none() {
            return self.first_of(wanting.without(out), at, lessons);
        }
        let found = self.book.in_order(&mut |client| {
            if out.iter().any(|bits| bits.contains(client)) {
                return ControlFlow::Continue(());
            }
            match self.offer_to(client, agent) {
                Ok(part) => ControlFlow::Break((client, taken(part, lessons))),
                Err(obstacle) => {
                    lessons.obstacle(client, obstacle);
                    ControlFlow::Continue(())
                }
            }
        });
        match found {
            ControlFlow::Break(choice) => Some(choice),
            ControlFlow::Continue(()) => None,
        }
    }

    /// The first of a few clients that can be offered something of an agent.
    fn first_of(
        &self,
        few: impl Iterator<Item = Client>,
        at: Slot<Agent>,
        lessons: &mut Lessons,
    ) -> Option<(Client, Resources)> {
        let agent: &Agent = &self.book.agents[at];
        let mut best: Option<(Client, Part<'_>)> = None;
        for client in few.filter(|client| self.book.wanting.contains(*client)) {
            if agent.refused.contains(client) || agent.excluded.contains(client) {
                continue;
            }
            let later = |(first, _): &(Client, _)| self.book.compare(client, *first).is_gt();
            if best.as_ref().is_some_and(later) {
                continue;
            }
            match self.offer_to(client, agent) {
                Err(obstacle) => lessons.obstacle(client, obstacle),
                Ok(part) => best = Some((client, part)),
            }
        }
        best.map(|(client, part)| (client, taken(part, lessons)))
    }
}

/// What of an agent is to be booked.
fn taken(part: Part<'_>, lessons: &mut Lessons) -> Resources {
    lessons.cut(part.limit, part.held_back);
    part.bag.into_owned()
}
