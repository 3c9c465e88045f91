//! Offers: made, rescinded, declined, expired, never double.

use std::time::Duration;

use frameworks_core::{Effect, News, Request, Timer};
use protocol::FailureKind;
use protocol::framework::{Domain, Filters};
use protocol::frameworks::{
    AgentLossCause, DeclineOffers, OfferAllocations, ReviveOffers, SuppressOffers,
};

use crate::fixture::*;

fn decline(id: &protocol::FrameworkId, offers: &[protocol::OfferId]) -> Request {
    let filters = Filters { refuse_ms: u64::MAX };
    Request::Decline(DeclineOffers {
        framework_id: id.clone(),
        offer_ids: offers.to_vec(),
        filters,
    })
}

#[test]
fn allocations_of_one_message_reach_a_framework_in_one_message() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.join("a2", 1, vec![]);
    let allocations = vec![allocation(&id, "a1", 1, "cpus=1"), allocation(&id, "a2", 1, "cpus=1")];
    let round = bench.round;
    let out = bench.tell(News::Allocations(OfferAllocations { round, allocations }));
    assert_eq!(out.to_scheduler().len(), 1);
    assert_eq!(out.offers().len(), 2);
}

#[test]
fn an_allocation_for_what_has_changed_since_goes_back() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 2, vec![]);
    for stale in [
        allocation(&id, "a1", 1, "cpus=1"),
        allocation(&id, "a9", 1, "cpus=1"),
        allocation(&"nobody".into(), "a1", 2, "cpus=1"),
    ] {
        let round = bench.round;
        let message = OfferAllocations { round, allocations: vec![stale.clone()] };
        let out = bench.tell(News::Allocations(message));
        assert!(out.offers().is_empty());
        assert_eq!(out.recovered()[0].generation, stale.generation);
    }
}

#[test]
fn allocations_from_before_a_reset_are_void() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let allocations = vec![allocation(&id, "a1", 1, "cpus=1")];
    let round = bench.round - 1;
    assert_eq!(bench.tell(News::Allocations(OfferAllocations { round, allocations })).0, []);
}

#[test]
fn an_allocation_that_is_not_free_is_never_offered_and_the_allocator_is_told_anew() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "cpus=3");
    let out = bench.allocate(&id, "a1", "cpus=2");
    assert!(out.offers().is_empty());
    assert!(out.timer(&Timer::ResetAllocator).is_some());
    let out = bench.fire(Timer::ResetAllocator);
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=3"));
}

#[test]
fn overlapping_ports_are_not_offered_twice() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "ports=[31000-31004]");
    assert!(bench.allocate(&id, "a1", "ports=[31004-31009]").offers().is_empty());
}

#[test]
fn declined_offers_go_back_with_their_filter_which_is_at_most_a_year() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let offer = bench.offer(&id, "a1", "cpus=1");
    let out = bench.call(decline(&id, &[offer]));
    out.done();
    let filters = out.recovered()[0].filters;
    assert_eq!(filters, Some(Filters { refuse_ms: Filters::MAX_REFUSE_MS }));
}

#[test]
fn an_unknown_offer_does_not_keep_the_others_from_being_declined() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let offer = bench.offer(&id, "a1", "cpus=1");
    let out = bench.call(decline(&id, &["nonsense".into(), offer.clone()]));
    out.refused_as(FailureKind::Refused, "nonsense");
    assert_eq!(out.given_back(), bag("cpus=1"));
    let out = bench.call(decline(&id, &[offer]));
    assert!(out.given_back().is_empty(), "nothing is given back twice");
}

#[test]
fn nobody_declines_the_offer_of_another() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let other = address("scheduler@10.0.0.8:1");
    let thief = bench.subscribe_as(&other, info("thief"));
    bench.join("a1", 1, vec![]);
    let offer = bench.offer(&id, "a1", "cpus=1");
    let out = bench.ask(&other, decline(&thief, &[offer]));
    out.refused_as(FailureKind::Refused, "no longer valid");
    assert!(out.given_back().is_empty());
}

#[test]
fn an_offer_that_is_held_too_long_is_rescinded_without_a_filter() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let out = bench.allocate(&id, "a1", "cpus=1");
    let at = out.timer(&Timer::OffersExpire).unwrap();
    assert_eq!(at.since(bench.now), Duration::from_secs(300));
    bench.pass(Duration::from_secs(100));
    let out = bench.allocate(&id, "a1", "cpus=1");
    assert_eq!(out.timer(&Timer::OffersExpire), None, "one timer for all offers");
    bench.pass(Duration::from_secs(200));
    let out = bench.fire(Timer::OffersExpire);
    assert_eq!(out.rescinded(), 1);
    assert_eq!(out.recovered()[0].filters, None);
    let next = out.timer(&Timer::OffersExpire).unwrap();
    assert_eq!(next.since(bench.now), Duration::from_secs(100));
}

#[test]
fn the_offers_of_a_lost_agent_are_rescinded() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    bench.offer(&id, "a1", "cpus=1");
    let out = bench.leave("a1", 1, AgentLossCause::Disconnected);
    assert_eq!(out.rescinded(), 1);
    assert!(out.recovered().is_empty(), "the allocator forgets the agent whole");
}

#[test]
fn a_suppressed_role_gets_nothing_until_it_is_revived() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let roles = vec!["dev".to_owned()];
    let suppress = SuppressOffers { framework_id: id.clone(), roles: roles.clone() };
    bench.call(Request::Suppress(suppress)).done();
    assert!(bench.allocate(&id, "a1", "cpus=1").offers().is_empty());
    bench.call(Request::Revive(ReviveOffers { framework_id: id.clone(), roles })).done();
    assert_eq!(bench.allocate(&id, "a1", "cpus=1").offers().len(), 1);
}

#[test]
fn one_unknown_role_voids_the_whole_call() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let roles = vec!["dev".to_owned(), "ops".to_owned()];
    let out = bench.call(Request::Suppress(SuppressOffers { framework_id: id.clone(), roles }));
    out.refused_as(FailureKind::Refused, "`ops`");
    bench.join("a1", 1, vec![]);
    assert_eq!(bench.allocate(&id, "a1", "cpus=1").offers().len(), 1);
}

#[test]
fn offers_are_reported_as_events() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.join("a1", 1, vec![]);
    let out = bench.allocate(&id, "a1", "cpus=1");
    let kinds: Vec<_> = out
        .0
        .iter()
        .filter_map(
            |e| if let Effect::Emit(report) = e { Some(report.kind.as_str()) } else { None },
        )
        .collect();
    assert_eq!(kinds, ["offer_sent"]);
}

#[test]
fn an_offer_says_where_its_agent_is() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let domain = Domain { region: "europe".into(), zone: "a".into() };
    let mut message = joined("a1", 1, vec![]);
    message.info.domain = Some(domain.clone());
    bench.tell(News::AgentJoined(message));
    let out = bench.allocate(&id, "a1", "cpus=1");
    assert_eq!(out.offers()[0].domain, Some(domain));
}
