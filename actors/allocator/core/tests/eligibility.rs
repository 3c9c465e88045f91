//! What an agent may be offered for: reservations, capabilities, minimums, constraints, domains and
//! maintenance.

mod support;

use allocator_core::{Answer, Input, Options};
use protocol::allocator::{AddFramework, AnswerInverseOffer, ReviveRoles, SetUnavailability};
use protocol::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, RoleConstraints, Selector,
};
use protocol::framework::{
    AgentInfo, Attribute, Capability, Domain, Filters, FrameworkInfo, OfferFilters, Unavailability,
};
use protocol::{Generation, Resource, Resources, Scalar, Time};
use support::{World, agent_info, bag, framework_info, reserved};

fn subscribe(world: &mut World, id: &str, info: FrameworkInfo, wants: Option<OfferConstraints>) {
    world.step(Input::AddFramework(AddFramework {
        framework_id: id.into(),
        info,
        suppressed_roles: Vec::new(),
        active: true,
        offer_constraints: wants,
    }));
}

fn capable(role: &str, capabilities: &[Capability]) -> FrameworkInfo {
    FrameworkInfo {
        capabilities: capabilities.iter().copied().collect(),
        ..framework_info(&[role])
    }
}

fn only_if(role: &str, selector: Selector, predicate: Predicate) -> Option<OfferConstraints> {
    let groups = vec![vec![AttributeConstraint { selector, predicate }]];
    let roles = [(role.to_owned(), RoleConstraints { groups })].into();
    Some(OfferConstraints { roles })
}

fn racked(resources: &str, rack: &str) -> AgentInfo {
    let attributes = [("rack".to_owned(), Attribute::Text(rack.into()))].into();
    AgentInfo { attributes, ..agent_info(bag(resources)) }
}

#[test]
fn a_reservation_is_offered_to_its_role_and_its_descendants_only() {
    let mut world = World::new();
    world.framework("other", &["other"]);
    world.framework("child", &["eng/web"]);
    world.agent_of("a", 1, agent_info(reserved("cpus=2;mem=200", &["eng"])), Vec::new());
    world.settle();
    assert_eq!(world.offered(), ["child a"]);
    world.remove_framework("child");
    world.settle();
    assert!(world.offers.is_empty(), "it is not for others, even while nobody wants it");
}

#[test]
fn a_refined_reservation_needs_a_framework_that_knows_of_refinement() {
    let mut world = World::new();
    let total = reserved("cpus=2;mem=200", &["eng", "eng/web"]);
    world.agent_of("a", 1, agent_info(total), Vec::new());
    world.framework("old", &["eng/web"]);
    world.framework("parent", &["eng"]);
    world.settle();
    assert!(world.offers.is_empty());
    subscribe(&mut world, "new", capable("eng/web", &[Capability::ReservationRefinement]), None);
    world.settle();
    assert_eq!(world.offered(), ["new a"]);
}

#[test]
fn revocable_and_shared_resources_are_for_those_who_can_use_them() {
    let revocable = |r: &Resource| Resource { revocable: true, ..r.clone() };
    let shared = |r: &Resource| Resource { shared: true, ..r.clone() };
    let mut total: Resources = bag("cpus=1").iter().map(revocable).collect();
    total.add_all(&bag("disk=10").iter().map(shared).collect());
    total.add_all(&bag("mem=100"));
    let mut world = World::new();
    world.agent_of("a", 1, agent_info(total.clone()), Vec::new());
    world.framework("plain", &["r"]);
    world.settle();
    assert_eq!(world.offers[0].resources, bag("mem=100"));
    world.decline(0, 3_600_000);
    let both = [Capability::RevocableResources, Capability::SharedResources];
    subscribe(&mut world, "both", capable("r", &both), None);
    world.settle();
    assert_eq!(world.offers[0].resources, total);
}

#[test]
fn resources_that_are_reserved_at_run_time_are_offered_as_such() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.framework("g", &["s"]);
    world.agent("a", 1, "cpus=2;mem=200");
    world.settle();
    let offer = world.offers[0].clone();
    let (free, kept) = (bag("cpus=1;mem=100"), reserved("cpus=1;mem=100", &["r"]));
    assert_eq!(world.convert("a", Some(&offer), free.clone(), kept.clone()), Answer::Done);
    world.decline(0, 3_600_000);
    world.settle();
    assert_eq!((world.offered(), &world.offers[0].resources), (vec!["g a".to_owned()], &free));
    // What is offered cannot be taken away under it; what is free can.
    assert!(matches!(world.convert("a", None, free, kept.clone()), Answer::Refused(_)));
    assert_eq!(world.convert("a", None, kept, bag("cpus=1;mem=100")), Answer::Done);
}

#[test]
fn a_framework_may_have_a_minimum_of_its_own_for_each_role() {
    let with = |sets: &[&[(&str, i64)]]| {
        let amount = |(name, n): &(&str, i64)| ((*name).to_owned(), Scalar::from_milli(n * 1000));
        let sets = sets.iter().map(|set| set.iter().map(amount).collect()).collect();
        let filters = OfferFilters { min_allocatable: Some(sets) };
        let offer_filters = [("r".to_owned(), filters)].into();
        FrameworkInfo { offer_filters, ..framework_info(&["r"]) }
    };
    let mut world = World::new();
    subscribe(&mut world, "large", with(&[&[("cpus", 4), ("mem", 10)], &[("disk", 500)]]), None);
    world.agent("little", 1, "cpus=2;mem=100;disk=499");
    world.agent("cpus", 1, "cpus=4;mem=10");
    world.agent("disk", 1, "disk=500");
    world.agent("dust", 1, "disk=1");
    world.settle();
    assert_eq!(world.offered(), ["large cpus", "large disk"]);
    subscribe(&mut world, "anything", with(&[]), None);
    world.settle();
    assert_eq!(world.offered()[2..], ["anything little", "anything dust"]);
}

#[test]
fn offer_constraints_choose_agents_and_a_change_of_attributes_counts_at_once() {
    let mut world = World::new();
    let wants =
        only_if("r", Selector::Attribute("rack".into()), Predicate::TextMatches("r[12]".into()));
    subscribe(&mut world, "f", framework_info(&["r"]), wants);
    world.agent_of("a1", 1, racked("cpus=1;mem=100", "r1"), Vec::new());
    world.agent_of("a3", 1, racked("cpus=1;mem=100", "r3"), Vec::new());
    world.settle();
    assert_eq!(world.offered(), ["f a1"]);
    world.update_agent("a3", racked("cpus=1;mem=100", "r2"));
    world.settle();
    assert_eq!(world.offered(), ["f a1", "f a3"]);
    let none = only_if("r", Selector::Hostname, Predicate::TextMatches("(".into()));
    world.decline_rest(0);
    subscribe(&mut world, "f", framework_info(&["r"]), none);
    world.advance(1000);
    assert!(world.offers.is_empty());
    let why = world.explain("f").roles.remove(0);
    assert!(why.summary.contains("Failed to construct regex"), "{}", why.summary);
}

#[test]
fn a_change_of_attributes_voids_the_filters_of_an_agent() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent_of("a", 1, racked("cpus=1;mem=100", "r1"), Vec::new());
    world.settle();
    world.decline(0, 3_600_000);
    world.update_agent("a", racked("cpus=1;mem=100", "r1"));
    world.settle();
    assert!(world.offers.is_empty(), "nothing has changed");
    world.update_agent("a", racked("cpus=1;mem=100", "r2"));
    world.settle();
    assert_eq!(world.offered(), ["f a"]);
}

#[test]
fn an_agent_that_grows_or_shrinks_is_offered_as_it_is() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=4;mem=400");
    world.settle();
    world.accept(0, &bag("cpus=3;mem=300"), Some(Filters { refuse_ms: 3_600_000 }));
    world.update_agent("a", agent_info(bag("cpus=8;mem=400")));
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=5;mem=100"));
    world.decline(0, 0);
    world.update_agent("a", agent_info(bag("cpus=3;mem=300")));
    world.advance(1000);
    assert!(world.offers.is_empty());
    world.finish(0);
    world.settle();
    assert_eq!(world.offers[0].resources, bag("cpus=3;mem=300"));
}

#[test]
fn agents_of_other_regions_are_for_those_who_know_of_regions() {
    let region = Some("here".to_owned());
    let mut world = World::with(Options { region, ..Options::default() });
    let at = |region: &str| AgentInfo {
        domain: Some(Domain { region: region.into(), zone: "z".into() }),
        ..agent_info(bag("cpus=1;mem=100"))
    };
    world.framework("f", &["r"]);
    world.agent_of("near", 1, at("here"), Vec::new());
    world.agent_of("far", 1, at("there"), Vec::new());
    world.agent("anywhere", 1, "cpus=1;mem=100");
    world.settle();
    assert_eq!(world.offered(), ["f near", "f anywhere"]);
    subscribe(&mut world, "g", capable("s", &[Capability::RegionAware]), None);
    world.settle();
    assert_eq!(world.offered()[2..], ["g far"]);
}

#[test]
fn an_incapable_framework_that_stands_first_does_not_keep_others_from_being_offered() {
    let mut world = World::new();
    world.framework("a-first", &["a"]);
    subscribe(&mut world, "b-second", capable("b", &[Capability::GpuResources]), None);
    world.agent("gpu", 1, "cpus=1;mem=100;gpus=1");
    world.settle();
    assert_eq!(world.offered(), ["b-second gpu"]);
}

#[test]
fn a_deactivated_agent_is_not_offered_until_it_is_active_again() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.activate_agent("a", false);
    world.advance(1000);
    assert!(world.offers.is_empty());
    world.activate_agent("a", true);
    world.settle();
    assert_eq!(world.offered(), ["f a"]);
}

#[test]
fn whoever_holds_something_on_an_agent_that_is_going_away_is_asked_to_leave_once() {
    let mut world = World::new();
    world.framework("f", &["r"]);
    world.framework("idle", &["s"]);
    world.agent("a", 1, "cpus=1;mem=100");
    world.settle();
    let start = Time::from_millis(2_000_000);
    let unavailability = Some(Unavailability { start, duration_ms: Some(1000) });
    let (agent_id, generation) = ("a".into(), Generation(1));
    world.step(Input::SetUnavailability(SetUnavailability {
        agent_id,
        generation,
        unavailability,
    }));
    world.advance(30_000);
    let asked: Vec<_> = world.inverse.iter().map(|i| i.framework_id.to_string()).collect();
    assert_eq!(asked, ["f"]);
    world.step(Input::AnswerInverseOffer(AnswerInverseOffer {
        agent_id: "a".into(),
        generation: Generation(1),
        framework_id: "f".into(),
        accepted: false,
        filters: Some(Filters { refuse_ms: 15_000 }),
    }));
    world.advance(9_000);
    assert_eq!(world.inverse.len(), 1, "not before its filter lapses");
    world.advance(20_000);
    assert_eq!(world.inverse.len(), 2);
    world.step(Input::AnswerInverseOffer(AnswerInverseOffer {
        agent_id: "a".into(),
        generation: Generation(1),
        framework_id: "f".into(),
        accepted: true,
        filters: Some(Filters { refuse_ms: 3_600_000 }),
    }));
    world.step(Input::ReviveRoles(ReviveRoles { framework_id: "f".into(), roles: Vec::new() }));
    world.settle();
    assert_eq!(world.inverse.len(), 3, "its filters are void, this one too");
    world.decline(0, 3_600_000);
    world.settle();
    let asked = world.inverse.iter().map(|i| i.framework_id.to_string());
    assert_eq!(asked.collect::<Vec<_>>(), ["f", "f", "f", "idle"], "who is offered it is told");
}

#[test]
fn an_agent_may_come_with_an_unknown_framework_and_be_going_away() {
    let mut world = World::new();
    let used = protocol::allocator::Holding {
        framework_id: "unknown".into(),
        role: "r".into(),
        resources: bag("cpus=1"),
    };
    world.agent_with("a", 1, "cpus=1;mem=10", vec![used]);
    let unavailability = Some(Unavailability { start: world.now, duration_ms: None });
    let (agent_id, generation) = ("a".into(), Generation(1));
    world.step(Input::SetUnavailability(SetUnavailability {
        agent_id,
        generation,
        unavailability,
    }));
    world.advance(100);
    assert!(world.inverse.is_empty());
    world.framework("unknown", &["r"]);
    world.advance(20_000);
    assert_eq!(world.inverse.len(), 1);
}
