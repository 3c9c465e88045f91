//! Everything that the agents manager can want done. Performed in order.

use protocol::agent::{
    ApplyOperation, DeliverMessage, KillAgentTask, OperationAcknowledged, Ping, RunTasks,
    ShutdownAgentExecutor, ShutdownFramework, UpdateAcknowledged, UpdateFramework,
};
use protocol::agents::{AgentList, AgentRegistered, AgentSummary, AgentsView};
use protocol::events::Report;
use protocol::frameworks::{
    AgentJoined, AgentLeft, AgentsRecovered, LaunchUndeliverable, OperationUndeliverable,
};
use protocol::registrar::ApplyOperations;
use protocol::resize::{ReportResize, ResizeAgentTask};
use protocol::{Address, CallId, Epoch, Failure, Time};
use serde::Serialize;

use crate::input::{CommitId, Timer};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Ask `registrar` for the registry; the answer is `Input::RegistryLoaded`.
    LoadRegistry {
        epoch: Epoch,
    },
    /// Ask `frameworks` to take this; the answer is `Input::Introduced`.
    Introduce(AgentsRecovered),
    /// Ask `registrar` to apply this; the answer is `Input::Committed`.
    Commit {
        commit: CommitId,
        request: ApplyOperations,
    },
    /// Tell `frameworks`, in order.
    ToFrameworks(ToFrameworks),
    /// Tell an agent.
    ToAgent {
        to: Address,
        message: ToAgent,
    },
    /// Report as `Input::AgentExited` when this actor ends or cannot be reached.
    Link(Address),
    /// No longer.
    Unlink(Address),
    /// Answer an ask.
    Reply {
        call: CallId,
        result: Result<Reply, Failure>,
    },
    /// Replaces an earlier setting of the same timer.
    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
    /// Tell the local `events`.
    Emit(Report),
}

/// What `frameworks` is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ToFrameworks {
    Joined(Box<AgentJoined>),
    Left(AgentLeft),
    Undeliverable(LaunchUndeliverable),
    Resized(ReportResize),
    NotOperated(OperationUndeliverable),
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ToAgent {
    Ping(Ping),
    Run(Box<RunTasks>),
    Kill(KillAgentTask),
    Acknowledged(UpdateAcknowledged),
    ShutdownFramework(ShutdownFramework),
    ShutdownExecutor(ShutdownAgentExecutor),
    Deliver(DeliverMessage),
    UpdateFramework(Box<UpdateFramework>),
    Resize(ResizeAgentTask),
    Operate(Box<ApplyOperation>),
    OperationAcknowledged(OperationAcknowledged),
}

/// What an ask is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Reply {
    Registered(AgentRegistered),
    Agents(AgentList),
    View(AgentsView),
    Agent(Box<AgentSummary>),
    /// It is done (and durable).
    Done,
}
