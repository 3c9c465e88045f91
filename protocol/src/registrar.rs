//! To `registrar`, the only writer of the master's registry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::framework::{AgentInfo, FrameworkInfo};
use crate::id::{AgentId, Epoch, FrameworkId};
use crate::maintenance::Maintenance;
use crate::messages;
use crate::quota::Quota;
use crate::time::Time;

/// Where an agent stands in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentStanding {
    /// May register and be offered.
    Admitted,
    /// Has not been heard of since; its tasks may still run.
    Unreachable { since: Time },
    /// An operator said that it will never come back; its id is refused for ever.
    Gone { since: Time },
}

/// What the registry knows of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentRecord {
    pub info: AgentInfo,
    pub standing: AgentStanding,
}

/// What the registry knows of a framework.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkRecord {
    pub info: FrameworkInfo,
    pub registered: Time,
    /// Torn down or timed out: its id is never accepted again.
    #[serde(default)]
    pub removed: Option<Time>,
}

/// The whole registry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Registry {
    pub agents: BTreeMap<AgentId, AgentRecord>,
    pub frameworks: BTreeMap<FrameworkId, FrameworkRecord>,
    /// By role, as operators have set them instead of what the configuration has.
    #[serde(default)]
    pub quotas: BTreeMap<String, Quota>,
    /// The same of the weights.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// What is planned and begun, by the name of the schedule: there is one, [`Maintenance::CLUSTER`].
    #[serde(default)]
    pub maintenance: BTreeMap<String, Maintenance>,
}

/// One change of the registry. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistryOperation {
    /// Admit a new agent, or renew what is known of an admitted or unreachable one.
    AdmitAgent {
        agent_id: AgentId,
        info: AgentInfo,
    },
    MarkAgentUnreachable {
        agent_id: AgentId,
        since: Time,
    },
    MarkAgentGone {
        agent_id: AgentId,
        since: Time,
    },
    /// The agent said goodbye; its record goes.
    RemoveAgent {
        agent_id: AgentId,
    },
    PutFramework {
        framework_id: FrameworkId,
        record: FrameworkRecord,
    },
    /// What a role is guaranteed and limited to, a default one included. Absent: the record goes,
    /// and the role has what the configuration says.
    SetQuota {
        role: String,
        #[serde(default)]
        quota: Option<Quota>,
    },
    /// How much a role counts beside its siblings. Absent: as for a quota.
    SetWeight {
        role: String,
        #[serde(default)]
        weight: Option<f64>,
    },
    /// Everything that is planned and begun, instead of what was.
    PutMaintenance {
        maintenance: Maintenance,
    },
}

/// Make these changes durable, all or none. Answered once they are; refused if the epoch is not
/// the one this registrar leads under. An unknown outcome is not answered: the registrar restarts
/// from the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApplyOperations {
    pub epoch: Epoch,
    pub operations: Vec<RegistryOperation>,
}

/// The registry as it is durable now. Refused by a host that does not lead; answered by one that
/// does as soon as it has loaded it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetRegistry {}

/// Answers [`GetRegistry`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegistrySnapshot {
    pub epoch: Epoch,
    pub registry: Registry,
}

messages! {
    ApplyOperations,
    GetRegistry -> RegistrySnapshot,
}
