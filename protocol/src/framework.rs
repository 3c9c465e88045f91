//! Frameworks and offers: who schedules, and what it is promised.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::id::{AgentId, ExecutorId, FrameworkId, Generation, OfferId};
use crate::resources::Resources;
use crate::task::{Label, TaskInfo};
use crate::time::Time;

/// What a framework can deal with; the v1 names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    RevocableResources,
    TaskKillingState,
    GpuResources,
    SharedResources,
    PartitionAware,
    MultiRole,
    ReservationRefinement,
    RegionAware,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A framework as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkInfo {
    /// Unix user that its tasks run as unless they name another.
    pub user: String,
    pub name: String,
    /// Absent: it is new and wants an id.
    #[serde(default)]
    pub id: Option<FrameworkId>,
    /// How long its tasks are kept after its scheduler has gone, in milliseconds.
    #[serde(default)]
    pub failover_timeout_ms: u64,
    /// Roles it wants offers for; `*` is the default role.
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub hostname: String,
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub webui_url: Option<String>,
    #[serde(default)]
    pub checkpoint: bool,
    #[serde(default)]
    pub capabilities: BTreeSet<Capability>,
    #[serde(default)]
    pub labels: Vec<Label>,
}

impl FrameworkInfo {
    /// A new one for the default role, that states nothing else.
    pub fn new(user: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            name: name.into(),
            id: None,
            failover_timeout_ms: 0,
            roles: vec!["*".to_owned()],
            hostname: String::new(),
            principal: None,
            webui_url: None,
            checkpoint: false,
            capabilities: BTreeSet::new(),
            labels: Vec::new(),
        }
    }
}

/// An attribute of an agent, for placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    Text(String),
    Scalar(crate::resources::Scalar),
    Ranges(crate::resources::Ranges),
}

/// An agent as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentInfo {
    pub hostname: String,
    /// Where its actors are.
    pub host: HostAddr,
    /// Where its HTTP edge is, `host:port`.
    pub http: String,
    /// Everything it has.
    pub resources: Resources,
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// The kernel's boot id; a new one means that every process of the old one is gone.
    pub boot_id: String,
    pub version: String,
}

/// A promise about one agent to one framework for one role. Accepting consumes it whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    pub offer_id: OfferId,
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub hostname: String,
    /// The agent's HTTP edge.
    pub http: String,
    pub role: String,
    pub resources: Resources,
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// The framework's executors that already run there.
    #[serde(default)]
    pub executor_ids: Vec<ExecutorId>,
}

/// How long not to be offered again what was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filters {
    /// In milliseconds. Zero: no filter.
    #[serde(default = "Filters::default_refuse_ms")]
    pub refuse_ms: u64,
}

impl Filters {
    /// A year: what longer wishes are capped to, as in Mesos.
    pub const MAX_REFUSE_MS: u64 = 365 * 24 * 3600 * 1000;

    /// No filter at all: offer it again at once.
    pub const NONE: Self = Self { refuse_ms: 0 };

    /// 5 s, as in Mesos.
    fn default_refuse_ms() -> u64 {
        5000
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self { refuse_ms: Self::default_refuse_ms() }
    }
}

/// What an accept does with its offers, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Start these tasks on the offers' agent.
    Launch { tasks: Vec<TaskInfo> },
}

/// What the allocator decided: these resources of this agent to this framework for this role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Allocation {
    pub framework_id: FrameworkId,
    pub role: String,
    pub agent_id: AgentId,
    /// The registration of the agent that it was decided for; stale ones are returned.
    pub generation: Generation,
    pub resources: Resources,
}

/// A framework as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkSummary {
    pub info: FrameworkInfo,
    pub framework_id: FrameworkId,
    pub connected: bool,
    /// Gets offers: connected and not deactivated.
    pub active: bool,
    pub registered: Time,
    #[serde(default)]
    pub suppressed_roles: BTreeSet<String>,
    pub tasks: usize,
    pub offers: usize,
    /// Held by its tasks and executors.
    pub used: Resources,
    /// In outstanding offers.
    pub offered: Resources,
}
