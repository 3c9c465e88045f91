//! Why a framework is or is not getting offers.

mod support;

use protocol::allocator::Verdict;
use support::{World, agent_info, bag, reserved};

fn verdict(world: &mut World, id: &str) -> Verdict {
    world.explain(id).roles[0].verdict
}

#[test]
fn every_reason_is_told_from_the_others() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    assert_eq!(verdict(&mut world, "f"), Verdict::NothingFree);
    world.agent("a", 1, "cpus=2;mem=200");
    assert_eq!(verdict(&mut world, "f"), Verdict::Offerable);
    world.settle();
    assert_eq!(verdict(&mut world, "f"), Verdict::NothingFree);
    world.decline(0, 3_600_000);
    world.settle();
    assert_eq!(verdict(&mut world, "f"), Verdict::Filter);
    world.suppress("f", &[]);
    assert_eq!(verdict(&mut world, "f"), Verdict::Suppressed);
    world.activate("f", false);
    assert_eq!(verdict(&mut world, "f"), Verdict::Inactive);
    world.activate("f", true);
    world.revive("f", &[]);
    world.set_quota("r", "", "cpus=0.001;mem=1");
    assert_eq!(verdict(&mut world, "f"), Verdict::Limit);
    world.set_quota("r", "", "");
    world.set_quota("s", "cpus=9;mem=900", "");
    assert_eq!(verdict(&mut world, "f"), Verdict::HeldBack);
    world.set_quota("s", "", "");
    world.activate_agent("a", false);
    assert_eq!(verdict(&mut world, "f"), Verdict::AgentInactive);
    world.update_agent("a", agent_info(reserved("cpus=2;mem=200", &["s"])));
    world.activate_agent("a", true);
    assert_eq!(verdict(&mut world, "f"), Verdict::Reserved);
    world.update_agent("a", agent_info(bag("cpus=2;mem=200;gpus=1")));
    assert_eq!(verdict(&mut world, "f"), Verdict::Capability);
    world.update_agent("a", agent_info(bag("mem=2")));
    assert_eq!(verdict(&mut world, "f"), Verdict::Minimum);
}

#[test]
fn the_last_rejections_are_remembered_the_newest_first_and_not_without_end() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    for i in 0..12 {
        world.agent(&format!("a{i:02}"), 1, "cpus=1;mem=100");
    }
    world.settle();
    world.decline_rest(60_000);
    let why = world.explain("f");
    let agents: Vec<_> = why.recent.iter().map(|r| r.agent_id.to_string()).collect();
    assert_eq!(agents.len(), 10);
    assert_eq!((agents[0].as_str(), agents[9].as_str()), ("a11", "a02"));
    assert_eq!(why.roles[0].agents, [(Verdict::Filter, 12)].into());
    assert_eq!(why.roles[0].summary, "it has refused what is free on 12 of 12 agents");
    assert_eq!(why.recent[0].until.since(world.now).as_secs(), 60);
}

#[test]
fn a_role_is_told_its_place_and_what_it_waits_for() {
    let mut world = World::new();
    assert!(world.explain_role("eng").is_none());
    world.framework("f", &["eng/web"]);
    world.framework("g", &["ops"]);
    world.agent("a", 1, "cpus=4;mem=400");
    world.set_quota("eng", "cpus=1;mem=100", "cpus=4;mem=400");
    let eng = world.explain_role("eng").unwrap();
    assert_eq!((eng.children, eng.parent), (vec!["eng/web".to_owned()], None));
    assert_eq!(eng.behind, ["ops"], "whoever lacks what it is guaranteed comes first");
    assert_eq!(eng.lacks.len(), 2);
    assert_eq!(eng.verdict, Verdict::Share);
    world.settle();
    let eng = world.explain_role("eng").unwrap();
    assert_eq!((eng.verdict, eng.limited_by.as_deref()), (Verdict::Limit, Some("eng")));
    assert!(eng.lacks.is_empty());
    assert_eq!((eng.dominant_share, eng.ahead), (1.0, vec!["ops".to_owned()]));
    let web = world.explain_role("eng/web").unwrap();
    assert_eq!((web.parent.as_deref(), web.limited_by.as_deref()), (Some("eng"), Some("eng")));
    assert_eq!(web.frameworks[0].framework_id.as_str(), "f");
    assert!(web.summary.contains("the limit of role eng is used up"), "{}", web.summary);
    let ops = world.explain_role("ops").unwrap();
    assert_eq!((ops.verdict, ops.wants), (Verdict::NothingFree, true));
    world.suppress("g", &[]);
    let ops = world.explain_role("ops").unwrap();
    assert_eq!((ops.verdict, ops.wants), (Verdict::Suppressed, false));
    assert!(ops.ahead.is_empty() && ops.behind.is_empty());
}
