//! What is in the cluster, as the reads of operators and tools have it.
//!
//! The owners hand out lists that share their items with what they keep: that costs them next to
//! nothing, and everything else is done here, on threads of HTTP, which read long lists in turns
//! with others. What is of one owner is of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::Failure;
use protocol::access::Action;
use protocol::agents::{AgentState, AgentSummary, ViewAgents};
use protocol::allocator::{GetRoles, RoleList};
use protocol::framework::{FrameworkInfo, InverseOffer, Offer};
use protocol::frameworks::{ExecutorView, FrameworkView, FrameworksView, ViewFrameworks};
use protocol::id::{AgentId, FrameworkId, TaskId};
use protocol::metrics::FrameworkCounts;
use protocol::operation::OperationView;
use protocol::resources::{Resource, Resources};
use protocol::shared::{Chunk, SharedList};
use protocol::task::{Task, TaskState};

use super::ahead::read_ahead;
use crate::access::Caller;
use crate::aside::in_turns;
use crate::common::Common;

/// What is there, as far as whoever reads it may see it. Sums are of everything.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    agents: SharedList<AgentSummary>,
    here: FrameworksView,
    /// Absent: everything is shown.
    shown: Option<Shown>,
}

/// Of which frameworks what is shown.
#[derive(Clone, Debug)]
struct Shown {
    frameworks: BTreeSet<FrameworkId>,
    tasks: BTreeSet<FrameworkId>,
    executors: BTreeSet<FrameworkId>,
}

/// Resources in somebody's hands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share<'a> {
    pub(crate) agent_id: &'a AgentId,
    pub(crate) framework_id: &'a FrameworkId,
    pub(crate) role: &'a str,
    pub(crate) resources: &'a Resources,
}

impl Cluster {
    /// As it is now.
    pub(crate) async fn read(common: &Common) -> Result<Self, Failure> {
        let (agents, here) = futures_util::try_join!(
            common.question("agents", ViewAgents {}),
            common.question("frameworks", ViewFrameworks {}),
        )?;
        Ok(Self { agents: agents.agents, here, shown: None })
    }

    /// As `caller` may see it.
    pub(crate) fn seen_by(mut self, caller: &Caller) -> Self {
        self.shown = caller.sight().map(|sight| Shown {
            frameworks: self.whose(|info| sight.framework(info)),
            tasks: self.whose(|info| sight.tasks_of(info)),
            executors: self.whose(|info| sight.executors_of(info)),
        });
        self
    }

    fn whose(&self, seen: impl Fn(&FrameworkInfo) -> bool) -> BTreeSet<FrameworkId> {
        let all = self.frameworks().chain(self.completed_frameworks());
        all.filter(|it| seen(&it.info)).map(|it| it.framework_id.clone()).collect()
    }

    fn shows(&self, framework_id: &FrameworkId) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.frameworks.contains(framework_id))
    }

    /// Whether tasks of this framework are shown.
    pub(crate) fn shows_tasks_of(&self, framework_id: &FrameworkId) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.tasks.contains(framework_id))
    }

    /// Whether executors of this framework are shown.
    pub(crate) fn shows_executors_of(&self, framework_id: &FrameworkId) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.executors.contains(framework_id))
    }

    /// Tasks of a framework that have ended and are remembered.
    pub(crate) fn ended_tasks_of<'a>(&self, framework: &'a FrameworkView) -> &'a [Arc<Task>] {
        match self.shows_tasks_of(&framework.framework_id) {
            true => &framework.completed,
            false => &[],
        }
    }

    /// Agents that have registered and not been given up.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentSummary> {
        let registered =
            |a: &&AgentSummary| matches!(a.state, AgentState::Active | AgentState::Disconnected);
        in_turns(self.agents.iter()).filter(registered)
    }

    /// Agents of the registry that have not come back since this master leads.
    pub(crate) fn recovered_agents(&self) -> impl Iterator<Item = &AgentSummary> {
        self.agents_in(AgentState::Recovered)
    }

    /// Agents in this state.
    pub(crate) fn agents_in(&self, state: AgentState) -> impl Iterator<Item = &AgentSummary> {
        in_turns(self.agents.iter()).filter(move |agent| agent.state == state)
    }

    /// Frameworks that have not been removed.
    pub(crate) fn frameworks(&self) -> impl Iterator<Item = &FrameworkView> {
        self.here.frameworks.iter().filter(|it| self.shows(&it.framework_id))
    }

    /// Frameworks that have been removed and are remembered.
    pub(crate) fn completed_frameworks(&self) -> impl Iterator<Item = &FrameworkView> {
        let all = self.here.completed_frameworks.iter().map(AsRef::as_ref);
        all.filter(|it: &&FrameworkView| self.shows(&it.framework_id))
    }

    /// Tasks that have not ended, or have and are not acknowledged, in the order of frameworks; also
    /// those that are not shown.
    pub(crate) fn every_unfinished_task(&self) -> impl Iterator<Item = &Task> {
        in_turns(self.here.tasks.iter())
    }

    /// The same in chunks.
    pub(crate) fn task_chunks(&self) -> &[Chunk<Task>] {
        self.here.tasks.chunks()
    }

    /// Those of them that are shown.
    fn unfinished_tasks(&self) -> impl Iterator<Item = &Task> {
        self.every_unfinished_task().filter(|task| self.shows_tasks_of(&task.framework_id))
    }

    /// Tasks that have not ended and whose agent is not given up.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.unfinished_tasks().filter(is_here)
    }

    /// Tasks on agents that may still come back.
    pub(crate) fn unreachable_tasks(&self) -> impl Iterator<Item = &Task> {
        self.unfinished_tasks().filter(|task| task.state == TaskState::Unreachable)
    }

    /// Tasks of frameworks that are here, that have ended and are remembered.
    pub(crate) fn completed_tasks(&self) -> impl Iterator<Item = &Task> {
        let unacknowledged = self.unfinished_tasks().filter(|task| task.state.is_terminal());
        let ended = self.frameworks().flat_map(|it| self.ended_tasks_of(it));
        ended.map(Arc::as_ref).chain(unacknowledged)
    }

    /// The same, and those of frameworks that have ended themselves.
    pub(crate) fn all_completed_tasks(&self) -> impl Iterator<Item = &Task> {
        let of_ended = self.completed_frameworks().flat_map(|it| self.ended_tasks_of(it));
        self.completed_tasks().chain(of_ended.map(Arc::as_ref))
    }

    /// A task that has not ended, or has and is remembered.
    pub(crate) fn task(
        &self,
        framework_id: &FrameworkId,
        task_id: &TaskId,
        agent_id: &AgentId,
    ) -> Option<&Task> {
        let key = (framework_id, task_id, agent_id);
        let living =
            self.here.tasks.find(|it| (&it.framework_id, &it.task_id, &it.agent_id).cmp(&key));
        living.or_else(|| {
            let all = self.frameworks().chain(self.completed_frameworks());
            let mut of_framework = all.filter(|it| it.framework_id == *framework_id);
            let ended = of_framework.find_map(|it| {
                let is_it =
                    |task: &&Arc<Task>| task.task_id == *task_id && task.agent_id == *agent_id;
                it.completed.iter().rev().find(is_it)
            });
            ended.map(AsRef::as_ref)
        })
    }

    /// Executors of frameworks' own; also those that are not shown.
    pub(crate) fn every_executor(&self) -> impl Iterator<Item = &ExecutorView> {
        in_turns(self.here.executors.iter())
    }

    /// Those of them that are shown.
    pub(crate) fn executors(&self) -> impl Iterator<Item = &ExecutorView> {
        self.every_executor().filter(|it| self.shows_executors_of(&it.framework_id))
    }

    /// Operations on agents that are on their way, or whose outcome was not acknowledged.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &OperationView> {
        let all = self.here.operations.iter().map(AsRef::as_ref);
        all.filter(|it: &&OperationView| {
            it.report.operation.framework_id.as_ref().is_none_or(|id| self.shows(id))
        })
    }

    /// What has happened between the master and its frameworks.
    pub(crate) fn counts(&self) -> impl Iterator<Item = &FrameworkCounts> {
        self.here.counts.iter()
    }

    /// Outstanding offers.
    pub(crate) fn offers(&self) -> impl Iterator<Item = &Offer> {
        in_turns(self.here.offers.iter()).filter(|it| self.shows(&it.framework_id))
    }

    /// Outstanding wishes that a framework leaves an agent.
    pub(crate) fn inverse_offers(&self) -> impl Iterator<Item = &InverseOffer> {
        self.here.inverse_offers.iter().filter(|it| self.shows(&it.framework_id))
    }

    /// What tasks and executors hold.
    pub(crate) fn used(&self) -> impl Iterator<Item = Share<'_>> {
        let tasks = read_ahead(self.every_unfinished_task()).filter(is_here).map(|task| Share {
            agent_id: &task.agent_id,
            framework_id: &task.framework_id,
            role: &task.role,
            resources: &task.resources,
        });
        let executors = self.every_executor().map(|executor| Share {
            agent_id: &executor.agent_id,
            framework_id: &executor.framework_id,
            role: &executor.role,
            resources: &executor.info.resources,
        });
        tasks.chain(executors)
    }

    /// The same, summed by agent, and what is kept for tasks that are to grow.
    pub(crate) fn used_by_agent(&self) -> impl Iterator<Item = (&AgentId, &Resources)> {
        in_turns(self.here.uses.iter()).map(|agent| (&agent.agent_id, &agent.used))
    }

    /// What is in outstanding offers.
    pub(crate) fn offered(&self) -> impl Iterator<Item = Share<'_>> {
        in_turns(self.here.offers.iter()).map(|offer| Share {
            agent_id: &offer.agent_id,
            framework_id: &offer.framework_id,
            role: &offer.role,
            resources: &offer.resources,
        })
    }
}

fn is_here(task: &&Task) -> bool {
    !task.state.is_terminal() && task.state != TaskState::Unreachable
}

/// The roles that a caller may see, with the frameworks in them that they may see.
pub(crate) async fn roles_seen_by(caller: &Caller, common: &Common) -> Result<RoleList, Failure> {
    let mut list = common.question("allocator", GetRoles {}).await?;
    if caller.sight().is_some() {
        let cluster = Cluster::read(common).await?.seen_by(caller);
        list.roles.retain(|role| caller.can(Action::ViewRoles, Some(&role.role)));
        for role in &mut list.roles {
            role.frameworks.retain(|id| cluster.shows(id));
        }
    }
    Ok(list)
}

/// The sums by whatever `key` names. What several use at once on an agent counts once there.
pub(crate) fn sums<'a, K: Ord>(
    shares: impl Iterator<Item = Share<'a>>,
    key: impl Fn(&Share<'a>) -> K,
) -> BTreeMap<K, Resources> {
    let mut sums: BTreeMap<K, Sum<'a>> = BTreeMap::new();
    for share in shares {
        sums.entry(key(&share)).or_default().add(&share);
    }
    sums.into_iter().map(|(key, sum)| (key, sum.whole())).collect()
}

#[derive(Default)]
struct Sum<'a> {
    exclusive: Resources,
    shared: BTreeSet<(&'a AgentId, &'a Resource)>,
}

impl<'a> Sum<'a> {
    fn add(&mut self, share: &Share<'a>) {
        self.exclusive.add_all(&share.resources.exclusive());
        self.shared.extend(share.resources.shared().map(|volume| (share.agent_id, volume)));
    }

    fn whole(self) -> Resources {
        if self.shared.is_empty() {
            return self.exclusive;
        }
        let shared = self.shared.into_iter().map(|(_, volume)| volume);
        self.exclusive.iter().chain(shared).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use protocol::resources::{Disk, Resource, Scalar, Value};

    use super::*;

    #[test]
    fn what_several_share_on_an_agent_is_in_a_sum_once_for_it() {
        let disk =
            Disk { persistence_id: "data".into(), container_path: "data".into(), principal: None };
        let size = Value::Scalar(Scalar::from_milli(64_000));
        let volume = Resource { disk: Some(disk), shared: true, ..Resource::new("disk", size) };
        let cpus = Resource::new("cpus", Value::Scalar(Scalar::from_milli(1000)));
        let bag: Resources = [volume, cpus].into_iter().collect();
        let (agents, framework_id) = ([AgentId::from("a1"), AgentId::from("a2")], "f".into());
        let shares = [0, 0, 1].map(|agent| Share {
            agent_id: &agents[agent],
            framework_id: &framework_id,
            role: "dev",
            resources: &bag,
        });
        let sums = sums(shares.into_iter(), |share| share.role);
        let amount = |it: &Resource| match it.value {
            Value::Scalar(scalar) => scalar.milli(),
            _ => 0,
        };
        let amounts: Vec<_> = sums["dev"].iter().map(|it| (it.name.as_str(), amount(it))).collect();
        assert_eq!(amounts, [("cpus", 3000), ("disk", 64_000), ("disk", 64_000)]);
    }
}
