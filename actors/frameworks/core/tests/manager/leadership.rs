//! Standby, recovering, leading; and back.

use std::time::Duration;

use frameworks_core::{Effect, Input, News, Request, Timer, ToAllocator};
use protocol::frameworks::{AgentsRecovered, GetTasks};
use protocol::id::Epoch;
use protocol::registrar::{
    AgentRecord, AgentStanding, FrameworkRecord, Registry, RegistryOperation, RegistrySnapshot,
};
use protocol::{Failure, FailureKind, Time};

use crate::fixture::*;

fn record(name: &str, id: &str, removed: bool) -> FrameworkRecord {
    let mut info = info(name);
    info.id = Some(id.into());
    FrameworkRecord { info, registered: Time(5), removed: removed.then_some(Time(6)) }
}

#[test]
fn a_standby_refuses_calls_and_names_the_leader() {
    let mut bench = Bench::new();
    bench.step(Input::LeaderChanged { leadership: leadership(false), run: "x".into() });
    let out = bench.call(Request::ListTasks(GetTasks::default()));
    out.refused_as(FailureKind::NotLeader, "10.0.0.1:7050");
    assert_eq!(bench.join("a1", 1, vec![]).0, []);
}

#[test]
fn calls_are_refused_until_the_registry_is_loaded() {
    let mut bench = Bench::new();
    bench.elect();
    let out = bench.begin_subscription(&scheduler(), info("demo"));
    out.refused_as(FailureKind::NotLeader, "not serving yet");
}

#[test]
fn a_registry_that_cannot_be_read_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.elect();
    let failed = Err(Failure::new(FailureKind::NotLeader, "loading"));
    let out = bench.step(Input::RegistryLoaded { epoch: EPOCH, result: failed });
    assert!(out.timer(&Timer::LoadRegistry).is_some());
    assert_eq!(bench.fire(Timer::LoadRegistry).0, [Effect::LoadRegistry { epoch: EPOCH }]);
}

#[test]
fn the_registry_of_an_earlier_term_is_not_taken() {
    let mut bench = Bench::new();
    bench.elect();
    let old = RegistrySnapshot { epoch: Epoch(6), registry: Registry::default() };
    bench.step(Input::RegistryLoaded { epoch: Epoch(6), result: Ok(old.clone()) });
    assert!(bench.state.term().is_none());
    bench.step(Input::RegistryLoaded { epoch: EPOCH, result: Ok(old) });
    assert!(bench.state.term().is_none());
}

#[test]
fn agents_of_another_term_are_not_introduced() {
    let mut bench = Bench::leading();
    let old = Request::Introduce(AgentsRecovered { epoch: Epoch(6), agents: vec![] });
    bench.call(old).refused_as(FailureKind::NotLeader, "epoch 6");
}

#[test]
fn frameworks_of_the_registry_have_their_failover_timeout_and_never_less_than_the_grace() {
    let mut registry = Registry::default();
    registry.frameworks.insert("f1".into(), record("slow", "f1", false));
    let mut hasty = record("hasty", "f2", false);
    hasty.info.failover_timeout_ms = 0;
    registry.frameworks.insert("f2".into(), hasty);
    let mut patient = record("patient", "f3", false);
    patient.info.failover_timeout_ms = 3_600_000;
    registry.frameworks.insert("f3".into(), patient);
    let (bench, out) = Bench::leading_with(registry);
    let wait = |id: &str| out.timer(&Timer::Failover(id.into())).unwrap().since(bench.now);
    assert_eq!(wait("f1"), Duration::from_secs(60));
    assert_eq!(wait("f2"), Duration::from_secs(60));
    assert_eq!(wait("f3"), Duration::from_secs(3600));
}

#[test]
fn a_framework_that_does_not_come_back_to_a_new_leader_is_removed() {
    let mut registry = Registry::default();
    registry.frameworks.insert("f1".into(), record("lost", "f1", false));
    let (mut bench, _) = Bench::leading_with(registry);
    let task = reported(&"f1".into(), "t1", "a1", protocol::task::TaskState::Running);
    bench.join("a1", 1, vec![task]);
    let out = bench.fire(Timer::Failover("f1".into()));
    assert_eq!(out.record(), Some("f1".into()));
    let out = bench.recorded(&"f1".into(), Ok(()));
    assert_eq!(out.to_agents().len(), 1);
    assert_eq!(out.given_back(), bag("cpus=1;mem=100"));
}

#[test]
fn a_framework_of_the_registry_subscribes_without_another_write() {
    let mut registry = Registry::default();
    registry.frameworks.insert("f1".into(), record("demo", "f1", false));
    let (mut bench, _) = Bench::leading_with(registry);
    let mut again = info("demo");
    again.id = Some("f1".into());
    let out = bench.begin_subscription(&scheduler(), again);
    assert!(out.is_answered() && out.record().is_none());
    assert!(out.has(&Effect::CancelTimer { timer: Timer::Failover("f1".into()) }));
}

#[test]
fn an_id_that_the_registry_has_as_removed_is_refused_for_ever() {
    let mut registry = Registry::default();
    registry.frameworks.insert("f1".into(), record("old", "f1", true));
    let (mut bench, _) = Bench::leading_with(registry);
    let mut again = info("old");
    again.id = Some("f1".into());
    let out = bench.begin_subscription(&scheduler(), again);
    out.refused_as(FailureKind::Refused, "Framework has been removed");
}

#[test]
fn the_allocator_is_reset_before_it_hears_of_recovered_frameworks() {
    let mut registry = Registry::default();
    registry.frameworks.insert("f1".into(), record("demo", "f1", false));
    let (_, out) = Bench::leading_with(registry);
    let told = out.to_allocator();
    assert!(matches!(told[0], ToAllocator::Reset(reset) if reset.epoch == EPOCH));
    assert!(matches!(told[1], ToAllocator::AddFramework(add) if !add.active));
}

#[test]
fn a_deposed_leader_answers_who_waits_and_leaves_nothing_running() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let lost = bench.subscribe_as(&address("scheduler@10.0.0.8:1"), info("lost"));
    bench.step(Input::SchedulerExited(address("scheduler@10.0.0.8:1")));
    let pending = bench.begin_subscription(&address("scheduler@10.0.0.7:1"), info("new"));
    assert!(!pending.is_answered());
    let out = bench.step(Input::LeaderChanged { leadership: leadership(false), run: "y".into() });
    out.refused_as(FailureKind::NotLeader, "10.0.0.1:7050");
    assert!(out.has(&Effect::UnlinkScheduler(scheduler())));
    assert!(out.has(&Effect::CancelTimer { timer: Timer::Failover(lost) }));
    assert!(bench.state.term().is_none());
    assert_eq!(bench.recorded(&id, Ok(())).0, []);
}

#[test]
fn the_same_leadership_again_changes_nothing() {
    let mut bench = Bench::leading();
    bench.subscribe();
    assert_eq!(bench.elect().0, []);
    assert!(bench.state.term().is_some());
}

#[test]
fn ids_carry_the_run_and_never_repeat() {
    let mut bench = Bench::leading();
    let first = bench.subscribe();
    let second = bench.subscribe_as(&address("scheduler@10.0.0.8:1"), info("two"));
    assert_eq!((first.as_str(), second.as_str()), ("run-0000", "run-0001"));
    bench.join("a1", 1, vec![]);
    let offer = bench.offer(&first, "a1", "cpus=1");
    assert_eq!(offer.as_str(), "run-O0");
}

#[test]
fn rounds_of_the_allocator_grow_over_terms() {
    let mut bench = Bench::leading();
    let before = bench.round;
    bench.step(Input::LeaderChanged { leadership: leadership(false), run: "y".into() });
    bench.elect();
    bench.load(Registry::default());
    assert!(bench.round > before);
}

#[test]
fn standings_of_the_registry_are_known_before_agents_come() {
    let mut registry = Registry::default();
    let standing = AgentStanding::Gone { since: Time(1) };
    registry.agents.insert("a9".into(), AgentRecord { info: agent_info("cpus=1"), standing });
    let (bench, _) = Bench::leading_with(registry);
    assert_eq!(bench.state.term().unwrap().agents().count(), 1);
}

#[test]
fn a_record_that_is_written_holds_the_info_with_its_id() {
    let mut bench = Bench::leading();
    let out = bench.begin_subscription(&scheduler(), info("demo"));
    let Some(Effect::Record { operations, .. }) =
        out.0.iter().find(|e| matches!(e, Effect::Record { .. }))
    else {
        panic!("no record in {out:?}")
    };
    assert_eq!(operations.epoch, EPOCH);
    let RegistryOperation::PutFramework { framework_id, record } = &operations.operations[0] else {
        panic!("{operations:?}")
    };
    assert_eq!(record.info.id.as_ref(), Some(framework_id));
    assert_eq!(record.registered, bench.now);
}

#[test]
fn news_before_leading_are_ignored() {
    let mut bench = Bench::new();
    bench.elect();
    assert_eq!(bench.tell(News::AgentJoined(joined("a1", 1, vec![]))).0, []);
}
