//! Taking back for others: offers at once, tasks when the grace is over, and no more than needed.

use std::time::Duration;

use frameworks_core::{Input, News, Request, Timer, ToAgents};
use protocol::framework::{Filters, Reclaim, Withdrawal};
use protocol::frameworks::{
    AgentLossCause, AnswerInverseOffers, DeclineOffers, ForwardUpdate, ReclaimResources,
    WithdrawReclaims,
};
use protocol::id::{FrameworkId, Generation};
use protocol::scheduler::UpdateStatus;
use protocol::task::{ExecutorInfo, ExecutorKind, Reason, TaskInfo, TaskState};

use crate::fixture::*;
use crate::inverse::{inverse_offers, rescinded};

const GRACE: Duration = Duration::from_secs(30);

fn reclaim(bench: &mut Bench, id: &FrameworkId, resources: &str) -> Out {
    reclaim_for(bench, id, resources, "ops")
}

fn reclaim_for(bench: &mut Bench, id: &FrameworkId, resources: &str, for_role: &str) -> Out {
    let reclaim = Reclaim {
        framework_id: id.clone(),
        role: "dev".into(),
        agent_id: "a1".into(),
        generation: Generation(1),
        resources: bag(resources),
        for_role: for_role.into(),
        grace_ms: 30_000,
    };
    let message = ReclaimResources { round: bench.round, reclaims: vec![reclaim] };
    bench.tell(News::Reclaim(message))
}

fn withdraw(bench: &mut Bench, id: &FrameworkId, for_role: &str) -> Out {
    let withdrawal = Withdrawal {
        framework_id: id.clone(),
        role: "dev".into(),
        agent_id: "a1".into(),
        generation: Generation(1),
        for_role: for_role.into(),
    };
    let message = WithdrawReclaims { round: bench.round, withdrawals: vec![withdrawal] };
    bench.tell(News::Withdraw(message))
}

/// A framework with a task of each of these sizes on `a1`, named `t0` and so on.
fn with_tasks(sizes: &[&str]) -> (Bench, FrameworkId) {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    for (at, size) in sizes.iter().enumerate() {
        let offer = bench.offer(&id, "a1", size);
        bench.accept(&id, &[offer], vec![command(&format!("t{at}"), "a1", size)]).done();
    }
    (bench, id)
}

/// The tasks that are killed when the grace is over.
fn killed(bench: &mut Bench) -> Vec<String> {
    bench.pass(GRACE);
    kills(&bench.fire(Timer::Claims))
}

fn kills(out: &Out) -> Vec<String> {
    let kills = out.to_agents().into_iter().filter_map(|message| match message {
        ToAgents::Kill(kill) => Some(kill.task_id.to_string()),
        _ => None,
    });
    kills.collect()
}

#[test]
fn offers_go_at_once_and_count() {
    let (mut bench, id) = with_tasks(&["cpus=1"]);
    bench.offer(&id, "a1", "cpus=2;mem=10");
    let out = reclaim(&mut bench, &id, "cpus=2");
    assert_eq!((out.rescinded(), out.given_back()), (1, bag("cpus=2;mem=10")));
    assert!(inverse_offers(&out).is_empty(), "that was all that is wanted");
    assert!(killed(&mut bench).is_empty());
}

#[test]
fn what_tasks_use_is_asked_for_and_taken_when_the_grace_is_over() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=2", "cpus=1"]);
    let out = reclaim(&mut bench, &id, "cpus=2");
    let asked = inverse_offers(&out).remove(0);
    let wanted = asked.wanted.unwrap();
    assert_eq!((wanted.role.as_str(), wanted.resources), ("dev", bag("cpus=2")));
    assert_eq!(asked.unavailability.start, bench.now + GRACE);
    assert_eq!(out.timer(&Timer::Claims), Some(bench.now + GRACE));
    assert!(kills(&bench.fire(Timer::Claims)).is_empty(), "not before");
    bench.pass(GRACE);
    let out = bench.fire(Timer::Claims);
    assert_eq!(kills(&out), ["t1"], "one is enough");
    assert_eq!(rescinded(&out), [asked.offer_id], "it is too late for an answer");
}

#[test]
fn what_ended_meanwhile_counts() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    let asked = inverse_offers(&reclaim(&mut bench, &id, "cpus=2")).remove(0).offer_id;
    assert!(rescinded(&bench.update(&id, "t0", TaskState::Finished, "u")).is_empty());
    assert_eq!(killed(&mut bench), ["t1"]);
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    let again = inverse_offers(&reclaim(&mut bench, &id, "cpus=2")).remove(0).offer_id;
    assert_eq!(again, asked);
    bench.update(&id, "t0", TaskState::Finished, "u");
    let out = bench.update(&id, "t2", TaskState::Failed, "v");
    assert_eq!(rescinded(&out), [asked], "nothing more is wanted");
    assert!(killed(&mut bench).is_empty());
}

#[test]
fn what_is_dying_already_counts() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1"]);
    bench.update(&id, "t1", TaskState::Killing, "u");
    reclaim(&mut bench, &id, "cpus=1");
    assert!(killed(&mut bench).is_empty());
}

#[test]
fn more_that_is_wanted_while_tasks_die_takes_others() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    reclaim(&mut bench, &id, "cpus=1");
    bench.pass(Duration::from_secs(29));
    reclaim_for(&mut bench, &id, "cpus=1", "web");
    bench.pass(Duration::from_secs(1));
    assert_eq!(kills(&bench.fire(Timer::Claims)), ["t0"]);
    bench.pass(Duration::from_secs(29));
    assert!(kills(&bench.fire(Timer::Claims)).is_empty(), "t0 was given up, and still dies");
    bench.update(&id, "t0", TaskState::Killed, "u");
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    reclaim(&mut bench, &id, "cpus=1");
    bench.pass(Duration::from_secs(5));
    reclaim_for(&mut bench, &id, "cpus=1", "web");
    bench.pass(Duration::from_secs(25));
    assert_eq!(kills(&bench.fire(Timer::Claims)), ["t0"]);
    bench.pass(Duration::from_secs(5));
    assert_eq!(kills(&bench.fire(Timer::Claims)), ["t1"], "the first is dying for the first claim");
}

#[test]
fn the_end_of_a_task_says_for_whom_it_was_killed() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1"]);
    reclaim(&mut bench, &id, "cpus=1");
    assert_eq!(killed(&mut bench), ["t0"]);
    for _ in 0..2 {
        // It comes again until it is acknowledged.
        let out = bench.update(&id, "t0", TaskState::Killed, "u");
        let status = out.statuses().remove(0);
        assert_eq!(status.reason, Some(Reason::ContainerPreempted));
        assert_eq!(status.message, "preempted for role ops");
    }
    let mut own = status("t1", "a1", TaskState::Killed, "v");
    own.message = "ended by SIGTERM".into();
    let latest_state = own.state;
    let (framework_id, agent_id) = (id.clone(), "a1".into());
    let update = ForwardUpdate { framework_id, agent_id, status: own.clone(), latest_state };
    let out = bench.tell(News::Update(update));
    let told = UpdateStatus { framework_id: id, status: own };
    assert_eq!(out.to_scheduler(), [&frameworks_core::ToScheduler::Update(told)]);
}

#[test]
fn what_is_said_to_the_inverse_offer_changes_nothing() {
    let (mut bench, id) = with_tasks(&["cpus=1"]);
    let asked = inverse_offers(&reclaim(&mut bench, &id, "cpus=1")).remove(0).offer_id;
    let out = bench.call(Request::AnswerInverse(AnswerInverseOffers {
        framework_id: id.clone(),
        offer_ids: vec![asked],
        accepted: false,
        filters: Filters::default(),
    }));
    out.done();
    assert!(out.to_allocator().is_empty());
    assert_eq!(killed(&mut bench), ["t0"]);
}

#[test]
fn an_offer_that_comes_later_and_is_declined_counts_as_the_allocator_counts_it() {
    let (mut bench, id) = with_tasks(&["cpus=1"]);
    reclaim(&mut bench, &id, "cpus=1");
    let offer = bench.offer(&id, "a1", "cpus=1");
    bench
        .call(Request::Decline(DeclineOffers {
            framework_id: id.clone(),
            offer_ids: vec![offer],
            filters: Filters::NONE,
        }))
        .done();
    assert!(killed(&mut bench).is_empty());
}

#[test]
fn after_a_reset_only_what_is_asked_for_again_is_taken_and_not_later() {
    for again in [false, true] {
        let (mut bench, id) = with_tasks(&["cpus=1"]);
        let asked = inverse_offers(&reclaim(&mut bench, &id, "cpus=1")).remove(0).offer_id;
        bench.pass(Duration::from_secs(10));
        bench.step(Input::AllocatorExited);
        bench.fire(Timer::ResetAllocator);
        if again {
            let out = reclaim(&mut bench, &id, "cpus=1");
            assert!(inverse_offers(&out).is_empty(), "it has been asked");
        }
        bench.pass(Duration::from_secs(20));
        let out = bench.fire(Timer::Claims);
        assert_eq!(rescinded(&out), [asked]);
        assert_eq!(kills(&out).len(), usize::from(again));
    }
}

#[test]
fn what_was_decided_before_a_reset_or_another_registration_is_void() {
    let (mut bench, id) = with_tasks(&["cpus=1"]);
    bench.round -= 1;
    assert_eq!(reclaim(&mut bench, &id, "cpus=1").0, []);
    bench.round += 1;
    reclaim(&mut bench, &id, "cpus=1");
    let out = bench.leave("a1", 1, AgentLossCause::Disconnected);
    assert_eq!(rescinded(&out).len(), 1);
    bench.join("a1", 2, vec![reported(&id, "t0", "a1", TaskState::Running)]);
    assert!(killed(&mut bench).is_empty(), "the allocator asks anew");
    assert_eq!(reclaim(&mut bench, &id, "cpus=1").0, [], "not of this registration");
}

#[test]
fn executors_go_only_if_the_tasks_do_not_suffice() {
    let executor = ExecutorInfo {
        executor_id: "e".into(),
        kind: ExecutorKind::Custom,
        name: String::new(),
        command: command("x", "a1", "cpus=1").command,
        resources: bag("cpus=1"),
        shutdown_grace_ms: None,
        labels: vec![],
        data: None,
    };
    let task = TaskInfo { command: None, executor: Some(executor), ..command("t", "a1", "cpus=1") };
    for (resources, shut_down) in [("cpus=1", false), ("cpus=2", true)] {
        let mut bench = Bench::leading();
        let id = bench.subscribe();
        bench.join("a1", 1, vec![]);
        let offer = bench.offer(&id, "a1", "cpus=2");
        bench.accept(&id, &[offer], vec![task.clone()]).done();
        reclaim(&mut bench, &id, resources);
        bench.pass(GRACE);
        let out = bench.fire(Timer::Claims);
        assert_eq!(kills(&out), ["t"]);
        let is_shutdown = |message: &&ToAgents| matches!(message, ToAgents::ShutdownExecutor(_));
        assert_eq!(out.to_agents().into_iter().any(|m| is_shutdown(&m)), shut_down);
    }
}

#[test]
fn what_is_withdrawn_in_time_is_not_taken() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    let asked = inverse_offers(&reclaim(&mut bench, &id, "cpus=2")).remove(0).offer_id;
    bench.round -= 1;
    assert_eq!(withdraw(&mut bench, &id, "ops").0, [], "of an allocator that was reset");
    bench.round += 1;
    assert!(rescinded(&withdraw(&mut bench, &id, "web")).is_empty(), "nothing is wanted for it");
    assert_eq!(rescinded(&withdraw(&mut bench, &id, "ops")), [asked]);
    assert!(killed(&mut bench).is_empty());
}

#[test]
fn what_others_wait_for_is_taken_all_the_same() {
    let (mut bench, id) = with_tasks(&["cpus=1", "cpus=1", "cpus=1"]);
    reclaim(&mut bench, &id, "cpus=2");
    reclaim_for(&mut bench, &id, "cpus=1", "web");
    withdraw(&mut bench, &id, "ops");
    assert_eq!(killed(&mut bench), ["t0"]);
}
