//! What principals may not do is refused, and nothing of it is done.

use std::sync::Arc;

use frameworks_core::{Config, Request, State};
use protocol::access::Acls;
use protocol::framework::{FrameworkInfo, Operation, OperationState};
use protocol::frameworks::{AcceptOffers, OperateOnAgent, UpdateFramework};
use protocol::operation::ResourceOperation;
use protocol::resources::{Disk, Reservation, Resource, Resources};
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, Reason, TaskInfo, TaskState};
use protocol::{FailureKind, FrameworkId};

use crate::fixture::*;

/// `ops` may do everything, `web` may be in the role `dev` and run what it likes as `web`.
const ACLS: &str = r#"{
    "permissive": false,
    "register_frameworks": [
        {"principals": {"values": ["ops", "web"]}, "roles": {"values": ["dev"]}}
    ],
    "run_tasks": [{"principals": {"values": ["web"]}, "users": {"values": ["web"]}}],
    "reserve_resources": [{"principals": {"values": ["ops"]}, "roles": {"type": "ANY"}}],
    "unreserve_resources": [{"principals": {"values": ["ops"]},
        "reserver_principals": {"values": ["ops"]}}],
    "create_volumes": [{"principals": {"values": ["ops"]}, "roles": {"type": "ANY"}}],
    "destroy_volumes": [{"principals": {"values": ["ops"]},
        "creator_principals": {"values": ["ops"]}}],
    "resize_volumes": [{"principals": {"values": ["ops"]}, "roles": {"type": "ANY"}}]
}"#;

fn guarded() -> Bench {
    guarded_by(ACLS)
}

fn guarded_by(acls: &str) -> Bench {
    let mut bench = Bench::new();
    let acls = Arc::new(Acls::from_json(acls).unwrap());
    bench.state = State::new(Config { acls, ..Config::default() });
    bench.elect();
    bench.load(Default::default());
    let recovered = protocol::frameworks::AgentsRecovered { epoch: EPOCH, agents: vec![] };
    bench.ask(&address("agents@10.0.0.1:7050"), Request::Introduce(recovered)).done();
    bench
}

fn of(principal: Option<&str>) -> FrameworkInfo {
    FrameworkInfo {
        principal: principal.map(str::to_owned),
        user: "web".to_owned(),
        ..info("demo")
    }
}

fn ready() -> (Bench, FrameworkId) {
    let mut bench = guarded();
    let id = bench.subscribe_as(&scheduler(), of(Some("web")));
    bench.join("a1", 1, vec![]);
    (bench, id)
}

#[test]
fn a_framework_is_only_in_roles_that_its_principal_may_have() {
    let mut bench = guarded();
    for (principal, roles, why) in [
        (None, ["dev"], "An unauthenticated caller"),
        (Some("eve"), ["dev"], "Principal 'eve'"),
        (Some("web"), ["prod"], "register a framework in role 'prod'"),
    ] {
        let roles = roles.map(str::to_owned).to_vec();
        let out = bench.begin_subscription(&scheduler(), FrameworkInfo { roles, ..of(principal) });
        out.refused_as(FailureKind::Refused, why);
        assert_eq!(out.record(), None);
    }
    bench.subscribe_as(&scheduler(), of(Some("web")));
}

#[test]
fn a_framework_gets_no_further_role_by_an_update() {
    let (mut bench, id) = ready();
    let update = |roles: &[&str]| {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let info = FrameworkInfo { roles, id: Some(id.clone()), ..of(Some("web")) };
        Request::UpdateFramework(UpdateFramework {
            framework_id: id.clone(),
            info,
            suppressed_roles: vec![],
            offer_constraints: None,
        })
    };
    let out = bench.call(update(&["dev", "prod"]));
    out.refused_as(FailureKind::Forbidden, "register a framework in role 'prod'");
    assert_eq!(out.record(), None);
    bench.call(update(&["dev"])).done();
}

fn as_user(task: TaskInfo, user: &str) -> TaskInfo {
    let command = CommandInfo { user: Some(user.to_owned()), ..task.command.unwrap() };
    TaskInfo { command: Some(command), ..task }
}

#[test]
fn a_task_as_a_forbidden_user_is_an_error_and_the_others_run() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=4");
    let tasks = vec![
        command("own", "a1", "cpus=1"),
        as_user(command("root", "a1", "cpus=1"), "root"),
        as_user(command("named", "a1", "cpus=1"), "web"),
    ];
    let out = bench.accept(&id, &[offer], tasks);
    let errors: Vec<_> = out.statuses().into_iter().cloned().collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].task_id.as_str(), "root");
    assert_eq!(
        (errors[0].state, errors[0].reason),
        (TaskState::Error, Some(Reason::TaskUnauthorized))
    );
    assert!(errors[0].message.contains("run a task as user 'root'"), "{}", errors[0].message);
    assert_eq!(bench.state_of("own"), Some(TaskState::Staging));
    assert_eq!(bench.state_of("named"), Some(TaskState::Staging));
    assert_eq!(bench.state_of("root"), None);
    assert_eq!(out.given_back(), bag("cpus=2"));
}

#[test]
fn a_task_of_no_user_is_for_who_may_run_as_anybody() {
    for (entries, allowed) in [
        (r#"{"principals": {"type": "NONE"}, "users": {"values": ["root"]}}"#, false),
        (r#"{"principals": {"type": "ANY"}, "users": {"values": ["web"]}}"#, true),
    ] {
        let mut bench = guarded_by(&format!(r#"{{"run_tasks": [{entries}]}}"#));
        let info = FrameworkInfo { user: String::new(), ..of(Some("web")) };
        let id = bench.subscribe_as(&scheduler(), info);
        bench.join("a1", 1, vec![]);
        let offer = bench.offer(&id, "a1", "cpus=4");
        let out = bench.accept(&id, &[offer], vec![command("t", "a1", "cpus=1")]);
        let unauthorized = Some(Reason::TaskUnauthorized);
        let refused = out.statuses().iter().any(|status| status.reason == unauthorized);
        assert_eq!(refused, !allowed, "{entries}");
    }
}

#[test]
fn an_executors_user_counts_too() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=4");
    let run = CommandInfo {
        value: Some("true".into()),
        shell: true,
        user: Some("root".into()),
        ..Default::default()
    };
    let executor = ExecutorInfo {
        executor_id: "e".into(),
        kind: ExecutorKind::Custom,
        name: "e".into(),
        command: Some(run),
        resources: bag("cpus=0.5"),
        shutdown_grace_ms: None,
        labels: vec![],
        data: None,
    };
    let task = TaskInfo { command: None, executor: Some(executor), ..command("t", "a1", "cpus=1") };
    let out = bench.accept(&id, &[offer], vec![task]);
    assert_eq!(out.statuses()[0].reason, Some(Reason::TaskUnauthorized));
    assert_eq!(out.given_back(), bag("cpus=4"));
}

fn reserved(text: &str, principal: &str) -> Resources {
    let layer = Reservation {
        role: "dev".into(),
        dynamic: true,
        principal: Some(principal.into()),
        labels: [].into(),
    };
    let reserve = |r: &Resource| Resource { reservations: vec![layer.clone()], ..r.clone() };
    bag(text).iter().map(reserve).collect()
}

fn volume(principal: &str) -> Resources {
    let disk = Disk {
        persistence_id: "v".into(),
        container_path: "data".into(),
        principal: Some(principal.into()),
    };
    let made = |r: &Resource| Resource { disk: Some(disk.clone()), ..r.clone() };
    reserved("disk=10", principal).iter().map(made).collect()
}

#[test]
fn only_the_operation_that_is_forbidden_is_not_done() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=4");
    let reserve = ResourceOperation::Reserve {
        resources: reserved("cpus=1", "web"),
        source: Resources::EMPTY,
    };
    let operations = vec![
        Operation::Apply { operation_id: Some("r".into()), operation: Box::new(reserve) },
        Operation::Launch { tasks: vec![command("t", "a1", "cpus=4")] },
    ];
    let out = bench.call(Request::Accept(AcceptOffers {
        framework_id: id.clone(),
        offer_ids: vec![offer],
        operations,
        filters: Default::default(),
    }));
    let told = out.to_scheduler();
    let frameworks_core::ToScheduler::Operation(update) = told[0] else { panic!("{told:?}") };
    assert_eq!(update.status.state, OperationState::Error);
    assert!(update.status.message.contains("reserve resources for role 'dev'"));
    assert_eq!(bench.state_of("t"), Some(TaskState::Staging));
}

#[test]
fn an_operator_does_what_the_lists_allow_in_nobody_elses_name() {
    let (mut bench, _) = ready();
    let total = &bag("cpus=4") + &(&reserved("cpus=2;disk=20", "ops") + &volume("ops"));
    let mut joined = joined("a1", 2, vec![]);
    joined.info.resources = &total + &reserved("disk=5", "web");
    bench.tell(frameworks_core::News::AgentJoined(joined));
    let mut wish = |operation, principal: Option<&str>| {
        let principal = principal.map(str::to_owned);
        let operate = OperateOnAgent { agent_id: "a1".into(), operation, principal };
        bench.ask(&address("gateway@10.0.0.1:7050"), Request::Operate(operate))
    };
    let reserve = |principal| ResourceOperation::Reserve {
        resources: reserved("cpus=1", principal),
        source: Resources::EMPTY,
    };
    let unreserve =
        |principal, what| ResourceOperation::Unreserve { resources: reserved(what, principal) };
    let destroy = ResourceOperation::Destroy { volumes: volume("ops") };
    let of_ops = volume("ops").iter().next().unwrap().clone();
    let shrink = ResourceOperation::ShrinkVolume {
        volume: of_ops,
        subtract: protocol::Scalar::from_milli(1000),
    };
    for (operation, principal, why) in [
        (reserve("web"), Some("web"), "reserve resources for role 'dev'"),
        (reserve("ops"), None, "An unauthenticated caller"),
        (unreserve("web", "disk=5"), Some("ops"), "unreserve resources of principal 'web'"),
        (destroy, Some("web"), "destroy a volume of principal 'ops'"),
        (shrink, Some("web"), "resize a volume of role 'dev'"),
    ] {
        let out = wish(operation, principal);
        out.refused_as(FailureKind::Forbidden, why);
        assert!(out.to_agents().is_empty());
    }
    // What makes no sense is said before what is not allowed.
    wish(reserve("web"), Some("ops")).refused_as(FailureKind::Refused, "principal `web`");
    assert!(!wish(reserve("ops"), Some("ops")).is_answered(), "the allocator is asked");
}

#[test]
fn a_reservation_is_moved_by_who_may_undo_and_make_every_layer_of_it() {
    let stack = |layers: &[(&str, &str)]| {
        let layer = |(role, principal): &(&str, &str)| Reservation {
            role: (*role).into(),
            dynamic: true,
            principal: Some((*principal).into()),
            labels: [].into(),
        };
        let reservations: Vec<_> = layers.iter().map(layer).collect();
        let reserve = |r: &Resource| Resource { reservations: reservations.clone(), ..r.clone() };
        bag("cpus=2").iter().map(reserve).collect::<Resources>()
    };
    let mut bench = guarded_by(
        r#"{"permissive": false,
            "unreserve_resources": [{"principals": {"values": ["eve"]},
                "reserver_principals": {"values": ["eve"]}}],
            "reserve_resources": [{"principals": {"values": ["eve"]},
                "roles": {"values": ["qa", "dev/x", "prod/x"]}}]}"#,
    );
    for (generation, (from, to, why)) in [
        (
            [("dev", "ops"), ("dev/x", "eve")],
            vec![("qa", "eve")],
            "unreserve resources of principal 'ops'",
        ),
        (
            [("qa", "eve"), ("qa/x", "eve")],
            vec![("prod", "eve"), ("prod/x", "eve")],
            "reserve resources for role 'prod'",
        ),
        ([("dev", "ops"), ("dev/x", "eve")], vec![("dev", "ops"), ("dev/y", "eve")], "'dev/y'"),
        ([("qa", "eve"), ("qa/x", "eve")], vec![("qa", "eve")], "nothing"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut agent = joined("a1", generation as u64 + 1, vec![]);
        agent.info.resources = stack(&from);
        bench.tell(frameworks_core::News::AgentJoined(agent));
        let operation = ResourceOperation::Reserve { resources: stack(&to), source: stack(&from) };
        let principal = Some("eve".to_owned());
        let operate = OperateOnAgent { agent_id: "a1".into(), operation, principal };
        let out = bench.ask(&address("gateway@10.0.0.1:7050"), Request::Operate(operate));
        let failure = out.refused();
        match why {
            // It makes no new reservation: that is said first.
            "nothing" => assert_eq!(failure.kind, FailureKind::Refused, "{failure}"),
            why => out.refused_as(FailureKind::Forbidden, why),
        }
    }
}
