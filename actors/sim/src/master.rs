//! The master's host: three cores, and what their shells and the runtime do for them. Between the
//! actors of the host every message arrives, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agents_core as agents;
use allocator_core as allocator;
use frameworks_core as frameworks;
use protocol::elector::{Leader, LeaderChanged, Leadership};
use protocol::id::{CallId, Epoch};
use protocol::{Address, Failure, FailureKind, Time};

use crate::event::{Event, Packet, Peer, Side};
use crate::hop::{Actor, Hop, MasterTimer, What};
use crate::kernel::Kernel;
use crate::names;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Scheduler {
        index: usize,
        ask: u64,
    },
    Agent {
        index: usize,
        ask: u64,
    },
    /// The agents manager, for this term.
    Introduction(Epoch),
    /// The frameworks manager, which asked the allocator.
    Question {
        life: u64,
        question: frameworks::QuestionId,
    },
    /// An operator, who asks again.
    Operator,
}

/// One life of the master's process.
pub(crate) struct Master {
    pub(crate) life: u64,
    pub(crate) epoch: Epoch,
    /// What the elector says.
    pub(crate) leading: bool,
    pub(crate) frameworks: frameworks::State,
    pub(crate) agents: agents::State,
    pub(crate) allocator: allocator::State,
    /// How it allocates.
    options: allocator::Options,
    timers: BTreeMap<MasterTimer, u64>,
    tokens: u64,
    pub(crate) calls: BTreeMap<(Actor, CallId), Caller>,
    last_call: CallId,
    last_arrival: BTreeMap<(Actor, Actor), Time>,
    in_flight: BTreeMap<(Actor, Actor), usize>,
    last_at_store: Time,
    /// Fresh names that the frameworks manager was given.
    runs: u64,
    /// Restarts of the frameworks manager: it is not told what an earlier one has asked.
    pub(crate) frameworks_life: u64,
    /// Remote actors that local ones link to.
    pub(crate) links: BTreeMap<Actor, BTreeSet<Address>>,
    /// The frameworks manager links to the allocator.
    pub(crate) watches_allocator: bool,
}

/// Patience cut to the length of a simulation.
fn frameworks_config() -> frameworks::Config {
    frameworks::Config {
        offer_timeout: Some(Duration::from_secs(15)),
        recovery_grace: Duration::from_secs(15),
        ..frameworks::Config::default()
    }
}

fn agents_config() -> agents::Config {
    agents::Config {
        ping_interval: Duration::from_secs(1),
        max_missed_pings: 3,
        reregister_timeout: Duration::from_secs(8),
        unreachable_interval: Duration::from_millis(100),
    }
}

impl Master {
    pub(crate) fn new(life: u64, epoch: Epoch, options: allocator::Options) -> Self {
        Self {
            life,
            epoch,
            leading: true,
            frameworks: frameworks::State::new(frameworks_config()),
            agents: agents::State::new(agents_config()),
            allocator: allocator::State::new(options.clone()),
            options,
            timers: BTreeMap::new(),
            tokens: 0,
            calls: BTreeMap::new(),
            last_call: CallId(0),
            last_arrival: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            last_at_store: Time::default(),
            runs: 0,
            frameworks_life: 0,
            links: BTreeMap::new(),
            watches_allocator: false,
        }
    }

    // --- messages within the host --------------------------------------------------------------

    pub(crate) fn hop(&mut self, kernel: &mut Kernel, from: Actor, to: Actor, what: What) {
        let delay = if kernel.chance(0.02) { kernel.between(0, 8) } else { kernel.between(0, 1) };
        let last = self.last_arrival.entry((from, to)).or_default();
        *last = (*last).max(kernel.now + delay);
        *self.in_flight.entry((from, to)).or_default() += 1;
        let hop = Box::new(Hop { from, to, what });
        kernel.at(*last, Event::Hop { life: self.life, hop });
    }

    pub(crate) fn arrived(&mut self, hop: &Hop) {
        if let Some(count) = self.in_flight.get_mut(&(hop.from, hop.to)) {
            *count -= 1;
        }
    }

    /// Whether nothing is on its way between two actors.
    pub(crate) fn is_quiet_between(&self, one: Actor, other: Actor) -> bool {
        let count = |pair| self.in_flight.get(&pair).copied().unwrap_or_default();
        count((one, other)) + count((other, one)) == 0
    }

    /// The arrival at the store that keeps the order of this master's questions.
    pub(crate) fn in_order_to_store(&mut self, at: Time) -> Time {
        self.last_at_store = self.last_at_store.max(at);
        self.last_at_store
    }

    /// The elector tells both managers who leads.
    pub(crate) fn announce(&mut self, kernel: &mut Kernel, leading: bool) {
        for actor in [Actor::Frameworks, Actor::Agents] {
            self.announce_to(kernel, actor, leading);
        }
    }

    pub(crate) fn announce_to(&mut self, kernel: &mut Kernel, actor: Actor, leading: bool) {
        let host = names::master();
        let leader = Leader { host, http: String::new(), epoch: self.epoch };
        let leadership = Leadership { leader: Some(leader), leading };
        let what = match actor {
            Actor::Frameworks => {
                self.runs += 1;
                let run = format!("m{}.{}", self.life, self.runs);
                What::Frameworks(frameworks::Input::LeaderChanged { leadership, run })
            }
            _ => What::Agents(agents::Input::LeaderChanged(LeaderChanged { leadership })),
        };
        self.hop(kernel, Actor::Elector, actor, what);
    }

    // --- timers --------------------------------------------------------------------------------

    pub(crate) fn set_timer(&mut self, kernel: &mut Kernel, timer: MasterTimer, at: Time) {
        self.tokens += 1;
        self.timers.insert(timer.clone(), self.tokens);
        kernel.at(at, Event::MasterTimer { life: self.life, timer, token: self.tokens });
    }

    pub(crate) fn cancel_timer(&mut self, timer: &MasterTimer) {
        self.timers.remove(timer);
    }

    /// True if that setting of the timer still holds; it is used up.
    pub(crate) fn take_timer(&mut self, timer: &MasterTimer, token: u64) -> bool {
        let holds = self.timers.get(timer) == Some(&token);
        if holds {
            self.timers.remove(timer);
        }
        holds
    }

    pub(crate) fn is_set(&self, timer: &MasterTimer) -> bool {
        self.timers.contains_key(timer)
    }

    // --- asks ----------------------------------------------------------------------------------

    pub(crate) fn call(&mut self, actor: Actor, caller: Caller) -> CallId {
        self.last_call = self.last_call.next();
        self.calls.insert((actor, self.last_call), caller);
        self.last_call
    }

    // --- restarts of single actors -------------------------------------------------------------

    /// What a supervisor does about an actor that failed: timers, links and open asks go with it.
    fn forget(&mut self, kernel: &mut Kernel, actor: Actor) {
        self.timers.retain(|timer, _| timer.actor() != actor);
        self.links.remove(&actor);
        let open: Vec<_> = self.calls.keys().filter(|(a, _)| *a == actor).copied().collect();
        for key in open {
            let Some(caller) = self.calls.remove(&key) else { continue };
            let failure = Failure::new(FailureKind::ActorDied, "the actor died");
            self.refuse(kernel, caller, failure);
        }
    }

    pub(crate) fn refuse(&mut self, kernel: &mut Kernel, caller: Caller, failure: Failure) {
        match caller {
            Caller::Scheduler { index, ask } => {
                let packet = Packet::Answer { ask, result: Err(failure) };
                kernel.send(Peer::Scheduler(index), Side::Peer, packet);
            }
            Caller::Agent { index, ask } => {
                let packet = Packet::Registered { ask, result: Err(failure) };
                kernel.send(Peer::Agent(index), Side::Peer, packet);
            }
            Caller::Introduction(epoch) => {
                let input = agents::Input::Introduced { epoch, result: Err(failure) };
                self.hop(kernel, Actor::Frameworks, Actor::Agents, What::Agents(input));
            }
            Caller::Question { life, question } => {
                let what = What::Answered { life, question, result: Err(failure) };
                self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
            }
            Caller::Operator => {}
        }
    }

    pub(crate) fn restart_frameworks(&mut self, kernel: &mut Kernel) {
        for scheduler in self.links.remove(&Actor::Frameworks).unwrap_or_default() {
            if let Some(peer) = names::peer(&scheduler) {
                kernel.send(peer, Side::Peer, Packet::FrameworksExited);
            }
        }
        self.forget(kernel, Actor::Frameworks);
        self.watches_allocator = false;
        self.frameworks_life += 1;
        self.frameworks = frameworks::State::new(frameworks_config());
        let exited = What::Agents(agents::Input::FrameworksExited);
        self.hop(kernel, Actor::Frameworks, Actor::Agents, exited);
        self.announce_to(kernel, Actor::Frameworks, self.leading);
    }

    pub(crate) fn restart_agents(&mut self, kernel: &mut Kernel) {
        self.forget(kernel, Actor::Agents);
        self.agents = agents::State::new(agents_config());
        self.announce_to(kernel, Actor::Agents, self.leading);
    }

    pub(crate) fn restart_allocator(&mut self, kernel: &mut Kernel) {
        self.forget(kernel, Actor::Allocator);
        self.allocator = allocator::State::new(self.options.clone());
        if std::mem::take(&mut self.watches_allocator) {
            let exited = What::Frameworks(frameworks::Input::AllocatorExited);
            self.hop(kernel, Actor::Allocator, Actor::Frameworks, exited);
        }
    }

    // --- connections ---------------------------------------------------------------------------

    /// The host has noticed that the connection to a peer is gone.
    pub(crate) fn lost(&mut self, kernel: &mut Kernel, peer: Peer) {
        for (actor, links) in std::mem::take(&mut self.links) {
            let (gone, kept) = links.into_iter().partition(|a| names::peer(a) == Some(peer));
            let gone: BTreeSet<Address> = gone;
            self.links.insert(actor, kept);
            for address in gone {
                self.report_exit(kernel, actor, address);
            }
        }
    }

    pub(crate) fn link(&mut self, kernel: &mut Kernel, actor: Actor, to: Address) {
        let reachable = names::peer(&to).is_some_and(|peer| kernel.net.session(peer).is_some());
        if reachable {
            self.links.entry(actor).or_default().insert(to);
        } else {
            self.report_exit(kernel, actor, to);
        }
    }

    fn report_exit(&mut self, kernel: &mut Kernel, actor: Actor, address: Address) {
        let what = match actor {
            Actor::Frameworks => What::Frameworks(frameworks::Input::SchedulerExited(address)),
            _ => What::Agents(agents::Input::AgentExited { actor: address }),
        };
        self.hop(kernel, Actor::Host, actor, what);
    }
}
