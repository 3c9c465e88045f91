//! What frameworks have refused, on which agent, until when.
//!
//! A filter is in force until it is taken away here, not until a clock says so: one that lapses
//! while its agent waits for a pass is put off, so that however short it is, the others are asked
//! first.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{Resources, Time};

use crate::book::Book;
use crate::model::{Agent, Client, Refusal};
use crate::slab::Slot;

/// For one client on one agent. Every refusal answers an offer that the ones before it let
/// through, so few are needed; with more, the one that lapses first goes, and costs an offer.
const MAX_REFUSALS: usize = 16;

/// When a filter lapses, and its number.
type Lapse = (Time, u64);
/// Who does not want what.
type Whose = (Slot<Agent>, Client);

/// All filters in the order in which they lapse.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    lapsing: BTreeMap<Lapse, Whose>,
    counter: u64,
}

impl Filters {
    /// When the next one lapses.
    pub(crate) fn next(&self) -> Option<Time> {
        self.lapsing.first_key_value().map(|((until, _), _)| *until)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lapsing.len()
    }

    /// Notes that a client does not want `resources` of an agent until then.
    pub(crate) fn refuse(
        &mut self,
        book: &mut Book,
        (at, client): Whose,
        resources: &Resources,
        until: Time,
    ) {
        let agent = &mut book.agents[at];
        let refusals = agent.refusals.entry(client).or_default();
        if refusals.iter().any(|old| old.until >= until && old.resources.contains(resources)) {
            return;
        }
        let moot = |old: &Refusal| old.until <= until && resources.contains(&old.resources);
        let share = &mut book.clients[client];
        for old in refusals.extract_if(.., |old| moot(old)) {
            self.lapsing.remove(&(old.until, old.number));
            share.filters -= 1;
        }
        if refusals.len() >= MAX_REFUSALS {
            let soonest =
                (0..refusals.len()).min_by_key(|i| (refusals[*i].until, refusals[*i].number));
            let old = refusals.swap_remove(soonest.expect("there are some"));
            self.lapsing.remove(&(old.until, old.number));
            share.filters -= 1;
            agent.refused.remove(client);
        }
        self.counter += 1;
        let number = self.counter;
        // All that refuse the same of one agent share it.
        let resources = if agent.base == *resources { &agent.base } else { resources };
        refusals.push(Refusal { resources: resources.clone(), until, number });
        self.lapsing.insert((until, self.counter), (at, client));
        share.filters += 1;
        share.refused_at.insert(at);
    }

    /// Notes that a client has given an agent back whole: the others come first now.
    pub(crate) fn pass(book: &mut Book, at: Slot<Agent>, client: Client) {
        book.agents[at].passed.insert(client);
        book.clients[client].refused_at.insert(at);
    }

    /// Notes that a client's constraints exclude an agent.
    pub(crate) fn exclude(book: &mut Book, at: Slot<Agent>, client: Client) {
        book.agents[at].excluded.insert(client);
        book.clients[client].refused_at.insert(at);
    }

    /// Somebody has made use of the agent, or nobody is left: everyone is asked again.
    pub(crate) fn forget_passed(book: &mut Book, at: Slot<Agent>) {
        for client in std::mem::take(&mut book.agents[at].passed).iter() {
            Self::settle(book, at, client);
        }
    }

    /// Keeps `refused_at` exact after something was taken away.
    fn settle(book: &mut Book, at: Slot<Agent>, client: Client) {
        let agent = &book.agents[at];
        if !agent.refusals.contains_key(&client)
            && !agent.passed.contains(client)
            && !agent.excluded.contains(client)
        {
            book.clients[client].refused_at.remove(at);
        }
    }

    /// Forgets what a client has refused, everywhere.
    pub(crate) fn forget_client(&mut self, book: &mut Book, client: Client) {
        book.clients[client].filters = 0;
        for at in std::mem::take(&mut book.clients[client].refused_at).iter() {
            let agent = &mut book.agents[at];
            agent.passed.remove(client);
            agent.excluded.remove(client);
            agent.refused.remove(client);
            for old in agent.refusals.remove(&client).unwrap_or_default() {
                self.lapsing.remove(&(old.until, old.number));
            }
        }
    }

    /// Forgets what has been refused of an agent.
    pub(crate) fn forget_agent(&mut self, book: &mut Book, at: Slot<Agent>) {
        let agent = &mut book.agents[at];
        agent.refused.clear();
        let mut clients = std::mem::take(&mut agent.passed);
        std::mem::take(&mut agent.excluded).iter().for_each(|client| clients.insert(client));
        for (client, refusals) in std::mem::take(&mut agent.refusals) {
            book.clients[client].filters -= refusals.len();
            for old in refusals {
                self.lapsing.remove(&(old.until, old.number));
            }
            clients.insert(client);
        }
        for client in clients.iter() {
            book.clients[client].refused_at.remove(at);
        }
    }

    /// Takes away what has lapsed by `now` and gives the agents that may be offered again. Those
    /// of which `waits` is true are put off by `delay`.
    pub(crate) fn lapse(
        &mut self,
        book: &mut Book,
        now: Time,
        waits: impl Fn(Slot<Agent>) -> bool,
        delay: Duration,
    ) -> Vec<Slot<Agent>> {
        let mut offerable = Vec::new();
        while let Some(((until, number), (at, client))) = self.first_due(now) {
            self.lapsing.remove(&(until, number));
            let refusals = book.agents[at].refusals.get_mut(&client);
            let refusals = refusals.expect("filters of a removed agent or client are removed");
            if waits(at) {
                let put_off = refusals.iter_mut().find(|refusal| refusal.number == number);
                put_off.expect("a filter is in both places").until = now + delay;
                self.lapsing.insert((now + delay, number), (at, client));
                continue;
            }
            refusals.retain(|refusal| refusal.number != number);
            book.clients[client].filters -= 1;
            let last = refusals.is_empty();
            book.agents[at].refused.remove(client);
            if last {
                book.agents[at].refusals.remove(&client);
                Self::settle(book, at, client);
            }
            offerable.push(at);
        }
        offerable
    }

    fn first_due(&self, now: Time) -> Option<(Lapse, Whose)> {
        let (key, whose) = self.lapsing.first_key_value()?;
        (key.0 <= now).then_some((*key, *whose))
    }

    /// Whether the filters of an agent are exactly those that will lapse; `State::check` asks.
    pub(crate) fn has_exactly(&self, book: &Book, agents: &[(Slot<Agent>, &Agent)]) -> bool {
        let mut counts: BTreeMap<Client, usize> = BTreeMap::new();
        for (client, refusals) in agents.iter().flat_map(|(_, agent)| &agent.refusals) {
            *counts.entry(*client).or_default() += refusals.len();
        }
        let counted = |client| counts.get(&client).copied().unwrap_or(0);
        if book.clients.iter().any(|(client, share)| share.filters != counted(client)) {
            return false;
        }
        let known = agents.iter().flat_map(|(at, agent)| {
            let of = |(client, refusals): (&Client, &Vec<Refusal>)| {
                let entry = |r: &Refusal| ((r.until, r.number), (*at, *client));
                refusals.iter().map(entry).collect::<Vec<_>>()
            };
            agent.refusals.iter().flat_map(of).collect::<Vec<_>>()
        });
        known.collect::<BTreeMap<_, _>>() == self.lapsing
    }
}

impl Agent {
    /// Gets ready to be looked at: `refused` is about all that is free, or more.
    pub(crate) fn rebase(&mut self) {
        if self.refusals.is_empty() || self.base == self.free {
            return;
        }
        if !self.base.contains(&self.free) {
            self.refused.clear();
        }
        self.base = self.free.clone();
    }

    /// Whether a client has refused all that was free when it was last looked at.
    pub(crate) fn refuses_all(&self, client: Client) -> bool {
        self.is_refused(client, &self.base)
    }

    /// Whether a client has said that it does not want `offered` of this agent. What is shared comes
    /// and goes with the rest.
    pub(crate) fn is_refused(&self, client: Client, offered: &Resources) -> bool {
        let Some(refusals) = self.refusals.get(&client) else { return false };
        let offered = offered.exclusive();
        refusals.iter().any(|refusal| refusal.resources.contains(&offered))
    }
}
