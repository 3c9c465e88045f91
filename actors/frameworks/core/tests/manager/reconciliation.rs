//! What the master answers when it is asked for tasks.

use frameworks_core::Request;
use protocol::frameworks::{AgentLossCause, ReconcileTasks, TaskQuestion};
use protocol::registrar::{AgentRecord, AgentStanding, Registry};
use protocol::task::{Reason, TaskState};
use protocol::{FrameworkId, Time};

use crate::fixture::*;

fn ask(bench: &mut Bench, id: &FrameworkId, tasks: &[(&str, Option<&str>)]) -> Out {
    let tasks = tasks.iter().map(|(task, agent)| TaskQuestion {
        task_id: (*task).into(),
        agent_id: agent.map(Into::into),
    });
    let message = ReconcileTasks { framework_id: id.clone(), tasks: tasks.collect() };
    bench.call(Request::Reconcile(message))
}

fn with_standing(standing: AgentStanding) -> (Bench, FrameworkId) {
    let mut registry = Registry::default();
    registry.agents.insert("a5".into(), AgentRecord { info: agent_info("cpus=1"), standing });
    let (mut bench, _) = Bench::leading_with(registry);
    let id = bench.subscribe();
    (bench, id)
}

#[test]
fn a_known_task_is_answered_with_what_its_scheduler_was_told_last() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    let out = ask(&mut bench, &id, &[("t1", None)]);
    let status = out.statuses()[0];
    assert_eq!(status.state, TaskState::Running);
    assert_eq!(status.reason, Some(Reason::Reconciliation));
    assert_eq!(status.message, "Reconciliation: Latest task state");
    assert!(status.update_id.is_none());
}

#[test]
fn nothing_named_is_everything_known() {
    let (mut bench, id) = Bench::with_task();
    bench.launch(&id, "t2");
    bench.update(&id, "t2", TaskState::Finished, "u1");
    let out = ask(&mut bench, &id, &[]);
    assert_eq!(out.states(), [TaskState::Staging, TaskState::Finished]);
}

#[test]
fn an_unknown_task_is_gone_from_a_registered_agent_and_unknown_elsewhere() {
    let (mut bench, id) = Bench::with_task();
    let out = ask(&mut bench, &id, &[("x", Some("a1")), ("x", Some("never")), ("x", None)]);
    assert_eq!(out.states(), [TaskState::Gone, TaskState::Unknown, TaskState::Unknown]);
}

#[test]
fn there_is_silence_while_an_agent_may_come_back_with_the_task() {
    let (mut bench, id) = with_standing(AgentStanding::Admitted);
    let out = ask(&mut bench, &id, &[("x", Some("a5")), ("x", None)]);
    assert!(out.states().is_empty());
    bench.join("a5", 1, vec![]);
    assert_eq!(ask(&mut bench, &id, &[("x", None)]).states(), [TaskState::Unknown]);
}

#[test]
fn unreachable_and_gone_agents_answer_for_their_tasks() {
    let (mut bench, id) = with_standing(AgentStanding::Unreachable { since: Time(1) });
    let out = ask(&mut bench, &id, &[("x", Some("a5"))]);
    assert_eq!(out.states(), [TaskState::Unreachable]);
    assert_eq!(out.statuses()[0].unreachable_time, Some(Time(1)), "as the registry has it");
    let (mut bench, id) = with_standing(AgentStanding::Gone { since: Time(1) });
    assert_eq!(ask(&mut bench, &id, &[("x", Some("a5"))]).states(), [TaskState::GoneByOperator]);
}

#[test]
fn frameworks_that_know_no_partitions_are_answered_lost() {
    let (mut bench, id) = Bench::with_plain_framework();
    assert_eq!(ask(&mut bench, &id, &[("x", None)]).states(), [TaskState::Lost]);
    bench.join("a1", 1, vec![]);
    bench.launch(&id, "t1");
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    let answered = ask(&mut bench, &id, &[("t1", None), ("x", Some("a1"))]);
    for status in out.statuses().into_iter().chain(answered.statuses()) {
        assert_eq!((status.state, status.unreachable_time), (TaskState::Lost, Some(UNREACHABLE)));
    }
}

#[test]
fn an_unreachable_task_is_answered_as_such() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    let answered = ask(&mut bench, &id, &[("t1", None)]);
    for out in [out, answered] {
        assert_eq!(out.states(), [TaskState::Unreachable]);
        assert_eq!(out.statuses()[0].unreachable_time, Some(UNREACHABLE));
    }
    let back = bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    assert_eq!(back.statuses()[0].unreachable_time, None);
    assert_eq!(ask(&mut bench, &id, &[("t1", None)]).statuses()[0].unreachable_time, None);
}
