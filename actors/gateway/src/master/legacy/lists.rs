//! `/slaves`, `/frameworks`, `/tasks` and `/roles`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use protocol::Time;
use protocol::allocator::{RoleList, RoleSummary};
use protocol::id::{AgentId, FrameworkId};
use protocol::resources::{Resources, Scalar};
use protocol::task::Task;
use serde::{Deserialize, Serialize};

use super::model::{FrameworkModel, Holding, RecoveredSlave, Slave, TaskModel};
use super::state::Scene;
use crate::master::cluster::{Cluster, Share, sums};
use crate::master::totals::Totals;
use crate::v1::convert::resource::{Dialect, bag_to};
use crate::v1::wire::mesos;
use crate::v1::{MediaType, encode};

/// The longest list of tasks unless the client says otherwise, as in Mesos.
const LIMIT: usize = 100;

/// `/slaves`.
#[derive(Serialize)]
pub(super) struct Slaves<'a> {
    slaves: Vec<FullSlave<'a>>,
    recovered_slaves: Vec<RecoveredSlave<'a>>,
}

/// An agent with its resources one by one, as messages of the API.
#[derive(Serialize)]
struct FullSlave<'a> {
    #[serde(flatten)]
    slave: Slave<'a>,
    reserved_resources_full: BTreeMap<&'a str, Vec<serde_json::Value>>,
    unreserved_resources_full: Vec<serde_json::Value>,
    used_resources_full: Vec<serde_json::Value>,
    offered_resources_full: Vec<serde_json::Value>,
}

impl<'a> Slaves<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, id: Option<&str>) -> Self {
        let is_asked_for = |it: &str| id.is_none_or(|id| id == it);
        let slaves = scene.cluster.agents().filter(|agent| is_asked_for(agent.agent_id.as_str()));
        let none = Resources::EMPTY;
        let (used, offered) = (by_agent(scene.cluster.used()), by_agent(scene.cluster.offered()));
        let slaves = slaves.map(|agent| {
            let on_it =
                |bags: &BTreeMap<_, _>| messages(bags.get(&agent.agent_id).unwrap_or(&none));
            let all = &agent.info.resources;
            let roles = all.iter().filter_map(|resource| resource.reserved_role());
            let of = |role| messages(&all.filter(|it| it.reserved_role() == Some(role)));
            FullSlave {
                slave: Slave::new(agent, scene.of_agent(&agent.agent_id)),
                reserved_resources_full: roles.map(|role| (role, of(role))).collect(),
                unreserved_resources_full: messages(&all.filter(|it| it.reservations.is_empty())),
                used_resources_full: on_it(&used),
                offered_resources_full: on_it(&offered),
            }
        });
        let recovered = scene.recovered_slaves().filter(|slave| is_asked_for(slave.id.as_str()));
        Self { slaves: slaves.collect(), recovered_slaves: recovered.collect() }
    }
}

fn by_agent<'a>(shares: impl Iterator<Item = Share<'a>>) -> BTreeMap<&'a AgentId, Resources> {
    let sums = sums(shares, |share| (share.agent_id, ()));
    sums.into_iter().map(|((agent_id, ()), sum)| (agent_id, sum)).collect()
}

fn messages(bag: &Resources) -> Vec<serde_json::Value> {
    let dialect = Dialect { stacked: true, allocated: false };
    let json = |resource: &mesos::Resource| {
        serde_json::from_slice(&encode(MediaType::Json, resource)).unwrap_or_default()
    };
    bag_to(bag, "*", &dialect).iter().map(json).collect()
}

/// `/frameworks`.
#[derive(Serialize)]
pub(super) struct Frameworks<'a> {
    frameworks: Vec<FrameworkModel<'a>>,
    completed_frameworks: Vec<FrameworkModel<'a>>,
    /// Of the past, and always empty.
    unregistered_frameworks: [(); 0],
}

impl<'a> Frameworks<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, id: Option<&str>) -> Self {
        let is_asked_for = |it: &FrameworkModel<'_>| id.is_none_or(|id| id == it.head.id.as_str());
        Self {
            frameworks: scene.frameworks().filter(is_asked_for).collect(),
            completed_frameworks: scene.completed_frameworks().filter(is_asked_for).collect(),
            unregistered_frameworks: [],
        }
    }
}

/// `?limit=100&offset=0&order=des&framework_id=…&task_id=…`
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WhichTasks {
    limit: Option<usize>,
    offset: Option<usize>,
    /// `asc`: the oldest first.
    order: Option<String>,
    framework_id: Option<String>,
    task_id: Option<String>,
}

impl WhichTasks {
    fn take(&self, task: &Task) -> bool {
        self.framework_id.as_ref().is_none_or(|id| task.framework_id.as_str() == id)
            && self.task_id.as_ref().is_none_or(|id| task.task_id.as_str() == id)
    }
}

/// `/tasks`.
#[derive(Serialize)]
pub(super) struct Tasks<'a> {
    tasks: Vec<TaskModel<'a>>,
}

impl<'a> Tasks<'a> {
    pub(super) fn new(cluster: &'a Cluster, which: &WhichTasks) -> Self {
        let time = |task: &Task| task.status.as_ref().map_or(Time(0), |status| status.timestamp);
        let tasks = cluster.tasks().chain(cluster.unreachable_tasks());
        let tasks = tasks.chain(cluster.all_completed_tasks()).filter(|task| which.take(task));
        let mut tasks: Vec<&Task> = tasks.collect();
        if which.order.as_deref() == Some("asc") {
            tasks.sort_by_key(|task| time(task));
        } else {
            tasks.sort_by_key(|task| Reverse(time(task)));
        }
        let page = tasks.into_iter().skip(which.offset.unwrap_or(0));
        let page = page.take(which.limit.unwrap_or(LIMIT));
        Self { tasks: page.map(|task| TaskModel::new(cluster, task)).collect() }
    }
}

/// What a role has, over all agents.
#[derive(Default)]
pub(super) struct RoleHolding<'a> {
    held: Holding<'a>,
    reserved: Totals<'a>,
}

/// The same of every role that has something.
pub(super) fn by_role(cluster: &Cluster) -> BTreeMap<&str, RoleHolding<'_>> {
    let mut roles: BTreeMap<&str, RoleHolding<'_>> = BTreeMap::new();
    for share in cluster.used() {
        roles.entry(share.role).or_default().held.add_used(share.agent_id, share.resources);
    }
    for share in cluster.offered() {
        roles.entry(share.role).or_default().held.add_offered(share.agent_id, share.resources);
    }
    for resource in cluster.agents().flat_map(|agent| agent.info.resources.distinct()) {
        if let Some(role) = resource.reserved_role() {
            roles.entry(role).or_default().reserved.add_resource(resource);
        }
    }
    roles
}

/// `/roles`.
#[derive(Serialize)]
pub(super) struct Roles<'a> {
    roles: Vec<RoleModel<'a>>,
}

#[derive(Serialize)]
struct RoleModel<'a> {
    name: &'a str,
    weight: f64,
    quota: QuotaModel<'a>,
    /// What is offered or used: older tools read this one.
    resources: &'a Totals<'a>,
    allocated: &'a Totals<'a>,
    offered: &'a Totals<'a>,
    reserved: &'a Totals<'a>,
    frameworks: &'a [FrameworkId],
}

#[derive(Serialize)]
struct QuotaModel<'a> {
    role: &'a str,
    guarantee: &'a BTreeMap<String, Scalar>,
    limit: &'a BTreeMap<String, Scalar>,
    consumed: &'a BTreeMap<String, Scalar>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(
        by_role: &'a BTreeMap<&'a str, RoleHolding<'a>>,
        nothing: &'a RoleHolding<'a>,
        list: &'a RoleList,
    ) -> Self {
        let role = |role: &'a RoleSummary| {
            let RoleHolding { held, reserved } = by_role.get(role.role.as_str()).unwrap_or(nothing);
            RoleModel {
                name: &role.role,
                weight: role.weight,
                quota: QuotaModel {
                    role: &role.role,
                    guarantee: &role.quota.guarantees,
                    limit: &role.quota.limits,
                    consumed: &role.consumed,
                },
                resources: &held.both,
                allocated: &held.used,
                offered: &held.offered,
                reserved,
                frameworks: &role.frameworks,
            }
        };
        Self { roles: list.roles.iter().map(role).collect() }
    }
}
