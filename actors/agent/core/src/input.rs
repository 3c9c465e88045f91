//! What can happen to an agent.

use protocol::agent::{
    ApplyOperation, ContainerExited, DeliverMessage, ExecutorDisconnected, FindExecutor,
    KillAgentTask, OperationAcknowledged, Ping, ReadSandbox, RegisterExecutor, ReportStatus,
    RunTasks, SendToScheduler, ShutdownAgentExecutor, ShutdownFramework, SubscribeExecutor,
    UpdateAcknowledged, UpdateFramework,
};
use protocol::agents::AgentRegistered;
use protocol::elector::Leader;
use protocol::isolator::ContainerLaunched;
use protocol::resize::ResizeAgentTask;
use protocol::updates::UpdateConfirmed;
use protocol::{Address, CallId, ContainerId, Failure, UpdateId};
use serde::Serialize;

use crate::task::TaskKey;

/// What can happen to an agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Input {
    /// Its life begins; once, before anything else.
    Started,
    /// Somebody leads, as far as a master knows.
    LeaderFound(Leader),
    /// The linked actor of the master ended, or is out of reach.
    MasterExited(Address),
    /// What became of `Effect::Register` of that attempt.
    RegistrationAnswered {
        attempt: u64,
        result: Result<AgentRegistered, Failure>,
    },

    // From the master.
    Ping(Ping),
    RunTasks(RunTasks),
    KillAgentTask(KillAgentTask),
    UpdateAcknowledged(UpdateAcknowledged),
    ShutdownFramework(ShutdownFramework),
    ShutdownAgentExecutor(ShutdownAgentExecutor),
    DeliverMessage(DeliverMessage),
    UpdateFramework(UpdateFramework),
    ResizeAgentTask(ResizeAgentTask),
    ApplyOperation(ApplyOperation),
    OperationAcknowledged(OperationAcknowledged),

    // From executors.
    RegisterExecutor {
        call: CallId,
        sender: Address,
        message: RegisterExecutor,
    },
    ReportStatus {
        call: CallId,
        message: ReportStatus,
    },
    SendToScheduler(SendToScheduler),
    FindExecutor {
        call: CallId,
        message: FindExecutor,
    },
    SubscribeExecutor {
        call: CallId,
        sender: Address,
        message: SubscribeExecutor,
    },
    ExecutorDisconnected {
        sender: Address,
        message: ExecutorDisconnected,
    },
    /// What became of `Effect::DeliverTask`.
    TaskDelivered {
        key: TaskKey,
        result: Result<(), Failure>,
    },

    // From the isolator.
    ContainerExited(ContainerExited),
    /// What became of `Effect::Recover`.
    ContainersRecovered {
        result: Result<(), Failure>,
    },
    /// What became of `Effect::Launch`.
    LaunchAnswered {
        container_id: ContainerId,
        result: Result<ContainerLaunched, Failure>,
    },
    /// What became of `Effect::ResizeTask`.
    ContainerResized {
        container_id: ContainerId,
        number: u64,
        result: Result<(), Failure>,
    },
    /// It was restarted, and knows nothing of the containers.
    IsolatorRestarted,

    // From updates.
    /// What became of `Effect::Queue`.
    UpdateQueued {
        key: TaskKey,
        update_id: UpdateId,
        result: Result<(), Failure>,
    },
    /// What became of `Effect::Confirm`.
    UpdateConfirmed {
        key: TaskKey,
        result: Result<UpdateConfirmed, Failure>,
    },
    /// It was restarted, and does not know where to forward to.
    UpdatesRestarted,

    // From anyone.
    GetAgentState {
        call: CallId,
    },
    ReadSandbox {
        call: CallId,
        message: ReadSandbox,
    },
    /// End; killing the tasks, or leaving them to the next life.
    Stop {
        call: CallId,
        kill: bool,
    },

    /// Time is up.
    TimerFired(Timer),
}

/// What can time out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The next registration is due.
    Register,
    /// The master has not pinged for too long.
    Ping,
    /// The recovery of the containers is to be asked for again.
    Recover,
    /// Launches that the isolator had no room for are to be asked for again.
    Launch,
    /// An executor has not registered in time.
    ExecutorRegistration(ContainerId),
    /// An executor that was told to end has not.
    ExecutorShutdown(ContainerId),
    /// A container that was to be destroyed has not been reported gone.
    Destroy(ContainerId),
    /// A failed task's status waits no longer for a limitation.
    Limitation(ContainerId),
    /// A task is to be given to its executor again.
    Deliver(TaskKey),
    /// A killed task has not ended.
    Kill(TaskKey),
    /// A status is to be given to `updates` again.
    Queue(TaskKey),
    /// Operations that were not acknowledged are to be told of again.
    Operations,
    /// The end of the agent waits no longer.
    Stop,
}
