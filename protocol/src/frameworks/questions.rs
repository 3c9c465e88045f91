//! From anyone: what is there?

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::constraints::OfferConstraints;
use crate::framework::{FrameworkInfo, FrameworkSummary, InverseOffer, Offer};
use crate::id::{AgentId, FrameworkId, TaskId};
use crate::maintenance::{DrainingMachine, MachineId};
use crate::metrics::FrameworkCounts;
use crate::operation::OperationView;
use crate::resources::Resources;
use crate::shared::SharedList;
use crate::task::{ExecutorInfo, Task};
use crate::time::Time;

/// Which frameworks are there? From anyone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetFrameworks {
    /// Only this one.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
}

/// Answers [`GetFrameworks`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkList {
    pub frameworks: Vec<FrameworkSummary>,
}

/// Which tasks are there? From anyone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetTasks {
    /// Only of this framework.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
    /// Only this one.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// Also the remembered ones that have ended.
    #[serde(default)]
    pub completed: bool,
}

/// Answers [`GetTasks`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    pub tasks: Vec<Task>,
}

/// Which offers are outstanding? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetOffers {}

/// Answers [`GetOffers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferList {
    pub offers: Vec<Offer>,
}

/// Everything that is there, to be read at leisure on another thread. From anyone; to one of the same
/// host it costs as much as has changed since the last who asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ViewFrameworks {}

/// A framework as it is read elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkView {
    pub framework_id: FrameworkId,
    pub info: FrameworkInfo,
    /// Its scheduler is there, and it gets offers.
    pub active: bool,
    /// Known from the registry or from agents, and not subscribed since.
    pub recovered: bool,
    pub registered: Time,
    /// When it was removed, if it was.
    #[serde(default)]
    pub removed: Option<Time>,
    #[serde(default)]
    pub suppressed_roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_constraints: Option<OfferConstraints>,
    /// Its tasks that have ended and are remembered, oldest first.
    pub completed: Vec<Arc<Task>>,
}

/// An executor of a framework's own, where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorView {
    pub agent_id: AgentId,
    pub framework_id: FrameworkId,
    /// The role that its resources count against.
    pub role: String,
    pub info: ExecutorInfo,
}

/// What tasks and executors hold of an agent, and what is kept for tasks that are to grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentUse {
    pub agent_id: AgentId,
    pub used: Resources,
}

/// Answers [`ViewFrameworks`], all of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworksView {
    pub frameworks: SharedList<FrameworkView>,
    /// Removed ones that are remembered, oldest first.
    pub completed_frameworks: Vec<Arc<FrameworkView>>,
    /// Tasks that have not ended, or have and are not acknowledged.
    pub tasks: SharedList<Task>,
    pub executors: SharedList<ExecutorView>,
    /// Of every agent that is known, in the order of agents.
    #[serde(default)]
    pub uses: SharedList<AgentUse>,
    pub offers: SharedList<Offer>,
    #[serde(default)]
    pub inverse_offers: SharedList<InverseOffer>,
    /// Operations on agents that are on their way, or whose outcome was not acknowledged.
    #[serde(default)]
    pub operations: Vec<Arc<OperationView>>,
    /// Of those that have done anything since this master leads.
    #[serde(default)]
    pub counts: SharedList<FrameworkCounts>,
}

/// What is planned? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMaintenance {}

/// How far is it? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMaintenanceStatus {}

/// Answers [`GetMaintenanceStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceStatus {
    pub draining: Vec<DrainingMachine>,
    pub down: Vec<MachineId>,
}
