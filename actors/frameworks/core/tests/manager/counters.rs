//! What is counted, and that it is counted once.

use std::collections::BTreeMap;

use frameworks_core::{Answer, News, Request, Timer};
use protocol::framework::Filters;
use protocol::frameworks::{
    AcceptOffers, AcknowledgeUpdate, AgentLossCause, DeclineOffers, ExecutorExited, ForwardUpdate,
    FrameworksView, KillTask, MessageFromExecutor, MessageToExecutor, ReconcileTasks,
    RequestResources, ReviveOffers, SuppressOffers, TeardownFramework, ViewFrameworks,
};
use protocol::id::{FrameworkId, UpdateId};
use protocol::task::{Reason, TaskState};

use crate::fixture::*;

impl Bench {
    /// A count in all, by its name without `master/`.
    pub(crate) fn count(&self, name: &str) -> f64 {
        let metrics = self.state.metrics();
        let value = metrics.get(&format!("master/{name}"));
        *value.unwrap_or_else(|| panic!("{name} is not among {metrics:#?}"))
    }

    fn view(&mut self) -> FrameworksView {
        match self.call(Request::View(ViewFrameworks {})).answer() {
            Ok(Answer::View(view)) => view,
            other => panic!("{other:?}"),
        }
    }

    /// What is counted of a framework.
    pub(crate) fn counts(&mut self, id: &FrameworkId) -> BTreeMap<String, u64> {
        let view = self.view();
        let mine = view.counts.iter().find(|counts| counts.framework_id == *id);
        mine.map(|counts| counts.counts.clone()).unwrap_or_default()
    }
}

#[test]
fn a_standby_has_counted_nothing() {
    assert!(Bench::new().state.metrics().is_empty());
    assert!(!Bench::leading().state.metrics().is_empty());
}

#[test]
fn calls_are_counted_in_all_and_for_each_framework() {
    let (mut bench, id) = Bench::with_task();
    let framework_id = || id.clone();
    let offer = bench.offer(&id, "a1", "cpus=1;mem=100");
    let calls = [
        Request::Decline(DeclineOffers {
            framework_id: framework_id(),
            offer_ids: vec![offer],
            filters: Filters::default(),
        }),
        Request::Revive(ReviveOffers { framework_id: framework_id(), roles: vec![] }),
        Request::Suppress(SuppressOffers { framework_id: framework_id(), roles: vec![] }),
        Request::Reconcile(ReconcileTasks { framework_id: framework_id(), tasks: vec![] }),
        Request::RequestResources(RequestResources {
            framework_id: framework_id(),
            requests: vec![],
        }),
        Request::Kill(KillTask {
            framework_id: framework_id(),
            task_id: "t1".into(),
            agent_id: None,
            kill_policy: None,
        }),
        Request::Message(MessageToExecutor {
            framework_id: framework_id(),
            agent_id: "a1".into(),
            executor_id: "t1".into(),
            data: b"x".to_vec().into(),
        }),
    ];
    for call in calls {
        bench.call(call).done();
    }
    for name in [
        "messages_register_framework",
        "messages_launch_tasks",
        "messages_decline_offers",
        "messages_revive_offers",
        "messages_suppress_offers",
        "messages_reconcile_tasks",
        "messages_resource_request",
        "messages_kill_task",
        "messages_framework_to_executor",
        "valid_framework_to_executor_messages",
    ] {
        assert_eq!(bench.count(name), 1.0, "{name}");
    }
    assert_eq!(bench.count("dropped_messages"), 0.0);
    let counts = bench.counts(&id);
    for call in [
        "subscribe",
        "accept",
        "decline",
        "revive",
        "suppress",
        "reconcile",
        "request",
        "kill",
        "message",
    ] {
        assert_eq!(counts.get(&format!("calls/{call}")), Some(&1), "{call}");
    }
    assert_eq!(counts["calls"], 9);
}

#[test]
fn what_is_refused_counts_as_dropped_and_a_stranger_counts_for_nobody() {
    let (mut bench, id) = Bench::with_task();
    let accept = |offer: &str| {
        let offer_ids = vec![offer.into()];
        let (operations, filters) = (vec![], Filters::default());
        Request::Accept(AcceptOffers { framework_id: id.clone(), offer_ids, operations, filters })
    };
    bench.call(accept("no such offer")).refused();
    let stranger = address("scheduler@10.0.0.66:1");
    bench.ask(&stranger, accept("o")).refused();
    let acknowledge = AcknowledgeUpdate {
        framework_id: id.clone(),
        agent_id: "never".into(),
        task_id: "t1".into(),
        update_id: UpdateId::from("u"),
    };
    bench.call(Request::Acknowledge(acknowledge.clone())).refused();
    assert_eq!(bench.count("dropped_messages"), 3.0);
    assert_eq!(bench.count("invalid_status_update_acknowledgements"), 1.0);
    assert_eq!(bench.count("messages_decline_offers"), 2.0, "an accept that uses nothing");
    bench
        .call(Request::Acknowledge(AcknowledgeUpdate { agent_id: "a1".into(), ..acknowledge }))
        .done();
    assert_eq!(bench.count("valid_status_update_acknowledgements"), 1.0);
    assert_eq!(bench.counts(&id)["calls/accept"], 2);
}

#[test]
fn events_and_offers_are_counted_as_they_are_sent() {
    let (mut bench, id) = Bench::with_task();
    bench.offer(&id, "a1", "cpus=1;mem=100");
    bench.offer(&id, "a1", "cpus=1;mem=100");
    bench.update(&id, "t1", TaskState::Running, "u1");
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    let counts = bench.counts(&id);
    for (name, times) in [
        ("events/subscribed", 1),
        ("events/offers", 3),
        ("events/update", 1),
        ("events/rescind", 2),
        ("events", 7),
        ("offers/sent", 3),
        ("offers/accepted", 1),
        ("offers/rescinded", 2),
        ("operations/launch", 1),
        ("operations", 1),
    ] {
        assert_eq!(counts.get(name), Some(&times), "{name} in {counts:?}");
    }
    assert!(!counts.contains_key("offers/declined"), "what has not happened is not there");
}

#[test]
fn a_task_ends_once_however_often_its_end_is_reported() {
    let (mut bench, id) = Bench::with_task();
    let mut finished = ForwardUpdate {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        status: status("t1", "a1", TaskState::Running, "u1"),
        latest_state: TaskState::Finished,
    };
    bench.tell(News::Update(finished.clone()));
    assert_eq!(bench.count("tasks_finished"), 1.0, "it is known to have ended");
    finished.status = status("t1", "a1", TaskState::Finished, "u2")
        .because(Reason::CommandExecutorFailed, "for the test");
    for _ in 0..3 {
        bench.tell(News::Update(finished.clone()));
    }
    assert_eq!(bench.count("tasks_finished"), 1.0);
    let cause = "task_finished/source_executor/reason_command_executor_failed";
    assert_eq!(bench.count(cause), 1.0);
    assert_eq!(bench.counts(&id)["tasks/terminal/task_finished"], 1);
    assert_eq!(bench.count("messages_status_update"), 4.0);
    assert_eq!(bench.count("valid_status_updates"), 4.0);
}

#[test]
fn what_the_master_says_of_tasks_counts_too() {
    let (mut bench, id) = Bench::with_task();
    bench.launch(&id, "t2");
    bench.update(&id, "t2", TaskState::Running, "u1");
    let offer = bench.offer(&id, "a1", "cpus=1;mem=100");
    bench.accept(&id, &[offer], vec![command("bad", "a1", "cpus=9")]);
    assert_eq!(bench.count("tasks_error"), 1.0);
    assert_eq!(bench.count("task_error/source_master/reason_task_invalid"), 1.0);
    bench.join("a1", 2, vec![reported(&id, "t2", "a1", TaskState::Running)]);
    assert_eq!(bench.count("tasks_dropped"), 1.0, "the launch of t1 did not arrive");
    bench.leave("a1", 2, AgentLossCause::Unreachable);
    assert_eq!(bench.count("tasks_lost"), 0.0, "it may come back");
    bench.leave("a1", 2, AgentLossCause::Gone);
    let name = "task_gone_by_operator/source_master/reason_slave_removed_by_operator";
    assert_eq!((bench.count("tasks_gone_by_operator"), bench.count(name)), (1.0, 1.0));
}

#[test]
fn a_task_that_ended_out_of_sight_is_counted_when_its_agent_is_back() {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    let ended = reported(&id, "t1", "a1", TaskState::Failed);
    bench.join("a1", 2, vec![ended.clone()]);
    bench.join("a1", 3, vec![ended]);
    assert_eq!(bench.count("tasks_failed"), 1.0);
}

#[test]
fn to_a_framework_without_partitions_a_task_out_of_sight_is_lost() {
    let (mut bench, id) = Bench::with_plain_framework();
    bench.join("a1", 1, vec![]);
    bench.launch(&id, "t1");
    bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(bench.count("tasks_lost"), 1.0);
    bench.leave("a1", 1, AgentLossCause::Gone);
    assert_eq!(bench.count("tasks_lost"), 1.0, "it was told so already");
}

#[test]
fn what_agents_say_of_nobodys_tasks_is_invalid() {
    let (mut bench, id) = Bench::with_task();
    let nobody: FrameworkId = "nobody".into();
    bench.update(&nobody, "t1", TaskState::Running, "u1");
    assert_eq!(
        (bench.count("messages_status_update"), bench.count("invalid_status_updates")),
        (1.0, 1.0)
    );
    let message = |framework_id: &FrameworkId| {
        News::ExecutorMessage(MessageFromExecutor {
            agent_id: "a1".into(),
            framework_id: framework_id.clone(),
            executor_id: "e".into(),
            data: b"x".to_vec().into(),
        })
    };
    bench.tell(message(&id));
    bench.tell(message(&nobody));
    assert_eq!(bench.count("messages_executor_to_framework"), 2.0);
    assert_eq!(bench.count("valid_executor_to_framework_messages"), 1.0);
    assert_eq!(bench.count("invalid_executor_to_framework_messages"), 1.0);
    bench.tell(News::ExecutorExited(ExecutorExited {
        agent_id: "a1".into(),
        framework_id: id,
        executor_id: "e".into(),
        status: 9,
    }));
    assert_eq!(bench.count("messages_exited_executor"), 1.0);
}

#[test]
fn what_is_counted_of_a_framework_leaves_with_it() {
    let (mut bench, id) = Bench::with_task();
    assert_eq!(bench.view().counts.len(), 1);
    bench.call(Request::Teardown(TeardownFramework { framework_id: id.clone() }));
    bench.recorded(&id, Ok(()));
    assert_eq!(bench.view().counts.len(), 0);
    assert_eq!(bench.count("messages_unregister_framework"), 1.0);
    assert_eq!(bench.count("tasks_killed"), 1.0);
    bench.update(&id, "t1", TaskState::Killed, "u1");
    bench.fire(Timer::Failover(id.clone()));
    assert_eq!(bench.view().counts.len(), 0, "whatever is heard of it afterwards");
}
