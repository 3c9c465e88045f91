//! What is there, as the operator API has it.

use std::collections::BTreeMap;

use protocol::agents::AgentSummary;
use protocol::allocator::RoleList;
use protocol::elector::Leader;
use protocol::frameworks::{ExecutorView, FrameworkView, RoleSettings};
use protocol::task::Task;
use protocol::{AgentId, FrameworkId, Resources, Time};

use crate::common::Common;
use crate::master::about::About;
use crate::master::cluster::{Cluster, Share, sums};
use crate::v1::MESOS_VERSION;
use crate::v1::convert::constraints::constraints_to;
use crate::v1::convert::describe::{agent_to, executor_to, framework_to};
use crate::v1::convert::maintenance::{inverse_offer_to, time_to};
use crate::v1::convert::master::leader_to;
use crate::v1::convert::offer::offer_to;
use crate::v1::convert::operation::view_to;
use crate::v1::convert::quota::{quotas_to, weights_to};
use crate::v1::convert::resource::{Dialect, bag_to};
use crate::v1::convert::status::{state_to, status_to};
use crate::v1::convert::{labels_to, update_id};
use crate::v1::wire::master::Response;
use crate::v1::wire::master::call::Type;
use crate::v1::wire::master::response::{
    GetAgents, GetExecutors, GetFlags, GetFrameworks, GetMaster, GetMetrics, GetOperations,
    GetQuota, GetRoles, GetState, GetTasks, GetVersion, GetWeights, get_agents, get_executors,
    get_frameworks,
};
use crate::v1::wire::mesos;
use mesos::agent_info::{Capability, capability};

/// Operators read everything there is.
const DIALECT: Dialect = Dialect { stacked: true, allocated: true };
/// What our agents can do of what Mesos names.
const AGENT_CAPABILITIES: [capability::Type; 5] = [
    capability::Type::MultiRole,
    capability::Type::HierarchicalRole,
    capability::Type::ReservationRefinement,
    capability::Type::ResizeVolume,
    capability::Type::AgentOperationFeedback,
];

pub(super) fn state(cluster: &Cluster) -> GetState {
    GetState {
        get_tasks: Some(tasks(cluster)),
        get_executors: Some(executors(cluster)),
        get_frameworks: Some(frameworks(cluster)),
        get_agents: Some(agents(cluster)),
    }
}

/// What is used and offered, by agent or by framework, and role.
struct Held<'a, K> {
    used: BTreeMap<(&'a K, &'a str), Resources>,
    offered: BTreeMap<(&'a K, &'a str), Resources>,
}

impl<'a, K: Ord> Held<'a, K> {
    fn by(cluster: &'a Cluster, key: fn(&Share<'a>) -> &'a K) -> Self {
        let both = |share: &Share<'a>| (key(share), share.role);
        Self { used: sums(cluster.used(), both), offered: sums(cluster.offered(), both) }
    }
}

/// What is of one agent or framework.
fn bags_to<K: Ord>(sums: &BTreeMap<(&K, &str), Resources>, whose: &K) -> Vec<mesos::Resource> {
    let of_it = sums.range((whose, "")..).take_while(|((it, _), _)| **it == *whose);
    of_it.flat_map(|((_, role), bag)| bag_to(bag, role, &DIALECT)).collect()
}

pub(super) fn agents(cluster: &Cluster) -> GetAgents {
    let held = Held::by(cluster, |share| share.agent_id);
    GetAgents {
        agents: cluster.agents().map(|agent| agent_in(agent, &held)).collect(),
        recovered_agents: cluster
            .recovered_agents()
            .map(|agent| agent_to(&agent.info, Some(&agent.agent_id)))
            .collect(),
    }
}

fn agent_in(agent: &AgentSummary, held: &Held<'_, AgentId>) -> get_agents::Agent {
    let total = Dialect { allocated: false, ..DIALECT };
    let capability = |kind: &capability::Type| Capability { r#type: Some((*kind).into()) };
    get_agents::Agent {
        agent_info: agent_to(&agent.info, Some(&agent.agent_id)),
        active: agent.state == protocol::agents::AgentState::Active,
        deactivated: Some(false),
        version: agent.info.version.clone(),
        pid: Some(format!("slave(1)@{}", agent.info.http)),
        registered_time: agent.registered.map(time_to),
        total_resources: bag_to(&agent.info.resources, "*", &total),
        allocated_resources: bags_to(&held.used, &agent.agent_id),
        offered_resources: bags_to(&held.offered, &agent.agent_id),
        capabilities: AGENT_CAPABILITIES.iter().map(capability).collect(),
        ..get_agents::Agent::default()
    }
}

pub(super) fn frameworks(cluster: &Cluster) -> GetFrameworks {
    let held = Held::by(cluster, |share| share.framework_id);
    let mut offers: BTreeMap<&FrameworkId, Vec<mesos::Offer>> = BTreeMap::new();
    for offer in cluster.offers() {
        offers.entry(&offer.framework_id).or_default().push(offer_to(offer, &DIALECT));
    }
    let mut inverse: BTreeMap<&FrameworkId, Vec<mesos::InverseOffer>> = BTreeMap::new();
    for offer in cluster.inverse_offers() {
        inverse.entry(&offer.framework_id).or_default().push(inverse_offer_to(offer, &DIALECT));
    }
    let frameworks = cluster.frameworks().map(|framework| get_frameworks::Framework {
        offers: offers.remove(&framework.framework_id).unwrap_or_default(),
        inverse_offers: inverse.remove(&framework.framework_id).unwrap_or_default(),
        ..framework_in(framework, &held)
    });
    let completed = cluster.completed_frameworks();
    GetFrameworks {
        frameworks: frameworks.collect(),
        completed_frameworks: completed.map(|it| framework_in(it, &held)).collect(),
        ..GetFrameworks::default()
    }
}

fn framework_in(
    framework: &FrameworkView,
    held: &Held<'_, FrameworkId>,
) -> get_frameworks::Framework {
    let id = &framework.framework_id;
    let mut info = framework_to(&framework.info);
    info.id = Some(mesos::FrameworkId { value: id.to_string() });
    get_frameworks::Framework {
        framework_info: info,
        active: framework.active,
        connected: framework.active,
        recovered: framework.recovered,
        registered_time: Some(time_to(framework.registered)),
        unregistered_time: framework.removed.map(time_to),
        allocated_resources: bags_to(&held.used, id),
        offered_resources: bags_to(&held.offered, id),
        offer_constraints: framework.offer_constraints.as_ref().map(constraints_to),
        ..get_frameworks::Framework::default()
    }
}

pub(super) fn executors(cluster: &Cluster) -> GetExecutors {
    let executor = |it: &ExecutorView| get_executors::Executor {
        executor_info: executor_to(&it.info, &it.framework_id, &it.role, &DIALECT),
        agent_id: mesos::AgentId { value: it.agent_id.to_string() },
    };
    GetExecutors {
        executors: cluster.executors().map(executor).collect(),
        ..GetExecutors::default()
    }
}

pub(super) fn tasks(cluster: &Cluster) -> GetTasks {
    GetTasks {
        tasks: cluster.tasks().map(task_to).collect(),
        unreachable_tasks: cluster.unreachable_tasks().map(task_to).collect(),
        completed_tasks: cluster.all_completed_tasks().map(task_to).collect(),
        ..GetTasks::default()
    }
}

pub(super) fn operations(cluster: &Cluster) -> GetOperations {
    GetOperations { operations: cluster.operations().map(|it| view_to(it, &DIALECT)).collect() }
}

pub(super) fn task_to(task: &Task) -> mesos::Task {
    let status = task.status.as_ref();
    mesos::Task {
        name: task.name.clone(),
        task_id: mesos::TaskId { value: task.task_id.to_string() },
        framework_id: mesos::FrameworkId { value: task.framework_id.to_string() },
        executor_id: task.own_executor().map(|id| mesos::ExecutorId { value: id.to_string() }),
        agent_id: mesos::AgentId { value: task.agent_id.to_string() },
        state: state_to(task.state).into(),
        resources: bag_to(&task.resources, &task.role, &DIALECT),
        statuses: status.map(status_to).into_iter().collect(),
        status_update_state: status.map(|status| state_to(status.state).into()),
        status_update_uuid: status.and_then(|it| it.update_id.as_ref()).map(update_id::to_bytes),
        labels: labels_to(&task.labels),
        ..mesos::Task::default()
    }
}

pub(super) fn roles(list: &RoleList) -> GetRoles {
    let role = |role: &protocol::allocator::RoleSummary| mesos::Role {
        name: role.role.clone(),
        weight: role.weight,
        frameworks: role
            .frameworks
            .iter()
            .map(|id| mesos::FrameworkId { value: id.to_string() })
            .collect(),
        resources: bag_to(&role.allocated, &role.role, &DIALECT),
    };
    GetRoles { roles: list.roles.iter().map(role).collect() }
}

/// What is set for roles: weights or quotas.
pub(super) fn settings(kind: Type, settings: &RoleSettings) -> Response {
    let nothing = Response::default();
    match kind {
        Type::GetWeights => {
            let weight_infos = weights_to(settings);
            Response { get_weights: Some(GetWeights { weight_infos }), ..nothing }
        }
        _ => Response { get_quota: Some(GetQuota { status: quotas_to(settings) }), ..nothing },
    }
}

pub(super) fn metrics(metrics: BTreeMap<String, f64>) -> GetMetrics {
    let metric = |(name, value)| mesos::Metric { name, value: Some(value) };
    GetMetrics { metrics: metrics.into_iter().map(metric).collect() }
}

pub(super) fn flags(flags: &BTreeMap<String, String>) -> GetFlags {
    let flag = |(name, value): (&String, &String)| mesos::Flag {
        name: name.clone(),
        value: Some(value.clone()),
    };
    GetFlags { flags: flags.iter().map(flag).collect() }
}

pub(super) fn version() -> GetVersion {
    let version_info =
        mesos::VersionInfo { version: MESOS_VERSION.to_owned(), ..mesos::VersionInfo::default() };
    GetVersion { version_info }
}

/// Only the leader answers: the domain of its configuration is that of the leader.
pub(super) fn master(common: &Common, leader: Option<&Leader>, about: &About) -> GetMaster {
    GetMaster {
        master_info: leader.map(|leader| leader_to(leader, about.domain.as_ref())),
        start_time: Some(common.started().as_secs_f64()),
        elected_time: common.elected().map(Time::as_secs_f64),
    }
}
