//! What operators set for roles: durable, then told to the allocator, then given room.

use std::collections::BTreeMap;

use frameworks_core::{Answer, Config, Effect, Input, Request, Subject, Timer, ToAllocator};
use protocol::allocator::{SetQuota, SetWeight};
use protocol::frameworks::{GetRoleSettings, RoleSettings, UpdateQuotas, UpdateWeights};
use protocol::quota::{Amounts, Quota};
use protocol::registrar::{Registry, RegistryOperation, RegistrySnapshot};
use protocol::task::{Task, TaskState};
use protocol::{Failure, FailureKind, Resource, Resources, Scalar};

use crate::fixture::*;

fn cpus(n: i64) -> Amounts {
    Amounts::from([("cpus".to_owned(), Scalar::from_milli(n * 1000))])
}

fn guarantee(n: i64) -> Quota {
    Quota { guarantees: cpus(n), limits: Amounts::new() }
}

fn limit(n: i64) -> Quota {
    Quota { guarantees: Amounts::new(), limits: cpus(n) }
}

fn quotas(list: &[(&str, Quota)]) -> UpdateQuotas {
    let quotas = list.iter().map(|(role, quota)| ((*role).to_owned(), quota.clone())).collect();
    UpdateQuotas { quotas, force: false, present: None }
}

fn weights(list: &[(&str, f64)]) -> Request {
    let weights = list.iter().map(|(role, weight)| ((*role).to_owned(), *weight)).collect();
    Request::UpdateWeights(UpdateWeights { weights })
}

/// What is to be made durable.
fn operations(out: &Out) -> Vec<RegistryOperation> {
    let of = |effect: &Effect| match effect {
        Effect::Record { subject: Subject::Cluster, operations } => operations.operations.clone(),
        _ => Vec::new(),
    };
    out.0.iter().flat_map(of).collect()
}

impl Bench {
    fn stored(&mut self, result: Result<(), Failure>) -> Out {
        self.step(Input::Recorded { epoch: EPOCH, subject: Subject::Cluster, result })
    }

    /// Sets quotas, with the registry writing at once.
    fn set(&mut self, message: UpdateQuotas) -> Out {
        let out = self.call(Request::UpdateQuotas(message));
        assert!(!operations(&out).is_empty() && !out.is_answered(), "{out:?}");
        let out = self.stored(Ok(()));
        out.done();
        out
    }

    fn settings(&mut self) -> RoleSettings {
        match self.call(Request::ListRoleSettings(GetRoleSettings {})).answer() {
            Ok(Answer::RoleSettings(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, message: UpdateQuotas, kind: FailureKind, part: &str) {
        let out = self.call(Request::UpdateQuotas(message));
        assert_eq!(operations(&out), []);
        out.refused_as(kind, part);
    }
}

fn told(role: &str, quota: Quota) -> ToAllocator {
    ToAllocator::SetQuota(SetQuota { role: role.into(), quota })
}

#[test]
fn a_quota_is_durable_before_anybody_is_told_of_it() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    let out = bench.call(Request::UpdateQuotas(quotas(&[("eng", guarantee(2))])));
    let role = "eng".to_owned();
    assert_eq!(operations(&out), [RegistryOperation::SetQuota { role, quota: Some(guarantee(2)) }]);
    assert!(out.to_allocator().is_empty() && !out.is_answered());
    assert!(bench.settings().quotas.is_empty());
    let out = bench.stored(Ok(()));
    assert_eq!(out.to_allocator(), [&told("eng", guarantee(2))]);
    out.done();
    assert_eq!(bench.settings().quotas["eng"], guarantee(2));
}

#[test]
fn what_the_registry_refuses_leaves_everything_as_it_was() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    bench.call(Request::UpdateQuotas(quotas(&[("eng", guarantee(2))])));
    let out = bench.stored(Err(Failure::refused("too large")));
    out.refused_as(FailureKind::Refused, "too large");
    assert!(out.to_allocator().is_empty() && bench.settings().quotas.is_empty());
    bench.set(quotas(&[("eng", guarantee(1))]));
}

#[test]
fn changes_of_the_cluster_go_one_after_the_other_and_each_sees_the_one_before() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    bench.call(Request::UpdateQuotas(quotas(&[("eng", guarantee(2))])));
    let twice = UpdateQuotas { present: Some(false), ..quotas(&[("eng", guarantee(3))]) };
    assert!(bench.call(Request::UpdateQuotas(twice)).0.is_empty());
    assert!(bench.call(weights(&[("eng", 2.0)])).0.is_empty());
    let out = bench.stored(Ok(()));
    let replies = out.0.iter().filter_map(|effect| match effect {
        Effect::Reply { result, .. } => Some(result.clone().map_err(|failure| failure.kind)),
        _ => None,
    });
    let expected = [Ok(Answer::Done), Err(FailureKind::AlreadyExists)];
    assert_eq!(replies.collect::<Vec<_>>(), expected);
    assert!(matches!(operations(&out)[..], [RegistryOperation::SetWeight { .. }]));
    bench.stored(Ok(())).done();
    let settings = bench.settings();
    assert_eq!((settings.quotas["eng"].clone(), settings.weights["eng"]), (guarantee(2), 2.0));
    for _ in 0..17 {
        bench.call(weights(&[("eng", 2.0)]));
    }
    bench.call(weights(&[("eng", 2.0)])).refused_as(FailureKind::Overloaded, "of the cluster");
}

#[test]
fn a_write_of_which_nobody_knows_is_looked_up_before_anything_else_is_changed() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    bench.set(quotas(&[("old", guarantee(1))]));
    bench.call(Request::UpdateQuotas(quotas(&[("old", Quota::default()), ("new", limit(2))])));
    bench.call(weights(&[("new", 3.0)]));
    let unknown = Failure::new(FailureKind::ActorDied, "the registrar died");
    let out = bench.stored(Err(unknown.clone()));
    out.refused_as(FailureKind::ActorDied, "died");
    assert!(out.has(&Effect::LoadRegistry { epoch: EPOCH }));
    assert_eq!(operations(&out), []);
    let out = bench.step(Input::RegistryLoaded { epoch: EPOCH, result: Err(unknown) });
    assert!(out.timer(&Timer::LoadRegistry).is_some());
    assert!(bench.fire(Timer::LoadRegistry).has(&Effect::LoadRegistry { epoch: EPOCH }));
    let registry =
        Registry { quotas: BTreeMap::from([("new".into(), limit(2))]), ..Registry::default() };
    let result = Ok(RegistrySnapshot { epoch: EPOCH, registry });
    let out = bench.step(Input::RegistryLoaded { epoch: EPOCH, result });
    assert_eq!(out.to_allocator(), [&told("old", Quota::default()), &told("new", limit(2))]);
    assert!(matches!(operations(&out)[..], [RegistryOperation::SetWeight { .. }]));
    bench.stored(Ok(())).done();
    let settings = bench.settings();
    assert_eq!(settings.quotas, BTreeMap::from([("new".into(), limit(2))]));
    assert_eq!(settings.weights["new"], 3.0);
}

#[test]
fn a_new_leader_and_a_new_allocator_hear_of_all_of_it_before_they_hear_of_anybody() {
    let mut registry = Registry::default();
    registry.quotas.insert("eng".into(), limit(2));
    registry.weights.insert("eng".into(), 2.5);
    let (mut bench, out) = Bench::leading_with(registry);
    let weight = ToAllocator::SetWeight(SetWeight { role: "eng".into(), weight: Some(2.5) });
    assert_eq!(out.to_allocator()[1..], [&told("eng", limit(2)), &weight]);
    bench.subscribe();
    bench.step(Input::AllocatorExited);
    let out = bench.fire(Timer::ResetAllocator);
    assert_eq!(out.to_allocator()[1..3], [&told("eng", limit(2)), &weight]);
    assert!(matches!(out.to_allocator()[3], ToAllocator::AddFramework(_)));
}

#[test]
fn the_configuration_is_the_base_and_taking_its_quota_away_is_remembered() {
    let mut bench = Bench::new();
    let roles = RoleSettings {
        quotas: BTreeMap::from([("eng".into(), limit(2)), ("ops".into(), limit(3))]),
        weights: BTreeMap::from([("eng".into(), 2.0)]),
    };
    bench.state = frameworks_core::State::new(Config { roles: roles.clone(), ..Config::default() });
    bench.elect();
    let out = bench.load(Registry::default());
    assert_eq!(out.to_allocator().len(), 4);
    assert_eq!(bench.settings(), roles);
    let out = bench.call(Request::UpdateQuotas(quotas(&[
        ("eng", Quota::default()),
        ("ops", limit(4)),
        ("new", Quota::default()),
    ])));
    let expected = [("eng", Some(Quota::default())), ("new", None), ("ops", Some(limit(4)))];
    let expected =
        expected.map(|(role, quota)| RegistryOperation::SetQuota { role: role.into(), quota });
    assert_eq!(operations(&out), expected);
    bench.stored(Ok(())).done();
    assert_eq!(bench.settings().quotas, BTreeMap::from([("ops".into(), limit(4))]));
    let out = bench.fire(Timer::ResetAllocator);
    assert!(out.to_allocator().contains(&&told("eng", Quota::default())));
}

#[test]
fn quotas_that_make_no_sense_are_refused() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    let both = Quota { guarantees: cpus(3), limits: cpus(2) };
    let refused = FailureKind::Refused;
    bench.refused(quotas(&[("ok", limit(1)), ("a b", limit(1))]), refused, "role `a b`");
    bench.refused(quotas(&[("a", guarantee(-1))]), refused, "-1 is negative");
    bench.refused(quotas(&[("a", both)]), refused, "the guarantee 3 is more than the limit 2");
    bench.refused(quotas(&[("a", guarantee(1)), ("a/b", guarantee(2))]), refused, "below role `a`");
    let force = |message| UpdateQuotas { force: true, ..message };
    bench.refused(force(quotas(&[("a", guarantee(-1))])), refused, "negative");
    bench.set(quotas(&[("a", guarantee(2)), ("a/b", guarantee(2))]));
    bench.refused(quotas(&[("a", guarantee(1))]), refused, "below role `a`");
    let missing = UpdateQuotas { present: Some(true), ..quotas(&[("x", Quota::default())]) };
    bench.refused(missing, FailureKind::NotFound, "Role 'x' has no quota set");
}

#[test]
fn more_than_the_cluster_has_is_guaranteed_only_if_forced() {
    let mut bench = Bench::leading();
    bench.join("a1", 1, vec![]);
    let more = quotas(&[("a", guarantee(3)), ("b", guarantee(2))]);
    bench.refused(more.clone(), FailureKind::Conflict, "'cpus:5' exceed cluster capacity");
    bench.set(UpdateQuotas { force: true, ..more });
    bench.set(quotas(&[("b", guarantee(1)), ("a", limit(9))]));
    bench.leave("a1", 1, protocol::frameworks::AgentLossCause::Disconnected);
    bench.set(quotas(&[("b", guarantee(4))]));
}

#[test]
fn a_limit_below_what_is_consumed_is_set_only_if_forced() {
    let (mut bench, id) = Bench::with_task();
    bench.launch(&id, "t2");
    let refused = FailureKind::Refused;
    bench.refused(quotas(&[("dev", limit(1))]), refused, "already exceeded");
    bench.set(quotas(&[("dev", limit(2))]));
    bench.set(UpdateQuotas { force: true, ..quotas(&[("dev", limit(1))]) });
    bench.set(quotas(&[("dev", Quota { guarantees: cpus(1), limits: cpus(1) })]));
}

#[test]
fn what_is_reserved_is_consumed_whoever_holds_it() {
    let mut bench = Bench::leading();
    let reservation = protocol::resources::Reservation {
        role: "dev/web".into(),
        dynamic: false,
        principal: None,
        labels: BTreeMap::new(),
    };
    let two = protocol::resources::Value::Scalar(Scalar::from_milli(2000));
    let mut joined = joined("a1", 1, vec![]);
    let reserved = Resource { reservations: vec![reservation], ..Resource::new("cpus", two) };
    joined.info.resources.add_all(&std::iter::once(reserved).collect::<Resources>());
    bench.tell(frameworks_core::News::AgentJoined(joined));
    for role in ["dev", "dev/web"] {
        bench.refused(quotas(&[(role, limit(1))]), FailureKind::Refused, "'cpus:2'");
        bench.set(quotas(&[(role, limit(2))]));
    }
}

#[test]
fn what_tasks_share_is_consumed_once() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let reservation = protocol::resources::Reservation {
        role: "dev".into(),
        dynamic: true,
        principal: None,
        labels: BTreeMap::new(),
    };
    let disk = protocol::resources::Disk {
        persistence_id: "v".into(),
        container_path: "data".into(),
        principal: None,
    };
    let five = protocol::resources::Value::Scalar(Scalar::from_milli(5000));
    let plain = Resource::new("disk", five);
    let shared =
        Resource { reservations: vec![reservation], disk: Some(disk), shared: true, ..plain };
    let volume: Resources = std::iter::once(shared).collect();
    let sharer = |task, role: &str| {
        let task = reported(&id, task, "a1", TaskState::Running);
        Task { role: role.into(), resources: volume.clone(), ..task }
    };
    let tasks = vec![sharer("t1", "dev/web"), sharer("t2", "dev/web"), sharer("t3", "dev/web/a")];
    let mut joined = joined("a1", 1, tasks);
    joined.info.resources.add_all(&volume);
    bench.tell(frameworks_core::News::AgentJoined(joined));
    let limit = |n| Amounts::from([("disk".to_owned(), Scalar::from_milli(n))]);
    let limit = |n| Quota { guarantees: Amounts::new(), limits: limit(n) };
    for role in ["dev/web", "dev/web/a"] {
        bench.refused(quotas(&[(role, limit(4000))]), FailureKind::Refused, "'disk:5'");
        bench.set(quotas(&[(role, limit(5000))]));
    }
}

#[test]
fn offers_make_room_for_a_guarantee_and_no_more_of_them_than_needed() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.join("a2", 1, vec![]);
    for (agent, held) in [("a1", "cpus=2"), ("a1", "cpus=2"), ("a2", "cpus=3"), ("a2", "mem=9")] {
        bench.offer(&id, agent, held);
    }
    let out = bench.set(quotas(&[("other", guarantee(1))]));
    assert_eq!(out.rescinded(), 0, "it is free on a2");
    let out = bench.set(quotas(&[("other", guarantee(3))]));
    assert_eq!((out.rescinded(), out.given_back()), (1, bag("cpus=2")));
    let set = out.place(|e| matches!(e, Effect::ToAllocator(ToAllocator::SetQuota(_))));
    let freed = out.place(|e| matches!(e, Effect::ToAllocator(ToAllocator::Recover(_))));
    assert!(set < freed, "or it would be offered as before");
    let out = bench.set(quotas(&[("dev", guarantee(5)), ("other", Quota::default())]));
    assert_eq!(out.rescinded(), 0, "offers of a role do not stand in its own way");
}

#[test]
fn offers_above_a_limit_are_rescinded() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    for held in ["cpus=1", "mem=100", "cpus=1", "cpus=1"] {
        bench.offer(&id, "a1", held);
    }
    let out = bench.set(quotas(&[("dev", limit(2))]));
    assert_eq!((out.rescinded(), out.given_back()), (1, bag("cpus=1")));
    let out = bench.set(quotas(&[("dev", limit(0)), ("other", limit(0))]));
    assert_eq!((out.rescinded(), out.given_back()), (2, bag("cpus=2")));
}

#[test]
fn weights_are_durable_and_void_the_offers_that_went_by_the_old_ones() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "cpus=1");
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        bench.call(weights(&[("dev", bad)])).refused_as(FailureKind::Refused, "must be positive");
    }
    bench.call(weights(&[("a//b", 1.0)])).refused_as(FailureKind::Refused, "not valid");
    bench.call(weights(&[("nobody", 2.0)]));
    assert_eq!(bench.stored(Ok(())).rescinded(), 0);
    let out = bench.call(weights(&[("dev", 2.0)]));
    assert!(out.to_allocator().is_empty());
    let out = bench.stored(Ok(()));
    let weight = ToAllocator::SetWeight(SetWeight { role: "dev".into(), weight: Some(2.0) });
    assert_eq!(out.to_allocator()[0], &weight);
    assert_eq!(out.rescinded(), 1);
    out.done();
    assert_eq!(bench.settings().weights.len(), 2);
}

#[test]
fn a_deposed_leader_answers_who_waits_for_the_cluster() {
    let mut bench = Bench::leading();
    bench.call(weights(&[("dev", 2.0)]));
    let out = bench.step(Input::LeaderChanged { leadership: leadership(false), run: "y".into() });
    out.refused_as(FailureKind::NotLeader, "10.0.0.1:7050");
}
