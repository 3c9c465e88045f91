//! How the registry lies in the store: one key for each record.

use std::collections::BTreeMap;

use protocol::Failure;
use protocol::codec::{self, EncodeError};
use protocol::registrar::Registry;
use serde::Serialize;

use crate::tables;

/// `agents/<agent id>` → `AgentRecord`.
pub const AGENTS: &str = "agents/";
/// `frameworks/<framework id>` → `FrameworkRecord`.
pub const FRAMEWORKS: &str = "frameworks/";
/// `quotas/<role>` → `Quota`.
pub const QUOTAS: &str = "quotas/";
/// `weights/<role>` → a number.
pub const WEIGHTS: &str = "weights/";
/// `maintenance/<name of the schedule>` → `Maintenance`.
pub const MAINTENANCE: &str = "maintenance/";

/// A record that cannot be read. It was written by a newer version, or by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record `{key}` of the registry cannot be read: {failure}")]
pub(crate) struct Unreadable {
    key: String,
    failure: Failure,
}

pub(crate) fn write<T: Serialize>(record: &T) -> Result<Vec<u8>, EncodeError> {
    codec::encode(record)
}

/// The registry that these records are. Keys of other kinds belong to others, and stay.
pub(crate) fn read(records: BTreeMap<String, Vec<u8>>) -> Result<Registry, Unreadable> {
    let mut registry = Registry::default();
    for (key, value) in records {
        let read = tables::read(&mut registry, &key, &value);
        read.map_err(|failure| Unreadable { key, failure })?;
    }
    Ok(registry)
}
