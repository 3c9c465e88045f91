//! How the registry lies in the store: one key for each agent and framework.

use std::collections::BTreeMap;

use protocol::codec::{self, EncodeError};
use protocol::registrar::Registry;
use protocol::{AgentId, Failure, FrameworkId};
use serde::Serialize;

/// `agents/<agent id>` → `AgentRecord`.
pub const AGENTS: &str = "agents/";
/// `frameworks/<framework id>` → `FrameworkRecord`.
pub const FRAMEWORKS: &str = "frameworks/";

/// A record that cannot be read. It was written by a newer version, or by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record `{key}` of the registry cannot be read: {failure}")]
pub(crate) struct Unreadable {
    key: String,
    failure: Failure,
}

pub(crate) fn agent_key(id: &AgentId) -> String {
    format!("{AGENTS}{id}")
}

pub(crate) fn framework_key(id: &FrameworkId) -> String {
    format!("{FRAMEWORKS}{id}")
}

pub(crate) fn write<T: Serialize>(record: &T) -> Result<Vec<u8>, EncodeError> {
    codec::encode(record)
}

/// The registry that these records are. Keys of other kinds belong to others, and stay.
pub(crate) fn read(records: BTreeMap<String, Vec<u8>>) -> Result<Registry, Unreadable> {
    let mut registry = Registry::default();
    for (key, value) in records {
        let unreadable = |failure| Unreadable { key: key.clone(), failure };
        if let Some(id) = key.strip_prefix(AGENTS) {
            let record = codec::decode(&value).map_err(unreadable)?;
            registry.agents.insert(AgentId::from(id), record);
        } else if let Some(id) = key.strip_prefix(FRAMEWORKS) {
            let record = codec::decode(&value).map_err(unreadable)?;
            registry.frameworks.insert(FrameworkId::from(id), record);
        }
    }
    Ok(registry)
}
