//! An agents manager with virtual time, whose registrar says yes unless it is told otherwise.

use std::time::Duration;

use agents_core::{CommitId, Config, Effect, Input, Reply, State, Timer, ToAgent, ToFrameworks};
use protocol::agent::Ping;
use protocol::agents::{AgentRegistered, AgentState, AgentSummary, Pong, RegisterAgent};
use protocol::elector::{Leader, LeaderChanged, Leadership};
use protocol::framework::AgentInfo;
use protocol::frameworks::{AgentJoined, AgentLeft, LaunchUndeliverable};
use protocol::registrar::{
    AgentRecord, AgentStanding, Registry, RegistryOperation, RegistrySnapshot,
};
use protocol::{
    Address, AgentId, CallId, Epoch, Failure, FailureKind, Generation, Incarnation, Resources, Time,
};

pub(crate) const EPOCH: Epoch = Epoch(7);

pub(crate) fn host(n: u8) -> String {
    format!("10.0.0.{n}:7051")
}

pub(crate) fn agent_at(n: u8) -> Address {
    format!("agent@{}", host(n)).parse().unwrap()
}

pub(crate) fn info(n: u8) -> AgentInfo {
    AgentInfo {
        hostname: format!("node{n}"),
        host: host(n).parse().unwrap(),
        http: format!("10.0.0.{n}:5051"),
        resources: Resources::default(),
        attributes: Default::default(),
        domain: None,
        boot_id: format!("boot-{n}"),
        version: "1".into(),
    }
}

pub(crate) fn registration(
    n: u8,
    agent_id: Option<&str>,
    incarnation: u64,
    attempt: u64,
) -> RegisterAgent {
    RegisterAgent {
        agent_id: agent_id.map(AgentId::from),
        incarnation: Incarnation(incarnation),
        attempt,
        info: info(n),
        tasks: vec![],
        frameworks: vec![],
        executors: vec![],
        operations: vec![],
    }
}

pub(crate) fn leads(epoch: Epoch) -> LeaderChanged {
    let leader =
        Leader { host: "10.0.1.1:7050".parse().unwrap(), http: "10.0.1.1:5050".into(), epoch };
    LeaderChanged { leadership: Leadership { leader: Some(leader), leading: true } }
}

pub(crate) fn follows() -> LeaderChanged {
    let mut changed = leads(Epoch(8));
    changed.leadership.leading = false;
    changed
}

pub(crate) fn snapshot(agents: Vec<(&str, u8, AgentStanding)>) -> RegistrySnapshot {
    let agents = agents.into_iter();
    let agents =
        agents.map(|(id, n, standing)| (id.into(), AgentRecord { info: info(n), standing }));
    let registry = Registry { agents: agents.collect(), ..Registry::default() };
    RegistrySnapshot { epoch: EPOCH, registry }
}

pub(crate) struct Manager {
    pub(crate) state: State,
    pub(crate) now: Time,
    /// What the last step wanted, without the commits that were done on the way.
    pub(crate) out: Vec<Effect>,
    /// What was committed or, while `holding`, is to be.
    pub(crate) committed: Vec<RegistryOperation>,
    pub(crate) held: Vec<CommitId>,
    /// Commits are kept back until [`Manager::release`].
    pub(crate) holding: bool,
    timers: std::collections::BTreeMap<Timer, Time>,
    calls: u64,
    steps: u64,
}

impl Manager {
    pub(crate) fn standby() -> Self {
        Self {
            state: State::new(Config::default()),
            now: Time::from_millis(1_000_000),
            out: vec![],
            committed: vec![],
            held: vec![],
            holding: false,
            timers: Default::default(),
            calls: 0,
            steps: 0,
        }
    }

    /// A leader that has loaded this registry and been introduced.
    pub(crate) fn leading(agents: Vec<(&str, u8, AgentStanding)>) -> Self {
        let mut manager = Self::standby();
        manager.give(Input::LeaderChanged(leads(EPOCH)));
        manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(agents)) });
        manager.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
        assert!(manager.state.is_serving());
        manager
    }

    /// One step, and the commits and timers that follow at once. `out` has what it led to.
    pub(crate) fn give(&mut self, input: Input) -> &[Effect] {
        self.out.clear();
        self.step(input);
        self.steps += 1;
        // Not every time, so that several changes wait for a reader.
        if self.steps.is_multiple_of(3) && self.state.is_serving() {
            self.check_view();
        }
        &self.out
    }

    /// What readers have in view is what the list says, but for the pongs.
    fn check_view(&mut self) {
        let mut answer = |input| {
            let mut effects = vec![];
            self.state.step(self.now, input, &mut effects);
            match effects.pop() {
                Some(Effect::Reply { result: Ok(reply), .. }) => reply,
                other => panic!("{other:?}"),
            }
        };
        let call = CallId(0);
        let Reply::View(view) = answer(Input::ViewAgents { call }) else { panic!() };
        let Reply::Agents(list) = answer(Input::GetAgents { call }) else { panic!() };
        let without_pong = |agent: &AgentSummary| AgentSummary { last_pong: None, ..agent.clone() };
        assert!(
            view.agents.iter().map(without_pong).eq(list.agents.iter().map(without_pong)),
            "{view:?} {list:?}"
        );
    }

    fn step(&mut self, input: Input) {
        let mut effects = vec![];
        self.state.step(self.now, input, &mut effects);
        self.state.check().unwrap();
        for effect in effects {
            match effect {
                Effect::Commit { commit, request } => {
                    assert_eq!(request.epoch, EPOCH);
                    self.committed.extend(request.operations);
                    self.held.push(commit);
                    if !self.holding {
                        self.release(Ok(()));
                    }
                }
                Effect::SetTimer { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer { timer } => {
                    self.timers.remove(&timer);
                }
                other => self.out.push(other),
            }
        }
    }

    /// The commits that are held come out like this.
    pub(crate) fn release(&mut self, result: Result<(), Failure>) {
        for commit in std::mem::take(&mut self.held) {
            self.step(Input::Committed { commit, result: result.clone() });
        }
    }

    /// Lets time pass; timers fire when they are due. `out` has everything that happened.
    pub(crate) fn pass(&mut self, duration: Duration) -> &[Effect] {
        let end = self.now + duration;
        self.out.clear();
        while let Some((timer, at)) = self.next_timer(end) {
            self.now = self.now.max(at);
            self.timers.remove(&timer);
            self.step(Input::TimerFired(timer));
        }
        self.now = end;
        &self.out
    }

    fn next_timer(&self, end: Time) -> Option<(Timer, Time)> {
        let due = self.timers.iter().filter(|(_, at)| **at <= end);
        due.min_by_key(|(_, at)| **at).map(|(timer, at)| (timer.clone(), *at))
    }

    pub(crate) fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    pub(crate) fn register(&mut self, message: RegisterAgent) -> Result<AgentRegistered, Failure> {
        let call = self.call();
        self.give(Input::RegisterAgent { call, message: Box::new(message) });
        match self.answer(call).expect("a registration is answered") {
            Ok(Reply::Registered(registered)) => Ok(registered),
            Ok(other) => panic!("{other:?} does not answer a registration"),
            Err(failure) => Err(failure),
        }
    }

    /// A new agent at host `n`.
    pub(crate) fn join(&mut self, n: u8) -> AgentRegistered {
        self.register(registration(n, None, 1, 1)).unwrap()
    }

    pub(crate) fn pong(&mut self, agent_id: &AgentId, incarnation: u64, sequence: u64) {
        let agent_id = agent_id.clone();
        let incarnation = Incarnation(incarnation);
        self.give(Input::Pong(Pong { agent_id, incarnation, sequence }));
    }

    pub(crate) fn answer(&self, call: CallId) -> Option<Result<Reply, Failure>> {
        self.out.iter().find_map(|effect| match effect {
            Effect::Reply { call: answered, result } if *answered == call => Some(result.clone()),
            _ => None,
        })
    }

    pub(crate) fn joined(&self) -> Vec<AgentJoined> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::ToFrameworks(ToFrameworks::Joined(joined)) => Some(joined.as_ref().clone()),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn left(&self) -> Vec<AgentLeft> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::ToFrameworks(ToFrameworks::Left(left)) => Some(left.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn undeliverable(&self) -> Vec<LaunchUndeliverable> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::ToFrameworks(ToFrameworks::Undeliverable(launch)) => Some(launch.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn told(&self, to: &Address) -> Vec<ToAgent> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::ToAgent { to: told, message } if told == to => Some(message.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn pings(&self, to: &Address) -> Vec<Ping> {
        let told = self.told(to).into_iter().filter_map(|message| match message {
            ToAgent::Ping(ping) => Some(ping),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn standing(&self, agent_id: &AgentId) -> Option<(AgentState, Generation)> {
        self.state.standings().get(agent_id).copied()
    }

    pub(crate) fn is(&self, agent_id: &AgentId, state: AgentState) -> bool {
        self.standing(agent_id).is_some_and(|(s, _)| s == state)
    }
}

pub(crate) fn failed(kind: FailureKind) -> Failure {
    Failure::new(kind, "for the test")
}
