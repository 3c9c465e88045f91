//! Why things are as they are: questions that people ask of a cluster, and their answers.
//!
//! [`ExplainOffers`] is asked of `frameworks`, which adds what the allocator says;
//! [`ExplainRole`] of `frameworks`, which passes it to the allocator; [`ExplainApp`] of `services`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::allocator::{Rejection, RoleExplanation, Verdict};
use crate::id::{AgentId, FrameworkId, OfferId, TaskId};
use crate::quota::Quota;
use crate::resources::{Resources, Scalar};
use crate::services::InstanceFailure;
use crate::time::Time;

/// Why is this framework getting offers or none, now? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainOffers {
    pub framework_id: FrameworkId,
    /// What it waits for: which agents have that is answered, too.
    #[serde(default)]
    pub need: Option<Need>,
}

/// What something needs of one agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// For whom: what is reserved for others is of no use.
    pub role: String,
    pub resources: Resources,
    /// So many ports beside, whichever.
    #[serde(default)]
    pub ports: u64,
}

/// Answers [`ExplainOffers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OffersExplanation {
    pub framework_id: FrameworkId,
    pub name: String,
    pub standing: FrameworkStanding,
    /// When it is removed, unless its scheduler is there by then.
    #[serde(default)]
    pub removed_at: Option<Time>,
    /// The one reason that matters most.
    pub verdict: Verdict,
    /// The same as a sentence.
    pub summary: String,
    /// How many offers it has and has not answered.
    pub offers: usize,
    pub offered: Resources,
    /// Held by its tasks and executors.
    pub used: Resources,
    /// Role by role, as the allocator says.
    #[serde(default)]
    pub roles: Vec<RoleExplanation>,
    /// The last offers that it gave back, the newest first.
    #[serde(default)]
    pub declined: Vec<Rejection>,
    /// What else came to nothing, the newest first.
    #[serde(default)]
    pub setbacks: Vec<Setback>,
    /// Where the allocator is.
    pub allocator: Address,
    /// Why the allocator's part is missing.
    #[serde(default)]
    pub unexplained: Option<String>,
    /// Which agents have what is needed, if that was asked.
    #[serde(default)]
    pub fit: Option<Fit>,
}

/// Where a framework stands with the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameworkStanding {
    /// Its scheduler is connected.
    Active,
    /// Its scheduler is gone.
    Disconnected,
    /// Known, and not subscribed since this master leads.
    Recovered,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Something that a framework wanted or had, and that came to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setback {
    pub at: Time,
    pub kind: SetbackKind,
    /// One line for people.
    pub reason: String,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    #[serde(default)]
    pub offer_ids: Vec<OfferId>,
    #[serde(default)]
    pub task_ids: Vec<TaskId>,
}

/// What came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetbackKind {
    /// An accept of offers that are not valid, not of one agent, or not for one role.
    AcceptRefused,
    /// A task that was not launched.
    TaskRefused,
    /// An operation that was not done.
    OperationRefused,
    /// A launch that did not reach its agent.
    LaunchDropped,
    /// Offers that it held for too long.
    OfferExpired,
    /// Offers that were taken back.
    OfferRescinded,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Which agents have what is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// Agents that are registered.
    pub agents: usize,
    /// Of these, have enough in all.
    pub large_enough: usize,
    /// Of these, have enough that is neither used nor offered.
    pub free_enough: usize,
    /// By resource: agents that do not have so much of it.
    #[serde(default)]
    pub too_small: BTreeMap<String, usize>,
    /// By resource: agents that have, and not enough of it is free.
    #[serde(default)]
    pub occupied: BTreeMap<String, usize>,
    /// The same as a sentence.
    pub summary: String,
}

/// Where does this role stand, and what does it wait for? From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainRole {
    pub role: String,
}

/// Answers [`ExplainRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleStanding {
    pub role: String,
    /// The one reason that matters most.
    pub verdict: Verdict,
    /// The same as a sentence.
    pub summary: String,
    pub policy: String,
    /// The role above it; absent at the top of the tree.
    #[serde(default)]
    pub parent: Option<String>,
    #[serde(default)]
    pub children: Vec<String>,
    pub weight: f64,
    pub priority: i64,
    /// Offered to it or its descendants, or used by them.
    pub allocated: Resources,
    /// Largest fraction of any resource of the cluster that they hold, 0 to 1.
    pub dominant_share: f64,
    #[serde(default)]
    pub dominant_resource: Option<String>,
    #[serde(default)]
    pub quota: Quota,
    /// What counts against the quota.
    #[serde(default)]
    pub consumed: BTreeMap<String, Scalar>,
    /// What it is guaranteed and does not have.
    #[serde(default)]
    pub lacks: BTreeMap<String, Scalar>,
    /// The role whose limit is used up: this one, or one above it.
    #[serde(default)]
    pub limited_by: Option<String>,
    /// Whether a framework of it or of a descendant wants offers.
    pub wants: bool,
    /// Those beside it in the tree that are served before it, the first to be served first. "." are
    /// the frameworks of the role above.
    #[serde(default)]
    pub ahead: Vec<String>,
    /// Those beside it that want offers and are served after it.
    #[serde(default)]
    pub behind: Vec<String>,
    /// Its own frameworks.
    #[serde(default)]
    pub frameworks: Vec<RoleMember>,
}

/// A framework of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleMember {
    pub framework_id: FrameworkId,
    pub why: RoleExplanation,
}

/// Why do instances of this app run or wait? From anyone. Refused when there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainApp {
    pub id: String,
}

/// Answers [`ExplainApp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppExplanation {
    pub id: String,
    /// Why it is as it is, in a sentence.
    pub summary: String,
    /// How many instances are wanted.
    pub instances: u32,
    pub running: usize,
    /// Launched, and not running yet.
    pub starting: usize,
    /// For an offer that fits.
    pub waiting: usize,
    /// What each instance needs.
    pub need: Need,
    /// Of the service scheduler.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
    /// The service scheduler is subscribed with a master.
    pub connected: bool,
    /// Until when starting is held back after failures.
    #[serde(default)]
    pub delayed_until: Option<Time>,
    #[serde(default)]
    pub last_failure: Option<InstanceFailure>,
    /// Ids of the changes that are still being carried out.
    #[serde(default)]
    pub deployments: Vec<String>,
    /// Why its framework is getting offers or none, and which agents have what is needed.
    #[serde(default)]
    pub offers: Option<OffersExplanation>,
    /// Why the master's part is missing.
    #[serde(default)]
    pub unexplained: Option<String>,
}
