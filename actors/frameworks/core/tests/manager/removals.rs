//! How frameworks end.

use frameworks_core::{Effect, Input, Request, Timer, ToAgents, ToAllocator, ToScheduler};
use protocol::frameworks::{ForwardUpdate, TeardownFramework};
use protocol::task::TaskState;
use protocol::{Failure, FailureKind};

use crate::fixture::*;

fn teardown(id: &protocol::FrameworkId) -> Request {
    Request::Teardown(TeardownFramework { framework_id: id.clone() })
}

#[test]
fn a_removal_is_in_the_registry_before_anything_is_killed() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.call(teardown(&id));
    assert!(out.record().is_some() && out.to_agents().is_empty() && !out.is_answered());
    let out = bench.recorded(&id, Ok(()));
    assert!(matches!(out.to_agents()[..], [ToAgents::ShutdownFramework(m)] if m.agents.len() == 1));
    out.done();
}

#[test]
fn a_removed_framework_gives_everything_back_before_the_allocator_forgets_it() {
    let (mut bench, id) = Bench::with_task();
    bench.offer(&id, "a1", "cpus=2");
    bench.call(teardown(&id));
    let out = bench.recorded(&id, Ok(()));
    assert_eq!(out.given_back(), bag("cpus=3;mem=100"));
    let last_given =
        out.0.iter().rposition(|e| matches!(e, Effect::ToAllocator(ToAllocator::Recover(_))));
    let removed = out.place(|e| matches!(e, Effect::ToAllocator(ToAllocator::RemoveFramework(_))));
    assert!(last_given.unwrap() < removed);
    assert_eq!(bench.ended_state_of("t1"), Some(TaskState::Killed));
}

#[test]
fn an_operator_may_tear_down_and_the_scheduler_hears_of_it() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.ask(&address("cli@10.9.9.9:0"), teardown(&id));
    let out = bench.recorded(&id, Ok(()));
    let told = out.to_scheduler();
    assert!(
        matches!(told[..], [ToScheduler::Error(e)] if e.message == "Framework has been removed")
    );
}

#[test]
fn an_unknown_framework_cannot_be_torn_down() {
    let mut bench = Bench::leading();
    bench.call(teardown(&"nobody".into())).refused_as(FailureKind::NotFound, "cannot be found");
}

#[test]
fn a_teardown_that_could_not_be_recorded_changes_nothing() {
    let (mut bench, id) = Bench::with_task();
    bench.call(teardown(&id));
    let out = bench.recorded(&id, Err(Failure::new(FailureKind::Timeout, "no answer")));
    out.refused_as(FailureKind::Timeout, "no answer");
    assert_eq!(bench.state_of("t1"), Some(TaskState::Staging));
}

#[test]
fn a_removed_framework_is_refused_and_what_is_left_of_it_is_shut_down() {
    let (mut bench, id) = Bench::with_task();
    bench.call(teardown(&id));
    bench.recorded(&id, Ok(()));
    let mut again = info("demo");
    again.id = Some(id.clone());
    let out = bench.begin_subscription(&scheduler(), again);
    out.refused_as(FailureKind::Refused, "Framework has been removed");
    let out = bench.tell(frameworks_core::News::Update(ForwardUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        status: status("t1", "a1", TaskState::Running, "u1"),
        latest_state: TaskState::Running,
    }));
    assert!(matches!(out.to_agents()[..], [ToAgents::ShutdownFramework(_)]));
    let task = reported(&id, "t1", "a1", TaskState::Running);
    let out = bench.join("a1", 2, vec![task]);
    assert!(matches!(out.to_agents()[..], [ToAgents::ShutdownFramework(_)]));
    assert!(out.added_agent().used.is_empty());
}

#[test]
fn a_framework_without_failover_time_ends_with_its_scheduler() {
    let mut bench = Bench::leading();
    let mut hasty = info("hasty");
    hasty.failover_timeout_ms = 0;
    let id = bench.subscribe_as(&scheduler(), hasty);
    let out = bench.step(Input::SchedulerExited(scheduler()));
    assert_eq!(out.timer(&Timer::Failover(id.clone())), Some(bench.now));
    let out = bench.fire(Timer::Failover(id.clone()));
    assert_eq!(out.record(), Some(id));
}

#[test]
fn a_timed_out_removal_that_could_not_be_recorded_is_tried_again() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.step(Input::SchedulerExited(scheduler()));
    bench.fire(Timer::Failover(id.clone()));
    let out = bench.recorded(&id, Err(Failure::new(FailureKind::Timeout, "no answer")));
    assert!(out.timer(&Timer::Failover(id.clone())).is_some());
    assert_eq!(bench.fire(Timer::Failover(id.clone())).record(), Some(id));
}

#[test]
fn a_scheduler_that_comes_back_while_the_removal_is_written_is_too_late() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.step(Input::SchedulerExited(scheduler()));
    bench.fire(Timer::Failover(id.clone()));
    let mut again = info("demo");
    again.id = Some(id.clone());
    assert_eq!(bench.begin_subscription(&scheduler(), again).0, []);
    let out = bench.recorded(&id, Ok(()));
    out.refused_as(FailureKind::Refused, "Framework has been removed");
}

#[test]
fn only_so_many_ended_frameworks_are_remembered() {
    let mut bench = Bench::leading();
    for n in 0..60 {
        let id = bench.subscribe_as(&address(&format!("s@10.1.0.1:{}", n + 1)), info("many"));
        bench.call(teardown(&id));
        bench.recorded(&id, Ok(()));
    }
    let summary = bench.state.summary();
    assert_eq!((summary.frameworks, summary.removed_frameworks), (0, 60));
}
