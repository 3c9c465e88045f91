//! What is counted.

mod support;

use support::World;

fn value(world: &World, name: &str) -> Option<f64> {
    world.state.metrics().get(&format!("allocator/mesos/{name}")).copied()
}

#[test]
fn what_there_is_and_who_holds_it() {
    let mut world = World::new();
    assert_eq!(value(&world, "allocation_runs"), Some(0.0));
    world.set_quota("eng", "cpus=2", "cpus=8;mem=600");
    world.framework("f", &["eng"]);
    world.agent("a1", 1, "cpus=4;mem=500");
    world.agent("a2", 1, "cpus=4;mem=500");
    world.settle();
    for (name, expected) in [
        ("resources/cpus/total", 8.0),
        ("resources/cpus/offered_or_allocated", 8.0),
        ("resources/mem/total", 1000.0),
        ("resources/mem/offered_or_allocated", 600.0),
        ("roles/eng/shares/dominant", 1.0),
        ("quota/roles/eng/resources/cpus/guarantee", 2.0),
        ("quota/roles/eng/resources/cpus/limit", 8.0),
        ("quota/roles/eng/resources/cpus/offered_or_allocated", 8.0),
        ("quota/roles/eng/resources/mem/consumed", 600.0),
        ("offer_filters/roles/eng/active", 0.0),
    ] {
        assert_eq!(value(&world, name), Some(expected), "{name}");
    }
    assert_eq!(value(&world, "quota/roles/eng/resources/mem/guarantee"), None);
    assert!(value(&world, "allocation_runs") >= Some(1.0));
}

#[test]
fn filters_are_counted_for_the_role_until_they_lapse_or_are_revived() {
    let mut world = World::new();
    world.framework("f", &["eng"]);
    world.framework("g", &["ops"]);
    for agent in ["a1", "a2", "a3"] {
        world.agent(agent, 1, "cpus=4;mem=500");
    }
    world.settle();
    while !world.offers.is_empty() {
        world.decline_rest(60_000);
        world.advance(1000);
    }
    let filters = |world: &World| {
        let of = |role: &str| value(world, &format!("offer_filters/roles/{role}/active")).unwrap();
        (of("eng"), of("ops"))
    };
    assert_eq!(filters(&world), (3.0, 3.0));
    world.revive("f", &[]);
    assert_eq!(filters(&world), (0.0, 3.0));
    world.remove_agent("a1", 1);
    assert_eq!(filters(&world).1, 2.0);
    world.advance(61_000);
    assert_eq!(filters(&world).1, 0.0);
}
