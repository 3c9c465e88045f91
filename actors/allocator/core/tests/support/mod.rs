//! A world for the allocator: it plays `frameworks`, keeps its own account of every offer, and
//! checks the allocator against it after every step.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::collections::BTreeMap;

use allocator_core::{Answer, Effect, Input, Options, State, Timer};
use protocol::allocator::{
    AddAgent, AddFramework, ConvertResources, ExplainFramework, FrameworkExplanation, GrowHolding,
    Holder, Holding, RecoverResources, RemoveAgent, RemoveFramework, ResetAllocator, ReviveRoles,
    RoleList, SetAgentActive, SetFrameworkActive, SetQuota, SetWeight, ShareResources,
    SuppressRoles, UpdateAgent,
};
use protocol::explain::{ExplainRole, RoleStanding};
use protocol::framework::{
    AgentInfo, Allocation, Filters, FrameworkInfo, InverseAllocation, Reclaim, Withdrawal,
};
use protocol::id::{CallId, Epoch};
use protocol::quota::Quota;
use protocol::resources::Reservation;
use protocol::{AgentId, FrameworkId, Generation, HostAddr, Resource, Resources, Scalar, Time};

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) now: Time,
    timers: BTreeMap<Timer, Time>,
    /// Offered and not yet given back or used.
    pub(crate) offers: Vec<Allocation>,
    /// Made into tasks.
    pub(crate) used: Vec<Allocation>,
    pub(crate) agents: BTreeMap<AgentId, (Generation, Resources)>,
    round: u64,
    pub(crate) inverse: Vec<InverseAllocation>,
    pub(crate) reclaims: Vec<Reclaim>,
    pub(crate) withdrawals: Vec<Withdrawal>,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

/// The same, reserved for a role; for each of the roles, the last refining those before it.
pub(crate) fn reserved(text: &str, roles: &[&str]) -> Resources {
    let layer = |role: &&str| Reservation {
        role: (*role).to_owned(),
        dynamic: false,
        principal: None,
        labels: BTreeMap::new(),
    };
    let reservations: Vec<_> = roles.iter().map(layer).collect();
    let reserve = |r: &Resource| Resource { reservations: reservations.clone(), ..r.clone() };
    bag(text).iter().map(reserve).collect()
}

pub(crate) fn framework_info(roles: &[&str]) -> FrameworkInfo {
    FrameworkInfo {
        roles: roles.iter().map(ToString::to_string).collect(),
        ..FrameworkInfo::new("root", "test")
    }
}

pub(crate) fn agent_info(resources: Resources) -> AgentInfo {
    AgentInfo {
        hostname: "a".into(),
        host: HostAddr::parse("10.0.0.1:7051").unwrap(),
        http: "10.0.0.1:5051".into(),
        resources,
        attributes: BTreeMap::new(),
        domain: None,
        boot_id: "b".into(),
        version: "1".into(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        options.validate().unwrap();
        let mut world = Self {
            state: State::new(options),
            now: Time::from_millis(1_000_000),
            timers: BTreeMap::new(),
            offers: Vec::new(),
            used: Vec::new(),
            agents: BTreeMap::new(),
            round: 0,
            inverse: Vec::new(),
            reclaims: Vec::new(),
            withdrawals: Vec::new(),
            answers: Vec::new(),
        };
        world.reset(Epoch(1));
        world
    }

    pub(crate) fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.state.step(self.now, input, &mut out);
        self.perform(out);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Offer(offer) => {
                    assert_eq!(offer.round, self.round, "offers name the last reset");
                    self.check_quotas(&offer.allocations);
                    self.offers.extend(offer.allocations);
                }
                Effect::Invert(inverse) => self.inverse.extend(inverse.inverse_offers),
                Effect::Reclaim(reclaim) => self.reclaims.extend(reclaim.reclaims),
                Effect::Withdraw(withdraw) => self.withdrawals.extend(withdraw.withdrawals),
                Effect::Reply { answer, .. } => self.answers.push(answer),
                Effect::SetTimer { timer, at } => {
                    assert!(at >= self.now, "{timer:?} is set in the past");
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer { timer } => {
                    self.timers.remove(&timer);
                }
            }
        }
        self.state.check().unwrap();
        self.check_no_overcommitment();
    }

    /// By our own account: no limit is exceeded by what was just offered, and whoever is not
    /// guaranteed it has taken nothing of what is kept for others.
    fn check_quotas(&self, new: &[Allocation]) {
        let roles = self.state.role_list().roles;
        let within = |role: &str, above: &str| {
            role.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let none = Scalar::ZERO;
        let mut needed: BTreeMap<String, Scalar> = BTreeMap::new();
        for role in &roles {
            let offered: Vec<_> = new.iter().filter(|o| within(&o.role, &role.role)).collect();
            for (name, limit) in &role.quota.limits {
                let counts = |r: &&Resource| {
                    let mine = r.reserved_role().is_some_and(|q| within(q, &role.role));
                    r.name == *name && !r.revocable && !mine
                };
                let took = offered.iter().any(|o| o.resources.iter().any(|r| counts(&r)));
                let has = role.consumed.get(name).copied().unwrap_or(none);
                assert!(!took || has <= *limit, "{}: {name} {has} of {limit}", role.role);
            }
            for (name, guarantee) in &role.quota.guarantees {
                let has = role.consumed.get(name).copied().unwrap_or(none);
                // Those of nested roles may be part of those above: no more than the largest is sure.
                let needed = needed.entry(name.clone()).or_default();
                *needed = (*needed).max(guarantee.saturating_sub(has));
            }
        }
        if self.state.role_list().policy == "capacity" {
            return;
        }
        let guaranteed = |o: &Allocation| {
            roles.iter().any(|r| !r.quota.guarantees.is_empty() && within(&o.role, &r.role))
        };
        for offer in new.iter().filter(|o| !guaranteed(o)) {
            for r in offer.resources.iter().filter(|r| r.reservations.is_empty() && !r.revocable) {
                let needed = needed.get(&r.name).copied().unwrap_or_default();
                let free = self.state.free_pool().get(&r.name).copied().unwrap_or_default();
                assert!(free >= needed, "{offer:?}: {needed} are needed, {free} are left");
            }
        }
    }

    /// By our own account, nothing is promised twice.
    fn check_no_overcommitment(&self) {
        for (id, (generation, total)) in &self.agents {
            let mut rest = total.clone();
            for held in self.offers.iter().chain(&self.used) {
                if held.agent_id == *id && held.generation == *generation {
                    rest = rest.checked_use(&held.resources).unwrap_or_else(|short| {
                        panic!("{id}: {short}, after {held:?}");
                    });
                }
            }
        }
    }

    /// Lets time pass, firing what is due.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end = Time::from_millis(self.now.as_millis() + ms);
        while let Some((timer, at)) = self.next_timer().filter(|(_, at)| *at <= end) {
            self.now = self.now.max(at);
            self.timers.remove(&timer);
            self.step(Input::TimerFired(timer));
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<(Timer, Time)> {
        self.timers.iter().map(|(timer, at)| (*timer, *at)).min_by_key(|(_, at)| *at)
    }

    /// Until every change has been looked at.
    pub(crate) fn settle(&mut self) {
        while !self.state.is_quiet() {
            self.advance(1);
        }
    }

    pub(crate) fn reset(&mut self, epoch: Epoch) {
        self.round += 1;
        self.offers.clear();
        self.used.clear();
        self.agents.clear();
        let round = self.round;
        self.step(Input::ResetAllocator(ResetAllocator { epoch, round }));
    }

    pub(crate) fn framework(&mut self, id: &str, roles: &[&str]) {
        self.framework_of(id, framework_info(roles));
    }

    pub(crate) fn framework_of(&mut self, id: &str, info: FrameworkInfo) {
        self.step(Input::AddFramework(AddFramework {
            framework_id: id.into(),
            info,
            suppressed_roles: Vec::new(),
            active: true,
            offer_constraints: None,
        }));
    }

    pub(crate) fn activate(&mut self, id: &str, active: bool) {
        self.step(Input::SetFrameworkActive(SetFrameworkActive {
            framework_id: id.into(),
            active,
        }));
    }

    /// Removes it, and returns what it held as the frameworks manager does.
    pub(crate) fn remove_framework(&mut self, id: &str) {
        let framework_id = FrameworkId::from(id);
        self.step(Input::RemoveFramework(RemoveFramework { framework_id: framework_id.clone() }));
        let mine = |held: &Allocation| held.framework_id == framework_id;
        let offers = self.offers.extract_if(.., |held| mine(held)).collect::<Vec<_>>();
        let used = self.used.extract_if(.., |held| mine(held)).collect::<Vec<_>>();
        for held in offers.into_iter().chain(used) {
            self.give_back(&held, held.resources.clone(), None);
        }
    }

    pub(crate) fn agent(&mut self, id: &str, generation: u64, resources: &str) {
        self.agent_with(id, generation, resources, Vec::new());
    }

    pub(crate) fn agent_with(
        &mut self,
        id: &str,
        generation: u64,
        resources: &str,
        used: Vec<Holding>,
    ) {
        self.agent_of(id, generation, agent_info(bag(resources)), used);
    }

    pub(crate) fn agent_of(
        &mut self,
        id: &str,
        generation: u64,
        info: AgentInfo,
        used: Vec<Holding>,
    ) {
        let (agent_id, generation) = (AgentId::from(id), Generation(generation));
        if self.agents.get(&agent_id).is_none_or(|(known, _)| *known < generation) {
            self.forget(&agent_id);
            self.agents.insert(agent_id.clone(), (generation, info.resources.clone()));
            self.used.extend(used.iter().map(|held| Allocation {
                framework_id: held.framework_id.clone(),
                role: held.role.clone(),
                agent_id: agent_id.clone(),
                generation,
                resources: held.resources.clone(),
            }));
        }
        self.step(Input::AddAgent(AddAgent { agent_id, generation, info, used }));
    }

    /// The agent has other resources or attributes within its registration.
    pub(crate) fn update_agent(&mut self, id: &str, info: AgentInfo) {
        let agent_id = AgentId::from(id);
        let known = self.agents.get_mut(&agent_id).unwrap();
        known.1 = info.resources.clone();
        let generation = known.0;
        self.step(Input::UpdateAgent(UpdateAgent { agent_id, generation, info }));
    }

    pub(crate) fn activate_agent(&mut self, id: &str, active: bool) {
        let agent_id = AgentId::from(id);
        let Some((generation, _)) = self.agents.get(&agent_id) else { return };
        let generation = *generation;
        self.step(Input::SetAgentActive(SetAgentActive { agent_id, generation, active }));
    }

    pub(crate) fn set_quota(&mut self, role: &str, guarantees: &str, limits: &str) {
        let amounts = |text: &str| {
            let bag = bag(text);
            bag.scalars().into_iter().map(|(name, amount)| (name.to_owned(), amount)).collect()
        };
        let quota = Quota { guarantees: amounts(guarantees), limits: amounts(limits) };
        self.step(Input::SetQuota(SetQuota { role: role.into(), quota }));
    }

    pub(crate) fn set_weight(&mut self, role: &str, weight: f64) {
        self.step(Input::SetWeight(SetWeight { role: role.into(), weight: Some(weight) }));
    }

    /// Resources of an agent become others, in the hands of an offer's holder or in nobody's.
    pub(crate) fn convert(
        &mut self,
        id: &str,
        of: Option<&Allocation>,
        consumed: Resources,
        produced: Resources,
    ) -> Answer {
        let agent_id = AgentId::from(id);
        let (generation, _) = self.agents[&agent_id];
        let (call, answers) = (CallId(9), self.answers.len());
        let holder = of.map(|offer| Holder {
            framework_id: offer.framework_id.clone(),
            role: offer.role.clone(),
        });
        let change = |bag: &mut Resources| {
            bag.remove_all(&consumed);
            bag.add_all(&produced);
        };
        let mut effects = Vec::new();
        let fact = ConvertResources {
            agent_id: agent_id.clone(),
            generation,
            holder,
            consumed: consumed.clone(),
            produced: produced.clone(),
        };
        self.state.step(self.now, Input::ConvertResources { call, fact }, &mut effects);
        let answer = effects.iter().find_map(|effect| match effect {
            Effect::Reply { answer, .. } => Some(answer.clone()),
            _ => None,
        });
        if answer == Some(Answer::Done) {
            change(&mut self.agents.get_mut(&agent_id).unwrap().1);
            let same = |o: &&mut Allocation| of.is_some_and(|of| **o == *of);
            if let Some(offer) = self.offers.iter_mut().find(same) {
                change(&mut offer.resources);
            }
        }
        self.perform(effects);
        self.answers.remove(answers)
    }

    /// A task that somebody runs wants more of what is free on its agent.
    pub(crate) fn grow(&mut self, at: usize, resources: &Resources) -> Answer {
        let task = &self.used[at];
        let fact = GrowHolding {
            agent_id: task.agent_id.clone(),
            generation: task.generation,
            holder: Holder { framework_id: task.framework_id.clone(), role: task.role.clone() },
            resources: resources.clone(),
        };
        let answers = self.answers.len();
        let mut effects = Vec::new();
        self.state.step(self.now, Input::GrowHolding { call: CallId(6), fact }, &mut effects);
        if effects.iter().any(|e| matches!(e, Effect::Reply { answer: Answer::Done, .. })) {
            self.used[at].resources.add_all(resources);
        }
        self.perform(effects);
        self.answers.remove(answers)
    }

    pub(crate) fn explain(&mut self, id: &str) -> FrameworkExplanation {
        let question = ExplainFramework { framework_id: id.into() };
        self.step(Input::ExplainFramework { call: CallId(8), question });
        match self.answers.pop() {
            Some(Answer::Explanation(explanation)) => explanation,
            other => panic!("not an explanation: {other:?}"),
        }
    }

    pub(crate) fn explain_role(&mut self, role: &str) -> Option<RoleStanding> {
        let question = ExplainRole { role: role.into() };
        self.step(Input::ExplainRole { call: CallId(9), question });
        match self.answers.pop() {
            Some(Answer::Role(standing)) => Some(*standing),
            Some(Answer::Unknown(_)) => None,
            other => panic!("not an explanation: {other:?}"),
        }
    }

    pub(crate) fn remove_agent(&mut self, id: &str, generation: u64) {
        let (agent_id, generation) = (AgentId::from(id), Generation(generation));
        if self.agents.get(&agent_id).is_some_and(|(known, _)| *known == generation) {
            self.forget(&agent_id);
        }
        self.step(Input::RemoveAgent(RemoveAgent { agent_id, generation }));
    }

    fn forget(&mut self, agent: &AgentId) {
        self.agents.remove(agent);
        self.offers.retain(|held| held.agent_id != *agent);
        self.used.retain(|held| held.agent_id != *agent);
    }

    pub(crate) fn give_back(
        &mut self,
        from: &Allocation,
        resources: Resources,
        filters: Option<Filters>,
    ) {
        self.step(Input::RecoverResources(RecoverResources {
            agent_id: from.agent_id.clone(),
            generation: from.generation,
            framework_id: from.framework_id.clone(),
            role: from.role.clone(),
            resources,
            filters,
        }));
    }

    /// Declines one outstanding offer.
    pub(crate) fn decline(&mut self, at: usize, refuse_ms: u64) {
        let offer = self.offers.remove(at);
        self.give_back(&offer, offer.resources.clone(), Some(Filters { refuse_ms }));
    }

    /// Declines all outstanding offers.
    pub(crate) fn decline_rest(&mut self, refuse_ms: u64) {
        while !self.offers.is_empty() {
            self.decline(0, refuse_ms);
        }
    }

    /// Declines the only outstanding offer of a framework.
    pub(crate) fn decline_of(&mut self, framework: &str, refuse_ms: u64) {
        let at = self.offers.iter().position(|o| o.framework_id.as_str() == framework);
        self.decline(at.unwrap_or_else(|| panic!("{framework} has no offer")), refuse_ms);
    }

    /// Accepts an outstanding offer with one task; the rest goes back. False: it does not fit.
    pub(crate) fn accept(&mut self, at: usize, task: &Resources, filters: Option<Filters>) -> bool {
        let Ok(rest) = self.offers[at].resources.checked_sub(task) else { return false };
        let offer = self.offers.remove(at);
        self.used.push(Allocation { resources: task.clone(), ..offer.clone() });
        if !rest.is_empty() {
            self.give_back(&offer, rest, filters);
        }
        true
    }

    /// What is shared is used by another task of somebody who has one that uses it.
    pub(crate) fn share_again(&mut self, at: usize, resources: &Resources) {
        let task = Allocation { resources: resources.clone(), ..self.used[at].clone() };
        self.step(Input::ShareResources(ShareResources {
            agent_id: task.agent_id.clone(),
            generation: task.generation,
            holder: Holder { framework_id: task.framework_id.clone(), role: task.role.clone() },
            resources: resources.clone(),
        }));
        self.used.push(task);
    }

    /// Ends one of the tasks.
    pub(crate) fn finish(&mut self, at: usize) {
        let task = self.used.remove(at);
        self.give_back(&task, task.resources.clone(), None);
    }

    pub(crate) fn revive(&mut self, id: &str, roles: &[&str]) {
        let roles = roles.iter().map(ToString::to_string).collect();
        self.step(Input::ReviveRoles(ReviveRoles { framework_id: id.into(), roles }));
    }

    pub(crate) fn suppress(&mut self, id: &str, roles: &[&str]) {
        let roles = roles.iter().map(ToString::to_string).collect();
        self.step(Input::SuppressRoles(SuppressRoles { framework_id: id.into(), roles }));
    }

    /// Who has been offered what, as `framework agent` pairs in order of the decision.
    pub(crate) fn offered(&self) -> Vec<String> {
        self.offers.iter().map(|o| format!("{} {}", o.framework_id, o.agent_id)).collect()
    }

    pub(crate) fn roles(&mut self) -> RoleList {
        let mut out = Vec::new();
        self.state.step(self.now, Input::GetRoles { call: CallId(7) }, &mut out);
        match out.remove(0) {
            Effect::Reply { call: CallId(7), answer: Answer::Roles(roles) } => roles,
            other => panic!("not an answer: {other:?}"),
        }
    }

    pub(crate) fn share(&mut self, role: &str) -> f64 {
        let roles = self.roles().roles;
        roles.iter().find(|r| r.role == role).map_or(0.0, |r| r.dominant_share)
    }
}
