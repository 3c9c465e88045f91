//! Somebody who holds something on an agent gets more of what is free there, or an answer that says
//! why not.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod support;

use allocator_core::Answer;
use protocol::framework::Filters;
use support::{World, bag, reserved};

/// A framework whose task holds `cpus=1;mem=100` of an agent with three times as much.
fn running() -> World {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=3;mem=300");
    world.settle();
    assert!(world.accept(0, &bag("cpus=1;mem=100"), Some(Filters { refuse_ms: 60_000 })));
    world.settle();
    world
}

fn refusal(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn what_is_free_can_be_had_though_it_was_refused_as_an_offer() {
    let mut world = running();
    assert_eq!(world.grow(0, &bag("cpus=2")), Answer::Done);
    assert!(refusal(world.grow(0, &bag("cpus=0.001"))).contains("more than the available"));
    assert_eq!(world.grow(0, &bag("mem=200")), Answer::Done);
    world.finish(0);
    world.advance(61_000);
    assert_eq!(world.offers[0].resources, bag("cpus=3;mem=300"));
}

#[test]
fn what_is_offered_to_somebody_is_not_free() {
    let mut world = running();
    world.framework("g", &["q"]);
    world.settle();
    assert_eq!(world.offered(), ["g a"]);
    assert!(refusal(world.grow(0, &bag("cpus=1"))).contains("more than the available"));
    world.decline(0, 1000);
    assert_eq!(world.grow(0, &bag("cpus=1")), Answer::Done);
}

#[test]
fn a_limit_is_kept() {
    let mut world = running();
    world.set_quota("r", "", "cpus=2");
    assert!(refusal(world.grow(0, &bag("cpus=1.001"))).contains("limit"));
    assert_eq!(world.grow(0, &bag("cpus=1;mem=100")), Answer::Done);
    assert!(refusal(world.grow(0, &bag("cpus=0.001"))).contains("limit"));
}

#[test]
fn what_is_guaranteed_to_others_stays_free() {
    let mut world = running();
    world.set_quota("q", "cpus=1", "");
    assert!(refusal(world.grow(0, &bag("cpus=1.5"))).contains("guarantees of others"));
    assert_eq!(world.grow(0, &bag("cpus=1")), Answer::Done);
}

#[test]
fn what_is_reserved_for_others_cannot_be_had() {
    let mut world = running();
    let kept = reserved("cpus=1", &["q"]);
    assert_eq!(world.convert("a", None, bag("cpus=1"), kept.clone()), Answer::Done);
    assert!(refusal(world.grow(0, &kept)).contains("reserved for others"));
    let mine = reserved("cpus=1", &["r"]);
    assert_eq!(world.convert("a", None, kept, mine.clone()), Answer::Done);
    assert_eq!(world.grow(0, &mine), Answer::Done);
}

#[test]
fn who_holds_nothing_there_and_an_agent_that_has_gone_are_refused() {
    let mut world = running();
    let task = world.used[0].clone();
    world.finish(0);
    world.used.push(task);
    assert!(refusal(world.grow(0, &bag("cpus=1"))).contains("holds nothing"));
    let task = world.used[0].clone();
    world.remove_agent("a", 1);
    world.used.push(task);
    assert!(refusal(world.grow(0, &bag("cpus=1"))).contains("not here"));
}
