//! A world for the allocator: it plays `frameworks`, keeps its own account of every offer, and
//! checks the allocator against it after every step.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::collections::BTreeMap;

use allocator_core::{Effect, Input, Options, State, Timer};
use protocol::allocator::{
    AddAgent, AddFramework, Holding, RecoverResources, RemoveAgent, RemoveFramework,
    ResetAllocator, ReviveRoles, RoleList, SetFrameworkActive, SuppressRoles,
};
use protocol::framework::{AgentInfo, Allocation, Filters, FrameworkInfo};
use protocol::id::{CallId, Epoch};
use protocol::{AgentId, FrameworkId, Generation, HostAddr, Resources, Time};

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
}

pub(crate) fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
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
        };
        world.reset(Epoch(1));
        world
    }

    pub(crate) fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.state.step(self.now, input, &mut out);
        for effect in out {
            match effect {
                Effect::Offer(offer) => {
                    assert_eq!(offer.round, self.round, "offers name the last reset");
                    self.offers.extend(offer.allocations);
                }
                Effect::Reply { .. } => panic!("nobody asked"),
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

    /// By our own account, nothing is promised twice.
    fn check_no_overcommitment(&self) {
        for (id, (generation, total)) in &self.agents {
            let mut rest = total.clone();
            for held in self.offers.iter().chain(&self.used) {
                if held.agent_id == *id && held.generation == *generation {
                    rest = rest.checked_sub(&held.resources).unwrap_or_else(|short| {
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
        self.step(Input::AddFramework(AddFramework {
            framework_id: id.into(),
            info: framework_info(roles),
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
        let (agent_id, generation) = (AgentId::from(id), Generation(generation));
        if self.agents.get(&agent_id).is_none_or(|(known, _)| *known < generation) {
            self.forget(&agent_id);
            self.agents.insert(agent_id.clone(), (generation, bag(resources)));
            self.used.extend(used.iter().map(|held| Allocation {
                framework_id: held.framework_id.clone(),
                role: held.role.clone(),
                agent_id: agent_id.clone(),
                generation,
                resources: held.resources.clone(),
            }));
        }
        let info = agent_info(bag(resources));
        self.step(Input::AddAgent(AddAgent { agent_id, generation, info, used }));
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
            Effect::Reply { call: CallId(7), roles } => roles,
            other => panic!("not an answer: {other:?}"),
        }
    }

    pub(crate) fn share(&mut self, role: &str) -> f64 {
        let roles = self.roles().roles;
        roles.iter().find(|r| r.role == role).map_or(0.0, |r| r.dominant_share)
    }
}
