//! Who is offered what, story by story. Many have a namesake in Mesos' hierarchical allocator
//! tests.

mod support;

use allocator_core::{Input, Options, State};
use protocol::allocator::{AddFramework, Holding, ResetAllocator};
use protocol::framework::{Capability, Filters};
use protocol::id::Epoch;
use protocol::resources::{Reservation, Value};
use protocol::{Resource, Resources, Scalar};
use support::{World, bag, framework_info};

#[test]
fn each_agent_goes_whole_to_the_one_with_the_lowest_dominant_share() {
    let mut world = World::new();
    world.framework("f1", &["role1"]);
    world.agent("a1", 1, "cpus=2;mem=1024;ports=[31000-32000]");
    world.settle();
    assert_eq!(world.offered(), ["f1 a1"]);
    assert_eq!(world.offers[0].resources, bag("cpus=2;mem=1024;ports=[31000-32000]"));

    world.framework("f2", &["role2"]);
    world.agent("a2", 1, "cpus=1;mem=512");
    world.settle();
    world.agent("a3", 1, "cpus=3;mem=2048");
    world.settle();
    // role1 holds 2 of 6 cpus, role2 1 of 6.
    assert_eq!(world.offered(), ["f1 a1", "f2 a2", "f2 a3"]);
}

/// The worked example of the DRF paper: 9 cpus and 18 GB; A's tasks take 1 cpu and 4 GB, B's take
/// 3 cpus and 1 GB. DRF gives A three tasks and B two, with equal dominant shares of 2/3.
#[test]
fn the_worked_example_of_the_paper_comes_out_as_in_the_paper() {
    let mut world = World::new();
    world.framework("A", &["a"]);
    world.framework("B", &["b"]);
    world.agent("machine", 1, "cpus=9;mem=18");
    let demand = |who: &str| if who == "A" { bag("cpus=1;mem=4") } else { bag("cpus=3;mem=1") };
    let mut order = String::new();
    for _ in 0..50 {
        world.settle();
        let Some(offer) = world.offers.first() else { break };
        let who = offer.framework_id.to_string();
        if world.accept(0, &demand(&who), Some(Filters::NONE)) {
            order.push_str(&who);
        } else {
            world.decline(0, 3_600_000);
        }
    }
    let tasks = |who: &str| world.used.iter().filter(|t| t.framework_id.as_str() == who).count();
    assert_eq!((tasks("A"), tasks("B")), (3, 2), "{order}");
    assert_eq!((world.share("a"), world.share("b")), (2.0 / 3.0, 2.0 / 3.0));
    // Step by step: A (2/9), B (1/3), A (4/9), B (2/3), A (2/3).
    assert_eq!(order, "ABABA");
}

#[test]
fn a_role_of_twice_the_weight_gets_twice_as_many_agents() {
    let weights = [("heavy".to_owned(), 2.0)].into();
    let mut world = World::with(Options { weights, ..Options::default() });
    world.framework("h", &["heavy"]);
    world.framework("l", &["light"]);
    for i in 0..30 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    let heavy = world.offers.iter().filter(|o| o.role == "heavy").count();
    assert_eq!((heavy, world.offers.len()), (20, 30));
}

#[test]
fn equal_shares_take_turns_and_two_agents_go_to_two_frameworks() {
    let mut world = World::new();
    world.framework("f1", &["r"]);
    world.framework("f2", &["r"]);
    for i in 0..6 {
        world.agent(&format!("a{i}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    let first = world.offers.iter().filter(|o| o.framework_id.as_str() == "f1").count();
    assert_eq!(first, 3);
}

#[test]
fn what_one_declines_another_is_offered() {
    let mut world = World::new();
    world.framework("f1", &["r1"]);
    world.framework("f2", &["r2"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    assert_eq!(world.offered(), ["f1 a"]);
    world.decline_of("f1", 0);
    world.advance(5);
    assert_eq!(world.offered(), ["f2 a"], "even without a filter");
    world.decline_of("f2", 5000);
    world.advance(5);
    assert_eq!(world.offered(), Vec::<String>::new(), "the shortest filter is longer than that");
    world.advance(200);
    assert_eq!(world.offered(), ["f1 a"]);
}

#[test]
fn two_that_refuse_in_turn_do_not_starve_a_third_with_a_larger_share() {
    let mut world = World::new();
    for name in ["f1", "f2", "f3"] {
        world.framework(name, &[name]);
    }
    world.agent_with(
        "a0",
        1,
        "cpus=1;mem=100",
        vec![Holding {
            framework_id: "f3".into(),
            role: "f3".into(),
            resources: bag("cpus=1;mem=100"),
        }],
    );
    world.agent("a", 1, "cpus=1;mem=100");
    let mut asked = Vec::new();
    for _ in 0..6 {
        world.settle();
        asked.push(world.offers[0].framework_id.to_string());
        // They think about it for longer than their filters last.
        world.advance(1000);
        world.decline(0, 1);
        world.advance(1);
    }
    assert_eq!(asked, ["f1", "f2", "f3", "f1", "f2", "f3"]);
}

#[test]
fn a_filter_hides_what_it_contains_until_it_lapses() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=2;mem=200");
    world.settle();
    world.decline_of("f", 5000);
    world.advance(4999);
    assert!(world.offers.is_empty());
    world.advance(10);
    assert_eq!(world.offered(), ["f a"]);
}

#[test]
fn a_filter_does_not_hide_more_than_was_refused() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=2;mem=200");
    world.settle();
    assert!(world.accept(0, &bag("cpus=1;mem=100"), Some(Filters { refuse_ms: 3_600_000 })));
    world.settle();
    assert!(world.offers.is_empty());
    world.finish(0);
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=2;mem=200"));
}

#[test]
fn what_an_accept_leaves_over_comes_back_at_once_if_no_filter_is_wanted() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=2;mem=200");
    world.settle();
    assert!(world.accept(0, &bag("cpus=1;mem=100"), Some(Filters::NONE)));
    world.advance(2);
    assert_eq!(world.offers[0].resources, bag("cpus=1;mem=100"));
}

#[test]
fn suppressed_roles_get_nothing_and_revive_clears_their_filters_only() {
    let mut world = World::new();
    world.framework("f", &["r1", "r2"]);
    world.suppress("f", &["r2"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    assert_eq!(world.offers[0].role, "r1");
    world.decline_of("f", 3_600_000);
    world.settle();
    assert!(world.offers.is_empty());
    world.revive("f", &["r2"]);
    world.settle();
    assert_eq!(world.offers[0].role, "r2");
    world.decline_of("f", 3_600_000);
    world.revive("f", &[]);
    world.settle();
    assert_eq!(world.offers.len(), 1);
}

#[test]
fn a_disconnected_framework_gets_nothing_and_everything_when_it_is_back() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    world.decline_of("f", 3_600_000);
    world.activate("f", false);
    world.agent("b", 1, "cpus=1;mem=100");
    world.settle();
    assert!(world.offers.is_empty());
    world.activate("f", true);
    world.settle();
    assert_eq!(world.offered(), ["f a", "f b"]);
}

#[test]
fn stale_facts_about_an_agent_change_nothing() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    let old = world.offers[0].clone();
    world.agent("a", 2, "cpus=4;mem=400");
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=4;mem=400"));
    let before = world.roles();
    world.give_back(&old, old.resources.clone(), None);
    world.remove_agent("a", 1);
    world.agent("a", 2, "cpus=8;mem=800");
    world.agent("a", 1, "cpus=8;mem=800");
    world.settle();
    assert_eq!(world.roles(), before);
    assert_eq!(world.state.counters().anomalies, 0);
}

#[test]
fn an_agent_comes_with_what_is_used_on_it_even_by_a_framework_not_seen_yet() {
    let mut world = World::new();
    let used =
        Holding { framework_id: "f".into(), role: "r".into(), resources: bag("cpus=3;mem=300") };
    world.agent_with("a", 1, "cpus=4;mem=400", vec![used]);
    assert_eq!(world.share("r"), 0.75);
    world.framework("f", &["r"]);
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=1;mem=100"));
    assert_eq!(world.share("r"), 1.0);
}

#[test]
fn an_agent_with_more_used_than_it_has_offers_nothing_until_that_is_mended() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    let used = |text| Holding { framework_id: "f".into(), role: "r".into(), resources: bag(text) };
    let info = support::agent_info(bag("cpus=1;mem=100"));
    world.state.step(
        world.now,
        Input::AddAgent(protocol::allocator::AddAgent {
            agent_id: "a".into(),
            generation: protocol::Generation(1),
            info,
            used: vec![used("cpus=2;mem=200"), used("cpus=1;mem=100")],
        }),
        &mut Vec::new(),
    );
    world.state.check().unwrap();
    assert_eq!(world.roles().free, Default::default());
    assert_eq!(world.share("r"), 3.0);
}

#[test]
fn a_removed_framework_still_holds_what_it_has_not_given_back() {
    let mut world = World::new();
    world.framework("f1", &["r"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    world.remove_framework("f1");
    world.framework("f2", &["r"]);
    world.settle();
    assert_eq!(world.offered(), ["f2 a"]);
    assert_eq!(world.state.sizes().frameworks, 1);
}

#[test]
fn less_than_the_minimum_is_not_offered() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("small", 1, "cpus=0.009;mem=31;disk=1000000");
    world.agent("memory", 1, "mem=32");
    world.agent("cpu", 1, "cpus=0.01");
    world.settle();
    assert_eq!(world.offered(), ["f memory", "f cpu"]);
}

#[test]
fn reserved_resources_go_to_their_role_and_the_rest_to_whoever_is_next() {
    let mut world = World::new();
    world.framework("f1", &["r1"]);
    world.framework("f2", &["r2/child"]);
    let mut cpus = Resource::new("cpus", Value::Scalar(Scalar::from_milli(2000)));
    cpus.reservations.push(Reservation {
        role: "r2".into(),
        dynamic: false,
        principal: None,
        labels: Default::default(),
    });
    let total = &bag("cpus=1;mem=100") + &Resources::from(vec![cpus.clone()]);
    world.agents.insert("a".into(), (protocol::Generation(1), total.clone()));
    world.step(Input::AddAgent(protocol::allocator::AddAgent {
        agent_id: "a".into(),
        generation: protocol::Generation(1),
        info: support::agent_info(total),
        used: Vec::new(),
    }));
    world.settle();
    assert_eq!(world.offered(), ["f1 a", "f2 a"]);
    assert_eq!(world.offers[0].resources, bag("cpus=1;mem=100"));
    assert_eq!(world.offers[1].resources, Resources::from(vec![cpus]));
}

#[test]
fn an_agent_with_gpus_is_for_those_who_can_use_them() {
    let mut world = World::new();
    world.framework("plain", &["r1"]);
    world.agent("a", 1, "cpus=1;mem=100;gpus=1");
    world.settle();
    assert!(world.offers.is_empty());
    let mut info = framework_info(&["r2"]);
    info.capabilities.insert(Capability::GpuResources);
    world.step(Input::AddFramework(AddFramework {
        framework_id: "gpu".into(),
        info,
        suppressed_roles: Vec::new(),
        active: true,
        offer_constraints: None,
    }));
    world.settle();
    assert_eq!(world.offered(), ["gpu a"]);
}

#[test]
fn facts_before_a_reset_and_resets_of_a_deposed_leader_are_void() {
    let mut state = State::new(Options::default());
    let mut out = Vec::new();
    let add = || {
        Input::AddFramework(AddFramework {
            framework_id: "f".into(),
            info: framework_info(&["r"]),
            suppressed_roles: Vec::new(),
            active: true,
            offer_constraints: None,
        })
    };
    let now = protocol::Time::from_millis(1);
    state.step(now, add(), &mut out);
    assert!(!state.is_ready() && out.is_empty());
    state.step(now, Input::ResetAllocator(ResetAllocator { epoch: Epoch(5), round: 1 }), &mut out);
    state.step(now, add(), &mut out);
    state.step(now, Input::ResetAllocator(ResetAllocator { epoch: Epoch(4), round: 9 }), &mut out);
    assert_eq!(state.sizes().frameworks, 1);
}

#[test]
fn a_large_cluster_is_offered_in_several_passes_and_messages() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    for i in 0..2500 {
        let info = support::agent_info(bag("cpus=1;mem=100"));
        let add = protocol::allocator::AddAgent {
            agent_id: format!("a{i}").into(),
            generation: protocol::Generation(1),
            info,
            used: Vec::new(),
        };
        world.state.step(world.now, Input::AddAgent(add), &mut Vec::new());
    }
    let mut out = Vec::new();
    let mut sizes = Vec::new();
    while !world.state.is_quiet() {
        world.state.step(world.now, Input::TimerFired(allocator_core::Timer::Pass), &mut out);
    }
    for effect in &out {
        if let allocator_core::Effect::Offer(offer) = effect {
            sizes.push(offer.allocations.len());
        }
    }
    assert_eq!(sizes, [1000, 1000, 500]);
}

#[test]
fn a_fact_costs_a_look_at_its_own_agents_and_clients() {
    let mut world = World::new();
    for i in 0..20 {
        world.framework(&format!("f{i}"), &["r"]);
    }
    for i in 0..50 {
        world.agent(&format!("a{i}"), 1, "cpus=2;mem=200");
    }
    world.settle();
    let visits = |world: &World| world.state.counters().visits;
    let before = visits(&world);
    world.accept(0, &bag("cpus=1;mem=100"), Some(Filters::NONE));
    world.settle();
    assert_eq!(visits(&world) - before, 1, "one agent has something free");
    for _ in 0..10 {
        world.decline(0, 3_600_000);
    }
    world.settle();
    assert_eq!(visits(&world) - before, 11, "ten more have");
    world.suppress("f1", &[]);
    world.activate("f2", false);
    world.settle();
    assert_eq!(visits(&world) - before, 11, "who wants less costs nothing");
}
