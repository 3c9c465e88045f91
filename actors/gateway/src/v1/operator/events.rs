//! What has happened, as events of the operator API: the log says what, and a view of the cluster
//! what it is about.

use std::collections::BTreeSet;

use protocol::agents::AgentState;
use protocol::events::{Event as Entry, types};
use protocol::framework::FrameworkInfo;
use protocol::id::{AgentId, FrameworkId, Generation, TaskId};
use protocol::task::{Task, TaskState, TaskStatus};
use serde::Deserialize;

use super::answers;
use crate::access::Sight;
use crate::master::cluster::Cluster;
use crate::v1::convert::status::{state_to, status_to};
use crate::v1::stream::HEARTBEAT_SECONDS;
use crate::v1::wire::master::Event;
use crate::v1::wire::master::event::{
    AgentAdded, AgentRemoved, FrameworkAdded, FrameworkRemoved, FrameworkUpdated, Subscribed,
    TaskAdded, TaskUpdated, Type,
};
use crate::v1::wire::master::response::{GetAgents, GetFrameworks, get_frameworks};
use crate::v1::wire::mesos;

/// What of the log this stream tells.
pub(super) const TOLD: [&str; 7] = [
    types::AGENT_ADDED,
    types::AGENT_REMOVED,
    types::FRAMEWORK_ADDED,
    types::FRAMEWORK_UPDATED,
    types::FRAMEWORK_REMOVED,
    types::TASK_ADDED,
    types::TASK_UPDATED,
];

/// The first event.
pub(super) fn subscribed(cluster: &Cluster) -> Event {
    let subscribed = Subscribed {
        get_state: Some(answers::state(cluster)),
        heartbeat_interval_seconds: Some(HEARTBEAT_SECONDS as f64),
    };
    Event { subscribed: Some(subscribed), ..of(Type::Subscribed) }
}

pub(super) fn heartbeat() -> Event {
    of(Type::Heartbeat)
}

fn of(kind: Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

/// What the data of every entry say, as far as they have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    agent_id: Option<AgentId>,
    framework_id: Option<FrameworkId>,
    task_id: Option<TaskId>,
    generation: Option<Generation>,
    state: Option<TaskState>,
    name: String,
    user: String,
}

impl Data {
    fn of(entry: &Entry) -> Self {
        Self::deserialize(&entry.data).unwrap_or_default()
    }

    fn task<'a>(&self, cluster: &'a Cluster) -> Option<&'a Task> {
        let (task_id, framework_id) = (self.task_id.as_ref()?, self.framework_id.as_ref()?);
        cluster.task(framework_id, task_id, self.agent_id.as_ref()?)
    }
}

/// Writes entries of the log as events, with what a view that is younger than they shows.
pub(super) struct Teller<'a> {
    cluster: &'a Cluster,
    /// Made when something needs them.
    agents: Option<GetAgents>,
    frameworks: Option<GetFrameworks>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, agents: None, frameworks: None }
    }

    /// The event of an entry; none if there is nothing left to tell.
    pub(super) fn tell(&mut self, entry: &Entry) -> Option<Event> {
        let data = Data::of(entry);
        match entry.kind.as_str() {
            types::TASK_ADDED => self.task_added(&data),
            types::TASK_UPDATED => task_updated(entry, data),
            types::AGENT_ADDED => self.agent_added(&data),
            types::AGENT_REMOVED => {
                let agent_id = mesos::AgentId { value: data.agent_id?.to_string() };
                let removed = AgentRemoved { agent_id };
                Some(Event { agent_removed: Some(removed), ..of(Type::AgentRemoved) })
            }
            types::FRAMEWORK_ADDED => {
                let added = FrameworkAdded { framework: self.framework(&data)? };
                Some(Event { framework_added: Some(added), ..of(Type::FrameworkAdded) })
            }
            types::FRAMEWORK_UPDATED => {
                let updated = FrameworkUpdated { framework: self.framework(&data)? };
                Some(Event { framework_updated: Some(updated), ..of(Type::FrameworkUpdated) })
            }
            types::FRAMEWORK_REMOVED => self.framework_removed(&data),
            _ => None,
        }
    }

    /// As it was when it was added: what became of it follows.
    fn task_added(&self, data: &Data) -> Option<Event> {
        let state = state_to(data.state.unwrap_or(TaskState::Staging)).into();
        let task = mesos::Task {
            state,
            statuses: Vec::new(),
            status_update_state: None,
            status_update_uuid: None,
            ..answers::task_to(data.task(self.cluster)?)
        };
        Some(Event { task_added: Some(TaskAdded { task }), ..of(Type::TaskAdded) })
    }

    fn agent_added(&mut self, data: &Data) -> Option<Event> {
        let id = data.agent_id.as_ref()?.as_str();
        let all = self.agents.get_or_insert_with(|| answers::agents(self.cluster));
        let is_it = |agent: &&crate::v1::wire::master::response::get_agents::Agent| {
            agent.agent_info.id.as_ref().is_some_and(|other| other.value == id)
        };
        let agent = all.agents.iter().find(is_it)?.clone();
        Some(Event { agent_added: Some(AgentAdded { agent }), ..of(Type::AgentAdded) })
    }

    fn all_frameworks(&mut self) -> &GetFrameworks {
        self.frameworks.get_or_insert_with(|| answers::frameworks(self.cluster))
    }

    fn framework(&mut self, data: &Data) -> Option<get_frameworks::Framework> {
        let all = self.all_frameworks();
        find(&all.frameworks, data.framework_id.as_ref()?).cloned()
    }

    /// Also of one that is not remembered: by what the entry says.
    fn framework_removed(&mut self, data: &Data) -> Option<Event> {
        let all = self.all_frameworks();
        let id = data.framework_id.clone()?;
        let known = find(&all.completed_frameworks, &id).map(|it| it.framework_info.clone());
        let framework_info = known.unwrap_or_else(|| mesos::FrameworkInfo {
            id: Some(mesos::FrameworkId { value: id.to_string() }),
            name: data.name.clone(),
            user: data.user.clone(),
            ..mesos::FrameworkInfo::default()
        });
        let removed = FrameworkRemoved { framework_info };
        Some(Event { framework_removed: Some(removed), ..of(Type::FrameworkRemoved) })
    }
}

fn find<'a>(
    all: &'a [get_frameworks::Framework],
    id: &FrameworkId,
) -> Option<&'a get_frameworks::Framework> {
    let named = |id: &mesos::FrameworkId, other: &FrameworkId| id.value == other.as_str();
    all.iter().find(|it| it.framework_info.id.as_ref().is_some_and(|it| named(it, id)))
}

fn task_updated(entry: &Entry, data: Data) -> Option<Event> {
    let status = TaskStatus::deserialize(&entry.data).ok()?;
    let updated = TaskUpdated {
        framework_id: mesos::FrameworkId { value: data.framework_id?.to_string() },
        state: state_to(status.state).into(),
        status: status_to(&status),
    };
    Some(Event { task_updated: Some(updated), ..of(Type::TaskUpdated) })
}

/// What an entry is about, as far as it matters for who may see it.
pub(super) enum Subject {
    /// Nobody's: everybody may see it.
    Agent,
    Framework(FrameworkInfo),
    /// Absent: of a framework that is not remembered, so of nobody who is known.
    TaskOf(Option<FrameworkInfo>),
}

impl Subject {
    /// Of a framework that is not remembered the entry itself says whose it was.
    pub(super) fn of(entry: &Entry, cluster: &Cluster) -> Self {
        let data = Data::of(entry);
        let Some(id) = &data.framework_id else { return Self::Agent };
        let mut all = cluster.frameworks().chain(cluster.completed_frameworks());
        let known = all.find(|it| it.framework_id == *id).map(|it| it.info.clone());
        match entry.kind.as_str() {
            types::TASK_ADDED | types::TASK_UPDATED => Self::TaskOf(known),
            _ => Self::Framework(known.unwrap_or_else(|| FrameworkInfo::new(data.user, data.name))),
        }
    }

    pub(super) fn is_seen_by(&self, sight: &Sight) -> bool {
        match self {
            Self::Agent => true,
            Self::Framework(info) => sight.framework(info),
            Self::TaskOf(info) => info.as_ref().is_some_and(|info| sight.tasks_of(info)),
        }
    }
}

/// Which of these entries a view shows already. Of each agent, framework or task it shows everything
/// up to the last entry that it agrees with.
pub(super) fn shown(entries: &[Entry], cluster: &Cluster) -> BTreeSet<u64> {
    let mut reached = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for entry in entries.iter().rev() {
        let data = Data::of(entry);
        let subject = (data.framework_id.clone(), data.task_id.clone(), data.agent_id.clone());
        if reached.contains(&subject) || agrees(entry, &data, cluster) {
            reached.insert(subject);
            shown.insert(entry.seq);
        }
    }
    shown
}

fn agrees(entry: &Entry, data: &Data, cluster: &Cluster) -> bool {
    let framework =
        || cluster.frameworks().any(|it| Some(&it.framework_id) == data.framework_id.as_ref());
    let agent = || {
        cluster.agents_in(AgentState::Active).any(|it| {
            Some(&it.agent_id) == data.agent_id.as_ref()
                && data.generation.is_none_or(|generation| it.generation >= generation)
        })
    };
    match entry.kind.as_str() {
        types::AGENT_ADDED => agent(),
        types::AGENT_REMOVED => !agent(),
        types::FRAMEWORK_ADDED => framework(),
        types::FRAMEWORK_REMOVED => !framework(),
        types::TASK_ADDED => data.task(cluster).is_some(),
        types::TASK_UPDATED => {
            let said = TaskStatus::deserialize(&entry.data).ok();
            let last = data.task(cluster).and_then(|task| task.status.as_ref());
            let same = |said: &TaskStatus, last: &TaskStatus| {
                (said.state, said.timestamp, &said.update_id)
                    == (last.state, last.timestamp, &last.update_id)
            };
            said.zip(last).is_some_and(|(said, last)| same(&said, last))
        }
        // Told twice it does no harm.
        _ => false,
    }
}
