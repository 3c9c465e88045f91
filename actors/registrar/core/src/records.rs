//! The registry as records: one key for each agent and each framework, so that a change costs what
//! it changes and not what the cluster is.

use std::collections::{BTreeMap, BTreeSet};

use protocol::codec;
use protocol::registrar::{AgentRecord, AgentStanding, Registry, RegistryOperation};

use crate::effect::RecordWrite;

const AGENTS: &str = "agents/";
const FRAMEWORKS: &str = "frameworks/";

/// Reads the records. A record that cannot be read is an error: going on without it would forget
/// an agent or a framework.
pub(crate) fn read(records: &BTreeMap<String, Vec<u8>>) -> Result<Registry, String> {
    let mut registry = Registry::default();
    for (key, bytes) in records {
        let unreadable = |failure| format!("the record `{key}` cannot be read: {failure}");
        if let Some(id) = key.strip_prefix(AGENTS) {
            registry.agents.insert(id.into(), codec::decode(bytes).map_err(unreadable)?);
        } else if let Some(id) = key.strip_prefix(FRAMEWORKS) {
            registry.frameworks.insert(id.into(), codec::decode(bytes).map_err(unreadable)?);
        }
    }
    Ok(registry)
}

/// The keys that these operations touch.
pub(crate) fn keys(operations: &[RegistryOperation]) -> BTreeSet<String> {
    operations.iter().map(key).collect()
}

fn key(operation: &RegistryOperation) -> String {
    match operation {
        RegistryOperation::AdmitAgent { agent_id, .. }
        | RegistryOperation::MarkAgentUnreachable { agent_id, .. }
        | RegistryOperation::MarkAgentGone { agent_id, .. }
        | RegistryOperation::RemoveAgent { agent_id } => format!("{AGENTS}{agent_id}"),
        RegistryOperation::PutFramework { framework_id, .. } => {
            format!("{FRAMEWORKS}{framework_id}")
        }
    }
}

/// A registry of only the records with these keys.
pub(crate) fn part(registry: &Registry, keys: &BTreeSet<String>) -> Registry {
    let mut part = Registry::default();
    for key in keys {
        if let Some(found) =
            key.strip_prefix(AGENTS).and_then(|id| registry.agents.get_key_value(id))
        {
            part.agents.insert(found.0.clone(), found.1.clone());
        }
        let framework = key.strip_prefix(FRAMEWORKS);
        if let Some(found) = framework.and_then(|id| registry.frameworks.get_key_value(id)) {
            part.frameworks.insert(found.0.clone(), found.1.clone());
        }
    }
    part
}

/// What the records with these keys are in `registry`.
pub(crate) fn writes(registry: &Registry, keys: &BTreeSet<String>) -> Vec<RecordWrite> {
    let encode = |key: &String| {
        let agent = key.strip_prefix(AGENTS).and_then(|id| registry.agents.get(id));
        let framework = key.strip_prefix(FRAMEWORKS).and_then(|id| registry.frameworks.get(id));
        agent.map(codec::encode).or_else(|| framework.map(codec::encode))
    };
    let write = |key: &String| RecordWrite {
        key: key.clone(),
        value: encode(key).map(|bytes| bytes.expect("records are made of encodable types")),
    };
    keys.iter().map(write).collect()
}

/// Carries one operation out. Each is idempotent, and one that does not fit (an agent that is gone
/// cannot be admitted) changes nothing.
pub(crate) fn apply(registry: &mut Registry, operation: &RegistryOperation) {
    match operation {
        RegistryOperation::AdmitAgent { agent_id, info } => {
            let gone = registry
                .agents
                .get(agent_id)
                .is_some_and(|agent| matches!(agent.standing, AgentStanding::Gone { .. }));
            if !gone {
                let record = AgentRecord { info: info.clone(), standing: AgentStanding::Admitted };
                registry.agents.insert(agent_id.clone(), record);
            }
        }
        RegistryOperation::MarkAgentUnreachable { agent_id, since } => {
            if let Some(agent) = registry.agents.get_mut(agent_id)
                && agent.standing == AgentStanding::Admitted
            {
                agent.standing = AgentStanding::Unreachable { since: *since };
            }
        }
        RegistryOperation::MarkAgentGone { agent_id, since } => {
            if let Some(agent) = registry.agents.get_mut(agent_id)
                && !matches!(agent.standing, AgentStanding::Gone { .. })
            {
                agent.standing = AgentStanding::Gone { since: *since };
            }
        }
        RegistryOperation::RemoveAgent { agent_id } => {
            registry.agents.remove(agent_id);
        }
        RegistryOperation::PutFramework { framework_id, record } => {
            registry.frameworks.insert(framework_id.clone(), record.clone());
        }
    }
}
