//! Shared volumes: free for everyone who may have them, whoever uses them; never free to be destroyed
//! while somebody does; and they count once.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod support;

use allocator_core::Answer;
use protocol::framework::{Capability, Filters, FrameworkInfo};
use protocol::resources::{Disk, Resource, Resources};
use support::{World, agent_info, bag, framework_info, reserved};

fn volume() -> Resources {
    let disk =
        Disk { persistence_id: "v".to_owned(), container_path: "data".to_owned(), principal: None };
    let shared = |r: &Resource| Resource { disk: Some(disk.clone()), shared: true, ..r.clone() };
    reserved("disk=1000", &["r"]).iter().map(shared).collect()
}

fn sharing(role: &str) -> FrameworkInfo {
    let capabilities = [Capability::SharedResources].into();
    FrameworkInfo { capabilities, ..framework_info(&[role]) }
}

/// An agent with a volume, and a framework whose task uses it.
fn in_use() -> World {
    let mut world = World::new();
    world.framework_of("f", sharing("r"));
    world.agent_of("a", 1, agent_info(&bag("cpus=4;mem=400") + &volume()), Vec::new());
    world.settle();
    let task = &bag("cpus=1;mem=100") + &volume();
    assert!(world.accept(0, &task, Some(Filters { refuse_ms: 3_600_000 })));
    world.settle();
    world
}

#[test]
fn what_is_used_is_offered_to_others_of_its_role_along_with_what_is_free() {
    let mut world = in_use();
    world.framework_of("other-role", sharing("q"));
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=3;mem=300"));
    world.decline(0, 3_600_000);
    world.framework_of("g", sharing("r"));
    world.settle();
    assert_eq!(world.offered(), ["g a"]);
    assert_eq!(world.offers[0].resources, &bag("cpus=3;mem=300") + &volume());
}

#[test]
fn on_its_own_it_is_not_offered() {
    let mut world = in_use();
    world.framework_of("g", sharing("r"));
    world.settle();
    let all = world.offers[0].resources.clone();
    assert!(world.accept(0, &all, None));
    world.framework_of("h", sharing("r"));
    world.settle();
    world.advance(20_000);
    assert!(world.offers.is_empty());
    world.finish(1);
    world.settle();
    assert_eq!(world.offers[0].resources, all);
}

#[test]
fn it_counts_once_for_a_framework_however_many_of_its_tasks_use_it() {
    let mut world = in_use();
    let share = world.share("r");
    assert!((share - 1.0).abs() < 1e-9, "all of the disk is its own: {share}");
    world.share_again(0, &volume());
    world.share_again(0, &volume());
    assert!((world.share("r") - 1.0).abs() < 1e-9);
    world.finish(0);
    world.finish(0);
    assert!((world.share("r") - 1.0).abs() < 1e-9, "one task still uses it");
    world.finish(0);
    assert!(world.share("r") < 1e-9);
}

#[test]
fn nobody_shares_what_he_does_not_have() {
    let mut world = World::new();
    world.framework_of("f", sharing("r"));
    world.agent_of("a", 1, agent_info(&bag("cpus=4;mem=400") + &volume()), Vec::new());
    world.settle();
    assert!(world.accept(0, &bag("cpus=1"), Some(Filters { refuse_ms: 3_600_000 })));
    world.share_again(0, &volume());
    assert_eq!(world.state.counters().anomalies, 1);
    world.used.pop();
    world.share_again(0, &bag("cpus=1"));
    assert_eq!(world.state.counters().anomalies, 2, "a cpu is not shared");
}

#[test]
fn an_operator_does_not_take_it_while_somebody_has_it() {
    let mut world = in_use();
    let disk: Resources = volume().iter().map(Resource::without_disk).collect();
    match world.convert("a", None, volume(), disk.clone()) {
        Answer::Refused(why) => assert!(why.contains("in use"), "{why}"),
        other => panic!("{other:?}"),
    }
    world.finish(0);
    world.settle();
    world.offers.clear();
    let mut world = World::new();
    world.agent_of("a", 1, agent_info(&bag("cpus=4;mem=400") + &volume()), Vec::new());
    assert_eq!(world.convert("a", None, volume(), disk), Answer::Done);
}
