//! `/slaves`, `/frameworks`, `/tasks` and `/roles`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use protocol::Time;
use protocol::allocator::{RoleList, RoleSummary};
use protocol::frameworks::FrameworkView;
use protocol::id::FrameworkId;
use protocol::resources::{Resources, Scalar};
use protocol::task::Task;
use serde::{Deserialize, Serialize};

use super::model::{Holding, RecoveredSlave, Slave, TaskModel};
use super::pieces::Draft;
use super::state::{OnAgents, Scene};
use crate::master::cluster::{Cluster, sums};
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
    pub(super) fn new(cluster: &'a Cluster, held: &'a OnAgents<'a>, id: Option<&str>) -> Self {
        let is_asked_for = |it: &str| id.is_none_or(|id| id == it);
        let slaves = cluster.agents().filter(|agent| is_asked_for(agent.agent_id.as_str()));
        let none = Resources::EMPTY;
        let offered = sums(cluster.offered(), |share| share.agent_id);
        let slaves = slaves.map(|agent| {
            let on_it = held.of(&agent.agent_id);
            let all = &agent.info.resources;
            let roles = all.iter().filter_map(|resource| resource.reserved_role());
            let of = |role| messages(&all.filter(|it| it.reserved_role() == Some(role)));
            FullSlave {
                slave: Slave::new(agent, on_it),
                reserved_resources_full: roles.map(|role| (role, of(role))).collect(),
                unreserved_resources_full: messages(&all.filter(|it| it.reservations.is_empty())),
                used_resources_full: messages(&on_it.used.distinct().cloned().collect()),
                offered_resources_full: messages(offered.get(&agent.agent_id).unwrap_or(&none)),
            }
        });
        let recovered = cluster.recovered_agents().map(RecoveredSlave::new);
        let recovered = recovered.filter(|slave| is_asked_for(slave.id.as_str()));
        Self { slaves: slaves.collect(), recovered_slaves: recovered.collect() }
    }
}

fn messages(bag: &Resources) -> Vec<serde_json::Value> {
    let dialect = Dialect { stacked: true, allocated: false };
    let json = |resource: &mesos::Resource| {
        serde_json::from_slice(&encode(MediaType::Json, resource)).unwrap_or_default()
    };
    bag_to(bag, "*", &dialect).iter().map(json).collect()
}

/// `/frameworks`.
pub(super) fn frameworks(scene: &Scene<'_>, id: Option<&str>) -> serde_json::Result<Draft> {
    let is_asked_for = |it: &&FrameworkView| id.is_none_or(|id| id == it.framework_id.as_str());
    let mut answer = Draft::default();
    answer.text("{\"frameworks\":[");
    let here = scene.cluster.frameworks().filter(is_asked_for).map(|it| scene.framework(it));
    answer.all(here.collect::<serde_json::Result<Vec<_>>>()?);
    answer.text("],\"completed_frameworks\":[");
    let ended = scene.cluster.completed_frameworks().filter(is_asked_for);
    answer.all(ended.map(|it| scene.completed(it)).collect::<serde_json::Result<Vec<_>>>()?);
    // Of the past, and always empty.
    answer.text("],\"unregistered_frameworks\":[]}");
    Ok(answer)
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
        Self { tasks: page.map(TaskModel::new).collect() }
    }
}

/// What a role has, over all agents.
#[derive(Default)]
pub(super) struct RoleHolding {
    held: Holding,
    reserved: Totals,
}

/// The same of every role that has something.
pub(super) fn by_role(cluster: &Cluster) -> BTreeMap<&str, RoleHolding> {
    let mut roles: BTreeMap<&str, RoleHolding> = BTreeMap::new();
    for share in cluster.used() {
        let used = &mut roles.entry(share.role).or_default().held.used;
        used.add(share.agent_id, share.resources);
    }
    for share in cluster.offered() {
        let offered = &mut roles.entry(share.role).or_default().held.offered;
        offered.add(share.agent_id, share.resources);
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
    resources: Totals,
    allocated: &'a Totals,
    offered: &'a Totals,
    reserved: &'a Totals,
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
        by_role: &'a BTreeMap<&'a str, RoleHolding>,
        nothing: &'a RoleHolding,
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
                resources: held.both(),
                allocated: &held.used,
                offered: &held.offered,
                reserved,
                frameworks: &role.frameworks,
            }
        };
        Self { roles: list.roles.iter().map(role).collect() }
    }
}
