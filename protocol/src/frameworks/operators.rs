//! From operators: quotas, weights, reservations, maintenance.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::AgentId;
use crate::maintenance::{MachineId, MaintenanceWindow};
use crate::operation::ResourceOperation;
use crate::quota::Quota;

/// Give roles these quotas instead of those that they have, all of them or none; a default one takes
/// the role's away. Answered when it is durable and offers have made room for it. Refused if it makes
/// no sense; unless forced, also if more is guaranteed than the cluster has
/// ([`crate::FailureKind::Conflict`]), or a limit is below what the role consumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateQuotas {
    pub quotas: BTreeMap<String, Quota>,
    #[serde(default)]
    pub force: bool,
    /// Only if each of the roles has a quota now ([`crate::FailureKind::NotFound`] otherwise), or if
    /// none has ([`crate::FailureKind::AlreadyExists`]).
    #[serde(default)]
    pub present: Option<bool>,
}

/// Let roles count so much beside their siblings, all of them or none. Answered when it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateWeights {
    pub weights: BTreeMap<String, f64>,
}

/// Which roles have quotas and weights? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct GetRoleSettings {}

/// What is set for roles, by the configuration or by operators. Answers [`GetRoleSettings`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoleSettings {
    pub quotas: BTreeMap<String, Quota>,
    pub weights: BTreeMap<String, f64>,
}

/// Turn resources of this agent that nobody uses into others; offers of them are rescinded. Answered
/// when it is on its way to the agent. `Refused`: it makes no sense; `NotFound`: there is no such
/// agent; `Forbidden`: the principal may not do that; `Conflict`: what it needs is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperateOnAgent {
    pub agent_id: AgentId,
    pub operation: ResourceOperation,
    /// Who wants it, if it is known: what is reserved or made is theirs.
    #[serde(default)]
    pub principal: Option<String>,
}

/// These machines are to be away, and no others. Answered when it is durable; refused, with nothing
/// changed, if it is no schedule or leaves out a machine that is down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateMaintenanceSchedule {
    pub windows: Vec<MaintenanceWindow>,
}

/// These machines go down now: their agents are shut down. Answered when it is durable; refused if
/// one of them is not in the schedule, or down already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartMaintenance {
    pub machines: Vec<MachineId>,
}

/// These machines are up again, and no longer in the schedule. Answered when it is durable; refused
/// if one of them is not down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopMaintenance {
    pub machines: Vec<MachineId>,
}
