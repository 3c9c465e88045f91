//! To `agent`, on an agent host: the tasks and executors of this machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::blob::Blob;
use crate::framework::{AgentInfo, FrameworkInfo};
use crate::id::{
    AgentId, ContainerId, Epoch, ExecutorId, FrameworkId, Generation, TaskId, UpdateId,
};
use crate::isolator::Limitation;
use crate::messages;
use crate::operation::AgentOperation;
use crate::resize::ResizeAgentTask;
use crate::resources::Resources;
use crate::task::{ExecutorInfo, KillPolicy, Task, TaskInfo, TaskState, TaskStatus, Termination};

// --- from the master (agents manager) ----------------------------------------------------------

/// Are you there? From `agents` at a fixed interval; answered by telling it `Pong`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ping {
    pub epoch: Epoch,
    pub agent_id: AgentId,
    pub sequence: u64,
    /// False: the master does not count this agent as registered; it should register anew.
    pub connected: bool,
}

/// Start these tasks. From `agents`. A task whose id it already has is ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunTasks {
    pub epoch: Epoch,
    pub generation: Generation,
    pub framework: FrameworkInfo,
    /// The role that the resources count against.
    pub role: String,
    pub tasks: Vec<TaskInfo>,
}

/// End a task. From `agents`. Unknown tasks are answered with a terminal update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KillAgentTask {
    pub epoch: Epoch,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    #[serde(default)]
    pub kill_policy: Option<KillPolicy>,
}

/// The scheduler has this update. From `agents`; passed on to `updates`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateAcknowledged {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub update_id: UpdateId,
    /// Of the registration in which it was acknowledged. One of another is void: the agent has since
    /// told the master that the update is not acknowledged, and repeats it. Absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
}

/// End everything of this framework. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShutdownFramework {
    pub epoch: Epoch,
    pub framework_id: FrameworkId,
}

/// End this executor and its tasks. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShutdownAgentExecutor {
    pub epoch: Epoch,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
}

/// Bytes for an executor, best effort. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliverMessage {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

/// Renewed record of a framework that has something here. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateFramework {
    pub framework: FrameworkInfo,
}

/// Turn resources into others, and make or delete volumes. From `agents`. Done before it is told of,
/// and told of as `ForwardOperation` until that is acknowledged. One that was meant for another
/// registration is not done, and missing from the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApplyOperation {
    pub epoch: Epoch,
    pub generation: Generation,
    pub operation: AgentOperation,
}

/// Who wanted an operation knows its outcome. From `agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationAcknowledged {
    pub update_id: UpdateId,
    /// Of the registration in which it was acknowledged. One of another is void: the agent has since
    /// told the master that the outcome is not acknowledged, and repeats it. Absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
}

// --- from executors ----------------------------------------------------------------------------

/// I run and am ready for tasks. From `executor`, when it starts and whenever it has lost the
/// agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterExecutor {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub container_id: ContainerId,
    /// Where it wants its messages; absent: the sender.
    #[serde(default)]
    pub executor: Option<Address>,
    /// What it runs, for an agent that has forgotten.
    #[serde(default)]
    pub tasks: Vec<TaskId>,
    /// Updates that the agent has not confirmed, oldest first.
    #[serde(default)]
    pub unconfirmed: Vec<TaskStatus>,
}

/// Answers [`RegisterExecutor`]; tasks follow as `LaunchTask`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorRegistered {
    pub agent_id: AgentId,
}

/// A task's state changed. From `executor`. Answered once the update is safe on disk; the executor
/// repeats it until then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportStatus {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    /// With an `update_id`, chosen by the executor, by which repeats are recognised.
    pub status: TaskStatus,
}

/// Bytes for the scheduler, best effort. From `executor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SendToScheduler {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

// --- from executors that speak the v1 API, through the gateway ----------------------------------

/// Who is this executor of a framework, and may it make calls? From `gateway`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindExecutor {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
}

/// How far an executor has come, as its calls are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorStanding {
    /// It is to subscribe before anything else.
    Awaited,
    /// It has subscribed in this life of the agent; its stream may have broken since.
    Subscribed,
    /// It is to end, and is given nothing more.
    Ending,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A framework's own executor whose container is not gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundExecutor {
    pub info: ExecutorInfo,
    /// The role that its resources count against.
    pub role: String,
    pub container_id: ContainerId,
    pub standing: ExecutorStanding,
}

/// Answers [`FindExecutor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorFound {
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    pub agent: AgentInfo,
    /// The containers of the agent's former life are accounted for.
    pub recovered: bool,
    /// Absent: it has nothing here.
    #[serde(default)]
    pub framework: Option<FrameworkInfo>,
    #[serde(default)]
    pub executor: Option<FoundExecutor>,
}

/// I am ready for tasks. From the session of an executor that speaks the v1 API, which is where it
/// takes its messages. Unlike after [`RegisterExecutor`], a task that was given to it, has not been
/// reported on and is not among `tasks` is lost, and not given again: v1 executors rely on getting
/// every task once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubscribeExecutor {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub container_id: ContainerId,
    /// Tasks that it has, as far as their reports were not acknowledged.
    #[serde(default)]
    pub tasks: Vec<TaskId>,
}

/// The executor's stream has ended. From its session, which then ends, too. The executor is expected
/// to subscribe again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorDisconnected {
    pub container_id: ContainerId,
}

// --- from the isolator -------------------------------------------------------------------------

/// A container's first process ended and everything in it has been killed and cleaned up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerExited {
    pub container_id: ContainerId,
    #[serde(default)]
    pub termination: Option<Termination>,
    #[serde(default)]
    pub limitation: Option<Limitation>,
}

// --- questions ---------------------------------------------------------------------------------

/// What is here? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetAgentState {}

/// An executor as the agent sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorSummary {
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub container_id: ContainerId,
    pub state: String,
    pub sandbox: String,
    pub tasks: Vec<TaskId>,
}

/// Answers [`GetAgentState`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentStateReply {
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    pub info: AgentInfo,
    /// The master it is registered with.
    #[serde(default)]
    pub master: Option<Address>,
    pub registered: bool,
    pub executors: Vec<ExecutorSummary>,
    pub tasks: Vec<Task>,
    pub used: Resources,
}

/// Part of a file in a task's sandbox. From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadSandbox {
    pub task_id: TaskId,
    /// When task ids of several frameworks collide.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
    /// Relative to the sandbox: `stdout`, `stderr`, …
    pub path: String,
    /// From this byte; beyond the end: an empty answer.
    #[serde(default)]
    pub offset: u64,
    /// At most this many bytes; 0 or more than 1 MiB: 1 MiB.
    #[serde(default)]
    pub length: u64,
}

/// Answers [`ReadSandbox`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxChunk {
    /// Size of the file now.
    pub size: u64,
    pub data: Blob,
    /// What the task is doing, so that a follower knows when to stop.
    pub state: TaskState,
}

/// End, as the agent's configuration says: leave the tasks running for the next life of the agent,
/// or kill them all and say goodbye to the master. From its own host only. Answered when it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopAgent {
    /// Otherwise than configured.
    #[serde(default)]
    pub kill: Option<bool>,
}

messages! {
    Ping,
    RunTasks,
    KillAgentTask,
    UpdateAcknowledged,
    ShutdownFramework,
    ShutdownAgentExecutor,
    DeliverMessage,
    UpdateFramework,
    ApplyOperation,
    OperationAcknowledged,
    ResizeAgentTask,
    RegisterExecutor -> ExecutorRegistered,
    ReportStatus,
    SendToScheduler,
    FindExecutor -> ExecutorFound,
    SubscribeExecutor -> ExecutorRegistered,
    ExecutorDisconnected,
    ContainerExited,
    GetAgentState -> AgentStateReply,
    ReadSandbox -> SandboxChunk,
    StopAgent,
}
