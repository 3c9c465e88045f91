//! Everything that is scheduled in the simulated world.

use agents_core::ToAgent;
use frameworks_core::{Answer, News, Request, ToScheduler};
use protocol::agents::{AgentRegistered, Pong, RegisterAgent};
use protocol::id::FrameworkId;
use protocol::{Address, Failure, TaskId};

use crate::hop::{Hop, MasterTimer, Question};

/// A process beside the master's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Agent(usize),
    Scheduler(usize),
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Master,
    Peer,
}

/// A task in its framework: how agents and schedulers name it.
pub(crate) type Name = (FrameworkId, TaskId);

/// What crosses the network.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    // --- to the master ---
    Call {
        ask: u64,
        from: Address,
        request: Box<Request>,
    },
    Register {
        ask: u64,
        message: Box<RegisterAgent>,
    },
    Pong(Pong),
    News(Box<News>),
    // --- to a scheduler ---
    Answer {
        ask: u64,
        result: Result<Answer, Failure>,
    },
    ToScheduler {
        to: Address,
        message: Box<ToScheduler>,
    },
    /// The end of the linked frameworks manager.
    FrameworksExited,
    // --- to an agent ---
    Registered {
        ask: u64,
        result: Result<AgentRegistered, Failure>,
    },
    ToAgent(Box<ToAgent>),
}

/// What may befall a packet on a connection that holds. The runtime keeps order per pair and
/// sends nothing twice; what is allowed here beyond that is what the protocol claims to bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bears {
    pub(crate) loss: bool,
    pub(crate) copies: bool,
    /// Being overtaken by what was sent later.
    pub(crate) delay: bool,
}

impl Packet {
    pub(crate) fn bears(&self) -> Bears {
        let all = Bears { loss: true, copies: true, delay: true };
        let ordered = Bears { delay: false, ..all };
        let kept = Bears { loss: false, ..all };
        let sacred = Bears { loss: false, copies: false, delay: false };
        match self {
            Self::Call { request, .. } => match **request {
                // Two wishes about the same roles, the other way round, are another wish.
                Request::Suppress(_) | Request::Revive(_) => ordered,
                _ => all,
            },
            Self::News(news) => match **news {
                News::Update(_) | News::Operation(_) => all,
                // Said once, by an agent that registers anew if its connection breaks.
                _ => sacred,
            },
            Self::ToAgent(message) => match **message {
                // A kill must not come before its launch.
                ToAgent::Run(_) | ToAgent::UpdateFramework(_) | ToAgent::Resize(_) => ordered,
                // Said once; what an agent has is its word when it registers anew.
                ToAgent::Operate(_) => sacred,
                // Said once, and again when the agent registers anew.
                ToAgent::ShutdownFramework(_) => kept,
                _ => all,
            },
            Self::FrameworksExited => sacred,
            _ => all,
        }
    }
}

/// What an agent has to do at a time.
#[derive(Clone, Debug)]
pub(crate) enum AgentWake {
    /// The process is started again.
    Start,
    /// Register, or look whether it has to.
    Register,
    /// No answer to this registration.
    RegisterTimeout(u64),
    /// A task goes on: starts, or ends.
    Progress(Name),
    /// A killed task has ended.
    Killed(Name),
    /// The outcomes of operations are told again.
    Reports,
    /// The head of a task's updates is sent again.
    Resend(Name, u64),
}

/// What a scheduler has to do at a time.
#[derive(Clone, Debug)]
pub(crate) enum SchedulerWake {
    /// The process is started again.
    Start,
    /// Look around and do something.
    Tick,
    /// No answer to this call.
    Timeout(u64),
}

/// Something that happens. Those of a process carry the life of it that they are meant for.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Between two actors of the master.
    Hop {
        life: u64,
        hop: Box<Hop>,
    },
    MasterTimer {
        life: u64,
        timer: MasterTimer,
        token: u64,
    },
    /// A question arrives at the store; its answer goes to that life of the master.
    Store {
        life: u64,
        question: Box<Question>,
    },
    /// A packet arrives, if its connection is still there.
    Packet {
        peer: Peer,
        session: u64,
        to: Side,
        packet: Packet,
    },
    /// One end notices that its connection is gone.
    Noticed {
        peer: Peer,
        session: u64,
        side: Side,
    },
    /// A partition ends.
    Healed {
        peer: Peer,
    },
    Agent {
        index: usize,
        life: u64,
        wake: AgentWake,
    },
    Scheduler {
        index: usize,
        life: u64,
        wake: SchedulerWake,
    },
    /// A master becomes the leader.
    Elect,
    /// A deposed master is elected again.
    Reelect {
        life: u64,
    },
    /// Once a second: what goes wrong now?
    Torment,
    /// Faults are over.
    Calm,
    /// Is everything as it should be by now?
    Look,
}
