//! Guarantees and limits, on every level of the tree. `World` checks at every offer that no limit is
//! exceeded and that nobody takes what is kept for others.

mod support;

use protocol::allocator::Holding;
use protocol::framework::Filters;
use support::{World, agent_info, bag, reserved};

fn consumed(world: &mut World, role: &str) -> f64 {
    let roles = world.roles().roles;
    let role = roles.iter().find(|r| r.role == role).expect("the role is there");
    role.consumed.get("cpus").map_or(0.0, |cpus| cpus.as_f64())
}

fn sizes(world: &World) -> Vec<String> {
    let size = |o: &protocol::framework::Allocation| {
        format!("{} {} {}", o.framework_id, o.agent_id, o.resources)
    };
    world.offers.iter().map(size).collect()
}

#[test]
fn a_guarantee_is_kept_free_while_its_role_declines() {
    let mut world = World::new();
    world.set_quota("quota", "cpus=2;mem=200", "");
    world.framework("q", &["quota"]);
    world.framework("other", &["other"]);
    world.agent("a1", 1, "cpus=2;mem=200");
    world.settle();
    assert_eq!(world.offered(), ["q a1"]);
    world.decline_of("q", 3_600_000);
    world.advance(1000);
    assert!(world.offers.is_empty(), "it is held back for the role that may change its mind");
    world.agent("a2", 1, "cpus=1;mem=100");
    world.settle();
    // Of three, two are still guaranteed: one is surplus, on whichever agent.
    assert_eq!(sizes(&world), ["other a1 cpus:1;mem:100", "q a2 cpus:1;mem:100"]);
    world.decline_of("q", 3_600_000);
    world.advance(1000);
    assert_eq!(sizes(&world), ["other a1 cpus:1;mem:100"]);
}

#[test]
fn a_guarantee_of_an_absent_framework_is_kept_free_and_starves_nobody() {
    let mut world = World::new();
    world.set_quota("absent", "cpus=2;mem=200", "");
    world.set_quota("present", "cpus=1;mem=100", "");
    world.framework("p", &["present"]);
    world.framework("o", &["other"]);
    for i in 0..4 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    assert_eq!(world.offered().len(), 2);
    assert_eq!(consumed(&mut world, "present"), 1.0);
    world.set_quota("absent", "", "");
    world.settle();
    assert_eq!(world.offered().len(), 4, "without the quota fair sharing resumes");
}

#[test]
fn agents_are_cut_to_what_a_limit_allows() {
    let mut world = World::new();
    world.set_quota("r", "", "cpus=3;mem=300");
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=2;mem=200;disk=50");
    world.agent("a2", 1, "cpus=2;mem=200;disk=50");
    world.settle();
    let both = ["f a1 cpus:2;disk:50;mem:200", "f a2 cpus:1;disk:50;mem:100"];
    assert_eq!(sizes(&world), both);
    world.framework("g", &["*"]);
    world.settle();
    assert_eq!(sizes(&world)[2], "g a2 cpus:1;mem:100");
}

#[test]
fn the_default_role_can_be_limited_too() {
    let mut world = World::new();
    world.set_quota("*", "", "cpus=1");
    world.framework("f", &["*"]);
    world.agent("a", 1, "cpus=4;mem=100");
    world.settle();
    assert_eq!(sizes(&world), ["f a cpus:1;mem:100"]);
}

#[test]
fn a_limit_is_one_for_each_resource() {
    let mut world = World::new();
    world.set_quota("r", "", "cpus=1;mem=1000");
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=4;mem=100");
    world.agent("a2", 1, "cpus=4;mem=100");
    world.settle();
    assert_eq!(sizes(&world), ["f a1 cpus:1;mem:100", "f a2 mem:100"]);
}

#[test]
fn room_below_a_limit_is_used_as_soon_as_there_is_some() {
    let mut world = World::new();
    world.set_quota("r", "", "cpus=1");
    world.framework("f", &["r"]);
    world.agent("a1", 1, "cpus=1;mem=10");
    world.agent("a2", 1, "cpus=1;mem=10");
    world.settle();
    assert_eq!(world.offered(), ["f a1"]);
    world.accept(0, &bag("cpus=1"), None);
    world.finish(0);
    world.decline_rest(3_600_000);
    world.settle();
    assert_eq!(world.offered().len(), 1);
    world.set_quota("r", "", "cpus=2");
    world.settle();
    assert_eq!(world.offered().len(), 2);
}

#[test]
fn what_is_used_below_a_role_counts_against_its_quota() {
    let mut world = World::new();
    world.set_quota("a", "", "cpus=2");
    world.set_quota("a/x", "", "cpus=1");
    for (id, role) in [("x", "a/x"), ("y", "a/y"), ("own", "a")] {
        world.framework(id, &[role]);
    }
    for i in 0..4 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=10");
    }
    world.settle();
    assert_eq!(consumed(&mut world, "a"), 2.0);
    assert!(consumed(&mut world, "a/x") <= 1.0);
    assert_eq!(world.offers.len(), 2);
}

#[test]
fn a_guarantee_of_a_nested_role_is_part_of_that_of_its_parent() {
    let mut world = World::new();
    world.set_quota("a", "cpus=3;mem=300", "");
    world.set_quota("a/x", "cpus=2;mem=200", "");
    world.framework("y", &["a/y"]);
    world.framework("o", &["other"]);
    for i in 0..6 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    // 3 are guaranteed to `a`, of which 2 to `a/x`: the others share the rest.
    let of = |world: &World, id: &str| {
        world.offers.iter().filter(|o| o.framework_id.as_str() == id).count()
    };
    assert_eq!(of(&world, "y") + of(&world, "o"), 4, "{:?}", world.offered());
    world.framework("x", &["a/x"]);
    world.settle();
    assert_eq!(of(&world, "x"), 2);
}

#[test]
fn reservations_count_whether_or_not_they_are_used() {
    for used in [false, true] {
        let mut world = World::new();
        world.set_quota("r", "", "cpus=2;mem=1000");
        let total = &bag("cpus=2;mem=100") + &reserved("cpus=1", &["r"]);
        let resources = reserved("cpus=1", &["r"]);
        let holding = Holding { framework_id: "f".into(), role: "r".into(), resources };
        world.agent_of("a", 1, agent_info(total), if used { vec![holding] } else { vec![] });
        assert_eq!(consumed(&mut world, "r"), 1.0);
        world.framework("f", &["r"]);
        world.settle();
        let unreserved = world.offers[0].resources.filter(|r| r.reservations.is_empty());
        assert_eq!(unreserved, bag("cpus=1;mem=100"), "used: {used}");
        assert_eq!(consumed(&mut world, "r"), 2.0);
    }
}

#[test]
fn surplus_reservations_need_nothing_kept_free() {
    let mut world = World::new();
    world.set_quota("r", "cpus=1", "");
    world.framework("o", &["other"]);
    let total = &bag("cpus=1;mem=100") + &reserved("cpus=2", &["r/child"]);
    world.agent_of("a", 1, agent_info(total), Vec::new());
    world.settle();
    assert_eq!(sizes(&world), ["o a cpus:1;mem:100"]);
}

#[test]
fn what_is_reserved_for_others_is_not_kept_for_a_guarantee() {
    let mut world = World::new();
    world.set_quota("q", "cpus=1;mem=100", "");
    world.framework("r", &["r"]);
    let total = &bag("cpus=1;mem=100") + &reserved("cpus=4;mem=400", &["r"]);
    world.agent_of("a", 1, agent_info(total), Vec::new());
    world.settle();
    assert_eq!(sizes(&world), ["r a cpus(r):4;mem(r):400"], "its own, and nothing else");
}

#[test]
fn reserving_what_is_held_leaves_the_accounts_as_they_are() {
    let mut world = World::new();
    world.set_quota("r", "cpus=2", "cpus=2");
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=3;mem=100");
    world.settle();
    let offer = world.offers[0].clone();
    let before = consumed(&mut world, "r");
    world.convert("a", Some(&offer), bag("cpus=2"), reserved("cpus=2", &["r"]));
    assert_eq!((before, consumed(&mut world, "r")), (2.0, 2.0));
    let offer = world.offers[0].clone();
    world.convert("a", Some(&offer), reserved("cpus=2", &["r"]), bag("cpus=2"));
    assert_eq!(consumed(&mut world, "r"), 2.0);
    world.decline(0, 0);
    assert_eq!(consumed(&mut world, "r"), 0.0);
}

#[test]
fn frameworks_of_a_role_with_a_quota_share_it() {
    let mut world = World::new();
    world.set_quota("r", "cpus=4", "cpus=4");
    world.framework("f1", &["r"]);
    world.framework("f2", &["r"]);
    for i in 0..6 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    let first = world.offers.iter().filter(|o| o.framework_id.as_str() == "f1");
    let cpus: f64 = first.map(|o| o.resources.scalar("cpus").as_f64()).sum();
    assert_eq!((cpus, consumed(&mut world, "r")), (2.0, 4.0));
}

/// A role with a large share and large tasks, beside two small ones that decline in turn.
#[test]
fn a_guarantee_saves_a_picky_role_from_starving() {
    let mut world = World::new();
    world.set_quota("big", "cpus=8;mem=800", "");
    let used =
        Holding { framework_id: "b".into(), role: "big".into(), resources: bag("cpus=4;mem=400") };
    world.agent_with("a0", 1, "cpus=4;mem=400", vec![used]);
    world.framework("b", &["big"]);
    world.framework("s1", &["s1"]);
    world.framework("s2", &["s2"]);
    world.agent("a1", 1, "cpus=4;mem=400");
    world.settle();
    assert_eq!(world.offered(), ["b a1"]);
    assert!(world.accept(0, &bag("cpus=4;mem=400"), Some(Filters::NONE)));
    world.agent("a2", 1, "cpus=2;mem=200");
    world.settle();
    assert_eq!(world.offered(), ["s1 a2"]);
}
