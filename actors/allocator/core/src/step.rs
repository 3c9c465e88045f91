//! One input, and what follows from it. The facts about agents are in `agents`.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::allocator::{
    AddFramework, RemoveFramework, ResetAllocator, ReviveRoles, SetFrameworkActive, SetQuota,
    SetWeight, SuppressRoles,
};
use protocol::framework::{Allocation, Capability, FrameworkInfo};
use protocol::frameworks::OfferAllocations;
use protocol::{FrameworkId, Time};

use crate::book::Book;
use crate::constraints::Constraints;
use crate::effect::{Answer, Effect};
use crate::filters::Filters;
use crate::input::{Input, Timer};
use crate::model::{Agent, Client, Takes};
use crate::options::is_weight;
use crate::quantities::Least;
use crate::reclaims::Reclaims;
use crate::slab::Slot;
use crate::state::{State, Term, Work};

/// Allocations in one message: some 200 KB, a small part of what a frame may carry.
const MESSAGE_LIMIT: usize = 1000;
/// The role of a framework that names none.
const DEFAULT_ROLE: &str = "*";

impl State {
    /// Takes one input and appends what is to be done.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        if !self.is_ready() && !needs_no_facts(&input) {
            return;
        }
        match input {
            Input::ResetAllocator(fact) => self.on_reset_allocator(now, &fact, out),
            Input::AddFramework(fact) => self.on_add_framework(fact),
            Input::SetFrameworkActive(fact) => self.on_set_framework_active(&fact),
            Input::RemoveFramework(fact) => self.on_remove_framework(&fact),
            Input::AddAgent(fact) => self.on_add_agent(fact),
            Input::UpdateAgent(fact) => self.on_update_agent(fact),
            Input::SetAgentActive(fact) => self.on_set_agent_active(&fact),
            Input::SetUnavailability(fact) => self.on_set_unavailability(&fact),
            Input::AnswerInverseOffer(fact) => self.on_answer_inverse_offer(now, &fact),
            Input::RemoveAgent(fact) => self.on_remove_agent(&fact),
            Input::RecoverResources(fact) => self.on_recover_resources(now, &fact),
            Input::ShareResources(fact) => self.on_share_resources(&fact),
            Input::ReviveRoles(fact) => self.on_revive_roles(&fact),
            Input::SuppressRoles(fact) => self.on_suppress_roles(&fact),
            Input::SetQuota(fact) => self.on_set_quota(&fact),
            Input::SetWeight(fact) => self.on_set_weight(&fact),
            Input::RequestResources(fact) => self.on_request_resources(&fact),
            Input::ConvertResources { call, fact } => {
                out.push(Effect::Reply { call, answer: self.on_convert_resources(&fact) });
            }
            Input::GrowHolding { call, fact } => {
                out.push(Effect::Reply { call, answer: self.on_grow_holding(&fact) });
            }
            Input::GetRoles { call } => {
                out.push(Effect::Reply { call, answer: Answer::Roles(self.role_list()) });
            }
            Input::ExplainFramework { call, question } => {
                out.push(Effect::Reply { call, answer: self.explain(&question) });
            }
            Input::ExplainRole { call, question } => {
                out.push(Effect::Reply { call, answer: self.explain_role_standing(&question) });
            }
            Input::TimerFired(Timer::Pass) => self.on_pass(now, out),
            Input::TimerFired(Timer::Filters) => self.on_filters(now),
            Input::TimerFired(Timer::FullPass) => self.on_full_pass(now, out),
            Input::TimerFired(Timer::Preempt) => self.on_preempt(now, out),
        }
        self.note_room();
        self.arm(now, out);
    }

    fn on_reset_allocator(&mut self, now: Time, fact: &ResetAllocator, out: &mut Vec<Effect>) {
        if self.term.is_some_and(|term| fact.epoch < term.epoch) {
            return;
        }
        self.term = Some(Term { epoch: fact.epoch, round: fact.round });
        self.book = Book::new(&self.options);
        self.filters = Filters::default();
        self.work = Work::default();
        self.minimums.clear();
        self.wishes.clear();
        self.reclaims = Reclaims::default();
        self.unavailable.clear();
        let armed = std::mem::take(&mut self.armed);
        let timers = [
            (Timer::Pass, armed.pass),
            (Timer::Filters, armed.filters),
            (Timer::Preempt, armed.preempt),
        ];
        for (timer, at) in timers {
            out.extend(at.map(|_| Effect::CancelTimer { timer }));
        }
        self.arm_full_pass(now, out);
    }

    fn on_add_framework(&mut self, fact: AddFramework) {
        let slot = self.book.framework(&fact.framework_id);
        let framework = &mut self.book.frameworks[slot];
        framework.known = true;
        framework.active = fact.active;
        framework.takes = takes(&fact.info);
        for client in self.book.clients_of(slot) {
            self.book.clients[client].subscribed = false;
        }
        let default = [DEFAULT_ROLE.to_owned()];
        let roles = if fact.info.roles.is_empty() { &default[..] } else { &fact.info.roles };
        for role in roles {
            let client = self.book.client(slot, role);
            let filters = fact.info.offer_filters.get(role);
            let least = filters
                .and_then(|filters| filters.min_allocatable.as_ref())
                .map(|sets| Least(sets.iter().map(|set| self.book.names.amounts(set)).collect()));
            let constraints = fact.offer_constraints.as_ref().and_then(|all| all.roles.get(role));
            let share = &mut self.book.clients[client];
            share.subscribed = true;
            share.suppressed = fact.suppressed_roles.contains(role);
            share.constraints = constraints.map(Constraints::new);
            self.set_least(client, least);
        }
        for client in self.book.clients_of(slot) {
            self.start_over(client);
        }
    }

    fn on_set_framework_active(&mut self, fact: &SetFrameworkActive) {
        let Some(slot) = self.book.frameworks.find(&fact.framework_id) else { return };
        let framework = &mut self.book.frameworks[slot];
        framework.active = fact.active && framework.known;
        for client in self.book.clients_of(slot) {
            self.start_over(client);
        }
    }

    fn on_remove_framework(&mut self, fact: &RemoveFramework) {
        let Some(slot) = self.book.frameworks.find(&fact.framework_id) else { return };
        let framework = &mut self.book.frameworks[slot];
        framework.known = false;
        framework.active = false;
        // A subscribed framework has at least one role, so the last of them takes it along.
        for client in self.book.clients_of(slot) {
            self.book.clients[client].subscribed = false;
            self.start_over(client);
        }
    }

    /// A client's wishes have changed: its filters are void, and it finds its place anew.
    fn start_over(&mut self, client: Client) {
        self.filters.forget_client(&mut self.book, client);
        self.book.requeue(client);
        if self.book.wants(client) {
            self.work.changed.insert(client);
        } else {
            self.work.forget_client(client);
            self.reclaims.doubt();
        }
        self.tidy(client);
    }

    /// Forgets a client that nothing is known of any more.
    pub(crate) fn tidy(&mut self, client: Client) {
        let share = &self.book.clients[client];
        if share.subscribed {
            return;
        }
        let share_is_over = share.agents == 0;
        if share_is_over {
            self.filters.forget_client(&mut self.book, client);
            self.work.forget_client(client);
        }
        self.set_least(client, None);
        self.wishes.remove(&client);
        if share_is_over {
            self.reclaims.forget_client(client);
        }
        self.book.tidy(client);
    }

    /// Gives a client a minimum of its own, and looks again at what is too little for everyone if
    /// there was no such minimum yet, or is none any more.
    fn set_least(&mut self, client: Client, least: Option<Least>) {
        let share = &mut self.book.clients[client];
        if share.least == least {
            return;
        }
        let old = std::mem::replace(&mut share.least, least.clone());
        let before = self.minimums.len();
        if let Some(least) = least {
            *self.minimums.entry(least).or_default() += 1;
        }
        let added = self.minimums.len() > before;
        let mut removed = false;
        if let Some(count) = old.as_ref().and_then(|old| self.minimums.get_mut(old)) {
            *count -= 1;
            removed = *count == 0;
        }
        self.minimums.retain(|_, count| *count > 0);
        if added || removed {
            for at in self.book.agents.slots().collect::<Vec<_>>() {
                self.note_free(at);
            }
        }
    }

    fn on_revive_roles(&mut self, fact: &ReviveRoles) {
        for client in self.named_clients(&fact.framework_id, &fact.roles) {
            self.book.clients[client].suppressed = false;
            self.start_over(client);
        }
        self.forget_answers(&fact.framework_id);
    }

    fn on_suppress_roles(&mut self, fact: &SuppressRoles) {
        for client in self.named_clients(&fact.framework_id, &fact.roles) {
            self.book.clients[client].suppressed = true;
            self.book.requeue(client);
            self.work.forget_client(client);
            self.reclaims.doubt();
        }
    }

    /// A framework in those of `roles` that it has subscribed to; in all if none are named.
    pub(crate) fn named_clients(&self, framework: &FrameworkId, roles: &[String]) -> Vec<Client> {
        let Some(slot) = self.book.frameworks.find(framework) else { return Vec::new() };
        let named = |client: &Client| {
            let share = &self.book.clients[*client];
            let name = &*self.book.roles[share.role].name;
            share.subscribed && (roles.is_empty() || roles.iter().any(|r| r == name))
        };
        self.book.clients_of(slot).into_iter().filter(named).collect()
    }

    fn on_set_quota(&mut self, fact: &SetQuota) {
        if fact.quota.validate().is_err() {
            self.counters.anomalies += 1;
            return;
        }
        self.book.set_quota(&fact.role, &fact.quota);
        self.reclaims.doubt();
        self.look_at_everything();
    }

    fn on_set_weight(&mut self, fact: &SetWeight) {
        let weight = fact.weight.or_else(|| self.options.weights.get(&fact.role).copied());
        let weight = weight.unwrap_or(1.0);
        if !is_weight(weight) {
            self.counters.anomalies += 1;
            return;
        }
        self.book.weights.insert(fact.role.clone(), weight);
        if let Some(role) = self.book.roles.find(&*fact.role) {
            self.book.roles[role].weight = weight;
            self.book.place_up(role);
        }
    }

    /// What bounds everybody has changed: nothing that was found before need be true.
    fn look_at_everything(&mut self) {
        self.book.held = None;
        self.work.dirty.add_all(&self.work.free);
    }

    /// Looks again for those that may be offered more than when they were last looked at.
    fn note_room(&mut self) {
        let surplus = self.book.held.as_ref().map(|held| self.book.surplus().above(held));
        if surplus.is_some_and(|more| !more.is_zero()) {
            self.look_at_everything();
        }
        let mut clients = BTreeSet::new();
        for role in std::mem::take(&mut self.book.room_grew) {
            self.book.wanting_within(role, &mut clients);
        }
        self.work.changed.append(&mut clients);
    }

    fn on_pass(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.armed.pass = None;
        let granted = self.pass();
        self.offer(granted, out);
        self.invert(now, out);
    }

    fn on_filters(&mut self, now: Time) {
        self.armed.filters = None;
        let dirty = &self.work.dirty;
        let delay = self.options.coalesce();
        let waits = |at| dirty.contains(at);
        let offerable = self.filters.lapse(&mut self.book, now, waits, delay);
        for at in offerable {
            self.note_freed(at);
        }
    }

    fn on_full_pass(&mut self, now: Time, out: &mut Vec<Effect>) {
        // While there is work anyway, what it finds says nothing about what was overlooked.
        let quiet = self.is_quiet();
        self.book.refresh_order(true);
        self.work.dirty.add_all(&self.work.free);
        self.note_leaving();
        let granted = self.pass();
        if quiet {
            self.counters.overlooked += granted.len() as u64;
        }
        self.offer(granted, out);
        self.invert(now, out);
        self.arm_full_pass(now, out);
    }

    fn offer(&self, granted: Vec<Allocation>, out: &mut Vec<Effect>) {
        let Some(term) = self.term else { return };
        let mut granted = granted.into_iter().peekable();
        while granted.peek().is_some() {
            let allocations = granted.by_ref().take(MESSAGE_LIMIT).collect();
            out.push(Effect::Offer(OfferAllocations { round: term.round, allocations }));
        }
    }

    /// Something of an agent was freed, or may be offered again.
    pub(crate) fn note_freed(&mut self, at: Slot<Agent>) {
        if self.note_free(at) {
            self.work.dirty.insert(at);
        }
    }

    /// Keeps the index of agents with something to offer; true if this is one.
    pub(crate) fn note_free(&mut self, at: Slot<Agent>) -> bool {
        let free = self.is_allocatable(&self.book.agents[at]);
        if free {
            self.work.free.insert(at);
        } else {
            self.work.forget_free(at);
        }
        free
    }

    /// Whether enough of an agent is free for somebody's offer.
    pub(crate) fn is_allocatable(&self, agent: &Agent) -> bool {
        let enough = |least: &Least| least.is_met_by(&agent.free_sums);
        let somebody = enough(&self.book.least) || self.minimums.keys().any(enough);
        agent.active && !agent.free.is_empty() && somebody
    }

    /// Sets the timers that what is known now asks for.
    fn arm(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.armed.pass.is_none() && !self.work.is_empty() {
            let at = now + self.options.coalesce();
            self.armed.pass = Some(at);
            out.push(Effect::SetTimer { timer: Timer::Pass, at });
        }
        self.arm_preemption(now, out);
        // One that fires too early finds nothing and is set again: cheaper than to move it always.
        let Some(at) = self.filters.next() else { return };
        if self.armed.filters.is_none_or(|armed| at < armed) {
            self.armed.filters = Some(at);
            out.push(Effect::SetTimer { timer: Timer::Filters, at });
        }
    }

    fn arm_full_pass(&self, now: Time, out: &mut Vec<Effect>) {
        let at = now + Duration::from_millis(self.options.full_pass_ms);
        out.push(Effect::SetTimer { timer: Timer::FullPass, at });
    }
}

fn needs_no_facts(input: &Input) -> bool {
    matches!(
        input,
        Input::ResetAllocator(_)
            | Input::GetRoles { .. }
            | Input::ExplainFramework { .. }
            | Input::ExplainRole { .. }
            | Input::ConvertResources { .. }
            | Input::GrowHolding { .. }
    )
}

fn takes(info: &FrameworkInfo) -> Takes {
    let has = |capability| info.capabilities.contains(&capability);
    Takes {
        revocable: has(Capability::RevocableResources),
        gpus: has(Capability::GpuResources),
        shared: has(Capability::SharedResources),
        refined: has(Capability::ReservationRefinement),
        regions: has(Capability::RegionAware),
    }
}
