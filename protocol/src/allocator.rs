//! To `allocator` (on the master, or wherever the configuration says): who is offered what.
//!
//! All facts come from `frameworks`, in order, so the allocator never sees an effect before its
//! cause. What it decides goes back as `OfferAllocations`. Its view is derived: after a restart it
//! asks `frameworks` for everything by answering the first message it does not understand with
//! [`crate::FailureKind::Refused`], and is sent [`ResetAllocator`] and the facts anew.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::constraints::OfferConstraints;
use crate::explain::{ExplainRole, RoleStanding};
use crate::framework::{AgentInfo, Filters, FrameworkInfo, Unavailability};
use crate::id::{AgentId, Epoch, FrameworkId, Generation};
use crate::messages;
use crate::quota::Quota;
use crate::resources::{Resources, Scalar};
use crate::time::Time;

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
    /// Which agents it is interested in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_constraints: Option<OfferConstraints>,
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

/// The agent has changed within its registration: more or less resources, other attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateAgent {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub info: AgentInfo,
}

/// Offer nothing of this agent (it is drained, or away for a moment), or offer it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetAgentActive {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub active: bool,
}

/// An agent is going to be away for maintenance; absent: it is not. Whoever holds something there
/// is sent an inverse offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetUnavailability {
    pub agent_id: AgentId,
    pub generation: Generation,
    #[serde(default)]
    pub unavailability: Option<Unavailability>,
}

/// A framework has accepted or declined an inverse offer, or it was rescinded: another may be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerInverseOffer {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub framework_id: FrameworkId,
    pub accepted: bool,
    /// Do not ask again for this long. Absent: not before something changes.
    #[serde(default)]
    pub filters: Option<Filters>,
}

/// Resources became others, of the same agent: reserved or unreserved, made into a volume or out of
/// one. They are held as before: by the framework and role, or, if none is named, by nobody.
/// Refused, and nothing is changed, if `consumed` is not there; an operator's change of what is free
/// loses to an offer of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConvertResources {
    pub agent_id: AgentId,
    pub generation: Generation,
    #[serde(default)]
    pub holder: Option<Holder>,
    pub consumed: Resources,
    pub produced: Resources,
}

/// Who holds something on an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    pub framework_id: FrameworkId,
    pub role: String,
}

/// Shared resources of an agent are used once more for each time that they are in here, by somebody
/// who holds them already. What is shared is never used up: it is told, not asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShareResources {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub holder: Holder,
    pub resources: Resources,
}

/// Who holds something on an agent wants more of what is free there. Refused, and nothing is changed,
/// if it is not free, not for this holder, or beyond what quotas allow its role. From `frameworks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrowHolding {
    pub agent_id: AgentId,
    pub generation: Generation,
    pub holder: Holder,
    pub resources: Resources,
}

/// What a role is guaranteed and limited to, instead of what was; a default one removes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetQuota {
    pub role: String,
    pub quota: Quota,
}

/// How much a role counts beside its siblings; absent: as the configuration has it, or 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetWeight {
    pub role: String,
    #[serde(default)]
    pub weight: Option<f64>,
}

/// A framework would like to have so much for a role (the REQUEST call), instead of what it wished
/// before; nothing: no more than it has. Only policies with preemption act on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestResources {
    pub framework_id: FrameworkId,
    pub role: String,
    pub resources: Resources,
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
    #[serde(default)]
    pub quota: Quota,
    /// What counts against the quota: reserved for the role or a descendant, or allocated to one.
    #[serde(default)]
    pub consumed: BTreeMap<String, Scalar>,
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

/// Why is this framework getting offers or none, now? From anyone. Refused if it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainFramework {
    pub framework_id: FrameworkId,
}

/// Answers [`ExplainFramework`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkExplanation {
    pub framework_id: FrameworkId,
    /// Subscribed, with a connected scheduler.
    pub active: bool,
    pub roles: Vec<RoleExplanation>,
    /// The last offers that it gave back, the newest first; the allocator remembers a few.
    pub recent: Vec<Rejection>,
}

/// Why a framework is or is not getting offers for one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleExplanation {
    pub role: String,
    /// The one reason that matters most.
    pub verdict: Verdict,
    /// The same as a sentence.
    pub summary: String,
    /// Offered to it or used by it.
    pub allocated: Resources,
    /// The largest fraction of any resource of the cluster that the framework has for this role.
    pub dominant_share: f64,
    /// How many frameworks and roles are served before it, as things are.
    pub ahead: usize,
    /// Agents by what became of them for this framework; all agents together.
    pub agents: BTreeMap<Verdict, usize>,
}

/// What keeps an agent's resources from a framework; [`Verdict::Offerable`]: nothing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is offered, or about to be.
    Offerable,
    /// Others hold all of it.
    NothingFree,
    /// Less is free than makes an offer.
    Minimum,
    /// It has been refused, and the filter is in force.
    Filter,
    /// The role, or one above it, has reached its limit.
    Limit,
    /// What is free is held back for the guarantees of others.
    HeldBack,
    /// What is free is reserved for others.
    Reserved,
    /// A capability is missing: of GPUs, of revocable or shared resources, of other regions.
    Capability,
    /// The framework's offer constraints exclude it.
    Constraint,
    /// The agent is deactivated.
    AgentInactive,
    /// Others are served first.
    Share,
    /// The framework has suppressed the role.
    Suppressed,
    /// The framework is not connected.
    Inactive,
    /// It has offers, and has not answered them.
    Offered,
    /// There is no allocator that could offer anything.
    NoAllocator,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// An offer that came back whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    pub at: Time,
    pub agent_id: AgentId,
    pub role: String,
    pub resources: Resources,
    /// When it may be offered again.
    pub until: Time,
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
    UpdateAgent,
    SetAgentActive,
    SetUnavailability,
    AnswerInverseOffer,
    ConvertResources,
    ShareResources,
    GrowHolding,
    SetQuota,
    SetWeight,
    RequestResources,
    GetRoles -> RoleList,
    ExplainFramework -> FrameworkExplanation,
    ExplainRole -> RoleStanding,
}
