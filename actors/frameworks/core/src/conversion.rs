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
    #[error("principal `{stated}` of {resource} is not that of who asks, `{principal}`")]
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
    /// Of the framework, or the operator, as far as it is known.
    pub(crate) principal: Option<&'a str>,
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
        let Some(Move { common, made, .. }) = Move::between(source, resources) else {
            let (from, to) = (source.to_string(), resources.to_string());
            return Err(Invalid::Mixed { from, to });
        };
        if made.is_empty() {
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

    /// A principal makes nothing in the name of another.
    fn check_principal(&self, resource: &Resource, stated: Option<&str>) -> Checked<()> {
        match self.principal {
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

/// What becomes of reservations that are made into others.
pub(crate) struct Move<'a> {
    /// How many stay as they are: those that both begin with.
    common: usize,
    /// Those that are taken away.
    pub(crate) undone: &'a [Reservation],
    /// Those that are made.
    pub(crate) made: &'a [Reservation],
}

impl<'a> Move<'a> {
    /// From `source` to `resources`, unless either has different ones in itself.
    pub(crate) fn between(source: &'a Resources, resources: &'a Resources) -> Option<Self> {
        let (from, to) = (stack_of(source)?, stack_of(resources)?);
        let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        Some(Self { common, undone: &from[common..], made: &to[common..] })
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
mod tests;
