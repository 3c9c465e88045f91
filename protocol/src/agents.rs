//! To `agents` (the agents manager, on the master): membership, liveness and routing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::framework::{AgentInfo, FrameworkInfo};
use crate::id::{
    AgentId, Epoch, ExecutorId, FrameworkId, Generation, Incarnation, TaskId, UpdateId,
};
use crate::maintenance::MachineId;
use crate::messages;
use crate::operation::{AgentOperation, OperationReport};
use crate::resize::RouteResize;
use crate::resources::Resources;
use crate::shared::SharedList;
use crate::task::{ExecutorInfo, KillPolicy, Task, TaskInfo};
use crate::time::Time;

/// I am here: from `agent` on an agent host, when it starts, finds a new leader, or is told to.
/// Asked again with backoff until it is answered. From sending it until it is answered the agent
/// starts nothing: a `RunTasks` that arrives then, or one of another generation than the last
/// answer's, is answered with terminal updates, since the master counts on these lists.
///
/// Failures: `NotLeader` (ask that host, or again later), `Refused` (never ask again with this id:
/// it was marked gone), `NotFound` (there is no such agent any more, since its machine is down for
/// maintenance: end what runs, then ask again without an id) and `Conflict` (older than what was
/// handled, or nobody registers from there now: ask again, newly numbered).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterAgent {
    /// Absent on the very first registration of a work directory.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// Which life of the agent process this is.
    pub incarnation: Incarnation,
    /// Grows with every registration that this life of the agent sends, from 1; its lists are made
    /// anew for each. One that is not newer than the last that was handled changes nothing: it is
    /// a duplicate. 0: not numbered.
    #[serde(default)]
    pub attempt: u64,
    pub info: AgentInfo,
    /// Every task that it holds: not terminal, or terminal and not yet acknowledged.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// The frameworks of those tasks, for a master that has forgotten them.
    #[serde(default)]
    pub frameworks: Vec<FrameworkInfo>,
    /// Resources that executors hold beside their tasks.
    #[serde(default)]
    pub executors: Vec<RunningExecutor>,
    /// Operations that it has done and whose status was not acknowledged. One that is neither here
    /// nor was acknowledged has not been done.
    #[serde(default)]
    pub operations: Vec<OperationReport>,
}

/// An executor that runs on an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunningExecutor {
    pub framework_id: FrameworkId,
    pub executor: ExecutorInfo,
    /// The role that its resources count against.
    pub role: String,
}

/// Answers [`RegisterAgent`], after the registry has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentRegistered {
    pub agent_id: AgentId,
    pub epoch: Epoch,
    pub generation: Generation,
    /// The agent should register anew when it has not been pinged for this long.
    pub ping_timeout_ms: u64,
}

/// Answers a `Ping` of the master: from `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {
    pub agent_id: AgentId,
    pub incarnation: Incarnation,
    pub sequence: u64,
}

/// I am leaving for good, my tasks are ended: from `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnregisterAgent {
    pub agent_id: AgentId,
    pub incarnation: Incarnation,
}

/// Route a launch to an agent: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteLaunch {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub framework: FrameworkInfo,
    pub role: String,
    pub tasks: Vec<TaskInfo>,
}

/// Route a kill to an agent: from `frameworks`. Remembered while the agent is away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteKill {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    #[serde(default)]
    pub kill_policy: Option<KillPolicy>,
}

/// Route an acknowledgement to an agent's `updates`: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteAcknowledgement {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub update_id: UpdateId,
    /// Of the registration in which it was acknowledged; absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
}

/// Route the end of a framework to the agents that hold something of it: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteShutdownFramework {
    pub framework_id: FrameworkId,
    pub agents: Vec<AgentId>,
}

/// Route a shutdown of one executor: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteShutdownExecutor {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
}

/// Route a framework's message to an executor, best effort: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteMessage {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

/// The new address of a framework's scheduler does not matter to agents, but its record does:
/// route to the agents that run something of it. From `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteUpdateFramework {
    pub framework: FrameworkInfo,
    pub agents: Vec<AgentId>,
}

/// Route an operation to an agent, before the launches that count on it: from `frameworks`. One that
/// cannot be handed over is answered by telling it `OperationUndeliverable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteOperation {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub operation: AgentOperation,
}

/// Route the acknowledgement of an operation's status to an agent: from `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteOperationAcknowledgement {
    pub agent_id: AgentId,
    pub update_id: UpdateId,
    /// Of the registration in which it was acknowledged; absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
}

/// These machines, and no others, are down for maintenance: what registers from there is turned away,
/// and what is registered is shut down. From `frameworks`, at the beginning of a term and with every
/// change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetDownMachines {
    pub epoch: Epoch,
    pub machines: BTreeSet<MachineId>,
}

/// An operator's word that an agent will never come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkAgentGone {
    pub agent_id: AgentId,
}

/// Which agents are there? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetAgents {}

/// Where an agent is in its life, as the master sees it.
///
/// ```text
///  (registry) Recovered ──register──► Active ◄──register── Disconnected
///                 │                    │  └──link broke──────►  │
///                 │ timeout            │ pings missed           │ timeout
///                 └────────────►  Unreachable  ◄────────────────┘ ──register──► Active
///  any ──goodbye──► (removed)      any ──operator──► Gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// In the registry; has not come back since this master leads.
    Recovered,
    /// Registered and answering.
    Active,
    /// The connection broke; may register again before it is unreachable.
    Disconnected,
    /// Not heard of for too long; in the registry as such.
    Unreachable,
    /// Never to come back.
    Gone,
    #[serde(other)]
    Unknown,
}

/// An agent as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSummary {
    pub agent_id: AgentId,
    pub info: AgentInfo,
    pub state: AgentState,
    pub generation: Generation,
    #[serde(default)]
    pub registered: Option<Time>,
    #[serde(default)]
    pub last_pong: Option<Time>,
}

/// Answers [`GetAgents`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentList {
    pub agents: Vec<AgentSummary>,
}

/// Where one agent's actors are, and what it has: from anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetAgent {
    pub agent_id: AgentId,
}

/// What the sum of all active agents is; for metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterTotal {
    pub resources: Resources,
    pub agents: usize,
}

/// Everything that is there, to be read at leisure on another thread. From anyone; to one of the same
/// host it costs as much as has changed since the last who asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ViewAgents {}

/// Answers [`ViewAgents`]. `last_pong` is that of the last change of something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentsView {
    pub agents: SharedList<AgentSummary>,
}

messages! {
    RegisterAgent -> AgentRegistered,
    Pong,
    UnregisterAgent,
    RouteLaunch,
    RouteKill,
    RouteAcknowledgement,
    RouteShutdownFramework,
    RouteShutdownExecutor,
    RouteMessage,
    RouteUpdateFramework,
    RouteOperation,
    RouteOperationAcknowledgement,
    RouteResize,
    SetDownMachines,
    MarkAgentGone,
    GetAgents -> AgentList,
    GetAgent -> AgentSummary,
    ViewAgents -> AgentsView,
}
