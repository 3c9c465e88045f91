//! Agents, frameworks, tasks and offers as the endpoints have them.

use std::collections::BTreeMap;

use protocol::agents::{AgentState, AgentSummary};
use protocol::framework::{Attribute, Domain, FrameworkInfo, Offer};
use protocol::id::{AgentId, ContainerId, ExecutorId, FrameworkId, OfferId, TaskId};
use protocol::resources::Resources;
use protocol::task::{Label, Task, TaskState, TaskStatus};
use serde::{Serialize, Serializer};

use super::amounts::{Amounts, Which, reserved, text};
use crate::master::totals::Totals;
use crate::v1::convert::master::split;
use protocol::frameworks::{ExecutorView as Executor, FrameworkView as Framework};

/// What our agents can do of what Mesos names.
const AGENT_CAPABILITIES: [&str; 3] = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"];

/// Where an agent or a master is.
pub(super) fn domain(domain: &Domain) -> serde_json::Value {
    let (region, zone) = (&domain.region, &domain.zone);
    let fault = serde_json::json!({ "region": { "name": region }, "zone": { "name": zone } });
    serde_json::json!({ "fault_domain": fault })
}

/// An id in the shape that protobuf messages have it.
#[derive(Serialize)]
pub(super) struct Value<T> {
    value: T,
}

#[derive(Serialize)]
pub(super) struct Slave<'a> {
    pub(super) id: &'a AgentId,
    hostname: &'a str,
    port: u16,
    attributes: BTreeMap<&'a str, AttributeValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<serde_json::Value>,
    pid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_time: Option<f64>,
    resources: Amounts<'a>,
    used_resources: Amounts<'a>,
    offered_resources: &'a Totals,
    reserved_resources: BTreeMap<&'a str, Amounts<'a>>,
    unreserved_resources: Amounts<'a>,
    active: bool,
    deactivated: bool,
    version: &'a str,
    capabilities: &'static [&'static str],
}

impl<'a> Slave<'a> {
    pub(super) fn new(agent: &'a AgentSummary, held: OnAgent<'a>) -> Self {
        let info = &agent.info;
        let attribute =
            |(name, value): (&'a String, &'a Attribute)| (name.as_str(), AttributeValue(value));
        Self {
            id: &agent.agent_id,
            hostname: &info.hostname,
            port: split(&info.http).1,
            attributes: info.attributes.iter().map(attribute).collect(),
            domain: info.domain.as_ref().map(domain),
            pid: format!("slave(1)@{}", info.http),
            registered_time: agent.registered.map(|time| time.as_secs_f64()),
            resources: Amounts::of(&info.resources),
            used_resources: Amounts::of(held.used),
            offered_resources: held.offered,
            reserved_resources: reserved(&info.resources),
            unreserved_resources: Amounts::only(&info.resources, Which::Unreserved),
            active: agent.state == AgentState::Active,
            deactivated: false,
            version: &info.version,
            capabilities: &AGENT_CAPABILITIES,
        }
    }
}

/// A number or text.
pub(super) struct AttributeValue<'a>(&'a Attribute);

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Attribute::Text(value) => serializer.serialize_str(value),
            Attribute::Scalar(scalar) => serializer.serialize_f64(scalar.as_f64()),
            Attribute::Ranges(ranges) => {
                let ranges = protocol::resources::Value::Ranges(ranges.clone());
                serializer.serialize_str(&text(&ranges))
            }
        }
    }
}

/// An agent of the registry that has not come back.
#[derive(Serialize)]
pub(super) struct RecoveredSlave<'a> {
    pub(super) id: &'a AgentId,
    hostname: &'a str,
    port: u16,
    resources: Amounts<'a>,
}

impl<'a> RecoveredSlave<'a> {
    pub(super) fn new(agent: &'a AgentSummary) -> Self {
        Self {
            id: &agent.agent_id,
            hostname: &agent.info.hostname,
            port: split(&agent.info.http).1,
            resources: Amounts::of(&agent.info.resources),
        }
    }
}

/// What a framework says of itself, and where it stands.
#[derive(Serialize)]
pub(super) struct FrameworkHead<'a> {
    pub(super) id: &'a FrameworkId,
    name: &'a str,
    used_resources: &'a Totals,
    offered_resources: &'a Totals,
    /// What is used or offered: older tools read this one.
    resources: Totals,
    capabilities: Vec<serde_json::Value>,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    webui_url: Option<&'a str>,
    active: bool,
    connected: bool,
    recovered: bool,
}

impl<'a> FrameworkHead<'a> {
    pub(super) fn new(framework: &'a Framework, held: &'a Holding) -> Self {
        let info = &framework.info;
        let name = |capability| serde_json::to_value(capability).unwrap_or_default();
        Self {
            id: &framework.framework_id,
            name: &info.name,
            used_resources: &held.used,
            offered_resources: &held.offered,
            resources: held.both(),
            capabilities: info.capabilities.iter().map(name).collect(),
            hostname: &info.hostname,
            webui_url: info.webui_url.as_deref(),
            active: framework.active,
            connected: framework.active,
            recovered: framework.recovered,
        }
    }
}

/// A framework without what is its own.
#[derive(Serialize)]
pub(super) struct FrameworkModel<'a> {
    #[serde(flatten)]
    pub(super) head: FrameworkHead<'a>,
    user: &'a str,
    failover_timeout: f64,
    checkpoint: bool,
    registered_time: f64,
    unregistered_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(flatten)]
    roles: Roles<'a>,
    #[serde(skip_serializing_if = "<[Label]>::is_empty")]
    labels: &'a [Label],
}

/// `role` of a framework that has one, `roles` of the others.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Roles<'a> {
    Role(&'a str),
    Roles(&'a [String]),
}

fn roles(info: &FrameworkInfo) -> Roles<'_> {
    match info.roles.as_slice() {
        [one] if !info.capabilities.contains(&protocol::framework::Capability::MultiRole) => {
            Roles::Role(one)
        }
        several => Roles::Roles(several),
    }
}

impl<'a> FrameworkModel<'a> {
    pub(super) fn new(framework: &'a Framework, held: &'a Holding) -> Self {
        let info = &framework.info;
        Self {
            head: FrameworkHead::new(framework, held),
            user: &info.user,
            failover_timeout: info.failover_timeout_ms as f64 / 1000.0,
            checkpoint: info.checkpoint,
            registered_time: framework.registered.as_secs_f64(),
            unregistered_time: framework.removed.map_or(0.0, |time| time.as_secs_f64()),
            principal: info.principal.as_deref(),
            roles: roles(info),
            labels: &info.labels,
        }
    }
}

/// What is held of one agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnAgent<'a> {
    pub(super) used: &'a Resources,
    pub(super) offered: &'a Totals,
}

/// What somebody has in hands.
#[derive(Clone, Debug, Default)]
pub(super) struct Holding {
    pub(super) used: Totals,
    pub(super) offered: Totals,
}

impl Holding {
    /// What is used or offered.
    pub(super) fn both(&self) -> Totals {
        let mut both = self.used.clone();
        both.add_totals(&self.offered);
        both
    }
}

#[derive(Serialize)]
pub(super) struct TaskModel<'a> {
    id: &'a TaskId,
    name: &'a str,
    framework_id: &'a FrameworkId,
    /// Empty for a task that is its own executor.
    executor_id: &'a str,
    slave_id: &'a AgentId,
    state: TaskState,
    resources: Amounts<'a>,
    role: &'a str,
    /// The last one is all that is remembered.
    #[serde(serialize_with = "as_list")]
    statuses: Option<StatusModel<'a>>,
    #[serde(skip_serializing_if = "<[Label]>::is_empty")]
    labels: &'a [Label],
}

impl<'a> TaskModel<'a> {
    pub(super) fn new(task: &'a Task) -> Self {
        Self {
            id: &task.task_id,
            name: &task.name,
            framework_id: &task.framework_id,
            executor_id: task.own_executor().map_or("", ExecutorId::as_str),
            slave_id: &task.agent_id,
            state: task.state,
            resources: Amounts::of(&task.resources),
            role: &task.role,
            statuses: task.status.as_ref().map(StatusModel::new),
            labels: &task.labels,
        }
    }
}

fn as_list<T: Serialize, S: Serializer>(one: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(one)
}

#[derive(Serialize)]
pub(super) struct StatusModel<'a> {
    state: TaskState,
    timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_status: Option<ContainerStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy: Option<bool>,
}

#[derive(Serialize)]
struct ContainerStatus<'a> {
    container_id: Value<&'a ContainerId>,
}

impl<'a> StatusModel<'a> {
    fn new(status: &'a TaskStatus) -> Self {
        let container = status.container_id.as_ref();
        Self {
            state: status.state,
            timestamp: status.timestamp.as_secs_f64(),
            container_status: container
                .map(|id| ContainerStatus { container_id: Value { value: id } }),
            healthy: status.healthy,
        }
    }
}

#[derive(Serialize)]
pub(super) struct OfferModel<'a> {
    id: &'a OfferId,
    framework_id: &'a FrameworkId,
    allocation_info: AllocationInfo<'a>,
    slave_id: &'a AgentId,
    resources: Amounts<'a>,
}

#[derive(Serialize)]
struct AllocationInfo<'a> {
    role: &'a str,
}

impl<'a> OfferModel<'a> {
    pub(super) fn new(offer: &'a Offer) -> Self {
        Self {
            id: &offer.offer_id,
            framework_id: &offer.framework_id,
            allocation_info: AllocationInfo { role: &offer.role },
            slave_id: &offer.agent_id,
            resources: Amounts::of(&offer.resources),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ExecutorModel<'a> {
    executor_id: &'a ExecutorId,
    name: &'a str,
    framework_id: &'a FrameworkId,
    slave_id: &'a AgentId,
    role: &'a str,
    resources: Amounts<'a>,
    r#type: &'static str,
}

impl<'a> ExecutorModel<'a> {
    pub(super) fn new(executor: &'a Executor) -> Self {
        Self {
            executor_id: &executor.info.executor_id,
            name: &executor.info.name,
            framework_id: &executor.framework_id,
            slave_id: &executor.agent_id,
            role: &executor.role,
            resources: Amounts::of(&executor.info.resources),
            r#type: "CUSTOM",
        }
    }
}
