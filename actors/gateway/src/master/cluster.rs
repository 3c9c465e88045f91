//! What is in the cluster, as the reads of operators and tools have it.
//!
//! The parts are of nearly the same moment: each is what its owner answered.

use std::collections::BTreeMap;

use protocol::Failure;
use protocol::agents::{AgentState, AgentSummary, GetAgents};
use protocol::framework::{FrameworkSummary, Offer};
use protocol::frameworks::{GetFrameworks, GetOffers, GetTasks};
use protocol::id::{AgentId, FrameworkId};
use protocol::resources::Resources;
use protocol::task::{Task, TaskState};

use crate::common::Common;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    agents: Vec<AgentSummary>,
    frameworks: Vec<FrameworkSummary>,
    tasks: Vec<Task>,
    offers: Vec<Offer>,
}

/// Resources in somebody's hands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share<'a> {
    pub(crate) agent_id: &'a AgentId,
    pub(crate) framework_id: &'a FrameworkId,
    pub(crate) role: &'a str,
    pub(crate) resources: &'a Resources,
}

/// Sums by role.
pub(crate) type ByRole<'a> = BTreeMap<&'a str, Resources>;

impl Cluster {
    /// As it is now.
    pub(crate) async fn read(common: &Common) -> Result<Self, Failure> {
        let tasks = GetTasks { completed: true, ..GetTasks::default() };
        let (agents, frameworks, tasks, offers) = futures_util::try_join!(
            common.question("agents", GetAgents {}),
            common.question("frameworks", GetFrameworks::default()),
            common.question("frameworks", tasks),
            common.question("frameworks", GetOffers {}),
        )?;
        Ok(Self {
            agents: agents.agents,
            frameworks: frameworks.frameworks,
            tasks: tasks.tasks,
            offers: offers.offers,
        })
    }

    /// Agents that have registered and not been given up.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentSummary> {
        let registered =
            |a: &&AgentSummary| matches!(a.state, AgentState::Active | AgentState::Disconnected);
        self.agents.iter().filter(registered)
    }

    /// Agents of the registry that have not come back since this master leads.
    pub(crate) fn recovered_agents(&self) -> impl Iterator<Item = &AgentSummary> {
        self.agents_in(AgentState::Recovered)
    }

    /// Agents in this state.
    pub(crate) fn agents_in(&self, state: AgentState) -> impl Iterator<Item = &AgentSummary> {
        self.agents.iter().filter(move |agent| agent.state == state)
    }

    /// Frameworks that have not been removed.
    pub(crate) fn frameworks(&self) -> impl Iterator<Item = &FrameworkSummary> {
        self.frameworks.iter()
    }

    /// Tasks that have not ended and whose agent is not given up.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        let here = |t: &&Task| !t.state.is_terminal() && t.state != TaskState::Unreachable;
        self.tasks.iter().filter(here)
    }

    /// Tasks on agents that may still come back.
    pub(crate) fn unreachable_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.state == TaskState::Unreachable)
    }

    /// Tasks that have ended and are remembered.
    pub(crate) fn completed_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.state.is_terminal())
    }

    /// Outstanding offers.
    pub(crate) fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter()
    }

    /// What tasks hold.
    pub(crate) fn used(&self) -> impl Iterator<Item = Share<'_>> {
        self.tasks().map(|task| Share {
            agent_id: &task.agent_id,
            framework_id: &task.framework_id,
            role: &task.role,
            resources: &task.resources,
        })
    }

    /// What is in outstanding offers.
    pub(crate) fn offered(&self) -> impl Iterator<Item = Share<'_>> {
        self.offers().map(|offer| Share {
            agent_id: &offer.agent_id,
            framework_id: &offer.framework_id,
            role: &offer.role,
            resources: &offer.resources,
        })
    }
}

/// The sums by whatever `key` names, and role.
pub(crate) fn sums<'a, K: Ord>(
    shares: impl Iterator<Item = Share<'a>>,
    key: impl Fn(&Share<'a>) -> K,
) -> BTreeMap<K, ByRole<'a>> {
    let mut sums: BTreeMap<K, ByRole<'a>> = BTreeMap::new();
    for share in shares {
        let roles = sums.entry(key(&share)).or_default();
        roles.entry(share.role).or_default().add_all(share.resources);
    }
    sums
}
