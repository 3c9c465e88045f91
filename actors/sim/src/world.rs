//! The simulated world: everybody, and the loop in which things happen to them.

use std::time::Duration;

use frameworks_core as frameworks;
use protocol::id::Epoch;

use crate::agent::Agent;
use crate::event::{AgentWake, Event, Packet, Peer, SchedulerWake, Side};
use crate::hop::{Actor, Hop, MasterTimer, What};
use crate::kernel::Kernel;
use crate::master::{Caller, Master};
use crate::options::Options;
use crate::scheduler::{Mood, Scheduler};
use crate::store::Store;

/// Between two looks at whether the world is as it should be.
const LOOK: Duration = Duration::from_millis(500);
/// More events than this in one run: something keeps itself busy.
const MAX_EVENTS: u64 = 2_000_000;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Faults happen.
    Torment,
    /// Every scheduler has to get one task to run.
    Probe,
    /// Every task has to end, and be heard to.
    Drain,
    Done,
}

/// See the module.
pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) store: Store,
    pub(crate) master: Option<Master>,
    pub(crate) lives: u64,
    pub(crate) agents: Vec<Agent>,
    pub(crate) schedulers: Vec<Scheduler>,
    pub(crate) phase: Phase,
    pub(crate) events: u64,
    pub(crate) deadline: protocol::Time,
}

impl World {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let agents = (0..options.agents).map(Agent::new).collect();
        let schedulers = (0..options.schedulers).map(Scheduler::new).collect();
        let mut world = Self {
            kernel: Kernel::new(seed, options),
            store: Store::default(),
            master: None,
            lives: 0,
            agents,
            schedulers,
            phase: Phase::Torment,
            events: 0,
            deadline: protocol::Time::default(),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.elect();
        for agent in &mut self.agents {
            agent.start(&mut self.kernel);
        }
        for scheduler in &mut self.schedulers {
            scheduler.start(&mut self.kernel);
        }
        self.kernel.after(Duration::from_secs(1), Event::Torment);
        let torment = self.kernel.options.torment;
        self.kernel.after(torment, Event::Calm);
    }

    /// Lets the world run to its end; the first thing that is not as it should be.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        while self.phase != Phase::Done {
            let event = self.kernel.next().ok_or("nothing is left to happen")?;
            self.events += 1;
            if self.events > MAX_EVENTS {
                return Err(format!("more than {MAX_EVENTS} events: something keeps itself busy"));
            }
            self.kernel.trace.note(self.kernel.now, || format!("{event:?}"));
            self.handle(event)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Hop { life, hop } => return self.on_hop(life, *hop),
            Event::MasterTimer { life, timer, token } => return self.on_timer(life, timer, token),
            Event::Store { life, question } => {
                let master = self.master.as_mut().filter(|master| master.life == life);
                self.store.handle(&mut self.kernel, *question, master);
            }
            Event::Packet { peer, session, to, packet } => {
                if self.kernel.net.session(peer) == Some(session) {
                    return self.on_packet(peer, to, packet);
                }
            }
            Event::Noticed { peer, session, side } => self.on_noticed(peer, session, side),
            Event::Healed { peer } => self.kernel.net.partition(peer, false),
            Event::Agent { index, life, wake } => {
                if self.agents[index].life == life {
                    self.on_agent_wake(index, wake);
                    return self.check_agents();
                }
            }
            Event::Scheduler { index, life, wake } => {
                if self.schedulers[index].life == life {
                    self.on_scheduler_wake(index, wake);
                }
            }
            Event::Elect => self.elect(),
            Event::Reelect { life } => self.reelect(life),
            Event::Torment => self.torment(),
            Event::Calm => self.calm(),
            Event::Look => return self.look(),
        }
        Ok(())
    }

    // --- the master ----------------------------------------------------------------------------

    /// A new process leads.
    fn elect(&mut self) {
        self.lives += 1;
        self.store.epoch = Epoch(self.store.epoch.0 + 1);
        let options = self.kernel.options.allocator.clone();
        let mut master = Master::new(self.lives, self.store.epoch, options);
        self.kernel.net.set_master_up(true);
        master.announce(&mut self.kernel, true);
        self.master = Some(master);
    }

    fn reelect(&mut self, life: u64) {
        let Some(master) = self.master.as_mut().filter(|master| master.life == life) else {
            return;
        };
        self.store.epoch = Epoch(self.store.epoch.0 + 1);
        master.epoch = self.store.epoch;
        master.leading = true;
        master.announce(&mut self.kernel, true);
    }

    fn on_hop(&mut self, life: u64, hop: Hop) -> Result<(), String> {
        let Some(master) = self.master.as_mut().filter(|master| master.life == life) else {
            return Ok(());
        };
        master.arrived(&hop);
        let kernel = &mut self.kernel;
        match hop.what {
            What::Frameworks(input) => master.step_frameworks(kernel, input),
            What::Agents(input) => master.step_agents(kernel, input),
            What::Allocator(input) => master.step_allocator(kernel, input),
            What::Answered { life, question, result } => {
                if life == master.frameworks_life {
                    let input = frameworks::Input::AllocatorAnswered { question, result };
                    master.step_frameworks(kernel, input);
                }
            }
            What::Introduce(message) => {
                let epoch = message.epoch;
                let call = master.call(Actor::Frameworks, Caller::Introduction(epoch));
                let request = frameworks::Request::Introduce(message);
                let from = crate::names::local("agents");
                let input = frameworks::Input::Asked { call, from, request };
                master.step_frameworks(kernel, input);
            }
        }
        self.check_master(hop.to)
    }

    fn on_timer(&mut self, life: u64, timer: MasterTimer, token: u64) -> Result<(), String> {
        let Some(master) = self.master.as_mut().filter(|master| master.life == life) else {
            return Ok(());
        };
        if !master.take_timer(&timer, token) {
            return Ok(());
        }
        let kernel = &mut self.kernel;
        let actor = match timer {
            MasterTimer::Frameworks(timer) => {
                master.step_frameworks(kernel, frameworks::Input::TimerFired(timer));
                Actor::Frameworks
            }
            MasterTimer::Agents(timer) => {
                master.step_agents(kernel, agents_core::Input::TimerFired(timer));
                Actor::Agents
            }
            MasterTimer::Allocator(timer) => {
                master.step_allocator(kernel, allocator_core::Input::TimerFired(timer));
                Actor::Allocator
            }
        };
        self.check_master(actor)
    }

    // --- the network ---------------------------------------------------------------------------

    fn on_packet(&mut self, peer: Peer, to: Side, packet: Packet) -> Result<(), String> {
        match (to, peer) {
            (Side::Master, _) => return self.on_packet_to_master(peer, packet),
            (Side::Peer, Peer::Agent(index)) => {
                self.on_packet_to_agent(index, packet);
                return self.check_agents();
            }
            (Side::Peer, Peer::Scheduler(index)) => self.on_packet_to_scheduler(index, packet),
        }
        Ok(())
    }

    fn on_packet_to_master(&mut self, peer: Peer, packet: Packet) -> Result<(), String> {
        let Some(master) = &mut self.master else { return Ok(()) };
        let kernel = &mut self.kernel;
        let actor = match (packet, peer) {
            (Packet::Call { ask, from, request }, Peer::Scheduler(index)) => {
                let call = master.call(Actor::Frameworks, Caller::Scheduler { index, ask });
                let request = *request;
                master.step_frameworks(kernel, frameworks::Input::Asked { call, from, request });
                Actor::Frameworks
            }
            (Packet::News(news), _) => {
                master.step_frameworks(kernel, frameworks::Input::Told(*news));
                Actor::Frameworks
            }
            (Packet::Register { ask, message }, Peer::Agent(index)) => {
                let call = master.call(Actor::Agents, Caller::Agent { index, ask });
                master.step_agents(kernel, agents_core::Input::RegisterAgent { call, message });
                Actor::Agents
            }
            (Packet::Pong(pong), _) => {
                master.step_agents(kernel, agents_core::Input::Pong(pong));
                Actor::Agents
            }
            _ => return Ok(()),
        };
        self.check_master(actor)
    }

    fn on_packet_to_agent(&mut self, index: usize, packet: Packet) {
        let agent = &mut self.agents[index];
        match packet {
            Packet::Registered { ask, result } => {
                agent.on_registered(&mut self.kernel, ask, result);
            }
            Packet::ToAgent(message) => agent.on_message(&mut self.kernel, *message),
            _ => {}
        }
    }

    fn on_packet_to_scheduler(&mut self, index: usize, packet: Packet) {
        let scheduler = &mut self.schedulers[index];
        match packet {
            Packet::Answer { ask, result } => scheduler.on_answer(ask, result),
            Packet::ToScheduler { to, message } => {
                scheduler.on_message(&mut self.kernel, &to, *message);
            }
            Packet::FrameworksExited => scheduler.lost_master(),
            _ => {}
        }
    }

    fn on_noticed(&mut self, peer: Peer, session: u64, side: Side) {
        if !self.kernel.net.notice(peer, session, side) {
            return;
        }
        match (side, peer) {
            (Side::Master, _) => {
                if let Some(master) = &mut self.master {
                    master.lost(&mut self.kernel, peer);
                }
            }
            (Side::Peer, Peer::Agent(index)) => {
                self.agents[index].lost_master(&mut self.kernel);
            }
            (Side::Peer, Peer::Scheduler(index)) => self.schedulers[index].lost_master(),
        }
    }

    // --- agents and schedulers -----------------------------------------------------------------

    fn on_agent_wake(&mut self, index: usize, wake: AgentWake) {
        let agent = &mut self.agents[index];
        let kernel = &mut self.kernel;
        match wake {
            AgentWake::Start => agent.start(kernel),
            AgentWake::Register => agent.on_register_wake(kernel),
            AgentWake::RegisterTimeout(ask) => agent.on_register_timeout(kernel, ask),
            AgentWake::Progress(name) => agent.on_progress(kernel, name),
            AgentWake::Killed(name) => agent.on_killed(kernel, &name),
            AgentWake::Reports => agent.report_operations(kernel),
            AgentWake::Resend(name, sent) => agent.on_resend(kernel, &name, sent),
        }
    }

    fn on_scheduler_wake(&mut self, index: usize, wake: SchedulerWake) {
        let scheduler = &mut self.schedulers[index];
        match wake {
            SchedulerWake::Start => scheduler.start(&mut self.kernel),
            SchedulerWake::Tick => scheduler.on_tick(&mut self.kernel),
            SchedulerWake::Timeout(ask) => scheduler.on_timeout(ask),
        }
    }

    // --- after the faults ----------------------------------------------------------------------

    fn calm(&mut self) {
        self.kernel.tormented = false;
        self.enter(Phase::Probe, Mood::Probing);
        self.kernel.after(LOOK, Event::Look);
    }

    fn enter(&mut self, phase: Phase, mood: Mood) {
        self.phase = phase;
        self.deadline = self.kernel.now + self.kernel.options.patience;
        for scheduler in &mut self.schedulers {
            scheduler.mood = mood;
        }
    }

    /// Everything that must come about eventually, in its order.
    fn look(&mut self) -> Result<(), String> {
        if matches!(self.phase, Phase::Probe | Phase::Drain) {
            self.give_up_lost_agents();
        }
        let missing = match self.phase {
            Phase::Probe => self.missing_to_work(),
            Phase::Drain => self.missing_to_rest(),
            Phase::Torment | Phase::Done => return Ok(()),
        };
        match (missing, self.phase) {
            (None, Phase::Probe) => {
                self.enter(Phase::Drain, Mood::Draining);
            }
            (None, _) => self.phase = Phase::Done,
            (Some(what), _) if self.kernel.now > self.deadline => {
                return Err(format!("still not, long after the faults: {what}"));
            }
            (Some(_), _) => {}
        }
        self.kernel.after(LOOK, Event::Look);
        Ok(())
    }
}
