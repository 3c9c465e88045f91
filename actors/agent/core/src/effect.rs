//! What an agent wants done, in this order.

use protocol::agent::{AgentStateReply, ExecutorFound, ExecutorRegistered};
use protocol::agents::{Pong, RegisterAgent, UnregisterAgent};
use protocol::events::Report;
use protocol::executor::{
    ExecutorGone, FrameworkMessage, KillExecutorTask, LaunchTask, ShutdownThisExecutor,
};
use protocol::frameworks::{ExecutorExited, ForwardOperation, ForwardUpdate, MessageFromExecutor};
use protocol::isolator::{DestroyContainer, LaunchContainer, RecoverContainers, UpdateContainer};
use protocol::resize::ReportResize;
use protocol::task::TaskState;
use protocol::updates::{ConfirmUpdate, ForgetFramework, QueueUpdate, SetMaster};
use protocol::{Address, CallId, Failure, HostAddr, TaskId, Time};
use serde::Serialize;

use crate::checkpoint::Record;
use crate::input::Timer;
use crate::task::TaskKey;
use crate::volumes::VolumeLink;

/// What an agent wants done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Effect {
    /// Write this before doing what follows.
    Persist(Record),

    // To the master.
    /// Look for the leader; that host may know.
    FindLeader {
        hint: Option<HostAddr>,
    },
    /// Tell by `Input::MasterExited` when it ends.
    Link(Address),
    Unlink(Address),
    /// Ask; the answer is `Input::RegistrationAnswered`.
    Register {
        to: Address,
        message: Box<RegisterAgent>,
    },
    Pong {
        to: Address,
        message: Pong,
    },
    Unregister {
        to: Address,
        message: UnregisterAgent,
    },
    ToFrameworks {
        to: Address,
        message: ToFrameworks,
    },

    // To executors.
    /// Ask; the answer is `Input::TaskDelivered`.
    DeliverTask {
        to: Address,
        key: TaskKey,
        message: Box<LaunchTask>,
    },
    ToExecutor {
        to: Address,
        message: ToExecutor,
    },

    // To the isolator.
    /// Ask; the answer is `Input::ContainersRecovered`.
    Recover(RecoverContainers),
    /// Ask; the answer is `Input::LaunchAnswered`.
    Launch(Box<LaunchContainer>),
    Resize(UpdateContainer),
    /// Ask; the answer is `Input::ContainerResized`.
    ResizeTask {
        number: u64,
        message: UpdateContainer,
    },
    Destroy(DestroyContainer),

    // To updates.
    /// Ask; the answer is `Input::UpdateQueued`.
    Queue(Box<QueueUpdate>),
    /// Ask; the answer is `Input::UpdateConfirmed`.
    Confirm(ConfirmUpdate),
    SetMaster(SetMaster),
    ForgetFramework(ForgetFramework),

    // To those who asked.
    Reply {
        call: CallId,
        reply: Reply,
    },
    /// Read a part of a file in a sandbox and answer with it.
    ReadFile {
        call: CallId,
        read: SandboxRead,
    },

    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
    /// These directories of volumes are there, and no others.
    SettleVolumes {
        volumes: Vec<String>,
    },
    /// Make the sandbox if it is not there, and lead from it to these volumes. A launch into a sandbox
    /// for which that fails fails, too.
    LinkVolumes {
        sandbox: String,
        /// Absent: for all tasks of a container that is about to be made.
        task_id: Option<TaskId>,
        /// Who is to own them.
        user: Option<String>,
        links: Vec<VolumeLink>,
    },
    /// Nobody needs this directory any more.
    RemoveSandbox {
        sandbox: String,
    },
    /// For those who follow along.
    Emit(Report),
}

/// One-way messages to the leader's `frameworks`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum ToFrameworks {
    /// About a task that is not here; not acknowledged.
    ForwardUpdate(Box<ForwardUpdate>),
    /// Again and again until it is acknowledged.
    Operation(Box<ForwardOperation>),
    ExecutorExited(ExecutorExited),
    MessageFromExecutor(MessageFromExecutor),
    Resized(ReportResize),
}

/// One-way messages to an executor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum ToExecutor {
    Kill(KillExecutorTask),
    Shutdown(ShutdownThisExecutor),
    Message(FrameworkMessage),
    Gone(ExecutorGone),
}

/// The answer to an ask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Reply {
    /// To `ReportStatus` and `Stop`.
    Done,
    Registered(ExecutorRegistered),
    AgentState(Box<AgentStateReply>),
    ExecutorFound(Box<ExecutorFound>),
    Refused(Failure),
}

/// A part of a file in a sandbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SandboxRead {
    /// Nothing outside of it may be read.
    pub sandbox: String,
    pub path: String,
    pub offset: u64,
    pub length: u64,
    /// Of the task, for the answer.
    pub state: TaskState,
}
