//! Status updates, acknowledgements, kills, and the messages of executors.

use frameworks_core::{Input, News, Request, ToAgents, ToScheduler};
use protocol::frameworks::{
    AcknowledgeUpdate, AgentLossCause, ExecutorExited, ForwardUpdate, KillTask,
    MessageFromExecutor, MessageToExecutor, ShutdownExecutor,
};
use protocol::task::{Reason, TaskState};
use protocol::{Blob, FailureKind, FrameworkId};

use crate::fixture::*;

fn acknowledge(id: &FrameworkId, task: &str, update: &str) -> Request {
    Request::Acknowledge(AcknowledgeUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        task_id: task.into(),
        update_id: update.into(),
    })
}

fn kill(id: &FrameworkId, task: &str, agent: Option<&str>) -> Request {
    Request::Kill(KillTask {
        framework_id: id.clone(),
        task_id: task.into(),
        agent_id: agent.map(Into::into),
        kill_policy: None,
    })
}

#[test]
fn resources_go_back_at_the_first_terminal_state_and_only_once() {
    let (mut bench, id) = Bench::with_task();
    assert!(bench.update(&id, "t1", TaskState::Running, "u1").given_back().is_empty());
    let out = bench.update(&id, "t1", TaskState::Finished, "u2");
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
    let out = bench.update(&id, "t1", TaskState::Finished, "u2");
    assert!(out.given_back().is_empty());
    assert_eq!(out.states(), [TaskState::Finished], "a repeat is forwarded again");
}

#[test]
fn the_newest_state_frees_resources_while_the_scheduler_hears_the_older_one() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.tell(News::Update(ForwardUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        status: status("t1", "a1", TaskState::Running, "u1"),
        latest_state: TaskState::Failed,
    }));
    assert_eq!(out.states(), [TaskState::Running]);
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
    assert_eq!(bench.state_of("t1"), Some(TaskState::Failed));
}

#[test]
fn a_terminal_task_never_changes_again() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Finished, "u2");
    let out = bench.update(&id, "t1", TaskState::Running, "u1");
    assert_eq!(out.states(), [TaskState::Running], "late news are forwarded all the same");
    assert_eq!(bench.state_of("t1"), Some(TaskState::Finished));
}

#[test]
fn a_task_is_kept_until_its_terminal_update_is_acknowledged() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    bench.call(acknowledge(&id, "t1", "u1")).done();
    bench.update(&id, "t1", TaskState::Finished, "u2");
    bench.call(acknowledge(&id, "t1", "u1")).done();
    assert_eq!(bench.state_of("t1"), Some(TaskState::Finished));
    let out = bench.call(acknowledge(&id, "t1", "u2"));
    assert!(
        matches!(out.to_agents()[..], [ToAgents::Acknowledge(m)] if m.update_id == "u2".into())
    );
    assert_eq!(bench.state_of("t1"), None);
    assert_eq!(bench.ended_state_of("t1"), Some(TaskState::Finished));
}

#[test]
fn an_acknowledgement_for_an_agent_that_is_away_is_refused() {
    let (mut bench, id) = Bench::with_task();
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    let out = bench.call(acknowledge(&id, "t1", "u1"));
    out.refused_as(FailureKind::Refused, "a1 is not connected");
}

#[test]
fn updates_of_unknown_tasks_are_forwarded_and_their_acknowledgements_routed() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.update(&id, "old", TaskState::Finished, "u9");
    assert_eq!(out.states(), [TaskState::Finished]);
    assert_eq!(bench.call(acknowledge(&id, "old", "u9")).to_agents().len(), 1);
}

#[test]
fn updates_are_applied_while_the_scheduler_is_away_and_wait_at_the_agent() {
    let (mut bench, id) = Bench::with_task();
    bench.step(Input::SchedulerExited(scheduler()));
    let out = bench.update(&id, "t1", TaskState::Finished, "u1");
    assert!(out.to_scheduler().is_empty());
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
}

#[test]
fn updates_from_an_agent_that_is_away_wait_until_it_is_back() {
    let (mut bench, id) = Bench::with_task();
    bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(bench.update(&id, "t1", TaskState::Finished, "u1").0, []);
    assert_eq!(bench.update(&"nobody".into(), "t1", TaskState::Finished, "u1").0, []);
}

#[test]
fn a_task_that_lives_although_the_master_declared_it_ended_is_killed() {
    let (mut bench, id) = Bench::with_task();
    bench.join("a1", 2, vec![]);
    assert_eq!(bench.ended_state_of("t1"), Some(TaskState::Dropped));
    let out = bench.update(&id, "t1", TaskState::Running, "u1");
    assert!(matches!(out.to_agents()[..], [ToAgents::Kill(m)] if m.task_id == "t1".into()));
}

#[test]
fn an_end_that_needs_no_acknowledgement_ends_the_entry() {
    let (mut bench, id) = Bench::with_task();
    let mut unknown = status("t1", "a1", TaskState::Dropped, "");
    unknown.update_id = None;
    let out = bench.tell(News::Update(ForwardUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        status: unknown,
        latest_state: TaskState::Dropped,
    }));
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
    assert_eq!(bench.state_of("t1"), None);
    let out = bench.update(&id, "t1", TaskState::Running, "u1");
    assert!(matches!(out.to_agents()[..], [ToAgents::Kill(_)]), "it was launched after all");
}

#[test]
fn a_late_copy_of_an_update_does_not_kill_what_was_acknowledged() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Finished, "u2");
    bench.call(acknowledge(&id, "t1", "u2")).done();
    assert!(bench.update(&id, "t1", TaskState::Running, "u1").to_agents().is_empty());
}

#[test]
fn a_kill_is_routed_to_where_the_task_is() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.call(kill(&id, "t1", None));
    assert!(matches!(out.to_agents()[..], [ToAgents::Kill(m)] if m.agent_id == "a1".into()));
    let out = bench.call(kill(&id, "t1", Some("a2")));
    out.refused_as(FailureKind::Refused, "is on agent a1");
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    assert_eq!(bench.call(kill(&id, "t1", None)).to_agents().len(), 1);
}

#[test]
fn a_kill_of_an_ended_task_is_answered_and_not_routed() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Finished, "u1");
    let out = bench.call(kill(&id, "t1", None));
    out.done();
    assert!(out.to_agents().is_empty());
}

#[test]
fn a_kill_of_an_unknown_task_is_answered_as_a_reconciliation() {
    let (mut bench, id) = Bench::with_task();
    let out = bench.call(kill(&id, "never", Some("a1")));
    assert_eq!(out.states(), [TaskState::Gone]);
    assert_eq!(out.statuses()[0].reason, Some(Reason::Reconciliation));
}

#[test]
fn bytes_pass_in_both_directions() {
    let (mut bench, id) = Bench::with_task();
    let data = Blob::from(b"hi".to_vec());
    let down = MessageToExecutor {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        executor_id: "e1".into(),
        data: data.clone(),
    };
    let out = bench.call(Request::Message(down));
    assert!(matches!(out.to_agents()[..], [ToAgents::Message(m)] if m.data == data));
    let up = MessageFromExecutor {
        framework_id: id,
        agent_id: "a1".into(),
        executor_id: "e1".into(),
        data: data.clone(),
    };
    let out = bench.tell(News::ExecutorMessage(up));
    assert!(matches!(out.to_scheduler()[..], [ToScheduler::Message(m)] if m.data == data));
}

#[test]
fn the_end_of_an_executor_is_reported() {
    let (mut bench, id) = Bench::with_task();
    let shutdown = ShutdownExecutor {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        executor_id: "t1".into(),
    };
    let out = bench.call(Request::ShutdownExecutor(shutdown));
    assert!(matches!(out.to_agents()[..], [ToAgents::ShutdownExecutor(_)]));
    let out = bench.tell(News::ExecutorExited(ExecutorExited {
        agent_id: "a1".into(),
        framework_id: id,
        executor_id: "t1".into(),
        status: 9,
    }));
    assert!(matches!(out.to_scheduler()[..], [ToScheduler::Failure(m)] if m.status == Some(9)));
}

#[test]
fn only_so_many_ended_tasks_are_remembered() {
    let (mut bench, id) = Bench::with_task();
    for n in 0..1100 {
        let task = format!("n{n}");
        bench.launch(&id, &task);
        bench.update(&id, &task, TaskState::Finished, "u");
        bench.call(acknowledge(&id, &task, "u")).done();
    }
    let term = bench.state.term().unwrap();
    let (_, framework) = term.frameworks().next().unwrap();
    assert_eq!(framework.completed().count(), 1000);
}
