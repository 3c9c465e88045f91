//! Inverse offers for maintenance: sent once, answered, rescinded when they are void.

use frameworks_core::{Input, News, Request, Timer, ToAllocator, ToScheduler};
use protocol::allocator::AnswerInverseOffer;
use protocol::framework::{Filters, InverseAllocation, InverseOffer, Unavailability};
use protocol::frameworks::{AgentLossCause, AnswerInverseOffers, SendInverseOffers};
use protocol::id::{FrameworkId, Generation, OfferId};
use protocol::{FailureKind, Time};

use crate::fixture::*;

fn away(start: u64) -> Unavailability {
    Unavailability { start: Time::from_millis(start), duration_ms: Some(60_000) }
}

/// The allocator wants the framework to leave `a1` in this generation.
pub(crate) fn ask(
    bench: &mut Bench,
    id: &FrameworkId,
    generation: u64,
    unavailability: Unavailability,
) -> Out {
    let wish = InverseAllocation {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        generation: Generation(generation),
        unavailability,
    };
    let message = SendInverseOffers { round: bench.round, inverse_offers: vec![wish] };
    bench.tell(News::InverseAllocations(message))
}

pub(crate) fn inverse_offers(out: &Out) -> Vec<InverseOffer> {
    let lists = out.to_scheduler().into_iter().filter_map(|message| match message {
        ToScheduler::Inverse(inverse) => Some(inverse.inverse_offers.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

pub(crate) fn rescinded(out: &Out) -> Vec<OfferId> {
    let lists = out.to_scheduler().into_iter().filter_map(|message| match message {
        ToScheduler::RescindInverse(rescind) => Some(rescind.offer_ids.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

fn answered(out: &Out) -> Vec<&AnswerInverseOffer> {
    let answers = out.to_allocator().into_iter().filter_map(|message| match message {
        ToAllocator::AnswerInverse(answer) => Some(answer),
        _ => None,
    });
    answers.collect()
}

fn answer(id: &FrameworkId, offers: &[OfferId], accepted: bool) -> Request {
    Request::AnswerInverse(AnswerInverseOffers {
        framework_id: id.clone(),
        offer_ids: offers.to_vec(),
        accepted,
        filters: Filters { refuse_ms: 7000 },
    })
}

#[test]
fn a_wish_of_the_allocator_becomes_an_inverse_offer_once() {
    let (mut bench, id) = Bench::with_task();
    let offer = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0);
    assert_eq!((offer.agent_id.as_str(), offer.unavailability), ("a1", away(5)));
    assert_eq!(offer.wanted, None, "all that it has there");
    assert!(inverse_offers(&ask(&mut bench, &id, 1, away(5))).is_empty(), "it is outstanding");
    assert_eq!(inverse_offers(&ask(&mut bench, &id, 1, away(6))).len(), 1, "it is to be earlier");
}

#[test]
fn inverse_offers_and_offers_are_counted_together() {
    let (mut bench, id) = Bench::with_task();
    let inverse = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
    let offer = bench.offer(&id, "a1", "cpus=1");
    assert_eq!((inverse.as_str(), offer.as_str()), ("run-O1", "run-O2"));
}

#[test]
fn an_answer_goes_to_the_allocator_with_its_filter() {
    for accepted in [true, false] {
        let (mut bench, id) = Bench::with_task();
        let offer = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
        let out = bench.call(answer(&id, std::slice::from_ref(&offer), accepted));
        out.done();
        let answer_told = answered(&out).remove(0).clone();
        assert_eq!((answer_told.accepted, answer_told.generation), (accepted, Generation(1)));
        assert_eq!(answer_told.filters, Some(Filters { refuse_ms: 7000 }));
        let out = bench.call(answer(&id, &[offer], accepted));
        out.refused_as(FailureKind::Refused, "inverse offers are no longer valid: run-O1");
    }
}

#[test]
fn nobody_answers_the_inverse_offer_of_another() {
    let (mut bench, id) = Bench::with_task();
    let offer = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
    let other = address("scheduler@10.0.0.8:1");
    let thief = bench.subscribe_as(&other, info("thief"));
    let out = bench.ask(&other, answer(&thief, std::slice::from_ref(&offer), true));
    out.refused_as(FailureKind::Refused, "no longer valid");
    bench.call(answer(&id, &[offer], true)).done();
}

#[test]
fn wishes_that_are_out_of_date_are_not_sent() {
    let (mut bench, id) = Bench::with_task();
    assert!(inverse_offers(&ask(&mut bench, &id, 9, away(5))).is_empty());
    bench.round -= 1;
    assert_eq!(ask(&mut bench, &id, 1, away(5)).0, []);
}

#[test]
fn an_agent_that_is_lost_takes_its_inverse_offers_along() {
    let (mut bench, id) = Bench::with_task();
    let offer = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
    let out = bench.leave("a1", 1, AgentLossCause::Disconnected);
    assert_eq!(rescinded(&out), [offer]);
    assert!(answered(&out).is_empty(), "the allocator forgets the agent");
}

#[test]
fn a_framework_that_was_away_is_asked_again() {
    let (mut bench, id) = Bench::with_task();
    ask(&mut bench, &id, 1, away(5));
    let out = bench.step(Input::SchedulerExited(scheduler()));
    let told = answered(&out).remove(0);
    assert_eq!((told.accepted, told.filters), (false, Some(Filters::NONE)));
    let out = ask(&mut bench, &id, 1, away(5));
    assert!(inverse_offers(&out).is_empty(), "nobody is there to hear it");
    assert_eq!(answered(&out).len(), 1, "so it may be asked again");
}

#[test]
fn an_allocator_that_was_reset_may_ask_again_without_effect() {
    let (mut bench, id) = Bench::with_task();
    let offer = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
    bench.step(Input::AllocatorExited);
    bench.fire(Timer::ResetAllocator);
    assert!(inverse_offers(&ask(&mut bench, &id, 1, away(5))).is_empty());
    bench.call(answer(&id, &[offer], true)).done();
}
