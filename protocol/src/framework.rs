//! Frameworks and offers: who schedules, and what it is promised.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::id::{
    AgentId, ExecutorId, FrameworkId, Generation, OfferId, OperationId, TaskId, UpdateId,
};
use crate::operation::ResourceOperation;
use crate::resources::{Resources, Scalar};
use crate::task::{Label, Reason, TaskInfo};
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
    /// By role: what an offer has to contain to be of use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offer_filters: BTreeMap<String, OfferFilters>,
}

/// What an offer for one role has to contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferFilters {
    /// One of these sets of scalars, instead of the cluster's own minimum. An empty list: anything.
    #[serde(default)]
    pub min_allocatable: Option<Vec<BTreeMap<String, Scalar>>>,
}

/// Why offer filters cannot be used. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferFiltersError {
    #[error("Resource quantities must contain at least one quantity")]
    Empty,
    #[error("Invalid resource quantity for '{0}': Negative values not supported")]
    Negative(String),
}

impl OfferFilters {
    /// Whether they can be used.
    ///
    /// # Errors
    /// Says what is wrong, with Mesos' text.
    pub fn validate(&self) -> Result<(), OfferFiltersError> {
        for amounts in self.min_allocatable.iter().flatten() {
            if amounts.is_empty() {
                return Err(OfferFiltersError::Empty);
            }
            if let Some((name, _)) = amounts.iter().find(|(_, amount)| **amount < Scalar::ZERO) {
                return Err(OfferFiltersError::Negative(name.clone()));
            }
        }
        Ok(())
    }
}

/// Where an agent or a master is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Domain {
    pub region: String,
    pub zone: String,
}

/// When an agent is going to be away for maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unavailability {
    pub start: Time,
    /// In milliseconds. Absent: for ever.
    #[serde(default)]
    pub duration_ms: Option<u64>,
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
            offer_filters: BTreeMap::new(),
        }
    }
}

/// An attribute of an agent, for placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    Text(String),
    Scalar(Scalar),
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
    /// Where it is, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
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
    /// When the agent is going to be away, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailability: Option<Unavailability>,
    /// Where the agent is, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

/// A wish to one framework that it leaves one agent, before somebody makes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InverseOffer {
    pub offer_id: OfferId,
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub hostname: String,
    /// The agent's HTTP edge.
    pub http: String,
    /// From when on, and for how long.
    pub unavailability: Unavailability,
    /// What is wanted back, for others have a better claim to it. Absent: all that it has there,
    /// because the agent is going to be away.
    #[serde(default)]
    pub wanted: Option<Wanted>,
}

/// What of an agent is wanted back from a framework.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wanted {
    /// For which it has them.
    pub role: String,
    pub resources: Resources,
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
    /// Turn resources of the offers into others; what follows in the same accept sees them, but for
    /// volumes that have grown or shrunk.
    Apply {
        /// There: its scheduler wants to hear of its outcome.
        #[serde(default)]
        operation_id: Option<OperationId>,
        operation: Box<ResourceOperation>,
    },
    /// One that its edge could not express, so that its scheduler is told what becomes of it: the
    /// tasks are TASK_ERROR with the reason and the message, the operation is OPERATION_ERROR.
    Refused {
        #[serde(default)]
        operation_id: Option<OperationId>,
        #[serde(default)]
        task_ids: Vec<TaskId>,
        reason: Reason,
        message: String,
    },
}

/// How an operation on offers stands; the v1 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationState {
    #[serde(rename = "OPERATION_PENDING")]
    Pending,
    #[serde(rename = "OPERATION_FINISHED")]
    Finished,
    #[serde(rename = "OPERATION_FAILED")]
    Failed,
    #[serde(rename = "OPERATION_ERROR")]
    Error,
    #[serde(rename = "OPERATION_DROPPED")]
    Dropped,
    #[serde(rename = "OPERATION_UNREACHABLE")]
    Unreachable,
    #[serde(rename = "OPERATION_GONE_BY_OPERATOR")]
    GoneByOperator,
    #[serde(rename = "OPERATION_RECOVERING")]
    Recovering,
    #[serde(rename = "OPERATION_UNKNOWN", other)]
    Unknown,
}

impl OperationState {
    /// Nothing more becomes of it.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Finished | Self::Failed | Self::Error | Self::Dropped | Self::GoneByOperator => {
                true
            }
            Self::Pending | Self::Unreachable | Self::Recovering | Self::Unknown => false,
        }
    }
}

/// One report about an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationStatus {
    /// Absent: its scheduler gave it none, and is not told.
    #[serde(default)]
    pub operation_id: Option<OperationId>,
    pub state: OperationState,
    /// One line for people.
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// What there is instead of what was: of one that is finished.
    #[serde(default)]
    pub converted: Resources,
    /// There: it is repeated until this is acknowledged.
    #[serde(default)]
    pub update_id: Option<UpdateId>,
}

impl OperationStatus {
    /// One that wants no acknowledgement.
    pub fn new(operation_id: Option<OperationId>, state: OperationState) -> Self {
        Self {
            operation_id,
            state,
            message: String::new(),
            agent_id: None,
            converted: Resources::EMPTY,
            update_id: None,
        }
    }
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

/// A wish of the allocator: this framework should leave this agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InverseAllocation {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub generation: Generation,
    pub unavailability: Unavailability,
}

/// A decision of the allocator: what one framework holds on one agent for one role, and others have
/// a better claim to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reclaim {
    pub framework_id: FrameworkId,
    pub role: String,
    pub agent_id: AgentId,
    pub generation: Generation,
    /// At least so much, and as little more as tasks allow.
    pub resources: Resources,
    /// Who is to have them.
    pub for_role: String,
    /// How long tasks may take to end by themselves, in milliseconds.
    pub grace_ms: u64,
}

/// A decision of the allocator: of what it had a [`Reclaim`] say, what has not come back is not needed
/// any more, for that role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawal {
    pub framework_id: FrameworkId,
    pub role: String,
    pub agent_id: AgentId,
    pub generation: Generation,
    /// Who was to have it.
    pub for_role: String,
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
