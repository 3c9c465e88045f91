//! The tree of roles: shares level by level, weights, and what a change costs.

mod support;

use allocator_core::Options;
use protocol::framework::Filters;
use support::{World, bag};

/// So many agents of one cpu each go to whom.
fn agents_by_role(world: &mut World, agents: usize) -> Vec<(String, usize)> {
    for i in 0..agents {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    let mut counts = std::collections::BTreeMap::new();
    world.offers.iter().for_each(|o| *counts.entry(o.role.clone()).or_insert(0) += 1);
    counts.into_iter().collect()
}

fn expect(counts: &[(String, usize)], expected: &[(&str, usize)]) {
    let counts: Vec<_> = counts.iter().map(|(role, n)| (role.as_str(), *n)).collect();
    assert_eq!(counts, expected);
}

#[test]
fn siblings_share_what_their_parent_gets() {
    let mut world = World::new();
    world.framework("f1", &["a/x"]);
    world.framework("f2", &["a/y"]);
    world.framework("f3", &["b/z"]);
    let counts = agents_by_role(&mut world, 8);
    expect(&counts, &[("a/x", 2), ("a/y", 2), ("b/z", 4)]);
    assert_eq!((world.share("a"), world.share("a/x"), world.share("b")), (0.5, 0.25, 0.5));
}

#[test]
fn frameworks_of_an_inner_role_are_together_one_sibling_of_its_children() {
    let mut world = World::new();
    world.framework("f1", &["a"]);
    world.framework("f2", &["a"]);
    world.framework("f3", &["a/x"]);
    world.framework("f4", &["b"]);
    let counts = agents_by_role(&mut world, 16);
    expect(&counts, &[("a", 4), ("a/x", 4), ("b", 8)]);
    let of =
        |world: &World, id| world.offers.iter().filter(|o| o.framework_id.as_str() == id).count();
    assert_eq!((of(&world, "f1"), of(&world, "f2")), (2, 2));
}

#[test]
fn weights_count_among_siblings_of_any_level() {
    let weights = [("a/x".to_owned(), 3.0), ("b".to_owned(), 2.0)].into();
    let mut world = World::with(Options { weights, ..Options::default() });
    world.framework("f1", &["a/x"]);
    world.framework("f2", &["a/y"]);
    world.framework("f3", &["b"]);
    let counts = agents_by_role(&mut world, 24);
    expect(&counts, &[("a/x", 6), ("a/y", 2), ("b", 16)]);
}

#[test]
fn a_role_that_wants_nothing_leaves_its_part_to_its_siblings() {
    let mut world = World::new();
    world.framework("f1", &["a/x"]);
    world.framework("f2", &["a/y"]);
    world.framework("f3", &["b"]);
    world.suppress("f2", &[]);
    let counts = agents_by_role(&mut world, 8);
    expect(&counts, &[("a/x", 4), ("b", 4)]);
}

#[test]
fn a_weight_set_at_run_time_counts_from_then_on() {
    let mut world = World::new();
    world.framework("f1", &["r1"]);
    world.framework("f2", &["r2"]);
    let counts = agents_by_role(&mut world, 8);
    expect(&counts, &[("r1", 4), ("r2", 4)]);
    world.set_weight("r2", 2.0);
    for i in 0..4 {
        world.agent(&format!("more{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    let second = world.offers.iter().filter(|o| o.role == "r2").count();
    assert_eq!((second, world.offers.len()), (8, 12));
}

/// Two frameworks that always want more, of weights 1 and 3, with tasks of one cpu that end.
#[test]
fn weights_of_one_to_three_converge_within_two_percent() {
    let weights = [("heavy".to_owned(), 3.0)].into();
    let mut world = World::with(Options { weights, ..Options::default() });
    world.framework("h", &["heavy"]);
    world.framework("l", &["light"]);
    for i in 0..20 {
        world.agent(&format!("a{i}"), 1, "cpus=10;mem=1000");
    }
    let task = bag("cpus=1;mem=100");
    for round in 0..1500_usize {
        world.advance(3);
        while !world.offers.is_empty() {
            world.accept(0, &task, Some(Filters::NONE));
            world.settle();
        }
        if world.used.len() > 150 {
            world.finish(round * 31 % world.used.len());
        }
    }
    let heavy = world.used.iter().filter(|task| task.role == "heavy").count() as f64;
    let part = heavy / world.used.len() as f64;
    assert!((part - 0.75).abs() < 0.02, "{part} of {}", world.used.len());
}

/// What a fact costs: the places along one path, however many roles there are elsewhere.
#[test]
fn a_role_is_kept_while_something_is_known_of_it_or_below_it() {
    let mut world = World::new();
    world.framework("f", &["a/b/c"]);
    assert_eq!(world.state.sizes().roles, 3);
    world.framework("f", &["d"]);
    assert_eq!(world.state.sizes().roles, 1);
    world.set_quota("x/y", "cpus=1", "");
    assert_eq!(world.state.sizes().roles, 3);
    world.set_quota("x/y", "", "");
    assert_eq!(world.state.sizes().roles, 1);
}

#[test]
fn excluded_resources_do_not_count_in_shares() {
    let fairness_excluded = vec!["gpus".to_owned()];
    let options = Options { fairness_excluded, filter_gpu_resources: false, ..Options::default() };
    let mut world = World::with(options);
    world.framework("f1", &["r1"]);
    world.agent("a1", 1, "cpus=1;mem=100;gpus=8");
    world.settle();
    world.framework("f2", &["r2"]);
    world.agent("a2", 1, "cpus=2;mem=200");
    world.settle();
    world.agent("a3", 1, "cpus=1;mem=100");
    world.settle();
    // r1 has all gpus and 1 of 4 cpus, r2 has 2 of 4 cpus.
    assert_eq!(world.offered(), ["f1 a1", "f2 a2", "f1 a3"]);
}

/// In a large cluster one agent more does not move everybody; shares are then of the total as it
/// was, and nobody is off by more than a hundredth.
#[test]
fn the_order_follows_the_total_when_that_matters() {
    let mut world = World::new();
    world.framework("f1", &["r1"]);
    world.framework("f2", &["r2"]);
    for i in 0..300 {
        let kind = if i % 2 == 0 { "cpus=2;mem=100" } else { "cpus=1;mem=200" };
        world.agent(&format!("a{i}"), 1, kind);
        world.settle();
    }
    let shares = (world.share("r1"), world.share("r2"));
    assert!((shares.0 - shares.1).abs() < 0.02, "{shares:?}");
}
