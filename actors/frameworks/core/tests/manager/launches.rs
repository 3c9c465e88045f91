//! What an accept does with its offers and tasks.

use frameworks_core::{Effect, News, ToAgents};
use protocol::frameworks::{ExecutorExited, ForwardUpdate, LaunchUndeliverable};
use protocol::id::Generation;
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, Reason, TaskInfo, TaskState};
use protocol::{FailureKind, FrameworkId};

use crate::fixture::*;

fn custom(task: &str, executor: &str, value: &str) -> TaskInfo {
    let command = CommandInfo { value: Some(value.into()), shell: true, ..Default::default() };
    TaskInfo {
        command: None,
        executor: Some(ExecutorInfo {
            executor_id: executor.into(),
            kind: ExecutorKind::Custom,
            name: executor.into(),
            command: Some(command),
            resources: bag("cpus=0.5"),
            shutdown_grace_ms: None,
            labels: vec![],
            data: None,
        }),
        ..self::command(task, "a1", "cpus=1")
    }
}

fn ready() -> (Bench, FrameworkId) {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.join("a2", 1, vec![]);
    (bench, id)
}

fn undeliverable(id: &FrameworkId, tasks: &[&str], generation: u64) -> News {
    News::LaunchUndeliverable(LaunchUndeliverable {
        agent_id: "a1".into(),
        generation: Generation(generation),
        framework_id: id.clone(),
        task_ids: tasks.iter().map(|t| (*t).into()).collect(),
        reason: Reason::AgentDisconnected,
        message: "the agent is disconnected".into(),
    })
}

#[test]
fn a_launch_goes_to_the_agent_in_one_message_and_the_rest_goes_back_filtered() {
    let (mut bench, id) = ready();
    let offers = [bench.offer(&id, "a1", "cpus=2;mem=500"), bench.offer(&id, "a1", "cpus=2")];
    let tasks = vec![command("t1", "a1", "cpus=1"), command("t2", "a1", "cpus=2;mem=400")];
    let out = bench.accept(&id, &offers, tasks);
    out.done();
    let ToAgents::Launch(launch) = out.to_agents()[0] else { panic!("{out:?}") };
    assert_eq!(launch.tasks.len(), 2);
    assert_eq!(launch.generation, Generation(1));
    assert_eq!(launch.framework.id.as_ref(), Some(&id));
    assert_eq!(launch.role, "dev");
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
    assert_eq!(out.recovered()[0].filters.map(|f| f.refuse_ms), Some(5000));
    assert_eq!(bench.state_of("t1"), Some(TaskState::Staging));
}

#[test]
fn no_tasks_is_a_decline() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=2");
    let out = bench.accept(&id, &[offer], vec![]);
    out.done();
    assert_eq!(out.given_back(), bag("cpus=2"));
    assert!(out.to_agents().is_empty());
}

#[test]
fn invalid_offers_drop_the_tasks_and_the_good_offers_go_back() {
    let (mut bench, id) = ready();
    let on_a1 = bench.offer(&id, "a1", "cpus=1");
    let on_a2 = bench.offer(&id, "a2", "cpus=1");
    let other = address("scheduler@10.0.0.8:1");
    let rival = bench.subscribe_as(&other, info("rival"));
    let theirs = bench.offer(&rival, "a1", "cpus=1");
    for (offers, fault) in [
        (vec![], "No offers specified"),
        (vec!["gone".into()], "no longer valid"),
        (vec![theirs.clone()], "no longer valid"),
        (vec![on_a1.clone(), on_a1.clone()], "Duplicate offer"),
    ] {
        let out = bench.accept(&id, &offers, vec![command("t1", "a1", "cpus=1")]);
        out.refused_as(FailureKind::Refused, fault);
        assert_eq!(out.states(), [TaskState::Dropped]);
        assert_eq!(out.statuses()[0].reason, Some(Reason::InvalidOffers));
        assert!(out.statuses()[0].update_id.is_none());
    }
    let on_a1 = bench.offer(&id, "a1", "cpus=1");
    let out = bench.accept(&id, &[on_a1, on_a2], vec![command("t1", "a1", "cpus=1")]);
    out.refused_as(FailureKind::Refused, "one single agent");
    assert_eq!(out.given_back(), bag("cpus=2"));
    assert_eq!(bench.state_of("t1"), None);
}

#[test]
fn frameworks_that_know_no_partitions_hear_lost() {
    let (mut bench, id) = Bench::with_plain_framework();
    let out = bench.accept(&id, &[], vec![command("t1", "a1", "cpus=1")]);
    assert_eq!(out.states(), [TaskState::Lost]);
}

#[test]
fn an_accept_that_arrives_twice_does_not_disturb_its_tasks() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=1");
    let tasks = vec![command("t1", "a1", "cpus=1")];
    bench.accept(&id, std::slice::from_ref(&offer), tasks.clone()).done();
    let out = bench.accept(&id, &[offer], tasks);
    out.refused();
    assert!(out.states().is_empty());
    assert_eq!(bench.state_of("t1"), Some(TaskState::Staging));
}

#[test]
fn an_invalid_task_is_an_error_and_its_siblings_go() {
    let (mut bench, id) = ready();
    bench.launch(&id, "taken");
    let neither = TaskInfo { command: None, ..command("x", "a1", "cpus=1") };
    let both =
        TaskInfo { command: command("x", "a1", "cpus=1").command, ..custom("x", "e", "run") };
    let empty = TaskInfo { command: Some(CommandInfo::default()), ..command("x", "a1", "cpus=1") };
    let bad_executor = custom("x", "..", "run");
    let no_command = custom("x", "e", "");
    let cases = [
        (command("a/b", "a1", "cpus=1"), "task id is not valid"),
        (command("taken", "a1", "cpus=1"), "duplicate ID"),
        (command("x", "a2", "cpus=1"), "offers are of agent a1"),
        (command("x", "a1", ""), "no resources"),
        (command("x", "a1", "cpus=3"), "more than available"),
        (command("x", "a1", "gpus=1"), "more than available"),
        (neither, "neither"),
        (both, "both"),
        (empty, "nothing to execute"),
        (bad_executor, "executor id"),
        (no_command, "nothing to execute"),
    ];
    for (n, (bad, why)) in cases.into_iter().enumerate() {
        let offer = bench.offer(&id, "a1", "cpus=2");
        let good = format!("good-{n}");
        let tasks = vec![bad, command(&good, "a1", "cpus=0.1")];
        let out = bench.accept(&id, &[offer], tasks);
        out.done();
        assert_eq!(out.states(), [TaskState::Error], "{why}");
        let status = out.statuses()[0];
        assert_eq!(status.reason, Some(Reason::TaskInvalid));
        assert!(status.message.contains(why), "`{}` does not contain `{why}`", status.message);
        let ToAgents::Launch(launch) = out.to_agents()[0] else { panic!("{out:?}") };
        assert_eq!(launch.tasks[0].task_id.as_str(), good);
        assert_eq!(out.given_back(), bag("cpus=1.9"));
        bench.update(&id, &good, TaskState::Finished, "u");
    }
}

#[test]
fn two_tasks_of_one_id_in_one_accept_are_one_task() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=2");
    let tasks = vec![command("t1", "a1", "cpus=1"), command("t1", "a1", "cpus=1")];
    let out = bench.accept(&id, &[offer], tasks);
    assert_eq!(out.states(), [TaskState::Error]);
    assert_eq!(out.given_back(), bag("cpus=1"));
}

#[test]
fn an_executor_is_paid_for_once() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=3");
    let tasks = vec![custom("t1", "e1", "run"), custom("t2", "e1", "run")];
    let out = bench.accept(&id, &[offer], tasks);
    assert_eq!(out.given_back(), bag("cpus=0.5"));
    let offer = bench.offer(&id, "a1", "cpus=1");
    let out = bench.accept(&id, &[offer], vec![custom("t3", "e1", "other")]);
    assert!(out.statuses()[0].message.contains("another description"));
}

#[test]
fn a_launch_that_cannot_be_delivered_is_dropped_with_its_new_executor() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=3");
    let tasks = vec![custom("t1", "e1", "run"), custom("t2", "e1", "run")];
    bench.accept(&id, &[offer], tasks).done();
    let out = bench.tell(undeliverable(&id, &["t1"], 1));
    assert_eq!(out.states(), [TaskState::Dropped]);
    assert_eq!(out.given_back(), bag("cpus=1"));
    let out = bench.tell(undeliverable(&id, &["t2"], 1));
    assert_eq!(out.given_back(), bag("cpus=1.5"));
    assert_eq!(bench.ended_state_of("t2"), Some(TaskState::Dropped));
}

#[test]
fn an_executor_that_ends_while_a_launch_counts_on_it_is_still_paid_for() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=1.5");
    bench.accept(&id, &[offer], vec![custom("t1", "e1", "run")]).done();
    let mut running = status("t1", "a1", TaskState::Running, "u1");
    running.executor_id = Some("e1".into());
    let update = |status: protocol::task::TaskStatus| {
        let latest_state = status.state;
        let (framework_id, agent_id) = (id.clone(), "a1".into());
        News::Update(ForwardUpdate { framework_id, agent_id, status, latest_state })
    };
    bench.tell(update(running));
    let offer = bench.offer(&id, "a1", "cpus=1");
    bench.accept(&id, &[offer], vec![custom("t2", "e1", "run")]).done();
    let exited = News::ExecutorExited(ExecutorExited {
        agent_id: "a1".into(),
        framework_id: id.clone(),
        executor_id: "e1".into(),
        status: 0,
    });
    assert!(bench.tell(exited).given_back().is_empty());
    let ended = status("t1", "a1", TaskState::Finished, "u2");
    assert_eq!(bench.tell(update(ended)).given_back(), bag("cpus=1"));
    let failed = status("t2", "a1", TaskState::Failed, "u3");
    assert_eq!(bench.tell(update(failed)).given_back(), bag("cpus=1.5"));
}

#[test]
fn an_undeliverable_launch_of_another_generation_is_not_about_this_one() {
    let (mut bench, id) = ready();
    bench.launch(&id, "t1");
    assert_eq!(bench.tell(undeliverable(&id, &["t1"], 9)).0, []);
    assert_eq!(bench.state_of("t1"), Some(TaskState::Staging));
}

#[test]
fn launches_are_reported_as_events() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=1");
    let out = bench.accept(&id, &[offer], vec![command("t1", "a1", "cpus=1")]);
    let kinds: Vec<_> = out
        .0
        .iter()
        .filter_map(
            |e| if let Effect::Emit(report) = e { Some(report.kind.as_str()) } else { None },
        )
        .collect();
    assert_eq!(kinds, ["offer_accepted", "task_added"]);
}
