//! Who schedules for a framework.

use std::time::Duration;

use frameworks_core::{Effect, Input, Request, Timer, ToAgents, ToAllocator, ToScheduler};
use protocol::frameworks::{DeclineOffers, SubscribeFramework, TeardownFramework};
use protocol::{Failure, FailureKind};

use crate::fixture::*;

fn again(bench: &Bench, id: &protocol::FrameworkId) -> protocol::framework::FrameworkInfo {
    let _ = bench;
    let mut info = info("demo");
    info.id = Some(id.clone());
    info
}

#[test]
fn a_framework_is_in_the_registry_before_its_scheduler_hears_that_it_is_subscribed() {
    let mut bench = Bench::leading();
    let out = bench.begin_subscription(&scheduler(), info("demo"));
    let id = out.record().unwrap();
    assert!(!out.is_answered());
    let out = bench.recorded(&id, Ok(()));
    assert!(out.is_answered());
    assert!(out.has(&Effect::LinkScheduler(scheduler())));
}

#[test]
fn a_framework_that_could_not_be_recorded_is_not_subscribed() {
    let mut bench = Bench::leading();
    let id = bench.begin_subscription(&scheduler(), info("demo")).record().unwrap();
    let out = bench.recorded(&id, Err(Failure::new(FailureKind::ActorDied, "registrar died")));
    out.refused_as(FailureKind::ActorDied, "registrar died");
    assert_eq!(bench.state.term().unwrap().frameworks().count(), 0);
}

#[test]
fn the_answer_comes_before_the_first_offer_can() {
    let mut bench = Bench::leading();
    let id = bench.begin_subscription(&scheduler(), info("demo")).record().unwrap();
    let out = bench.recorded(&id, Ok(()));
    let answered = out.place(|e| matches!(e, Effect::Reply { .. }));
    let allocator = out.place(|e| matches!(e, Effect::ToAllocator(ToAllocator::AddFramework(_))));
    assert!(answered < allocator);
}

#[test]
fn no_roles_are_the_default_role() {
    let mut bench = Bench::leading();
    let mut plain = info("plain");
    plain.roles.clear();
    let id = bench.subscribe_as(&scheduler(), plain);
    let term = bench.state.term().unwrap();
    assert!(term.frameworks().any(|(known, _)| *known == id));
}

#[test]
fn suppressed_roles_must_be_among_the_roles() {
    let mut bench = Bench::leading();
    let suppressed_roles = vec!["ops".to_owned()];
    let message = SubscribeFramework { suppressed_roles, ..SubscribeFramework::new(info("demo")) };
    bench.call(Request::Subscribe(message)).refused_as(FailureKind::Refused, "`ops`");
}

#[test]
fn a_subscription_that_is_sent_twice_makes_one_framework() {
    let mut bench = Bench::leading();
    let id = bench.begin_subscription(&scheduler(), info("demo")).record().unwrap();
    let second = bench.begin_subscription(&scheduler(), info("demo"));
    assert_eq!(second.0, [], "it waits for the first");
    let out = bench.recorded(&id, Ok(()));
    let answers = out.0.iter().filter(|e| matches!(e, Effect::Reply { result: Ok(_), .. }));
    assert_eq!(answers.count(), 2);
    let third = bench.subscribe();
    assert_eq!(third, id);
    assert_eq!(bench.state.term().unwrap().frameworks().count(), 1);
}

#[test]
fn a_new_scheduler_takes_over_and_the_old_one_is_told() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "cpus=1");
    let next = address("scheduler@10.0.0.8:1");
    let info = again(&bench, &id);
    let out = bench.begin_subscription(&next, info);
    let error = out.0.iter().find_map(|e| match e {
        Effect::ToScheduler { scheduler, message: ToScheduler::Error(error) } => {
            Some((scheduler.clone(), error.message.clone()))
        }
        _ => None,
    });
    assert_eq!(error, Some((scheduler(), "Framework failed over".into())));
    assert!(out.has(&Effect::UnlinkScheduler(scheduler())));
    assert_eq!(out.given_back(), bag("cpus=1"));
    assert!(out.is_answered());
}

#[test]
fn calls_of_a_scheduler_that_was_replaced_are_refused() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let info = again(&bench, &id);
    bench.subscribe_as(&address("scheduler@10.0.0.8:1"), info);
    let late = DeclineOffers { framework_id: id, offer_ids: vec![], filters: Default::default() };
    let out = bench.call(Request::Decline(late));
    out.refused_as(FailureKind::Refused, "is scheduled by scheduler@10.0.0.8:1");
}

#[test]
fn the_loss_of_a_replaced_scheduler_does_not_disconnect_the_new_one() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let info = again(&bench, &id);
    bench.subscribe_as(&address("scheduler@10.0.0.8:1"), info);
    assert_eq!(bench.step(Input::SchedulerExited(scheduler())).0, []);
}

#[test]
fn a_lost_scheduler_gets_no_offers_and_has_its_failover_timeout() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "cpus=1");
    let out = bench.step(Input::SchedulerExited(scheduler()));
    assert_eq!(out.given_back(), bag("cpus=1"));
    let at = out.timer(&Timer::Failover(id.clone())).unwrap();
    assert_eq!(at.since(bench.now), Duration::from_secs(60));
    let late = bench.allocate(&id, "a1", "cpus=1");
    assert!(late.offers().is_empty());
    assert_eq!(late.given_back(), bag("cpus=1"));
}

#[test]
fn a_scheduler_that_is_back_in_time_keeps_its_framework() {
    let (mut bench, id) = Bench::with_task();
    bench.step(Input::SchedulerExited(scheduler()));
    let info = again(&bench, &id);
    let out = bench.begin_subscription(&scheduler(), info);
    assert!(out.has(&Effect::CancelTimer { timer: Timer::Failover(id.clone()) }));
    assert_eq!(bench.fire(Timer::Failover(id)).0, [], "a timer that fired late changes nothing");
    assert!(bench.state_of("t1").is_some());
}

#[test]
fn the_principal_cannot_change_and_user_and_checkpoint_stay() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let mut other = again(&bench, &id);
    other.principal = Some("mallory".into());
    let out = bench.begin_subscription(&scheduler(), other);
    out.refused_as(FailureKind::Refused, "Changing framework's principal is not allowed.");
    let mut other = again(&bench, &id);
    other.user = "nobody".into();
    other.checkpoint = true;
    let out = bench.begin_subscription(&scheduler(), other);
    assert!(out.is_answered() && out.record().is_none(), "nothing has changed: {out:?}");
}

#[test]
fn a_changed_record_is_written_and_spread_to_the_agents_that_run_the_framework() {
    let (mut bench, id) = Bench::with_task();
    let mut renamed = again(&bench, &id);
    renamed.name = "renamed".into();
    let out = bench.begin_subscription(&scheduler(), renamed);
    assert_eq!(out.record(), Some(id.clone()));
    let out = bench.recorded(&id, Ok(()));
    let spread = out.to_agents();
    assert!(matches!(spread[..], [ToAgents::UpdateFramework(m)] if m.framework.name == "renamed"));
}

#[test]
fn a_scheduler_elsewhere_can_be_named_and_both_may_call() {
    let mut bench = Bench::leading();
    let gateway = address("gateway@10.0.0.5:1");
    let subscribe = SubscribeFramework::new(info("http"));
    let message = SubscribeFramework { scheduler: Some(scheduler()), ..subscribe };
    let id = bench.ask(&gateway, Request::Subscribe(message)).record().unwrap();
    let out = bench.recorded(&id, Ok(()));
    assert!(out.has(&Effect::LinkScheduler(scheduler())));
    for from in [&gateway, &scheduler()] {
        let call = DeclineOffers {
            framework_id: id.clone(),
            offer_ids: vec![],
            filters: Default::default(),
        };
        bench.ask(from, Request::Decline(call)).done();
    }
}

#[test]
fn a_flood_of_subscriptions_is_turned_away() {
    let mut bench = Bench::leading();
    let id = bench.begin_subscription(&scheduler(), info("demo")).record().unwrap();
    for _ in 0..16 {
        assert_eq!(bench.begin_subscription(&scheduler(), info("demo")).0, []);
    }
    let out = bench.begin_subscription(&scheduler(), info("demo"));
    out.refused_as(FailureKind::Overloaded, id.as_str());
}

#[test]
fn a_teardown_waits_for_a_subscription_that_is_being_recorded() {
    let mut bench = Bench::leading();
    let id = bench.begin_subscription(&scheduler(), info("demo")).record().unwrap();
    let teardown = Request::Teardown(TeardownFramework { framework_id: id.clone() });
    assert_eq!(bench.call(teardown).0, []);
    let out = bench.recorded(&id, Ok(()));
    assert_eq!(out.record(), Some(id.clone()), "now the removal is recorded");
    bench.recorded(&id, Ok(())).done();
    assert_eq!(bench.state.term().unwrap().frameworks().count(), 0);
}
