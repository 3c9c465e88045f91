//! Changes of the registry that are not durable yet, laid over it.

use std::collections::BTreeMap;

use protocol::codec::EncodeError;
use protocol::registrar::{AgentRecord, FrameworkRecord, Registry};
use protocol::{AgentId, FrameworkId};

use crate::effect::RecordWrite;
use crate::records;

/// What is to change. `None` is a record that goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Draft {
    agents: BTreeMap<AgentId, Option<AgentRecord>>,
    frameworks: BTreeMap<FrameworkId, Option<FrameworkRecord>>,
}

/// What one request sees while it is applied: its own changes, over those of the requests before
/// it in the same commit, over what is durable.
pub(crate) struct View<'a> {
    pub(crate) own: Draft,
    pub(crate) before: &'a Draft,
    pub(crate) durable: &'a Registry,
}

impl View<'_> {
    /// The agent's record as it would be.
    pub(crate) fn agent(&self, id: &AgentId) -> Option<&AgentRecord> {
        match self.own.agents.get(id).or_else(|| self.before.agents.get(id)) {
            Some(changed) => changed.as_ref(),
            None => self.durable.agents.get(id),
        }
    }

    /// The framework's record as it would be.
    pub(crate) fn framework(&self, id: &FrameworkId) -> Option<&FrameworkRecord> {
        match self.own.frameworks.get(id).or_else(|| self.before.frameworks.get(id)) {
            Some(changed) => changed.as_ref(),
            None => self.durable.frameworks.get(id),
        }
    }
}

impl Draft {
    pub(crate) fn put_agent(&mut self, id: AgentId, record: Option<AgentRecord>) {
        self.agents.insert(id, record);
    }

    pub(crate) fn put_framework(&mut self, id: FrameworkId, record: Option<FrameworkRecord>) {
        self.frameworks.insert(id, record);
    }

    /// With the changes of a later request on top.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.agents.extend(later.agents);
        self.frameworks.extend(later.frameworks);
    }

    /// The key of every record that it touches, with what is to be written; nothing where the
    /// durable record is like that already.
    pub(crate) fn writes(
        &self,
        durable: &Registry,
    ) -> Result<Vec<(String, Option<RecordWrite>)>, EncodeError> {
        let agents = self.agents.iter().map(|(id, record)| {
            let same = durable.agents.get(id) == record.as_ref();
            write(records::agent_key(id), same, record.as_ref())
        });
        let frameworks = self.frameworks.iter().map(|(id, record)| {
            let same = durable.frameworks.get(id) == record.as_ref();
            write(records::framework_key(id), same, record.as_ref())
        });
        agents.chain(frameworks).collect()
    }

    /// It is durable.
    pub(crate) fn merge_into(self, registry: &mut Registry) {
        for (id, record) in self.agents {
            match record {
                Some(record) => drop(registry.agents.insert(id, record)),
                None => drop(registry.agents.remove(&id)),
            }
        }
        for (id, record) in self.frameworks {
            match record {
                Some(record) => drop(registry.frameworks.insert(id, record)),
                None => drop(registry.frameworks.remove(&id)),
            }
        }
    }
}

fn write<T: serde::Serialize>(
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
