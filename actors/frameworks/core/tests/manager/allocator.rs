//! The allocator may fall and forget; what it is told is enough to go on.

use std::time::Duration;

use frameworks_core::{Effect, Input, News, Timer, ToAllocator};
use protocol::frameworks::OfferAllocations;

use crate::fixture::*;

#[test]
fn a_restarted_allocator_is_told_everything_anew() {
    let (mut bench, id) = Bench::with_task();
    bench.offer(&id, "a1", "cpus=1");
    let out = bench.step(Input::AllocatorExited);
    assert!(out.timer(&Timer::ResetAllocator).is_some());
    bench.pass(Duration::from_secs(1));
    let out = bench.fire(Timer::ResetAllocator);
    assert!(out.has(&Effect::LinkAllocator));
    let told = out.to_allocator();
    assert!(matches!(told[0], ToAllocator::Reset(_)));
    assert!(matches!(told[1], ToAllocator::AddFramework(add) if add.active));
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=2;mem=100"));
}

#[test]
fn what_it_decided_before_it_fell_is_void() {
    let (mut bench, id) = Bench::with_task();
    let round = bench.round;
    bench.step(Input::AllocatorExited);
    let allocations = vec![allocation(&id, "a1", 1, "cpus=1")];
    assert_eq!(bench.tell(News::Allocations(OfferAllocations { round, allocations })).0, []);
}

#[test]
fn the_ledger_and_the_allocator_count_the_same() {
    let (mut bench, id) = Bench::with_task();
    bench.offer(&id, "a1", "cpus=1;mem=50");
    let allocated = bench.state.term().unwrap().allocated(&"a1".into());
    assert_eq!(allocated[&(id, "dev".to_owned())], bag("cpus=2;mem=150"));
}
