//! Agents come, go and come back, and the ledger with them.

use frameworks_core::{Input, News, Request, ToAgents, ToAllocator, ToScheduler};
use protocol::agents::RunningExecutor;
use protocol::frameworks::{AgentLossCause, AgentsRecovered, ExecutorExited};
use protocol::id::Generation;
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, Reason, Task, TaskState};

use crate::fixture::*;

#[test]
fn a_joining_agent_brings_its_tasks_and_the_allocator_hears_what_they_hold() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let tasks = vec![
        reported(&id, "t1", "a1", TaskState::Running),
        reported(&id, "t2", "a1", TaskState::Running),
        reported(&id, "t3", "a1", TaskState::Finished),
    ];
    let out = bench.join("a1", 1, tasks);
    let added = out.added_agent();
    assert_eq!(added.generation, Generation(1));
    assert_eq!(added.used.len(), 1);
    assert_eq!(added.used[0].resources, bag("cpus=2;mem=200"));
    assert_eq!(bench.state_of("t3"), Some(TaskState::Finished));
    assert!(out.statuses().is_empty(), "a master that did not know them has no news of them");
}

/// Whose process runs a task was not told by agents of before.
#[test]
fn a_task_that_is_not_named_like_its_executor_has_one_of_its_framework() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let own = reported(&id, "t1", "a1", TaskState::Running);
    let other = Task { executor_id: "e1".into(), ..reported(&id, "t2", "a1", TaskState::Running) };
    bench.join("a1", 1, vec![own, other]);
    let term = bench.state.term().unwrap();
    let kinds: Vec<_> = term.tasks().map(|(_, entry)| entry.task().executor_kind).collect();
    assert_eq!(kinds, [ExecutorKind::Command, ExecutorKind::Custom]);
}

#[test]
fn a_framework_that_the_registry_forgot_is_taken_from_the_agent() {
    let mut bench = Bench::leading();
    let mut lost = info("lost");
    lost.id = Some("f9".into());
    let mut message = joined("a1", 1, vec![reported(&"f9".into(), "t1", "a1", TaskState::Running)]);
    message.frameworks.push(lost.clone());
    let out = bench.tell(News::AgentJoined(message));
    assert!(matches!(out.to_allocator()[0], ToAllocator::AddFramework(add) if !add.active));
    assert_eq!(bench.state_of("t1"), Some(TaskState::Running));
    assert_eq!(bench.subscribe_as(&scheduler(), lost).as_str(), "f9");
}

#[test]
fn a_launch_that_did_not_reach_the_agent_is_dropped_when_it_registers_anew() {
    let (mut bench, _) = Bench::with_task();
    let out = bench.join("a1", 2, vec![]);
    assert_eq!(out.states(), [TaskState::Dropped]);
    assert!(out.added_agent().used.is_empty());
    assert!(out.recovered().is_empty(), "the agent is told whole, not piece by piece");
}

#[test]
fn a_task_that_ran_and_is_unknown_to_its_agent_is_gone() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    let out = bench.join("a1", 2, vec![]);
    assert_eq!(out.states(), [TaskState::Gone]);
}

#[test]
fn an_ended_task_that_its_agent_has_forgotten_was_acknowledged() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Finished, "u1");
    let out = bench.join("a1", 2, vec![]);
    assert!(out.states().is_empty());
    assert_eq!(bench.ended_state_of("t1"), Some(TaskState::Finished));
}

#[test]
fn a_disconnected_agent_keeps_its_tasks_and_leaves_the_allocator() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.leave("a1", 1, AgentLossCause::Disconnected);
    assert!(
        matches!(out.to_allocator()[..], [ToAllocator::RemoveAgent(m)] if m.generation == Generation(1))
    );
    assert!(out.states().is_empty());
    let out = bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert!(out.states().is_empty());
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=1;mem=100"));
}

#[test]
fn an_unreachable_agent_takes_its_tasks_out_of_sight_and_may_bring_them_back() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(out.states(), [TaskState::Unreachable]);
    assert_eq!(out.statuses()[0].reason, Some(Reason::AgentRemoved));
    assert!(out.to_scheduler().iter().any(|m| matches!(m, ToScheduler::Failure(_))));
    let out = bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert_eq!(out.states(), [TaskState::Running]);
    assert_eq!(out.statuses()[0].reason, Some(Reason::AgentReregistered));
    assert!(out.statuses()[0].update_id.is_none());
    assert_eq!(bench.state_of("t1"), Some(TaskState::Running));
}

#[test]
fn a_task_that_did_not_come_back_with_its_agent_is_gone() {
    let (mut bench, _) = Bench::with_task();
    bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(bench.join("a1", 2, vec![]).states(), [TaskState::Gone]);
}

#[test]
fn lost_tasks_of_frameworks_that_know_no_partitions_come_back_too() {
    let (mut bench, id) = Bench::with_plain_framework();
    bench.join("a1", 1, vec![]);
    bench.launch(&id, "t1");
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(out.states(), [TaskState::Lost]);
    let out = bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert_eq!(out.states(), [TaskState::Running]);
    bench.leave("a1", 2, AgentLossCause::Unreachable);
    let out = bench.join("a1", 3, vec![]);
    assert!(out.states().is_empty(), "it was told that it is lost");
}

#[test]
fn the_id_of_an_unreachable_task_stays_taken() {
    let (mut bench, id) = Bench::with_task();
    bench.leave("a1", 1, AgentLossCause::Unreachable);
    bench.join("a2", 1, vec![]);
    let offer = bench.offer(&id, "a2", "cpus=1");
    let out = bench.accept(&id, &[offer], vec![command("t1", "a2", "cpus=1")]);
    assert_eq!(out.states(), [TaskState::Error]);
}

#[test]
fn a_task_whose_id_was_used_again_meanwhile_is_killed_when_it_comes_back() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a2", 1, vec![]);
    let offer = bench.offer(&id, "a2", "cpus=1");
    bench.accept(&id, &[offer], vec![command("t1", "a2", "cpus=1")]).done();
    let out = bench.join("a1", 1, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert!(matches!(out.to_agents()[..], [ToAgents::Kill(m)] if m.agent_id == "a1".into()));
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=1;mem=100"));
}

#[test]
fn gone_agents_end_their_tasks_for_good() {
    for (cause, state, reason) in [
        (AgentLossCause::Gone, TaskState::GoneByOperator, Reason::AgentRemovedByOperator),
        (AgentLossCause::Removed, TaskState::Gone, Reason::AgentRemoved),
    ] {
        let (mut bench, _) = Bench::with_task();
        let out = bench.leave("a1", 1, cause);
        assert_eq!(out.states(), [state]);
        assert_eq!(out.statuses()[0].reason, Some(reason));
        assert_eq!(bench.ended_state_of("t1"), Some(state));
        assert_eq!(bench.state_of("t1"), None);
    }
}

#[test]
fn what_an_agent_says_of_a_task_whose_end_was_acknowledged_is_old() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Finished, "u1");
    bench.call(Request::Acknowledge(protocol::frameworks::AcknowledgeUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        task_id: "t1".into(),
        update_id: "u1".into(),
    }));
    let out = bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert!(out.added_agent().used.is_empty());
    assert_eq!(bench.state_of("t1"), None);
}

#[test]
fn executors_hold_their_own_resources_until_they_exit() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let mut message = joined("a1", 1, vec![]);
    let command = CommandInfo { value: Some("run".into()), shell: true, ..Default::default() };
    message.executors.push(RunningExecutor {
        framework_id: id.clone(),
        executor: ExecutorInfo {
            executor_id: "e1".into(),
            kind: ExecutorKind::Custom,
            name: String::new(),
            command: Some(command),
            resources: bag("cpus=0.5"),
            shutdown_grace_ms: None,
            labels: vec![],
            data: None,
        },
        role: "dev".into(),
    });
    let out = bench.tell(News::AgentJoined(message));
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=0.5"));
    let out = bench.allocate(&id, "a1", "cpus=1");
    assert_eq!(out.offers()[0].executor_ids, ["e1".into()]);
    let exited = ExecutorExited {
        agent_id: "a1".into(),
        framework_id: id,
        executor_id: "e1".into(),
        status: 0,
    };
    let out = bench.tell(News::ExecutorExited(exited.clone()));
    assert_eq!(out.given_back(), bag("cpus=0.5"));
    assert!(bench.tell(News::ExecutorExited(exited)).given_back().is_empty());
}

#[test]
fn when_the_agents_manager_begins_anew_no_agent_is_here() {
    let (mut bench, id) = Bench::with_task();
    bench.offer(&id, "a1", "cpus=1");
    let again = AgentsRecovered { epoch: EPOCH, agents: vec!["a1".into(), "a2".into()] };
    let out = bench.call(Request::Introduce(again));
    out.done();
    assert_eq!(out.rescinded(), 1);
    assert!(matches!(out.to_allocator()[..], [ToAllocator::RemoveAgent(_)]));
    assert_eq!(bench.state_of("t1"), Some(TaskState::Staging));
    bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert_eq!(bench.state_of("t1"), Some(TaskState::Running));
}

#[test]
fn an_agent_that_comes_back_smaller_than_its_tasks_is_not_offered_what_it_lacks() {
    let (mut bench, id) = Bench::with_task();
    let mut message = joined("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    message.info = agent_info("cpus=0.5;mem=4000");
    bench.tell(News::AgentJoined(message));
    let round = bench.round;
    let allocate = |resources| {
        let allocations = vec![allocation(&id, "a1", 2, resources)];
        News::Allocations(protocol::frameworks::OfferAllocations { round, allocations })
    };
    assert_eq!(bench.tell(allocate("mem=3900")).offers().len(), 1);
    assert!(bench.tell(allocate("cpus=0.1")).offers().is_empty());
}

#[test]
fn the_loss_of_an_agent_is_told_to_every_scheduler() {
    let mut bench = Bench::leading();
    bench.subscribe();
    bench.subscribe_as(&address("scheduler@10.0.0.8:1"), info("two"));
    bench.step(Input::SchedulerExited(address("scheduler@10.0.0.8:1")));
    bench.join("a1", 1, vec![]);
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(out.to_scheduler().len(), 1, "one is away");
}
