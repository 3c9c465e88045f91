//! What a framework says of the offers that it wants: constraints, filters, requests.

use std::collections::BTreeMap;
use std::time::Duration;

use frameworks_core::{Input, Request, Timer, ToAllocator};
use protocol::FailureKind;
use protocol::allocator::AddFramework;
use protocol::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, RoleConstraints, Selector,
};
use protocol::framework::{FrameworkInfo, OfferFilters};
use protocol::frameworks::{
    RequestResources, ResourceRequest, SubscribeFramework, UpdateFramework,
};
use protocol::id::FrameworkId;
use protocol::resources::Scalar;

use crate::fixture::*;

fn constraints(role: &str, predicate: Predicate) -> OfferConstraints {
    let groups = vec![vec![AttributeConstraint { selector: Selector::Hostname, predicate }]];
    OfferConstraints { roles: BTreeMap::from([(role.to_owned(), RoleConstraints { groups })]) }
}

fn subscribe(bench: &mut Bench, constraints: Option<OfferConstraints>) -> (FrameworkId, Out) {
    let subscribe = SubscribeFramework::new(info("demo"));
    let message = SubscribeFramework { offer_constraints: constraints, ..subscribe };
    let id = bench.call(Request::Subscribe(message)).record().unwrap();
    let out = bench.recorded(&id, Ok(()));
    (id, out)
}

/// What the allocator is told of the framework.
fn added(out: &Out) -> &AddFramework {
    let added = out.to_allocator().into_iter().find_map(|message| match message {
        ToAllocator::AddFramework(add) => Some(add),
        _ => None,
    });
    added.expect("the allocator hears of it")
}

fn requested(out: &Out) -> Vec<(String, String)> {
    let requests = out.to_allocator().into_iter().filter_map(|message| match message {
        ToAllocator::Request(m) => Some((m.role.clone(), m.resources.to_string())),
        _ => None,
    });
    requests.collect()
}

fn request(id: &FrameworkId, requests: &[(Option<&str>, &str)]) -> Request {
    let request = |(role, resources): &(Option<&str>, &str)| ResourceRequest {
        role: role.map(str::to_owned),
        resources: bag(resources),
    };
    let requests = requests.iter().map(request).collect();
    Request::RequestResources(RequestResources { framework_id: id.clone(), requests })
}

#[test]
fn constraints_reach_the_allocator_and_are_told_it_again() {
    let mut bench = Bench::leading();
    let wanted = constraints("dev", Predicate::TextMatches("node-[0-9]".into()));
    let (id, out) = subscribe(&mut bench, Some(wanted.clone()));
    assert_eq!(added(&out).offer_constraints.as_ref(), Some(&wanted));
    bench.step(Input::AllocatorExited);
    let out = bench.fire(Timer::ResetAllocator);
    assert_eq!(added(&out).offer_constraints.as_ref(), Some(&wanted));
    let known = FrameworkInfo { id: Some(id), ..info("demo") };
    let out = bench.call(Request::Subscribe(SubscribeFramework::new(known)));
    assert_eq!(
        added(&out).offer_constraints,
        None,
        "what is not said again is not wanted any more"
    );
}

#[test]
fn an_update_replaces_the_constraints_or_takes_them_away() {
    let mut bench = Bench::leading();
    let (id, _) = subscribe(&mut bench, None);
    for wanted in [Some(constraints("dev", Predicate::Exists)), None] {
        let out = bench.call(Request::UpdateFramework(UpdateFramework {
            framework_id: id.clone(),
            info: FrameworkInfo { id: Some(id.clone()), ..info("demo") },
            suppressed_roles: vec![],
            offer_constraints: wanted.clone(),
        }));
        out.done();
        assert_eq!(added(&out).offer_constraints, wanted);
    }
}

#[test]
fn constraints_that_cannot_be_kept_are_refused() {
    let mut bench = Bench::leading();
    for (constraints, said) in [
        (
            constraints("ops", Predicate::Exists),
            "for a role 'ops' not contained in the set of roles",
        ),
        (constraints("dev", Predicate::TextMatches("(".into())), "Offer constraints are not valid"),
    ] {
        let subscribe = SubscribeFramework::new(info("demo"));
        let message = SubscribeFramework { offer_constraints: Some(constraints), ..subscribe };
        bench.call(Request::Subscribe(message)).refused_as(FailureKind::Refused, said);
    }
}

#[test]
fn filters_that_cannot_be_kept_are_refused() {
    let mut bench = Bench::leading();
    let negative = BTreeMap::from([("cpus".to_owned(), Scalar::from_milli(-1))]);
    for (set, said) in [
        (BTreeMap::new(), "Resource quantities must contain at least one quantity"),
        (negative, "Invalid resource quantity for 'cpus': Negative values not supported"),
    ] {
        let filters = OfferFilters { min_allocatable: Some(vec![set]) };
        let offer_filters = BTreeMap::from([("dev".to_owned(), filters)]);
        let info = FrameworkInfo { offer_filters, ..info("demo") };
        let message = SubscribeFramework::new(info);
        bench.call(Request::Subscribe(message)).refused_as(FailureKind::Refused, said);
    }
}

#[test]
fn a_request_replaces_the_last_one_and_is_repeated_to_a_new_allocator() {
    let mut bench = Bench::leading();
    let two = FrameworkInfo { roles: vec!["dev".into(), "ops".into()], ..info("demo") };
    let id = bench.subscribe_as(&scheduler(), two);
    let out = bench.call(request(
        &id,
        &[(Some("dev"), "cpus=2"), (Some("dev"), "cpus=1;mem=10"), (Some("ops"), "cpus=1")],
    ));
    out.done();
    let wishes = [("dev", "cpus:3;mem:10"), ("ops", "cpus:1")].map(|(r, w)| (r.into(), w.into()));
    assert_eq!(requested(&out), wishes);
    let out = bench.call(request(&id, &[(Some("dev"), "cpus=4")]));
    assert_eq!(
        requested(&out),
        [("ops", ""), ("dev", "cpus:4")].map(|(r, w)| (r.into(), w.into()))
    );
    bench.step(Input::AllocatorExited);
    bench.pass(Duration::from_secs(1));
    let out = bench.fire(Timer::ResetAllocator);
    assert_eq!(requested(&out), [("dev".into(), "cpus:4".into())]);
}

#[test]
fn a_request_is_for_one_of_the_frameworks_roles() {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    let out = bench.call(request(&id, &[(None, "cpus=2")]));
    assert_eq!(requested(&out), [("dev".into(), "cpus:2".into())], "it has only one");
    bench.call(request(&id, &[(Some("ops"), "cpus=2")])).refused_as(FailureKind::Refused, "`ops`");
    let two = FrameworkInfo { roles: vec!["dev".into(), "ops".into()], ..info("two") };
    let other = address("scheduler@10.0.0.8:1");
    let id = bench.subscribe_as(&other, two);
    let out = bench.ask(&other, request(&id, &[(None, "cpus=2")]));
    out.refused_as(FailureKind::Refused, "names the role that it is for");
}
