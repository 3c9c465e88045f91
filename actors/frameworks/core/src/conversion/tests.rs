//! What of reservations and volumes is allowed, and what it makes of what.

use std::collections::BTreeMap;

use protocol::resources::Disk;

use super::*;

fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

fn layer(role: &str, dynamic: bool, principal: Option<&str>) -> Reservation {
    Reservation {
        role: role.into(),
        dynamic,
        principal: principal.map(Into::into),
        labels: BTreeMap::new(),
    }
}

fn reserved(text: &str, layers: &[Reservation]) -> Resources {
    let reserve = |r: &Resource| Resource { reservations: layers.to_vec(), ..r.clone() };
    bag(text).iter().map(reserve).collect()
}

fn dev(text: &str) -> Resources {
    reserved(text, &[layer("dev", true, None)])
}

fn volume(size: &str, id: &str, path: &str) -> Resource {
    let disk = Disk { persistence_id: id.into(), container_path: path.into(), principal: None };
    let reserved = dev(&format!("disk={size}"));
    Resource { disk: Some(disk), ..reserved.iter().next().unwrap().clone() }
}

fn one(resource: Resource) -> Resources {
    std::iter::once(resource).collect()
}

fn mapped(bag: Resources, change: impl Fn(&mut Resource)) -> Resources {
    let changed = |r: &Resource| {
        let mut r = r.clone();
        change(&mut r);
        r
    };
    bag.iter().map(changed).collect()
}

fn reserve_new(resources: Resources) -> ResourceOperation {
    ResourceOperation::Reserve { resources, source: Resources::EMPTY }
}

fn info(principal: Option<&str>) -> FrameworkInfo {
    let mut info = FrameworkInfo::new("root", "test");
    info.principal = principal.map(Into::into);
    info
}

/// Where `framework` has offers for `role`.
fn ground<'a>(framework: &'a FrameworkInfo, role: &'a str, total: &'a Resources) -> Ground<'a> {
    let principal = framework.principal.as_deref();
    Ground { framework: Some(framework), principal, role: Some(role), total }
}

/// The text of the refusal, empty if there is none.
fn complaint(operation: ResourceOperation, framework: &FrameworkInfo) -> String {
    let total = &bag("cpus=4;mem=4;disk=100") + &one(volume("5", "taken", "data"));
    let ground = ground(framework, "dev", &total);
    ground.conversion(&operation).err().map_or_else(String::new, |e| e.to_string())
}

fn expect(cases: Vec<(ResourceOperation, &str)>, framework: &FrameworkInfo) {
    for (operation, why) in cases {
        let said = complaint(operation.clone(), framework);
        let right = if why.is_empty() { said.is_empty() } else { said.contains(why) };
        assert!(right, "{operation:?}: `{said}`, not `{why}`");
    }
}

#[test]
fn what_can_be_reserved() {
    let reserve = reserve_new;
    let refined = reserved("cpus=1", &[layer("d", true, None), layer("d/dev", true, None)]);
    let unrelated = reserved("cpus=1", &[layer("qa", true, None), layer("dev", true, None)]);
    expect(
        vec![
            (reserve(dev("cpus=1;mem=1")), ""),
            (reserve(Resources::EMPTY), "no resources"),
            (reserve(bag("cpus=1")), "not dynamically reserved"),
            (reserve(reserved("cpus=1", &[layer("dev", false, None)])), "not dynamically"),
            (reserve(reserved("cpus=1", &[layer("*", true, None)])), "role `*`"),
            (reserve(reserved("cpus=1", &[layer("qa", true, None)])), "offers are for role"),
            (reserve(unrelated), "not a role below"),
            (reserve(refined), "RESERVATION_REFINEMENT"),
            (reserve(mapped(dev("cpus=1"), |r| r.revocable = true)), "revocable"),
            (reserve(mapped(dev("cpus=1"), |r| r.shared = true)), "shared"),
            (reserve(one(volume("1", "v", "data"))), "is a persistent volume"),
        ],
        &info(None),
    );
}

#[test]
fn a_principal_answers_for_what_it_makes() {
    let reserve = |principal| reserve_new(reserved("cpus=1", &[layer("dev", true, principal)]));
    let mut mine = volume("1", "v", "data");
    let create = |v: &Resource| ResourceOperation::Create { volumes: one(v.clone()) };
    let not_mine = create(&mine);
    mine.disk.as_mut().unwrap().principal = Some("ops".into());
    let cases = vec![
        (reserve(Some("ops")), ""),
        (reserve(Some("eve")), "principal `eve`"),
        (reserve(None), "not that of who asks, `ops`"),
        (create(&mine), ""),
        (not_mine, "not that of who asks, `ops`"),
    ];
    expect(cases, &info(Some("ops")));
    expect(vec![(reserve(Some("eve")), "")], &info(None));
}

#[test]
fn a_reservation_is_refined_by_those_who_understand_it() {
    let mut framework = info(None);
    framework.capabilities.insert(Capability::ReservationRefinement);
    let total = reserved("cpus=1", &[layer("dev", true, None)]);
    let ground = ground(&framework, "dev/web", &total);
    let layers = [layer("dev", true, None), layer("dev/web", true, None)];
    let resources = reserved("cpus=1", &layers);
    let done = ground.conversion(&reserve_new(resources.clone()));
    assert_eq!(done, Ok(Conversion { consumed: total.clone(), produced: resources.clone() }));
    let back = ground.conversion(&ResourceOperation::Unreserve { resources: resources.clone() });
    assert_eq!(back, Ok(Conversion { consumed: resources, produced: total.clone() }));
}

#[test]
fn a_reservation_is_moved_to_another_role() {
    let update = |source, resources| ResourceOperation::Reserve { resources, source };
    let stack =
        |roles: &[&str]| -> Vec<_> { roles.iter().map(|role| layer(role, true, None)).collect() };
    let of = |roles: &[&str]| reserved("cpus=2", &stack(roles));
    let fixed = reserved("cpus=2", &[layer("ops", false, None)]);
    let fewer = reserved("cpus=1", &stack(&["ops"]));
    let nested = || of(&["qa", "qa/web"]);
    let on_fixed =
        |inner| reserved("cpus=2", &[layer("qa", false, None), layer(inner, true, None)]);
    let cases = vec![
        (update(of(&["ops"]), of(&["qa"])), ""),
        (update(of(&["qa"]), nested()), ""),
        (update(nested(), of(&["qa"])), "unreserve it instead"),
        (update(of(&["qa"]), of(&["qa"])), "unreserve it instead"),
        (update(fixed, of(&["qa"])), "not dynamically reserved"),
        (update(of(&["ops"]), on_fixed("qa/web")), "not dynamically reserved"),
        (update(on_fixed("qa/web"), on_fixed("qa/db")), ""),
        (update(fewer, of(&["qa"])), "must be the same"),
        (update(&of(&["ops"]) + &bag("mem=1"), of(&["qa"])), "or none"),
        (update(one(volume("1", "v", "data")), of(&["qa"])), "persistent volume"),
        (update(of(&["ops"]), Resources::EMPTY), "no resources"),
    ];
    let total = of(&["ops"]);
    let ground = Ground { framework: None, principal: None, role: None, total: &total };
    for (operation, why) in cases {
        let refused = ground.conversion(&operation).err();
        let said = refused.map_or_else(String::new, |error| error.to_string());
        let right = if why.is_empty() { said.is_empty() } else { said.contains(why) };
        assert!(right, "{operation:?}: `{said}`, not `{why}`");
    }
    let done = ground.conversion(&update(of(&["ops"]), of(&["qa"]))).unwrap();
    assert_eq!(done.apply(&total), Some(of(&["qa"])));
}

#[test]
fn a_principal_answers_for_every_reservation_that_a_move_makes() {
    let mut framework = info(Some("ops"));
    framework.capabilities.insert(Capability::ReservationRefinement);
    let of = |outer: &str, inner: &str| {
        let layers = [layer("dev", true, Some(outer)), layer("dev/web", true, Some(inner))];
        reserved("cpus=1", &layers)
    };
    let source = reserved("cpus=1", &[layer("qa", true, Some("eve"))]);
    let ground = ground(&framework, "dev/web", &source);
    let refused = |from: &Resources, resources| {
        let operation = ResourceOperation::Reserve { resources, source: from.clone() };
        ground.conversion(&operation).err().map(|error| error.to_string())
    };
    assert_eq!(refused(&source, of("ops", "ops")), None);
    let why = refused(&source, of("eve", "ops")).unwrap();
    assert!(why.contains("principal `eve`"), "{why}");
    let hers = reserved("cpus=1", &[layer("dev", true, Some("eve"))]);
    assert_eq!(refused(&hers, of("eve", "ops")), None, "what was there stays hers");
}

#[test]
fn a_shared_volume_is_for_those_who_understand_it() {
    let mut framework = info(None);
    let shared = one(Resource { shared: true, ..volume("5", "v", "data") });
    let create = ResourceOperation::Create { volumes: shared.clone() };
    expect(vec![(create.clone(), "SHARED_RESOURCES")], &framework);
    framework.capabilities.insert(Capability::SharedResources);
    expect(vec![(create, ""), (ResourceOperation::Destroy { volumes: shared }, "")], &framework);
}

#[test]
fn what_can_be_unreserved() {
    let unreserve = |resources| ResourceOperation::Unreserve { resources };
    expect(
        vec![
            (unreserve(dev("cpus=1")), ""),
            (unreserve(Resources::EMPTY), "no resources"),
            (unreserve(bag("cpus=1")), "not dynamically reserved"),
            (unreserve(reserved("cpus=1", &[layer("dev", false, None)])), "not dynamically"),
            (unreserve(one(volume("1", "v", "data"))), "destroy it first"),
        ],
        &info(None),
    );
}

#[test]
fn what_can_be_a_volume() {
    let create = |volume| ResourceOperation::Create { volumes: one(volume) };
    let with = |change: fn(&mut Resource)| {
        let mut volume = volume("1", "v", "data");
        change(&mut volume);
        create(volume)
    };
    let two: Resources =
        [volume("1", "v", "data"), volume("1", "v", "other")].into_iter().collect();
    expect(
        vec![
            (create(volume("1", "v", "data")), ""),
            (create(volume("1", "v", "a/b/")), ""),
            (ResourceOperation::Create { volumes: Resources::EMPTY }, "no resources"),
            (ResourceOperation::Create { volumes: dev("disk=1") }, "not a persistent volume"),
            (with(|v| v.name = "mem".into()), "not a scalar amount of disk"),
            (with(|v| v.revocable = true), "revocable"),
            (with(|v| v.shared = true), "SHARED_RESOURCES"),
            (with(|v| v.reservations.clear()), "unreserved"),
            (create(volume("1", "a/b", "data")), "persistence id `a/b`"),
            (create(volume("1", "taken", "data")), "already used"),
            (ResourceOperation::Create { volumes: two }, "already used"),
            (create(volume("1", "v", "/data")), "must be relative"),
            (create(volume("1", "v", "a/../../b")), "must be relative"),
            (create(volume("1", "v", "")), "must be relative"),
        ],
        &info(None),
    );
}

#[test]
fn what_can_be_destroyed_grown_and_shrunk() {
    let destroy = |volumes| ResourceOperation::Destroy { volumes };
    let disk = |text: &str| dev(text).iter().next().unwrap().clone();
    let v = || volume("5", "v", "data");
    let grow = |addition| ResourceOperation::GrowVolume { volume: v(), addition };
    let shrink = |milli| ResourceOperation::ShrinkVolume {
        volume: v(),
        subtract: Scalar::from_milli(milli),
    };
    let plain = bag("disk=1").iter().next().unwrap().clone();
    let shared = Resource { shared: true, ..v() };
    expect(
        vec![
            (destroy(one(v())), ""),
            (destroy(Resources::EMPTY), "no resources"),
            (destroy(dev("disk=1")), "not a persistent volume"),
            (destroy([shared.clone(), shared.clone()].into_iter().collect()), "more than once"),
            (grow(disk("disk=1")), ""),
            (grow(plain), "same reservation"),
            (grow(disk("mem=1")), "same reservation"),
            (grow(v()), "same reservation"),
            (ResourceOperation::GrowVolume { volume: shared, addition: disk("disk=1") }, "shared"),
            (
                ResourceOperation::GrowVolume { volume: disk("disk=1"), addition: disk("disk=1") },
                "not a persistent volume",
            ),
            (shrink(1), ""),
            (shrink(4_999), ""),
            (shrink(0), "less than the size"),
            (shrink(-1), "less than the size"),
            (shrink(5_000), "less than the size"),
        ],
        &info(None),
    );
}

#[test]
fn nothing_is_lost_and_nothing_appears() {
    let total = &dev("disk=9") + &one(volume("5", "v", "data"));
    let ground = Ground { framework: None, principal: None, role: None, total: &total };
    let disk = dev("disk=2").iter().next().unwrap().clone();
    let volume = volume("5", "v", "data");
    for operation in [
        ResourceOperation::GrowVolume { volume: volume.clone(), addition: disk },
        ResourceOperation::ShrinkVolume {
            volume: volume.clone(),
            subtract: Scalar::from_milli(1500),
        },
        ResourceOperation::Destroy { volumes: one(volume) },
        ResourceOperation::Unreserve { resources: dev("disk=3") },
    ] {
        let after = ground.conversion(&operation).unwrap().apply(&total).unwrap();
        assert_eq!(after.scalar("disk"), total.scalar("disk"), "{operation:?}");
    }
}
