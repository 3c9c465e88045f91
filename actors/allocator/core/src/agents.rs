//! The facts about agents and about what is held on them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::allocator::{
    AddAgent, ConvertResources, RecoverResources, Rejection, RemoveAgent, SetAgentActive,
    UpdateAgent,
};
use protocol::framework::Filters as Refusing;
use protocol::{AgentId, Generation, Resources, Time};

use crate::bits::Bits;
use crate::book::Returned;
use crate::effect::Answer;
use crate::filters::Filters;
use crate::model::{Agent, Client, Granted, Holding, Traits};
use crate::quantities::Quantities;
use crate::slab::Slot;
use crate::state::State;

/// Offers that came back whole which are remembered of each framework, for people who ask why.
const RECENT: usize = 10;

impl State {
    pub(crate) fn on_add_agent(&mut self, fact: AddAgent) {
        if let Some(slot) = self.book.agents.find(&fact.agent_id) {
            if fact.generation <= self.book.agents[slot].generation {
                return;
            }
            self.forget_agent(slot);
        }
        let at = self.book.enter_agent(unused(&fact));
        for used in fact.used.iter().filter(|used| !used.resources.is_empty()) {
            let framework = self.book.framework(&used.framework_id);
            let client = self.book.client(framework, &used.role);
            self.book.hold(at, client, &used.resources);
            self.book.requeue(client);
        }
        self.note_freed(at);
    }

    /// What is free may be more or less, or interest others.
    pub(crate) fn on_update_agent(&mut self, fact: UpdateAgent) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        let traits = Traits::of(&fact.info);
        if self.book.agents[at].traits != traits {
            self.book.agents[at].traits = traits;
            self.filters.forget_agent(&mut self.book, at);
        }
        self.book.replace_total(at, fact.info.resources);
        self.note_freed(at);
    }

    pub(crate) fn on_set_agent_active(&mut self, fact: &SetAgentActive) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        self.book.agents[at].active = fact.active;
        self.book.count_free(at);
        self.note_freed(at);
    }

    pub(crate) fn on_remove_agent(&mut self, fact: &RemoveAgent) {
        if let Some(at) = self.registration(&fact.agent_id, fact.generation) {
            self.forget_agent(at);
        }
    }

    /// The agent, if the fact is about the registration that is known.
    pub(crate) fn registration(
        &self,
        agent: &AgentId,
        generation: Generation,
    ) -> Option<Slot<Agent>> {
        let at = self.book.agents.find(agent)?;
        (self.book.agents[at].generation == generation).then_some(at)
    }

    fn forget_agent(&mut self, at: Slot<Agent>) {
        self.filters.forget_agent(&mut self.book, at);
        self.work.forget_agent(at);
        self.reclaims.forget_agent(at);
        self.unavailable.remove(&at);
        let holdings = &self.book.agents[at].holdings;
        let held: Vec<_> = holdings.iter().map(|(c, h)| (*c, h.resources.clone())).collect();
        for (client, resources) in held {
            self.book.release(at, client, &resources);
            self.tidy(client);
        }
        self.book.strike_agent(at);
    }

    pub(crate) fn on_recover_resources(&mut self, now: Time, fact: &RecoverResources) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        let Some(client) = self.book.find_client(&fact.framework_id, &fact.role) else {
            self.counters.anomalies += 1;
            return;
        };
        let returned = self.book.release(at, client, &fact.resources);
        self.reclaims.returned(at, client, &self.book.names.known(&fact.resources));
        if matches!(returned, Returned::NotHeld | Returned::MoreThanHeld) {
            self.counters.anomalies += 1;
        }
        if let Some(filters) = fact.filters {
            let refused = returned == Returned::WholeGrant;
            self.refuse(now, (at, client), &fact.resources, filters, refused);
        }
        self.note_freed(at);
        self.tidy(client);
    }

    /// What came back from an offer, with the wish not to see it for a while.
    fn refuse(
        &mut self,
        now: Time,
        (at, client): (Slot<Agent>, Client),
        resources: &Resources,
        filters: Refusing,
        whole: bool,
    ) {
        if !whole {
            Filters::forget_passed(&mut self.book, at);
        }
        let share = &self.book.clients[client];
        if !self.book.frameworks[share.framework].active || !share.subscribed {
            return;
        }
        let mut wish = filters.refuse_ms.min(Refusing::MAX_REFUSE_MS);
        if whole {
            Filters::pass(&mut self.book, at, client);
            wish = wish.max(self.options.min_refuse_ms);
        }
        let until = now + Duration::from_millis(wish);
        if wish > 0 {
            self.filters.refuse(&mut self.book, (at, client), resources, until);
        }
        if whole {
            self.remember_rejection(now, (at, client), resources, until);
        }
    }

    fn remember_rejection(
        &mut self,
        now: Time,
        (at, client): (Slot<Agent>, Client),
        resources: &Resources,
        until: Time,
    ) {
        let share = &self.book.clients[client];
        let rejection = Rejection {
            at: now,
            agent_id: self.book.agents[at].id.clone(),
            role: self.book.roles[share.role].name.to_string(),
            resources: resources.clone(),
            until,
        };
        let recent: &mut VecDeque<_> = &mut self.book.frameworks[share.framework].recent;
        recent.truncate(RECENT - 1);
        recent.push_front(rejection);
    }

    /// The agent has `produced` instead of `consumed`, in the same hands.
    pub(crate) fn on_convert_resources(&mut self, fact: &ConvertResources) -> Answer {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else {
            return Answer::Refused(format!("agent {} is not here", fact.agent_id));
        };
        let client = match &fact.holder {
            None => None,
            Some(holder) => match self.book.find_client(&holder.framework_id, &holder.role) {
                Some(client) => Some(client),
                None => return nothing_held(&fact.agent_id),
            },
        };
        let agent = &self.book.agents[at];
        let there = match client {
            None => &agent.free,
            Some(client) => match agent.holdings.get(&client) {
                Some(holding) => &holding.resources,
                None => return nothing_held(&fact.agent_id),
            },
        };
        let in_use = |held: &Holding| fact.consumed.first_shared_with(&held.resources);
        if let (None, Some(volume)) = (client, agent.holdings.values().find_map(in_use)) {
            return Answer::Refused(format!("agent {}: {volume} is in use", fact.agent_id));
        }
        if let Err(shortage) = there.checked_sub(&fact.consumed) {
            return Answer::Refused(format!("agent {}: {shortage}", fact.agent_id));
        }
        let mut total = agent.total.clone();
        total.remove_all(&fact.consumed);
        total.add_all(&fact.produced);
        if let Some(client) = client {
            self.book.release(at, client, &fact.consumed);
        }
        self.book.replace_total(at, total);
        if let Some(client) = client.filter(|_| !fact.produced.is_empty()) {
            self.book.hold(at, client, &fact.produced);
            let holding = self.book.agents[at].holdings.get_mut(&client);
            holding.expect("it was just booked").granted = Granted::Nothing;
            self.book.requeue(client);
        }
        self.note_freed(at);
        if let Some(client) = client {
            self.tidy(client);
        }
        Answer::Done
    }
}

fn nothing_held(agent: &AgentId) -> Answer {
    Answer::Refused(format!("agent {agent}: the framework holds nothing there for this role"))
}

/// An agent on which nothing is held.
fn unused(fact: &AddAgent) -> Agent {
    Agent {
        id: fact.agent_id.clone(),
        generation: fact.generation,
        traits: Traits::of(&fact.info),
        total: fact.info.resources.clone(),
        free: Resources::EMPTY,
        free_sums: Quantities::default(),
        pool: Quantities::default(),
        overfull: false,
        holdings: BTreeMap::new(),
        active: true,
        plain: true,
        refusals: BTreeMap::new(),
        base: Resources::EMPTY,
        refused: Bits::default(),
        excluded: Bits::default(),
        passed: Bits::default(),
        unavailability: None,
        asked: BTreeMap::new(),
    }
}
