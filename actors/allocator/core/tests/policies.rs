//! Each policy by its rule.

mod support;

use allocator_core::{Options, PolicyKind};
use support::World;

fn world(policy: PolicyKind) -> World {
    World::with(Options { policy, ..Options::default() })
}

fn agents(world: &mut World, count: usize, resources: &str) {
    let known = world.agents.len();
    for i in known..known + count {
        world.agent(&format!("a{i:02}"), 1, resources);
        world.settle();
    }
}

fn order(world: &World) -> String {
    world.offers.iter().map(|offer| offer.framework_id.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn fcfs_gives_everything_to_whoever_came_first_until_it_declines() {
    let mut world = world(PolicyKind::Fcfs);
    world.framework("z", &["r1"]);
    world.framework("y", &["r2"]);
    world.framework("x", &["r1"]);
    agents(&mut world, 3, "cpus=1;mem=100");
    assert_eq!(order(&world), "z z z");
    world.decline(0, 3_600_000);
    world.settle();
    assert_eq!(order(&world), "z z x", "a role stands where its first framework stands");
    world.suppress("z", &[]);
    agents(&mut world, 1, "cpus=1;mem=100");
    assert_eq!(order(&world), "z z x y");
    world.remove_framework("y");
    world.settle();
    assert_eq!(order(&world), "z z x x");
}

#[test]
fn lrf_counts_all_resources_together() {
    // After the first two agents one has 8 of 10 cpus and no memory to speak of, the other half of
    // everything else: by dominant share the first has more, in all the second.
    let mut by_policy = Vec::new();
    for policy in [PolicyKind::Lrf, PolicyKind::Drf] {
        let mut world = world(policy);
        world.framework("a", &["r1"]);
        agents(&mut world, 1, "cpus=8;mem=32;disk=1");
        world.framework("b", &["r2"]);
        agents(&mut world, 1, "cpus=1;mem=700;disk=700");
        world.suppress("a", &[]);
        world.suppress("b", &[]);
        agents(&mut world, 1, "cpus=1;mem=300;disk=300");
        world.revive("a", &[]);
        world.revive("b", &[]);
        world.settle();
        by_policy.push(order(&world));
    }
    assert_eq!(by_policy, ["a b a", "a b b"]);
}

#[test]
fn capacity_fills_queues_evenly_and_lends_what_is_not_used() {
    let mut world = world(PolicyKind::Capacity);
    world.set_quota("large", "cpus=6", "");
    world.set_quota("small", "cpus=2", "cpus=3");
    world.framework("l", &["large"]);
    world.framework("s", &["small"]);
    world.framework("n", &["none"]);
    agents(&mut world, 8, "cpus=1;mem=20");
    let count = |world: &World, id: &str| {
        world.offers.iter().filter(|o| o.framework_id.as_str() == id).count()
    };
    assert_eq!((count(&world, "l"), count(&world, "s"), count(&world, "n")), (6, 2, 0));
    world.suppress("l", &[]);
    agents(&mut world, 4, "cpus=1;mem=20");
    // All have their capacity: who has none is next, and the small one ends at its limit.
    assert_eq!((count(&world, "s"), count(&world, "n")), (3, 3));
}

#[test]
fn capacity_that_is_not_used_is_not_kept_free() {
    let mut world = world(PolicyKind::Capacity);
    world.set_quota("absent", "cpus=4;mem=400", "");
    world.framework("f", &["r"]);
    agents(&mut world, 2, "cpus=1;mem=100");
    assert_eq!(order(&world), "f f");
}

#[test]
fn priority_serves_the_highest_first_and_equals_by_share() {
    let priorities = [("high".to_owned(), 10), ("low".to_owned(), -1)].into();
    let policy = PolicyKind::Priority;
    let mut world = World::with(Options { policy, priorities, ..Options::default() });
    world.framework("l", &["low"]);
    world.framework("m", &["middle1"]);
    world.framework("n", &["middle2"]);
    world.framework("h", &["high"]);
    agents(&mut world, 2, "cpus=1;mem=100");
    assert_eq!(order(&world), "h h");
    world.suppress("h", &[]);
    agents(&mut world, 4, "cpus=1;mem=100");
    assert_eq!(order(&world), "h h m n m n");
    world.suppress("m", &[]);
    world.suppress("n", &[]);
    agents(&mut world, 1, "cpus=1;mem=100");
    assert_eq!(order(&world), "h h m n m n l");
}
