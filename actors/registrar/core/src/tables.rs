//! The kinds of records: a line of the table for each, and what is the same for all of them.

use std::collections::BTreeMap;

use protocol::codec::{self, EncodeError};
use protocol::maintenance::Maintenance;
use protocol::quota::Quota;
use protocol::registrar::{AgentRecord, FrameworkRecord, Registry};
use protocol::{AgentId, Failure, FrameworkId};
use serde::Serialize;

use crate::effect::RecordWrite;
use crate::records::{self, AGENTS, FRAMEWORKS, MAINTENANCE, QUOTAS, WEIGHTS};

/// Records that are to change, by what they are about. `None` is one that goes.
pub(crate) type Changes<K, R> = BTreeMap<K, Option<R>>;

macro_rules! tables {
    ($($table:ident: $id:ty => $record:ty, $prefix:expr;)+) => {
        /// What is to change.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct Draft {
            $(pub(crate) $table: Changes<$id, $record>,)+
        }

        impl Draft {
            /// With the changes of a later request on top.
            pub(crate) fn absorb(&mut self, later: Self) {
                $(self.$table.extend(later.$table);)+
            }

            /// The key of every record that it touches, with what is to be written; nothing where
            /// the durable record is like that already.
            pub(crate) fn writes(
                &self,
                durable: &Registry,
            ) -> Result<Vec<(String, Option<RecordWrite>)>, EncodeError> {
                let mut all = Vec::new();
                $(for (id, record) in &self.$table {
                    let same = durable.$table.get(id) == record.as_ref();
                    all.push(write(format!("{}{id}", $prefix), same, record.as_ref())?);
                })+
                Ok(all)
            }

            /// It is durable.
            pub(crate) fn merge_into(self, registry: &mut Registry) {
                $(merge(self.$table, &mut registry.$table);)+
            }
        }

        /// Reads one record into the registry, if it is of a kind that is known.
        pub(crate) fn read(
            registry: &mut Registry,
            key: &str,
            value: &[u8],
        ) -> Result<(), Failure> {
            $(if let Some(id) = key.strip_prefix($prefix) {
                registry.$table.insert(<$id>::from(id), codec::decode(value)?);
                return Ok(());
            })+
            Ok(())
        }
    };
}

tables! {
    agents: AgentId => AgentRecord, AGENTS;
    frameworks: FrameworkId => FrameworkRecord, FRAMEWORKS;
    quotas: String => Quota, QUOTAS;
    weights: String => f64, WEIGHTS;
    maintenance: String => Maintenance, MAINTENANCE;
}

fn write<T: Serialize>(
    key: String,
    same: bool,
    record: Option<&T>,
) -> Result<(String, Option<RecordWrite>), EncodeError> {
    if same {
        return Ok((key, None));
    }
    let value = record.map(records::write).transpose()?;
    Ok((key.clone(), Some(RecordWrite { key, value })))
}

fn merge<K: Ord, R>(changes: Changes<K, R>, durable: &mut BTreeMap<K, R>) {
    for (id, record) in changes {
        match record {
            Some(record) => drop(durable.insert(id, record)),
            None => drop(durable.remove(&id)),
        }
    }
}
