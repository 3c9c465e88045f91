//! To `allocator` (on the master, or wherever the configuration says): who is offered what.
//!
//! All facts come from `frameworks`, in order, so the allocator never sees an effect before its
//! cause. What it decides goes back as `OfferAllocations`. Its view is derived: after a restart it
//! asks `frameworks` for everything by answering the first message it does not understand with
//! [`crate::FailureKind::Refused`], and is sent [`ResetAllocator`] and the facts anew.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::framework::{AgentInfo, Filters, FrameworkInfo};
use crate::id::{AgentId, Epoch, FrameworkId, Generation};
use crate::messages;
use crate::resources::{Resources, Scalar};

/// Forget everything: the facts follow. Allocations go to the sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResetAllocator {
    pub epoch: Epoch,
    /// Grows with every reset; `OfferAllocations` names it, so that what was decided before a reset
    /// and is still on its way is recognised.
    #[serde(default)]
    pub round: u64,
}

/// A framework subscribed, or changed its roles. Replaces what was known of it, not what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddFramework {
    pub framework_id: FrameworkId,
    pub info: FrameworkInfo,
    pub suppressed_roles: Vec<String>,
    /// Whether it may be offered something now (its scheduler is connected).
    pub active: bool,
}

/// Its scheduler connected or disconnected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetFrameworkActive {
    pub framework_id: FrameworkId,
    pub active: bool,
}

/// It is gone; what it held has been or will be returned agent by agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemoveFramework {
    pub framework_id: FrameworkId,
}

/// What one framework holds on one agent, for one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holding {
    pub framework_id: FrameworkId,
    pub role: String,
    pub resources: Resources,
}

/// An agent has joined, with what is used on it. Replaces an earlier generation of it whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddAgent {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub info: AgentInfo,
    pub used: Vec<Holding>,
}

/// The agent is not there: forget it and everything held on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemoveAgent {
    pub agent_id: AgentId,
    pub generation: Generation,
}

/// Resources that were allocated (offered or used) are free again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverResources {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub role: String,
    pub resources: Resources,
    /// Do not offer them to this framework again for this long. Absent: no filter.
    #[serde(default)]
    pub filters: Option<Filters>,
}

/// The framework's filters are void and these roles (none: all) are unsuppressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviveRoles {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Offer nothing to these roles (none: all) of the framework.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuppressRoles {
    pub framework_id: FrameworkId,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// What are the shares? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetRoles {}

/// One role as the allocator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleSummary {
    pub role: String,
    pub weight: f64,
    /// Frameworks subscribed to it.
    pub frameworks: Vec<FrameworkId>,
    /// Offered or used.
    pub allocated: Resources,
    /// Largest fraction of any resource of the cluster that it holds, 0 to 1.
    pub dominant_share: f64,
    /// The resource of that fraction.
    #[serde(default)]
    pub dominant_resource: Option<String>,
}

/// Answers [`GetRoles`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleList {
    pub policy: String,
    pub roles: Vec<RoleSummary>,
    /// Sum over all agents.
    pub total: BTreeMap<String, Scalar>,
    /// Sum over all agents of what is neither offered nor used.
    pub free: BTreeMap<String, Scalar>,
}

messages! {
    ResetAllocator,
    AddFramework,
    SetFrameworkActive,
    RemoveFramework,
    AddAgent,
    RemoveAgent,
    RecoverResources,
    ReviveRoles,
    SuppressRoles,
    GetRoles -> RoleList,
}
