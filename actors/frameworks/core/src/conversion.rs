//! What an operation on an agent's resources amounts to, or why it makes no sense. Pure: whether
//! what it consumes is there, and in whose hands, is asked elsewhere.

use std::collections::BTreeSet;

use protocol::framework::{Capability, FrameworkInfo};
use protocol::id::check_id;
use protocol::operation::{Conversion, ResourceOperation};
use protocol::resources::{Reservation, Resource, Resources, Scalar, Value};

/// Why an operation is OPERATION_ERROR. The texts are for the framework's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("no resources are named")]
    Nothing,
    #[error("resource {0} is not dynamically reserved")]
    NotReserved(String),
    #[error("resource {0} is revocable: it can be neither reserved nor made into a volume")]
    Revocable(String),
    #[error("resource {0} is shared: only a persistent volume can be")]
    Shared(String),
    #[error("a shared volume needs the capability SHARED_RESOURCES")]
    CannotShare,
    #[error("volume {0} is shared: it can neither grow nor shrink")]
    SharedSize(String),
    #[error(
        "a reservation is changed from `{from}` to `{to}` for all the resources named, or none"
    )]
    Mixed { from: String, to: String },
    #[error(
        "`source` ({source_bag}) and `resources` ({resources}) must be the same but for their reservations"
    )]
    OtherSource { source_bag: String, resources: String },
    #[error("`resources` reserve nothing that `source` has not reserved: unreserve it instead")]
    NoNewReservation,
    #[error("resource {0} is reserved for role `*`: name another role")]
    AnyRole(String),
    #[error(
        "resource {resource} is to be reserved for role `{role}`, while the offers are for role `{allocated}`"
    )]
    OtherRole { resource: String, role: String, allocated: String },
    #[error("`{inner}` is not a role below `{outer}`: a reservation is refined for descendants")]
    NoRefinement { outer: String, inner: String },
    #[error("a refined reservation needs the capability RESERVATION_REFINEMENT")]
    CannotRefine,
    #[error("principal `{stated}` of {resource} is not that of the framework, `{principal}`")]
    OtherPrincipal { resource: String, stated: String, principal: String },
    #[error("resource {0} is a persistent volume: destroy it first")]
    IsVolume(String),
    #[error("resource {0} is not a persistent volume")]
    NoVolume(String),
    #[error("volume {0} is named more than once")]
    Repeated(String),
    #[error("resource {0} is not a scalar amount of disk")]
    NoDisk(String),
    #[error("persistent volumes cannot be created from unreserved resources: {0}")]
    Unreserved(String),
    #[error("persistence id `{id}` is not valid: {why}")]
    PersistenceId { id: String, why: String },
    #[error("persistence id `{id}` is already used for role `{role}` on this agent")]
    TakenId { id: String, role: String },
    #[error("container_path `{0}` must be relative to the sandbox and stay in it")]
    ContainerPath(String),
    #[error("{0} cannot be added to the volume: it must be disk with the same reservation")]
    OtherDisk(String),
    #[error("`subtract` must be more than 0 and less than the size of the volume, {0}")]
    Subtract(Scalar),
}

/// What an operation is checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    /// Who wants it; absent: an operator.
    pub(crate) framework: Option<&'a FrameworkInfo>,
    /// The role of the offers.
    pub(crate) role: Option<&'a str>,
    /// Everything that the agent has.
    pub(crate) total: &'a Resources,
}

type Checked<T> = Result<T, Invalid>;

impl Ground<'_> {
    pub(crate) fn conversion(&self, operation: &ResourceOperation) -> Checked<Conversion> {
        match operation {
            ResourceOperation::Reserve { resources, source } if source.is_empty() => {
                self.reserve(resources)
            }
            ResourceOperation::Reserve { resources, source } => self.rereserve(source, resources),
            ResourceOperation::Unreserve { resources } => unreserve(resources),
            ResourceOperation::Create { volumes } => self.create(volumes),
            ResourceOperation::Destroy { volumes } => destroy(volumes),
            ResourceOperation::GrowVolume { volume, addition } => grow(volume, addition),
            ResourceOperation::ShrinkVolume { volume, subtract } => shrink(volume, *subtract),
        }
    }

    fn reserve(&self, resources: &Resources) -> Checked<Conversion> {
        self.check_reserved(resources)?;
        let consumed = resources.iter().map(unreserved).collect();
        Ok(Conversion { consumed, produced: resources.clone() })
    }

    /// Reserved resources for others, without being anybody's in between: down to what both
    /// reservations have in common, and up again.
    fn rereserve(&self, source: &Resources, resources: &Resources) -> Checked<Conversion> {
        self.check_reserved(resources)?;
        let (from, to) = (stack_of(source), stack_of(resources));
        let (Some(from), Some(to)) = (from, to) else {
            let (from, to) = (source.to_string(), resources.to_string());
            return Err(Invalid::Mixed { from, to });
        };
        let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        if to.len() == common {
            return Err(Invalid::NoNewReservation);
        }
        for resource in source.iter() {
            plain(resource)?;
            if resource.disk.is_some() {
                return Err(Invalid::IsVolume(resource.to_string()));
            }
            dynamic_beyond(resource, common)?;
        }
        for resource in resources.iter() {
            for layer in dynamic_beyond(resource, common)? {
                self.check_principal(resource, layer.principal.as_deref())?;
            }
        }
        if cut_to(source, common) != cut_to(resources, common) {
            let (source_bag, resources) = (source.to_string(), resources.to_string());
            return Err(Invalid::OtherSource { source_bag, resources });
        }
        Ok(Conversion { consumed: source.clone(), produced: resources.clone() })
    }

    /// What can be reserved like this.
    fn check_reserved(&self, resources: &Resources) -> Checked<()> {
        for resource in some(resources)?.iter() {
            let layer = last_dynamic(resource)?;
            plain(resource)?;
            self.check_role(resource, layer)?;
            self.check_principal(resource, layer.principal.as_deref())?;
            if resource.disk.is_some() {
                return Err(Invalid::IsVolume(resource.to_string()));
            }
        }
        Ok(())
    }

    /// Every layer is below the one before it, and the last is that of the offers.
    fn check_role(&self, resource: &Resource, layer: &Reservation) -> Checked<()> {
        if layer.role == "*" || layer.role.is_empty() {
            return Err(Invalid::AnyRole(resource.to_string()));
        }
        for pair in resource.reservations.windows(2) {
            let (outer, inner) = (&pair[0].role, &pair[1].role);
            if !inner.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/')) {
                return Err(Invalid::NoRefinement { outer: outer.clone(), inner: inner.clone() });
            }
        }
        let can_refine =
            |info: &FrameworkInfo| info.capabilities.contains(&Capability::ReservationRefinement);
        if resource.reservations.len() > 1 && self.framework.is_some_and(|f| !can_refine(f)) {
            return Err(Invalid::CannotRefine);
        }
        match self.role {
            Some(allocated) if layer.role != allocated => Err(Invalid::OtherRole {
                resource: resource.to_string(),
                role: layer.role.clone(),
                allocated: allocated.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// A framework with a principal makes nothing in the name of another.
    fn check_principal(&self, resource: &Resource, stated: Option<&str>) -> Checked<()> {
        let principal = self.framework.and_then(|info| info.principal.as_deref());
        match principal {
            Some(principal) if stated != Some(principal) => Err(Invalid::OtherPrincipal {
                resource: resource.to_string(),
                stated: stated.unwrap_or_default().to_owned(),
                principal: principal.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn check_sharing(&self, volume: &Resource) -> Checked<()> {
        let can_share =
            |info: &FrameworkInfo| info.capabilities.contains(&Capability::SharedResources);
        match volume.shared && self.framework.is_some_and(|info| !can_share(info)) {
            true => Err(Invalid::CannotShare),
            false => Ok(()),
        }
    }

    fn create(&self, volumes: &Resources) -> Checked<Conversion> {
        let mut taken: BTreeSet<_> = self.total.iter().filter_map(volume_key).collect();
        for volume in some(volumes)?.iter() {
            let disk = volume_of(volume)?;
            if volume.revocable {
                return Err(Invalid::Revocable(volume.to_string()));
            }
            self.check_sharing(volume)?;
            if volume.reservations.is_empty() {
                return Err(Invalid::Unreserved(volume.to_string()));
            }
            self.check_principal(volume, disk.principal.as_deref())?;
            check_id(&disk.persistence_id).map_err(|error| Invalid::PersistenceId {
                id: disk.persistence_id.clone(),
                why: error.to_string(),
            })?;
            check_container_path(&disk.container_path)?;
            if let Some((role, id)) = volume_key(volume).filter(|key| !taken.insert(*key)) {
                return Err(Invalid::TakenId { id: id.to_owned(), role: role.to_owned() });
            }
        }
        let consumed = volumes.iter().map(Resource::without_disk).collect();
        Ok(Conversion { consumed, produced: volumes.clone() })
    }
}

/// The reservations that all of these have.
fn stack_of(resources: &Resources) -> Option<&[Reservation]> {
    let mut stacks = resources.iter().map(|resource| resource.reservations.as_slice());
    let first = stacks.next()?;
    stacks.all(|stack| stack == first).then_some(first)
}

/// The same with no more than so many reservations.
fn cut_to(resources: &Resources, layers: usize) -> Resources {
    let cut = |resource: &Resource| {
        let mut cut = resource.clone();
        cut.reservations.truncate(layers);
        cut
    };
    resources.iter().map(cut).collect()
}

fn unreserve(resources: &Resources) -> Checked<Conversion> {
    for resource in some(resources)?.iter() {
        last_dynamic(resource)?;
        if resource.disk.is_some() {
            return Err(Invalid::IsVolume(resource.to_string()));
        }
    }
    let produced = resources.iter().map(unreserved).collect();
    Ok(Conversion { consumed: resources.clone(), produced })
}

fn destroy(volumes: &Resources) -> Checked<Conversion> {
    let mut named = BTreeSet::new();
    for volume in some(volumes)?.iter() {
        volume_of(volume)?;
        if !named.insert(volume_key(volume)) {
            return Err(Invalid::Repeated(volume.to_string()));
        }
    }
    let produced = volumes.iter().map(Resource::without_disk).collect();
    Ok(Conversion { consumed: volumes.clone(), produced })
}

fn grow(volume: &Resource, addition: &Resource) -> Checked<Conversion> {
    let size = resizable(volume)?;
    let more = match addition.value {
        Value::Scalar(more) if more > Scalar::ZERO => more,
        _ => return Err(Invalid::OtherDisk(addition.to_string())),
    };
    let same = Resource { value: addition.value.clone(), ..volume.without_disk() };
    if same != *addition {
        return Err(Invalid::OtherDisk(addition.to_string()));
    }
    let grown = Resource { value: Value::Scalar(size + more), ..volume.clone() };
    Ok(Conversion {
        consumed: [volume.clone(), addition.clone()].into_iter().collect(),
        produced: std::iter::once(grown).collect(),
    })
}

fn shrink(volume: &Resource, subtract: Scalar) -> Checked<Conversion> {
    let size = resizable(volume)?;
    if subtract <= Scalar::ZERO || subtract >= size {
        return Err(Invalid::Subtract(size));
    }
    let left = Value::Scalar(size.saturating_sub(subtract));
    let freed = Resource { value: Value::Scalar(subtract), ..volume.without_disk() };
    Ok(Conversion {
        consumed: std::iter::once(volume.clone()).collect(),
        produced: [Resource { value: left, ..volume.clone() }, freed].into_iter().collect(),
    })
}

fn resizable(volume: &Resource) -> Checked<Scalar> {
    volume_of(volume)?;
    if volume.shared {
        return Err(Invalid::SharedSize(volume.to_string()));
    }
    match volume.value {
        Value::Scalar(size) => Ok(size),
        _ => Err(Invalid::NoDisk(volume.to_string())),
    }
}

fn some(resources: &Resources) -> Checked<&Resources> {
    if resources.is_empty() { Err(Invalid::Nothing) } else { Ok(resources) }
}

fn plain(resource: &Resource) -> Checked<()> {
    if resource.revocable {
        return Err(Invalid::Revocable(resource.to_string()));
    }
    if resource.shared {
        return Err(Invalid::Shared(resource.to_string()));
    }
    Ok(())
}

fn last_dynamic(resource: &Resource) -> Checked<&Reservation> {
    let last = resource.reservations.last().filter(|layer| layer.dynamic);
    last.ok_or_else(|| Invalid::NotReserved(resource.to_string()))
}

/// Its reservations but for the outermost `kept`: none of them is of the agent's configuration.
fn dynamic_beyond(resource: &Resource, kept: usize) -> Checked<&[Reservation]> {
    let beyond = &resource.reservations[kept..];
    match beyond.iter().all(|layer| layer.dynamic) {
        true => Ok(beyond),
        false => Err(Invalid::NotReserved(resource.to_string())),
    }
}

/// Without its last reservation.
fn unreserved(resource: &Resource) -> Resource {
    let mut before = resource.clone();
    before.reservations.pop();
    before
}

fn volume_of(resource: &Resource) -> Checked<&protocol::resources::Disk> {
    let disk = resource.disk.as_ref().ok_or_else(|| Invalid::NoVolume(resource.to_string()))?;
    match (resource.name.as_str(), &resource.value) {
        ("disk", Value::Scalar(_)) => Ok(disk),
        _ => Err(Invalid::NoDisk(resource.to_string())),
    }
}

/// What tells a volume from others of its agent.
fn volume_key(resource: &Resource) -> Option<(&str, &str)> {
    let disk = resource.disk.as_ref()?;
    Some((resource.reserved_role().unwrap_or("*"), &disk.persistence_id))
}

fn check_container_path(path: &str) -> Checked<()> {
    let stays = |part: &str| !part.is_empty() && part != "." && part != "..";
    let fits = path.len() < 4096 && !path.contains('\0');
    if fits && path.trim_end_matches('/').split('/').all(stays) {
        return Ok(());
    }
    Err(Invalid::ContainerPath(path.to_owned()))
}

#[cfg(test)]
mod tests {
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

    /// The text of the refusal, empty if there is none.
    fn complaint(operation: ResourceOperation, framework: &FrameworkInfo) -> String {
        let total = &bag("cpus=4;mem=4;disk=100") + &one(volume("5", "taken", "data"));
        let ground = Ground { framework: Some(framework), role: Some("dev"), total: &total };
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
            (reserve(None), "not that of the framework, `ops`"),
            (create(&mine), ""),
            (not_mine, "not that of the framework, `ops`"),
        ];
        expect(cases, &info(Some("ops")));
        expect(vec![(reserve(Some("eve")), "")], &info(None));
    }

    #[test]
    fn a_reservation_is_refined_by_those_who_understand_it() {
        let mut framework = info(None);
        framework.capabilities.insert(Capability::ReservationRefinement);
        let total = reserved("cpus=1", &[layer("dev", true, None)]);
        let ground = Ground { framework: Some(&framework), role: Some("dev/web"), total: &total };
        let layers = [layer("dev", true, None), layer("dev/web", true, None)];
        let resources = reserved("cpus=1", &layers);
        let done = ground.conversion(&reserve_new(resources.clone()));
        assert_eq!(done, Ok(Conversion { consumed: total.clone(), produced: resources.clone() }));
        let back =
            ground.conversion(&ResourceOperation::Unreserve { resources: resources.clone() });
        assert_eq!(back, Ok(Conversion { consumed: resources, produced: total.clone() }));
    }

    #[test]
    fn a_reservation_is_moved_to_another_role() {
        let update = |source, resources| ResourceOperation::Reserve { resources, source };
        let stack = |roles: &[&str]| -> Vec<_> {
            roles.iter().map(|role| layer(role, true, None)).collect()
        };
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
        let ground = Ground { framework: None, role: None, total: &total };
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
        let ground = Ground { framework: Some(&framework), role: Some("dev/web"), total: &source };
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
        expect(
            vec![(create, ""), (ResourceOperation::Destroy { volumes: shared }, "")],
            &framework,
        );
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
                (
                    ResourceOperation::GrowVolume { volume: shared, addition: disk("disk=1") },
                    "shared",
                ),
                (
                    ResourceOperation::GrowVolume {
                        volume: disk("disk=1"),
                        addition: disk("disk=1"),
                    },
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
        let ground = Ground { framework: None, role: None, total: &total };
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
}
