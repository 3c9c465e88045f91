//! The parts that many messages share, each with every field filled in.

use std::collections::{BTreeMap, BTreeSet};

use protocol::agents::RunningExecutor;
use protocol::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, RoleConstraints, Selector,
};
use protocol::framework::{
    AgentInfo, Attribute, Capability, FrameworkInfo, InverseOffer, Offer, OperationState,
    OperationStatus, Unavailability, Wanted,
};
use protocol::maintenance::{MachineId, Maintenance, MaintenanceWindow};
use protocol::operation::{AgentOperation, Conversion, OperationReport, ResourceOperation};
use protocol::quota::Quota;
use protocol::resources::{Disk, Ranges, Reservation, Value};
use protocol::task::{
    CommandInfo, ExecutorInfo, ExecutorKind, KillPolicy, Label, Reason, Source, Task, TaskInfo,
    TaskState, TaskStatus, Termination, Uri,
};
use protocol::{
    Address, AgentId, Blob, ContainerId, ConversionId, Epoch, ExecutorId, FrameworkId, Generation,
    HostAddr, Incarnation, OfferId, OperationId, Resource, Resources, Scalar, TaskId, Time,
    UpdateId,
};

pub(super) const NOW: Time = Time(1_767_225_600_123_456);
pub(super) const EPOCH: Epoch = Epoch(7);
pub(super) const GENERATION: Generation = Generation(300);
pub(super) const INCARNATION: Incarnation = Incarnation(70_000);

pub(super) fn agent_id() -> AgentId {
    "20260101-7-S1".into()
}

pub(super) fn framework_id() -> FrameworkId {
    "20260101-7-0001".into()
}

pub(super) fn task_id() -> TaskId {
    "web.instance-1._app.1".into()
}

pub(super) fn executor_id() -> ExecutorId {
    "executor-1".into()
}

pub(super) fn container_id() -> ContainerId {
    "container-1".into()
}

pub(super) fn offer_id() -> OfferId {
    "20260101-7-O1".into()
}

pub(super) fn update_id() -> UpdateId {
    "update-1".into()
}

pub(super) fn host() -> HostAddr {
    HostAddr::parse("10.0.0.1:7051").expect("it is a host")
}

pub(super) fn address(name: &str) -> Address {
    Address::new(name, host())
}

pub(super) fn data() -> Blob {
    Blob(vec![0x00, 0x7f, 0xff])
}

pub(super) fn one<K: Ord + From<&'static str>, V>(key: &'static str, value: V) -> BTreeMap<K, V> {
    BTreeMap::from([(key.into(), value)])
}

/// Every kind of value, a reservation in two layers, a volume, and something revocable.
pub(super) fn resources() -> Resources {
    let reservation = |role: &str| Reservation {
        role: role.into(),
        dynamic: true,
        principal: Some("operator".into()),
        labels: one("team", "a".to_owned()),
    };
    let reserved = Resource {
        name: "disk".into(),
        value: Value::Scalar(Scalar::from_milli(1_024_500)),
        reservations: vec![reservation("eng"), reservation("eng/web")],
        disk: Some(Disk {
            persistence_id: "volume-1".into(),
            container_path: "data".into(),
            principal: Some("operator".into()),
        }),
        revocable: true,
        shared: false,
    };
    Resources::from(vec![
        Resource::new("cpus", Value::Scalar(Scalar::from_milli(1500))),
        Resource::new(
            "ports",
            Value::Ranges(Ranges::from(vec![(31_000, 31_009), (70_000, 70_000)])),
        ),
        Resource::new("racks", Value::Set(["a".to_owned(), "b".to_owned()].into())),
        reserved,
    ])
}

/// The same, for several at once.
pub(super) fn shared() -> Resources {
    resources().iter().map(|resource| Resource { shared: true, ..resource.clone() }).collect()
}

pub(super) fn unavailability() -> Unavailability {
    Unavailability { start: NOW, duration_ms: Some(3_600_000) }
}

pub(super) fn labels() -> Vec<Label> {
    vec![Label { key: "tier".into(), value: Some("front".into()) }]
}

pub(super) fn uris() -> Vec<Uri> {
    vec![Uri {
        value: "http://example.com/web.tar.gz".into(),
        executable: true,
        extract: false,
        cache: true,
        output_file: Some("web".into()),
    }]
}

pub(super) fn command() -> CommandInfo {
    CommandInfo {
        value: Some("/bin/sleep".into()),
        shell: false,
        arguments: vec!["sleep".into(), "1000".into()],
        environment: one("PORT0", "31000".to_owned()),
        user: Some("nobody".into()),
        uris: uris(),
    }
}

pub(super) fn kill_policy() -> KillPolicy {
    KillPolicy { grace_ms: Some(3000) }
}

pub(super) fn executor() -> ExecutorInfo {
    ExecutorInfo {
        executor_id: executor_id(),
        kind: ExecutorKind::Custom,
        name: "web executor".into(),
        command: Some(command()),
        resources: resources(),
        shutdown_grace_ms: Some(5000),
        labels: labels(),
        data: Some(data()),
    }
}

pub(super) fn running_executor() -> RunningExecutor {
    RunningExecutor { framework_id: framework_id(), executor: executor(), role: "eng/web".into() }
}

pub(super) fn task_info() -> TaskInfo {
    TaskInfo {
        task_id: task_id(),
        name: "web".into(),
        agent_id: agent_id(),
        resources: resources(),
        command: Some(command()),
        executor: Some(executor()),
        kill_policy: Some(kill_policy()),
        labels: labels(),
        data: Some(data()),
    }
}

pub(super) fn status(state: TaskState) -> TaskStatus {
    TaskStatus {
        task_id: task_id(),
        state,
        source: Source::Agent,
        reason: Some(Reason::ContainerLimitationMemory),
        message: "memory limit of 32 MB reached".into(),
        agent_id: Some(agent_id()),
        executor_id: Some(executor_id()),
        container_id: Some(container_id()),
        timestamp: NOW,
        update_id: Some(update_id()),
        healthy: Some(true),
        termination: Some(Termination::Signaled(9)),
        data: Some(data()),
        unreachable_time: None,
    }
}

pub(super) fn task() -> Task {
    Task {
        task_id: task_id(),
        framework_id: framework_id(),
        agent_id: agent_id(),
        executor_id: executor_id(),
        executor_kind: ExecutorKind::Custom,
        name: "web".into(),
        role: "eng/web".into(),
        resources: resources(),
        labels: labels(),
        state: TaskState::Running,
        status: Some(status(TaskState::Running)),
    }
}

pub(super) fn framework() -> FrameworkInfo {
    FrameworkInfo {
        user: "nobody".into(),
        name: "services".into(),
        id: Some(framework_id()),
        failover_timeout_ms: 604_800_000,
        roles: vec!["eng/web".into(), "*".into()],
        hostname: "node-1".into(),
        principal: Some("services".into()),
        webui_url: Some("http://node-1:8080".into()),
        checkpoint: true,
        capabilities: BTreeSet::from([Capability::PartitionAware, Capability::MultiRole]),
        labels: labels(),
        offer_filters: BTreeMap::new(),
    }
}

pub(super) fn attributes() -> BTreeMap<String, Attribute> {
    BTreeMap::from([
        ("rack".to_owned(), Attribute::Text("r1".into())),
        ("speed".to_owned(), Attribute::Scalar(Scalar::from_milli(2500))),
        ("vlans".to_owned(), Attribute::Ranges(Ranges::single(10, 19))),
    ])
}

pub(super) fn agent_info() -> AgentInfo {
    AgentInfo {
        hostname: "node-1".into(),
        host: host(),
        http: "10.0.0.1:5051".into(),
        resources: resources(),
        attributes: attributes(),
        domain: None,
        boot_id: "8a6e1f0c-0000-4000-8000-000000000001".into(),
        version: "0.1.0".into(),
    }
}

pub(super) fn offer() -> Offer {
    Offer {
        offer_id: offer_id(),
        framework_id: framework_id(),
        agent_id: agent_id(),
        hostname: "node-1".into(),
        http: "10.0.0.1:5051".into(),
        role: "eng/web".into(),
        resources: resources(),
        attributes: attributes(),
        executor_ids: vec![executor_id()],
        unavailability: None,
        domain: None,
    }
}

pub(super) fn constraints() -> OfferConstraints {
    let attribute =
        |predicate| AttributeConstraint { selector: Selector::Attribute("rack".into()), predicate };
    let region = AttributeConstraint { selector: Selector::Region, predicate: Predicate::Exists };
    let groups = vec![vec![attribute(Predicate::TextMatches("r[0-9]+".into())), region]];
    OfferConstraints { roles: one("eng/web", RoleConstraints { groups }) }
}

pub(super) fn inverse_offer() -> InverseOffer {
    InverseOffer {
        offer_id: offer_id(),
        framework_id: framework_id(),
        agent_id: agent_id(),
        hostname: "node-1".into(),
        http: "10.0.0.1:5051".into(),
        unavailability: unavailability(),
        wanted: Some(Wanted { role: "eng/web".into(), resources: resources() }),
    }
}

pub(super) fn operation_id() -> OperationId {
    "reserve-1".into()
}

pub(super) fn conversion_id() -> ConversionId {
    "20260101-7-P1".into()
}

pub(super) fn a_resource() -> Resource {
    let all = resources();
    all.iter().find(|resource| resource.disk.is_some()).expect("one is a volume").clone()
}

/// Every kind.
pub(super) fn operations() -> Vec<ResourceOperation> {
    vec![
        ResourceOperation::Reserve { resources: resources(), source: Resources::EMPTY },
        ResourceOperation::Unreserve { resources: resources() },
        ResourceOperation::Create { volumes: resources() },
        ResourceOperation::Destroy { volumes: resources() },
        ResourceOperation::GrowVolume { volume: a_resource(), addition: a_resource() },
        ResourceOperation::ShrinkVolume {
            volume: a_resource(),
            subtract: Scalar::from_milli(1500),
        },
    ]
}

pub(super) fn agent_operation() -> AgentOperation {
    AgentOperation {
        conversion_id: conversion_id(),
        framework_id: Some(framework_id()),
        operation_id: Some(operation_id()),
        operation: ResourceOperation::Reserve { resources: resources(), source: Resources::EMPTY },
        conversion: Conversion { consumed: resources(), produced: shared() },
    }
}

pub(super) fn operation_report() -> OperationReport {
    OperationReport { operation: agent_operation(), status: operation_status() }
}

pub(super) fn operation_status() -> OperationStatus {
    OperationStatus {
        operation_id: Some(operation_id()),
        state: OperationState::Finished,
        message: "done".into(),
        agent_id: Some(agent_id()),
        converted: resources(),
        update_id: Some(update_id()),
    }
}

pub(super) fn quota() -> Quota {
    Quota {
        guarantees: one("cpus", Scalar::from_milli(2000)),
        limits: one("cpus", Scalar::from_milli(4000)),
    }
}

pub(super) fn machine() -> MachineId {
    MachineId { hostname: "node-1".into(), ip: "10.0.0.1".into() }
}

pub(super) fn maintenance() -> Maintenance {
    let window = MaintenanceWindow { machines: vec![machine()], unavailability: unavailability() };
    Maintenance { windows: vec![window], down: [machine()].into() }
}
