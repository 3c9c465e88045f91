//! Taking back what others have a better claim to: never more than needed, never what is guaranteed.

mod support;

use allocator_core::{Input, Options, PolicyKind};
use protocol::allocator::RequestResources;
use protocol::framework::{Filters, Reclaim};
use support::{World, bag};

const GRACE_MS: u64 = 1000;

fn world(policy: PolicyKind) -> World {
    patient(policy, GRACE_MS)
}

fn patient(policy: PolicyKind, grace_ms: u64) -> World {
    let priorities = [("high".to_owned(), 1), ("low".to_owned(), -1)].into();
    let preempt_grace_ms = Some(grace_ms);
    World::with(Options { policy, priorities, preempt_grace_ms, ..Options::default() })
}

/// Everything that is offered is used.
fn use_everything(world: &mut World) {
    world.settle();
    while !world.offers.is_empty() {
        let all = world.offers[0].resources.clone();
        world.accept(0, &all, None);
        world.settle();
    }
}

fn summary(reclaim: &Reclaim) -> String {
    let Reclaim { framework_id, agent_id, resources, for_role, .. } = reclaim;
    format!("{resources} of {framework_id} on {agent_id} for {for_role}")
}

fn reclaimed(world: &World) -> Vec<String> {
    world.reclaims.iter().map(summary).collect()
}

/// Does what is asked for, as the frameworks manager would: tasks of one cpu and 100 MB go.
fn comply(world: &mut World) {
    for reclaim in std::mem::take(&mut world.reclaims) {
        let mine = |task: &protocol::framework::Allocation| {
            task.framework_id == reclaim.framework_id && task.agent_id == reclaim.agent_id
        };
        let at = world.used.iter().position(mine).expect("it is there");
        let held = world.used[at].clone();
        world.used[at].resources.remove_all(&reclaim.resources);
        if world.used[at].resources.is_empty() {
            world.used.remove(at);
        }
        world.give_back(&held, reclaim.resources, None);
    }
}

fn request(world: &mut World, id: &str, role: &str, resources: &str) {
    let resources = bag(resources);
    let request = RequestResources { framework_id: id.into(), role: role.into(), resources };
    world.step(Input::RequestResources(request));
}

#[test]
fn a_guarantee_is_met_under_full_load_within_one_grace() {
    let mut world = world(PolicyKind::Drf);
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    world.agent("a2", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.set_quota("q", "cpus=3;mem=300", "");
    world.advance(2000);
    assert!(world.reclaims.is_empty(), "nobody wants it yet");
    world.framework("g", &["q"]);
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:3;mem:300 of f on a1 for q"]);
    world.advance(5000);
    assert_eq!(world.reclaims.len(), 1, "it is asked for once");
    comply(&mut world);
    world.settle();
    assert_eq!(world.offered(), ["g a1"]);
    assert_eq!(world.offers[0].resources, bag("cpus=3;mem=300"));
    use_everything(&mut world);
    world.advance(30_000);
    assert!(world.reclaims.is_empty(), "the role has what it is guaranteed");
}

#[test]
fn what_does_not_come_back_is_asked_for_again() {
    let mut world = world(PolicyKind::Drf);
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.set_quota("q", "cpus=1", "");
    world.framework("g", &["q"]);
    world.advance(15_000);
    assert_eq!(world.reclaims.len(), 1);
    world.advance(5_000);
    assert_eq!(world.reclaims.len(), 2);
}

#[test]
fn nothing_is_taken_that_is_guaranteed_to_whoever_has_it() {
    let mut world = world(PolicyKind::Drf);
    world.set_quota("r", "cpus=3", "");
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.set_quota("q", "cpus=2", "");
    world.framework("g", &["q"]);
    world.advance(1000);
    assert_eq!(reclaimed(&world), ["cpus:1 of f on a1 for q"]);
}

#[test]
fn what_is_free_is_used_before_anything_is_taken() {
    let mut world = world(PolicyKind::Drf);
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.suppress("f", &[]);
    world.agent("a2", 1, "cpus=2;mem=200");
    world.set_quota("q", "cpus=3;mem=200", "");
    world.framework("g", &["q"]);
    world.settle();
    assert_eq!(world.offered(), ["g a2"]);
    world.advance(1000);
    assert_eq!(reclaimed(&world), ["cpus:1 of f on a1 for q"]);
}

#[test]
fn a_request_for_a_higher_priority_is_met_from_the_lowest() {
    let mut world = world(PolicyKind::Priority);
    world.framework("m", &["middle"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.framework("l", &["low"]);
    world.suppress("m", &[]);
    world.agent("a2", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.framework("h", &["high"]);
    world.advance(5000);
    assert!(world.reclaims.is_empty(), "it has not said what it needs");
    request(&mut world, "h", "high", "cpus=2;mem=200");
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:2;mem:200 of l on a2 for high"]);
    comply(&mut world);
    world.settle();
    assert_eq!(world.offered(), ["h a2"]);
    world.accept(0, &bag("cpus=2;mem=200"), Some(Filters::NONE));
    world.advance(30_000);
    assert!(world.reclaims.is_empty());
    request(&mut world, "h", "high", "cpus=5;mem=200");
    world.advance(600);
    assert_eq!(reclaimed(&world).len(), 2, "two are left of the lowest, one comes from the next");
}

#[test]
fn a_request_takes_nothing_from_equals_and_nothing_without_a_policy_for_it() {
    for (policy, victim) in [(PolicyKind::Priority, "high"), (PolicyKind::Drf, "low")] {
        let mut world = world(policy);
        world.framework("f", &[victim]);
        world.agent("a1", 1, "cpus=4;mem=400");
        use_everything(&mut world);
        world.framework("h", &["high"]);
        request(&mut world, "h", "high", "cpus=2;mem=200");
        world.advance(5000);
        assert!(world.reclaims.is_empty());
    }
}

#[test]
fn capacity_that_was_lent_comes_back_when_its_role_wants_it() {
    let mut world = world(PolicyKind::Capacity);
    world.set_quota("owner", "cpus=2;mem=200", "");
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.framework("o", &["owner"]);
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:2;mem:200 of f on a1 for owner"]);
}

/// A role is guaranteed what a framework uses, and another framework wants it: it is asked for.
fn claimed(grace_ms: u64) -> World {
    let mut world = patient(PolicyKind::Drf, grace_ms);
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.set_quota("q", "cpus=3", "");
    world.framework("g", &["q"]);
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:3 of f on a1 for q"]);
    world
}

fn withdrawn(world: &World) -> Vec<String> {
    let summary = |it: &protocol::framework::Withdrawal| {
        format!("of {} in {} on {} for {}", it.framework_id, it.role, it.agent_id, it.for_role)
    };
    world.withdrawals.iter().map(summary).collect()
}

#[test]
fn what_was_asked_for_is_withdrawn_at_once_when_nobody_needs_it() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 4] = [
        ("the claimant leaves", |world| world.remove_framework("g")),
        ("the claimant disconnects", |world| world.activate("g", false)),
        ("the claimant is content", |world| world.suppress("g", &["q"])),
        ("there is no guarantee", |world| world.set_quota("q", "", "")),
    ];
    for (what, change) in changes {
        let mut world = claimed(GRACE_MS);
        change(&mut world);
        world.advance(10);
        assert_eq!(withdrawn(&world), ["of f in r on a1 for q"], "{what}");
        world.advance(30_000);
        assert_eq!((world.reclaims.len(), world.withdrawals.len()), (1, 1), "{what}");
    }
}

#[test]
fn whoever_comes_back_claims_again() {
    let mut world = claimed(GRACE_MS);
    world.activate("g", false);
    world.advance(600);
    world.activate("g", true);
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:3 of f on a1 for q"; 2]);
    assert_eq!(world.withdrawals.len(), 1);
}

#[test]
fn what_is_found_elsewhere_and_kept_is_not_taken() {
    let mut world = claimed(GRACE_MS);
    world.suppress("f", &[]);
    world.agent("a2", 1, "cpus=2;mem=200");
    world.settle();
    assert_eq!(world.offered(), ["g a2"]);
    world.advance(5000);
    assert!(world.withdrawals.is_empty(), "it lacks one more");
    world.agent("a3", 1, "cpus=1;mem=100");
    world.settle();
    assert_eq!(world.offered(), ["g a2", "g a3"]);
    use_everything(&mut world);
    world.advance(1000);
    assert_eq!(withdrawn(&world), ["of f in r on a1 for q"]);
}

#[test]
fn what_is_offered_elsewhere_and_declined_does_not_stand_for_what_was_asked_for() {
    let mut world = claimed(30_000);
    world.suppress("f", &[]);
    for agent in ["a2", "a3", "a4"] {
        world.agent(agent, 1, "cpus=1;mem=100");
    }
    world.settle();
    assert_eq!(world.offered(), ["g a2", "g a3", "g a4"]);
    world.advance(3000);
    world.decline_rest(3_600_000);
    world.advance(20_000);
    assert!(world.withdrawals.is_empty(), "it cannot use three fragments");
    comply(&mut world);
    world.settle();
    assert_eq!(world.offered(), ["g a1"]);
    use_everything(&mut world);
    world.advance(30_000);
    assert!(world.withdrawals.is_empty() && world.reclaims.is_empty());
}

#[test]
fn what_is_kept_elsewhere_is_not_waited_for_until_the_grace_is_over() {
    let mut world = claimed(30_000);
    world.suppress("f", &[]);
    world.agent("a2", 1, "cpus=3;mem=300");
    use_everything(&mut world);
    world.advance(6000);
    assert_eq!(withdrawn(&world), ["of f in r on a1 for q"]);
}

#[test]
fn what_one_gives_up_is_not_what_was_asked_for_by_another() {
    let mut world = world(PolicyKind::Drf);
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.set_quota("p", "cpus=1", "");
    world.set_quota("q", "cpus=2", "");
    world.framework("g", &["q"]);
    world.framework("h", &["p"]);
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:1 of f on a1 for p", "cpus:2 of f on a1 for q"]);
    world.remove_framework("g");
    world.advance(10_000);
    assert_eq!(withdrawn(&world), ["of f in r on a1 for q"]);
    assert_eq!(world.reclaims.len(), 2, "nothing is asked for once more");
}

#[test]
fn a_request_that_is_taken_back_is_withdrawn() {
    let mut world = world(PolicyKind::Priority);
    world.framework("l", &["low"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    use_everything(&mut world);
    world.framework("h", &["high"]);
    request(&mut world, "h", "high", "cpus=2");
    world.advance(600);
    assert_eq!(reclaimed(&world), ["cpus:2 of l on a1 for high"]);
    request(&mut world, "h", "high", "");
    world.advance(10);
    assert_eq!(withdrawn(&world), ["of l in low on a1 for high"]);
}
