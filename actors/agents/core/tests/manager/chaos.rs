//! Seeded disorder: agents that register, repeat themselves, fall silent, restart and leave, over
//! a network that duplicates and delays, with a registrar that sometimes has no answer. What must
//! always hold is checked after every step (by the harness); what must hold in the end, in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use agents_core::{Effect, Input, ToAgent, ToFrameworks};
use protocol::agents::{AgentState, MarkAgentGone, Pong, RegisterAgent, UnregisterAgent};
use protocol::frameworks::AgentLossCause;
use protocol::registrar::AgentStanding;
use protocol::{AgentId, CallId, FailureKind, Generation, Incarnation};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;

const AGENTS: u8 = 4;

/// What one agent's process knows of itself.
#[derive(Default)]
struct Node {
    id: Option<AgentId>,
    incarnation: u64,
    attempt: u64,
    up: bool,
    gone: bool,
}

/// What `frameworks` has been told of one agent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum View {
    Joined(Generation),
    Left(Generation),
}

struct World {
    random: StdRng,
    manager: Manager,
    nodes: BTreeMap<u8, Node>,
    /// On their way, in no order; some for the second time.
    flying: Vec<Input>,
    asked: BTreeMap<CallId, Option<u8>>,
    view: BTreeMap<AgentId, View>,
    /// The last registration of each agent that was taken.
    taken: BTreeMap<AgentId, String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let registry = vec![("r1", 1, AgentStanding::Admitted)];
        let mut nodes: BTreeMap<u8, Node> = (1..=AGENTS).map(|n| (n, Node::default())).collect();
        nodes.insert(1, Node { id: Some("r1".into()), ..Node::default() });
        let mut manager = Manager::leading(registry);
        manager.holding = true;
        Self {
            random: StdRng::seed_from_u64(seed),
            manager,
            nodes,
            flying: vec![],
            asked: BTreeMap::new(),
            view: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }

    fn registration(&mut self, n: u8) -> RegisterAgent {
        let node = self.nodes.get_mut(&n).unwrap();
        node.attempt += 1;
        let id = node.id.clone();
        let (id, incarnation) = (id.as_ref().map(AgentId::as_str), node.incarnation);
        let mut message = registration(n, id, incarnation, node.attempt);
        // So that it can be told in which order they were taken.
        message.info.version = format!("{incarnation:04}.{:04}", node.attempt);
        message
    }

    fn act(&mut self) {
        let n = self.random.random_range(1..=AGENTS);
        match self.random.random_range(0..100) {
            0..10 => self.start(n),
            10..30 => self.register(n),
            30..34 => self.crash(n),
            34..36 => self.leave(n),
            36..37 => self.mark_gone(n),
            37..60 => self.deliver(),
            60..80 => self.commit(),
            _ => self.pass(),
        }
        self.account();
    }

    fn start(&mut self, n: u8) {
        let node = self.nodes.get_mut(&n).unwrap();
        if !node.up && !node.gone {
            node.up = true;
            node.incarnation += 1;
            node.attempt = 0;
            self.register(n);
        }
    }

    fn register(&mut self, n: u8) {
        if self.nodes[&n].up {
            let message = Box::new(self.registration(n));
            for _ in 0..self.random.random_range(1..=2) {
                let call = self.manager.call();
                self.asked.insert(call, Some(n));
                self.flying.push(Input::RegisterAgent { call, message: message.clone() });
            }
        }
    }

    fn crash(&mut self, n: u8) {
        let node = self.nodes.get_mut(&n).unwrap();
        if node.up {
            node.up = false;
            self.flying.push(Input::AgentExited { actor: agent_at(n) });
        }
    }

    fn leave(&mut self, n: u8) {
        let node = self.nodes.get_mut(&n).unwrap();
        if let (true, Some(agent_id)) = (node.up, node.id.take()) {
            node.up = false;
            let incarnation = Incarnation(node.incarnation);
            let call = self.manager.call();
            self.asked.insert(call, None);
            let message = UnregisterAgent { agent_id, incarnation };
            self.flying.push(Input::UnregisterAgent { call, message });
        }
    }

    fn mark_gone(&mut self, n: u8) {
        if let Some(agent_id) = self.nodes[&n].id.clone() {
            let call = self.manager.call();
            self.asked.insert(call, None);
            let message = MarkAgentGone { agent_id };
            self.flying.push(Input::MarkAgentGone { call, message });
        }
    }

    fn deliver(&mut self) {
        if !self.flying.is_empty() {
            let at = self.random.random_range(0..self.flying.len());
            let input = self.flying.swap_remove(at);
            self.manager.give(input);
        }
    }

    fn commit(&mut self) {
        self.manager.out.clear();
        let result = match self.random.random_range(0..5) {
            0 => Err(failed(FailureKind::ActorDied)),
            _ => Ok(()),
        };
        self.manager.release(result);
    }

    fn pass(&mut self) {
        let millis = self.random.random_range(1..4000);
        self.manager.pass(Duration::from_millis(millis));
    }

    /// What the last step meant to the outside.
    fn account(&mut self) {
        for effect in std::mem::take(&mut self.manager.out) {
            match effect {
                Effect::Reply { call, result } => self.answered(call, result),
                Effect::ToFrameworks(message) => self.told(message),
                Effect::ToAgent { to, message: ToAgent::Ping(ping) } => {
                    let at = |n: &u8| agent_at(*n) == to;
                    let n = self.nodes.keys().copied().find(at).unwrap();
                    let node = &self.nodes[&n];
                    if !node.up {
                        continue;
                    }
                    let incarnation = Incarnation(node.incarnation);
                    let pong =
                        Pong { agent_id: ping.agent_id, incarnation, sequence: ping.sequence };
                    self.flying.push(Input::Pong(pong));
                    if !ping.connected {
                        self.register(n);
                    }
                }
                _ => {}
            }
        }
        self.compare();
    }

    fn answered(&mut self, call: CallId, result: Result<agents_core::Reply, protocol::Failure>) {
        let asker = self.asked.remove(&call).expect("an ask is answered once");
        let Some(node) = asker.and_then(|n| self.nodes.get_mut(&n)) else { return };
        match result {
            Ok(agents_core::Reply::Registered(registered)) if node.up => {
                node.id = Some(registered.agent_id);
            }
            Err(failure) if failure.kind == FailureKind::Refused => {
                *node = Node { gone: true, incarnation: node.incarnation, ..Node::default() };
            }
            _ => {}
        }
    }

    /// Joins have growing generations; a loss is of the registration that was told.
    fn told(&mut self, message: ToFrameworks) {
        match message {
            ToFrameworks::Joined(joined) => {
                let newest = self.view.values().map(|view| match view {
                    View::Joined(generation) | View::Left(generation) => *generation,
                });
                assert!(newest.max() < Some(joined.generation), "{joined:?}");
                let last = self.taken.insert(joined.agent_id.clone(), joined.info.version.clone());
                assert!(last < Some(joined.info.version), "a registration was taken after a newer");
                self.view.insert(joined.agent_id, View::Joined(joined.generation));
            }
            ToFrameworks::Left(left) => {
                if let Some(View::Joined(generation)) = self.view.get(&left.agent_id) {
                    assert_eq!(left.generation, *generation);
                }
                if left.cause == AgentLossCause::Disconnected {
                    assert!(matches!(self.view.get(&left.agent_id), Some(View::Joined(_))));
                }
                self.view.insert(left.agent_id, View::Left(left.generation));
            }
            ToFrameworks::Undeliverable(_)
            | ToFrameworks::Resized(_)
            | ToFrameworks::NotOperated(_) => {}
        }
    }

    /// `frameworks` knows exactly the agents that are active, each by its registration.
    fn compare(&self) {
        let standings = self.manager.state.standings().into_iter();
        let active = standings.filter(|(_, (state, _))| *state == AgentState::Active);
        let active: BTreeMap<_, _> = active.map(|(id, (_, generation))| (id, generation)).collect();
        let joined = self.view.iter().filter_map(|(id, view)| match view {
            View::Joined(generation) => Some((id.clone(), *generation)),
            View::Left(_) => None,
        });
        assert_eq!(active, joined.collect());
    }

    /// Everybody is up, nothing is lost any longer, and time passes.
    fn calm(&mut self) {
        for n in 1..=AGENTS {
            self.start(n);
        }
        for round in 0..60 {
            while !self.flying.is_empty() || !self.manager.held.is_empty() {
                self.deliver();
                self.account();
                self.manager.out.clear();
                self.manager.release(Ok(()));
                self.account();
            }
            if round % 4 == 0 {
                // As agents do that are not registered: again and again.
                let absent = |node: &Node| {
                    let active = |id| self.manager.is(id, AgentState::Active);
                    node.up && !node.id.as_ref().is_some_and(active)
                };
                let absent: Vec<u8> =
                    self.nodes.iter().filter(|(_, node)| absent(node)).map(|(n, _)| *n).collect();
                absent.into_iter().for_each(|n| self.register(n));
            }
            self.manager.pass(Duration::from_secs(1));
            self.account();
        }
    }
}

#[test]
fn whatever_happens_every_ask_is_answered_once_and_every_agent_that_is_up_ends_up_active() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.act();
        }
        world.calm();
        assert!(world.asked.is_empty(), "seed {seed}: {:?} wait", world.asked);
        assert!(world.manager.state.waiting_calls().is_empty(), "seed {seed}");
        for (n, node) in world.nodes.iter().filter(|(_, node)| !node.gone) {
            let id = node.id.as_ref().unwrap_or_else(|| panic!("seed {seed}: {n} has no id"));
            assert!(world.manager.is(id, AgentState::Active), "seed {seed}: {n} as {id}");
            assert!(matches!(world.view[id], View::Joined(_)), "seed {seed}: {n} as {id}");
        }
    }
}
