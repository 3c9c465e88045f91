//! One input, and what follows from it.

use std::time::Duration;

use protocol::allocator::{
    AddAgent, AddFramework, RecoverResources, RemoveAgent, RemoveFramework, ResetAllocator,
    ReviveRoles, SetFrameworkActive, SuppressRoles,
};
use protocol::framework::{Allocation, Capability, Filters as Refusing, FrameworkInfo};
use protocol::frameworks::OfferAllocations;
use protocol::{AgentId, FrameworkId, Generation, Resources, Time};

use crate::book::{Book, Returned};
use crate::effect::Effect;
use crate::filters::Filters;
use crate::input::{Input, Timer};
use crate::model::{Agent, Client};
use crate::slab::Slot;
use crate::state::{State, Term, Work};

/// Allocations in one message: some 200 KB, a small part of what a frame may carry.
const MESSAGE_LIMIT: usize = 1000;
/// The role of a framework that names none.
const DEFAULT_ROLE: &str = "*";

impl State {
    /// Takes one input and appends what is to be done.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        if !self.is_ready() && !matches!(input, Input::ResetAllocator(_) | Input::GetRoles { .. }) {
            return;
        }
        match input {
            Input::ResetAllocator(fact) => self.on_reset_allocator(now, &fact, out),
            Input::AddFramework(fact) => self.on_add_framework(fact),
            Input::SetFrameworkActive(fact) => self.on_set_framework_active(&fact),
            Input::RemoveFramework(fact) => self.on_remove_framework(&fact),
            Input::AddAgent(fact) => self.on_add_agent(fact),
            Input::RemoveAgent(fact) => self.on_remove_agent(&fact),
            Input::RecoverResources(fact) => self.on_recover_resources(now, &fact),
            Input::ReviveRoles(fact) => self.on_revive_roles(&fact),
            Input::SuppressRoles(fact) => self.on_suppress_roles(&fact),
            Input::GetRoles { call } => out.push(Effect::Reply { call, roles: self.role_list() }),
            Input::TimerFired(Timer::Pass) => self.on_pass(out),
            Input::TimerFired(Timer::Filters) => self.on_filters(now),
            Input::TimerFired(Timer::FullPass) => self.on_full_pass(now, out),
        }
        self.arm(now, out);
    }

    fn on_reset_allocator(&mut self, now: Time, fact: &ResetAllocator, out: &mut Vec<Effect>) {
        if self.term.is_some_and(|term| fact.epoch < term.epoch) {
            return;
        }
        self.term = Some(Term { epoch: fact.epoch, round: fact.round });
        self.book = Book::new(self.options.policy.policy(), self.options.weights.clone());
        self.filters = Filters::default();
        self.work = Work::default();
        let armed = std::mem::take(&mut self.armed);
        for (timer, at) in [(Timer::Pass, armed.pass), (Timer::Filters, armed.filters)] {
            out.extend(at.map(|_| Effect::CancelTimer { timer }));
        }
        self.arm_full_pass(now, out);
    }

    fn on_add_framework(&mut self, fact: AddFramework) {
        let slot = self.book.framework(&fact.framework_id);
        let framework = &mut self.book.frameworks[slot];
        framework.known = true;
        framework.active = fact.active;
        framework.takes_revocable = has(&fact.info, Capability::RevocableResources);
        framework.takes_gpus = has(&fact.info, Capability::GpuResources);
        for share in framework.shares.values_mut() {
            share.subscribed = false;
        }
        let default = [DEFAULT_ROLE.to_owned()];
        let roles = if fact.info.roles.is_empty() { &default[..] } else { &fact.info.roles };
        for role in roles {
            let client = self.book.client(slot, role);
            let share = self.book.share(client);
            share.subscribed = true;
            share.suppressed = fact.suppressed_roles.contains(role);
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
        for share in framework.shares.values_mut() {
            share.subscribed = false;
        }
        // A subscribed framework has at least one role, so the last of them takes it along.
        for client in self.book.clients_of(slot) {
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
        }
        self.book.tidy(client);
    }

    fn on_add_agent(&mut self, fact: AddAgent) {
        if let Some(slot) = self.book.agents.find(&fact.agent_id) {
            if fact.generation <= self.book.agents[slot].generation {
                return;
            }
            self.forget_agent(slot);
        }
        let at = self.book.enter_agent(fact.agent_id, fact.generation, fact.info.resources);
        for used in fact.used.iter().filter(|used| !used.resources.is_empty()) {
            let framework = self.book.framework(&used.framework_id);
            let client = self.book.client(framework, &used.role);
            self.book.hold(at, client, &used.resources);
            self.book.requeue(client);
        }
        self.note_freed(at);
    }

    fn on_remove_agent(&mut self, fact: &RemoveAgent) {
        if let Some(at) = self.registration(&fact.agent_id, fact.generation) {
            self.forget_agent(at);
        }
    }

    /// The agent, if the fact is about the registration that is known.
    fn registration(&self, agent: &AgentId, generation: Generation) -> Option<Slot<Agent>> {
        let at = self.book.agents.find(agent)?;
        (self.book.agents[at].generation == generation).then_some(at)
    }

    fn forget_agent(&mut self, at: Slot<Agent>) {
        self.filters.forget_agent(&mut self.book, at);
        self.work.forget_agent(at);
        let holdings = &self.book.agents[at].holdings;
        let held: Vec<_> = holdings.iter().map(|(c, h)| (*c, h.resources.clone())).collect();
        for (client, resources) in held {
            self.book.release(at, client, &resources);
            self.book.tidy(client);
        }
        self.book.strike_agent(at);
    }

    fn on_recover_resources(&mut self, now: Time, fact: &RecoverResources) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        let Some(client) = self.book.find_client(&fact.framework_id, &fact.role) else {
            self.counters.anomalies += 1;
            return;
        };
        let returned = self.book.release(at, client, &fact.resources);
        if matches!(returned, Returned::NotHeld | Returned::MoreThanHeld) {
            self.counters.anomalies += 1;
        }
        if let Some(filters) = fact.filters {
            let refused = returned == Returned::WholeGrant;
            self.refuse(now, (at, client), &fact.resources, filters, refused);
        }
        self.note_freed(at);
        self.book.tidy(client);
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
        let framework = &self.book.frameworks[client.framework];
        if !framework.active || !framework.shares[&client.role].subscribed {
            return;
        }
        let mut wish = filters.refuse_ms.min(Refusing::MAX_REFUSE_MS);
        if whole {
            Filters::pass(&mut self.book, at, client);
            wish = wish.max(self.options.min_refuse_ms);
        }
        if wish > 0 {
            let until = now + Duration::from_millis(wish);
            self.filters.refuse(&mut self.book, (at, client), resources, until);
        }
    }

    fn on_revive_roles(&mut self, fact: &ReviveRoles) {
        for client in self.named_clients(&fact.framework_id, &fact.roles) {
            self.book.share(client).suppressed = false;
            self.start_over(client);
        }
    }

    fn on_suppress_roles(&mut self, fact: &SuppressRoles) {
        for client in self.named_clients(&fact.framework_id, &fact.roles) {
            self.book.share(client).suppressed = true;
            self.book.requeue(client);
            self.work.forget_client(client);
        }
    }

    /// A framework in those of `roles` that it has subscribed to; in all if none are named.
    fn named_clients(&self, framework: &FrameworkId, roles: &[String]) -> Vec<Client> {
        let Some(slot) = self.book.frameworks.find(framework) else { return Vec::new() };
        let shares = &self.book.frameworks[slot].shares;
        let named = |client: &Client| {
            let name = &*self.book.roles[client.role].name;
            shares[&client.role].subscribed && (roles.is_empty() || roles.iter().any(|r| r == name))
        };
        self.book.clients_of(slot).into_iter().filter(named).collect()
    }

    fn on_pass(&mut self, out: &mut Vec<Effect>) {
        self.armed.pass = None;
        let granted = self.pass();
        self.offer(&granted, out);
    }

    fn on_filters(&mut self, now: Time) {
        self.armed.filters = None;
        let dirty = &self.work.dirty;
        let delay = self.options.coalesce();
        let waits = |at| dirty.contains(&at);
        let offerable = self.filters.lapse(&mut self.book, now, waits, delay);
        for at in offerable {
            self.note_freed(at);
        }
    }

    fn on_full_pass(&mut self, now: Time, out: &mut Vec<Effect>) {
        // While there is work anyway, what it finds says nothing about what was overlooked.
        let quiet = self.is_quiet();
        self.work.dirty.extend(&self.work.free);
        let granted = self.pass();
        if quiet {
            self.counters.overlooked += granted.len() as u64;
        }
        self.offer(&granted, out);
        self.arm_full_pass(now, out);
    }

    fn offer(&self, granted: &[Allocation], out: &mut Vec<Effect>) {
        let Some(term) = self.term else { return };
        out.extend(granted.chunks(MESSAGE_LIMIT).map(|allocations| {
            let allocations = allocations.to_vec();
            Effect::Offer(OfferAllocations { round: term.round, allocations })
        }));
    }

    /// Something of an agent was freed, or may be offered again.
    fn note_freed(&mut self, at: Slot<Agent>) {
        if self.note_free(at) {
            self.work.dirty.insert(at);
        }
    }

    /// Keeps the index of agents with something to offer; true if this is one.
    pub(crate) fn note_free(&mut self, at: Slot<Agent>) -> bool {
        let free = self.is_allocatable(&self.book.agents[at].free);
        if free {
            self.work.free.insert(at);
        } else {
            self.work.forget_agent(at);
        }
        free
    }

    /// Sets the timers that what is known now asks for.
    fn arm(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.armed.pass.is_none() && !self.work.is_empty() {
            let at = now + self.options.coalesce();
            self.armed.pass = Some(at);
            out.push(Effect::SetTimer { timer: Timer::Pass, at });
        }
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

fn has(info: &FrameworkInfo, capability: Capability) -> bool {
    info.capabilities.contains(&capability)
}
