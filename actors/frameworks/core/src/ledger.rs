//! The task ledger: every task that has not ended, or has and is not acknowledged; and every
//! executor that holds resources beside its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::id::{AgentId, ExecutorId, FrameworkId, Generation, TaskId, UpdateId};
use protocol::resources::Resources;
use protocol::shared::Tracked;
use protocol::task::{ExecutorInfo, Task, TaskState};
use serde::Serialize;

use crate::agents::Share;

/// A task in its place. The agent is part of the key: an id that was used again while its first
/// agent was away names two tasks when that agent is back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TaskKey {
    pub framework_id: FrameworkId,
    pub task_id: TaskId,
    pub agent_id: AgentId,
}

impl TaskKey {
    pub(crate) fn of(task: &Task) -> Self {
        Self {
            framework_id: task.framework_id.clone(),
            task_id: task.task_id.clone(),
            agent_id: task.agent_id.clone(),
        }
    }
}

/// A task of the ledger. `task.state` is the newest known state, `task.status` the last report
/// that its scheduler was sent, which may be behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Shared with those who have it in view.
    pub(crate) task: Arc<Task>,
    /// The registration of the agent that it was launched in, or last reported in.
    pub(crate) generation: Generation,
    /// Its agent is unreachable: it may be back, and holds nothing meanwhile.
    pub(crate) away: bool,
    /// Held beside what the task has, until its agent has said whether it has this, too.
    pub(crate) growth: Resources,
    /// The terminal update whose acknowledgement ends the entry.
    pub(crate) last_update: Option<UpdateId>,
    /// It is killed for this role's sake.
    pub(crate) preempted_for: Option<String>,
}

impl Entry {
    pub(crate) fn new(task: Task, generation: Generation) -> Self {
        Self {
            task: Arc::new(task),
            generation,
            away: false,
            growth: Resources::EMPTY,
            last_update: None,
            preempted_for: None,
        }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The task, to be changed.
    pub(crate) fn task_mut(&mut self) -> &mut Task {
        Arc::make_mut(&mut self.task)
    }

    /// Whether its resources are used.
    pub fn holds(&self) -> bool {
        !self.away && !self.task.state.is_terminal()
    }

    /// The state that its scheduler was told last.
    pub(crate) fn told(&self) -> TaskState {
        self.task.status.as_ref().map_or(TaskState::Staging, |s| s.state)
    }

    pub(crate) fn share(&self) -> Share {
        let mut resources = self.task.resources.clone();
        resources.add_all(&self.growth);
        Share {
            agent_id: self.task.agent_id.clone(),
            framework_id: self.task.framework_id.clone(),
            role: self.task.role.clone(),
            resources,
        }
    }
}

/// An executor in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct ExecutorKey {
    pub(crate) agent_id: AgentId,
    pub(crate) framework_id: FrameworkId,
    pub(crate) executor_id: ExecutorId,
}

impl ExecutorKey {
    /// The executor of a task.
    pub(crate) fn of(task: &Task) -> Self {
        Self {
            agent_id: task.agent_id.clone(),
            framework_id: task.framework_id.clone(),
            executor_id: task.executor_id.clone(),
        }
    }
}

/// An executor of a framework's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Executor {
    pub(crate) info: ExecutorInfo,
    pub(crate) role: String,
    /// The agent has been heard to have it.
    pub(crate) started: bool,
    /// Its end was reported while tasks for it were on their way: the agent starts it again for
    /// them, or reports that they have ended.
    pub(crate) exited: bool,
}

impl Executor {
    pub(crate) fn new(info: ExecutorInfo, role: String, started: bool) -> Self {
        Self { info, role, started, exited: false }
    }

    pub(crate) fn share(&self, key: &ExecutorKey) -> Share {
        Share {
            agent_id: key.agent_id.clone(),
            framework_id: key.framework_id.clone(),
            role: self.role.clone(),
            resources: self.info.resources.clone(),
        }
    }
}

/// All tasks and executors.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Ledger {
    pub(crate) tasks: Tracked<TaskKey, Entry>,
    by_agent: BTreeMap<AgentId, BTreeSet<TaskKey>>,
    pub(crate) executors: Tracked<ExecutorKey, Executor>,
}

impl Ledger {
    pub(crate) fn insert(&mut self, entry: Entry) {
        let key = TaskKey::of(&entry.task);
        self.by_agent.entry(key.agent_id.clone()).or_default().insert(key.clone());
        self.tasks.insert(key, entry);
    }

    pub(crate) fn remove(&mut self, key: &TaskKey) -> Option<Entry> {
        let entry = self.tasks.remove(key)?;
        if let Some(keys) = self.by_agent.get_mut(&key.agent_id) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_agent.remove(&key.agent_id);
            }
        }
        Some(entry)
    }

    pub(crate) fn get(&self, key: &TaskKey) -> Option<&Entry> {
        self.tasks.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &TaskKey) -> Option<&mut Entry> {
        self.tasks.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TaskKey, &Entry)> {
        self.tasks.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks of a framework that have this id: more than one only if it was used again.
    pub(crate) fn named<'a>(
        &'a self,
        framework_id: &'a FrameworkId,
        task_id: &'a TaskId,
    ) -> impl Iterator<Item = (&'a TaskKey, &'a Entry)> {
        self.tasks
            .range(first_key(framework_id, task_id.clone())..)
            .take_while(move |(k, _)| k.framework_id == *framework_id && k.task_id == *task_id)
    }

    /// All tasks of a framework.
    pub(crate) fn of_framework<'a>(
        &'a self,
        framework_id: &'a FrameworkId,
    ) -> impl Iterator<Item = (&'a TaskKey, &'a Entry)> {
        self.tasks
            .range(first_key(framework_id, TaskId::from(""))..)
            .take_while(move |(k, _)| k.framework_id == *framework_id)
    }

    /// The keys of all tasks on an agent.
    pub(crate) fn on_agent(&self, agent_id: &AgentId) -> Vec<TaskKey> {
        self.by_agent.get(agent_id).into_iter().flatten().cloned().collect()
    }

    /// The executors on an agent.
    pub(crate) fn executors_on<'a>(
        &'a self,
        agent_id: &'a AgentId,
    ) -> impl Iterator<Item = (&'a ExecutorKey, &'a Executor)> {
        let first = ExecutorKey {
            agent_id: agent_id.clone(),
            framework_id: FrameworkId::from(""),
            executor_id: ExecutorId::from(""),
        };
        self.executors.range(first..).take_while(move |(k, _)| k.agent_id == *agent_id)
    }

    /// The agents that hold something of a framework.
    pub(crate) fn agents_of(&self, framework_id: &FrameworkId) -> Vec<AgentId> {
        let tasks = self.of_framework(framework_id).map(|(key, _)| &key.agent_id);
        let executors = self.executors.keys().filter(|k| k.framework_id == *framework_id);
        let agents: BTreeSet<_> = tasks.chain(executors.map(|k| &k.agent_id)).cloned().collect();
        agents.into_iter().collect()
    }

    /// What every task and executor on an agent holds, one by one.
    pub(crate) fn shares_on<'a>(
        &'a self,
        agent_id: &'a AgentId,
    ) -> impl Iterator<Item = Share> + 'a {
        let keys = self.by_agent.get(agent_id).into_iter().flatten();
        let tasks = keys.filter_map(|key| self.tasks.get(key)).filter(|e| e.holds());
        let executors = self.executors_on(agent_id).map(|(key, executor)| executor.share(key));
        tasks.map(Entry::share).chain(executors)
    }

    /// Whether the index names exactly the tasks that are there.
    pub(crate) fn index_is_exact(&self) -> bool {
        let indexed: usize = self.by_agent.values().map(BTreeSet::len).sum();
        let found =
            |key: &TaskKey| self.by_agent.get(&key.agent_id).is_some_and(|s| s.contains(key));
        indexed == self.tasks.len() && self.tasks.keys().all(found)
    }

    pub(crate) fn total_held(&self, agent_id: &AgentId) -> Resources {
        let shares: Vec<_> = self.shares_on(agent_id).map(|share| share.resources).collect();
        shares.iter().sum()
    }
}

fn first_key(framework_id: &FrameworkId, task_id: TaskId) -> TaskKey {
    TaskKey { framework_id: framework_id.clone(), task_id, agent_id: AgentId::from("") }
}
