//! Everything that can happen to the agents manager.

use protocol::agents::{
    GetAgent, MarkAgentGone, Pong, RegisterAgent, RouteAcknowledgement, RouteKill, RouteLaunch,
    RouteMessage, RouteOperation, RouteOperationAcknowledgement, RouteShutdownExecutor,
    RouteShutdownFramework, RouteUpdateFramework, SetDownMachines, UnregisterAgent,
};
use protocol::elector::LeaderChanged;
use protocol::registrar::RegistrySnapshot;
use protocol::resize::RouteResize;
use protocol::{Address, AgentId, CallId, Epoch, Failure};
use serde::Serialize;

/// One commit that was handed to `registrar`; never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CommitId(pub u64);

/// What can time out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The registry could not be loaded; try again.
    Load,
    /// `frameworks` did not take the introduction; try again.
    Introduce,
    /// The next ping of this agent is due.
    Ping(AgentId),
    /// This agent was away for as long as it may be.
    Reregister(AgentId),
    /// The next agent may become unreachable.
    Remove,
}

/// A message, the result of an earlier effect, or a timer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    // --- messages; those with a call want an answer ---
    LeaderChanged(LeaderChanged),
    RegisterAgent {
        call: CallId,
        message: Box<RegisterAgent>,
    },
    Pong(Pong),
    UnregisterAgent {
        call: CallId,
        message: UnregisterAgent,
    },
    MarkAgentGone {
        call: CallId,
        message: MarkAgentGone,
    },
    RouteLaunch(RouteLaunch),
    RouteKill(RouteKill),
    RouteAcknowledgement(RouteAcknowledgement),
    RouteShutdownFramework(RouteShutdownFramework),
    RouteShutdownExecutor(RouteShutdownExecutor),
    RouteMessage(RouteMessage),
    RouteUpdateFramework(RouteUpdateFramework),
    RouteResize(RouteResize),
    SetDownMachines(SetDownMachines),
    RouteOperation(RouteOperation),
    RouteOperationAcknowledgement(RouteOperationAcknowledgement),
    GetAgents {
        call: CallId,
    },
    ViewAgents {
        call: CallId,
    },
    GetAgent {
        call: CallId,
        message: GetAgent,
    },
    // --- results of effects ---
    /// Answers `Effect::LoadRegistry`.
    RegistryLoaded {
        epoch: Epoch,
        result: Result<RegistrySnapshot, Failure>,
    },
    /// Answers `Effect::Introduce`.
    Introduced {
        epoch: Epoch,
        result: Result<(), Failure>,
    },
    /// Answers `Effect::Commit`.
    Committed {
        commit: CommitId,
        result: Result<(), Failure>,
    },
    /// A link made by `Effect::Link` is gone.
    AgentExited {
        actor: Address,
    },
    /// `frameworks` ended; its supervisor restarts it, with nothing in mind.
    FrameworksExited,
    TimerFired(Timer),
}

impl Input {
    /// The ask that this input came with, if it is one.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::RegisterAgent { call, .. }
            | Self::UnregisterAgent { call, .. }
            | Self::MarkAgentGone { call, .. }
            | Self::GetAgents { call }
            | Self::ViewAgents { call }
            | Self::GetAgent { call, .. } => Some(*call),
            _ => None,
        }
    }
}
