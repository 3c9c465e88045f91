//! What of an agent's free resources a client may have: nothing that is reserved for others or that
//! the framework cannot deal with, no more than the limits of its role and of those above it allow,
//! and, of what nobody has reserved, no more than others are not guaranteed.

use std::borrow::Cow;

use protocol::allocator::Verdict;
use protocol::quota::{is_charged, is_within};
use protocol::resources::Value;
use protocol::{Resource, Resources, Scalar};

use crate::book::Book;
use crate::model::{Agent, Client, Role, Takes};
use crate::quantities::Quantities;
use crate::slab::Slot;
use crate::state::State;

/// What a client may be offered of an agent, and what was taken off.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Borrowed: all that is free on the agent.
    pub(crate) bag: Cow<'a, Resources>,
    /// The role whose limit cut it.
    pub(crate) limit: Option<Slot<Role>>,
    /// It was cut for the guarantees of others.
    pub(crate) held_back: bool,
    /// Something is reserved for others.
    reserved: bool,
    /// Something asks for a capability that the framework does not have.
    incapable: bool,
}

impl<'a> Part<'a> {
    /// All of it.
    fn of(bag: Cow<'a, Resources>) -> Self {
        Self { bag, limit: None, held_back: false, reserved: false, incapable: false }
    }

    /// Why there is too little of it.
    fn fault(&self) -> Verdict {
        match self {
            Self { limit: Some(_), .. } => Verdict::Limit,
            Self { held_back: true, .. } => Verdict::HeldBack,
            Self { incapable: true, .. } => Verdict::Capability,
            Self { reserved: true, .. } => Verdict::Reserved,
            _ => Verdict::Minimum,
        }
    }
}

/// Why a client can be offered nothing of an agent, and whether that depends on others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Obstacle {
    pub(crate) verdict: Verdict,
    pub(crate) limit: Option<Slot<Role>>,
    pub(crate) held_back: bool,
}

impl Obstacle {
    fn plain(verdict: Verdict) -> Self {
        Self { verdict, limit: None, held_back: false }
    }
}

impl State {
    /// What a client could be offered of an agent and has not refused, or why it cannot.
    pub(crate) fn offer_to<'a>(
        &self,
        client: Client,
        agent: &'a Agent,
    ) -> Result<Part<'a>, Obstacle> {
        let share = &self.book.clients[client];
        let takes = self.book.frameworks[share.framework].takes;
        if self.lacks_capability(takes, agent) {
            return Err(Obstacle::plain(Verdict::Capability));
        }
        if share.constraints.as_ref().is_some_and(|wanted| !wanted.accept(&agent.traits)) {
            return Err(Obstacle::plain(Verdict::Constraint));
        }
        let part = self.book.part(client, takes, agent);
        let least = share.least.as_ref().unwrap_or(&self.book.least);
        let enough = match &part.bag {
            Cow::Borrowed(_) => least.is_met_by(&agent.free_sums),
            Cow::Owned(bag) => least.is_met_by(&self.book.names.known(bag)),
        };
        // What is shared stays free: on its own it would be offered for ever.
        let verdict = if part.bag.exclusive().is_empty() || !enough {
            part.fault()
        } else if agent.is_refused(client, &part.bag) {
            Verdict::Filter
        } else {
            return Ok(part);
        };
        Err(Obstacle { verdict, limit: part.limit, held_back: part.held_back })
    }

    fn lacks_capability(&self, takes: Takes, agent: &Agent) -> bool {
        let gpus = self.options.filter_gpu_resources && agent.traits.gpus && !takes.gpus;
        gpus || !takes.regions && self.is_remote(agent)
    }

    /// Whether an agent is in another region than the master.
    fn is_remote(&self, agent: &Agent) -> bool {
        match (&self.options.region, &agent.traits.domain) {
            (Some(here), Some(domain)) => *here != domain.region,
            _ => false,
        }
    }
}

impl Book {
    /// Whether a client may have all of what is free of an agent now, whatever it has refused; if
    /// not, what stands in its way.
    pub(crate) fn may_have(&self, client: Client, wanted: &Resources) -> Result<(), Verdict> {
        let share = &self.clients[client];
        let takes = self.frameworks[share.framework].takes;
        let name = &self.roles[share.role].name;
        let mut room = Room::of(self, share.role);
        let mut part = Part::of(Cow::Owned(Resources::EMPTY));
        for resource in wanted.iter() {
            if resource.reserved_role().is_some_and(|reserved| !is_within(name, reserved)) {
                return Err(Verdict::Reserved);
            }
            if !can_take(takes, resource) {
                return Err(Verdict::Capability);
            }
            if room.take(resource, &mut part).as_ref() != Some(resource) {
                return Err(part.fault());
            }
        }
        Ok(())
    }

    fn part<'a>(&self, client: Client, takes: Takes, agent: &'a Agent) -> Part<'a> {
        let role = self.clients[client].role;
        let bounded = self.is_bounded(role);
        let mut part = Part::of(Cow::Borrowed(&agent.free));
        if agent.plain && !bounded {
            return part;
        }
        let mut room = bounded.then(|| Room::of(self, role));
        let name = &self.roles[role].name;
        let mut bag = Vec::new();
        for resource in agent.free.iter() {
            if resource.reserved_role().is_some_and(|reserved| !is_within(name, reserved)) {
                part.reserved = true;
            } else if !can_take(takes, resource) {
                part.incapable = true;
            } else {
                bag.extend(match &mut room {
                    Some(room) => room.take(resource, &mut part),
                    None => Some(resource.clone()),
                });
            }
        }
        part.bag = Cow::Owned(bag.into());
        part
    }
}

fn can_take(takes: Takes, resource: &Resource) -> bool {
    (takes.revocable || !resource.revocable)
        && (takes.shared || !resource.shared)
        && (takes.refined || resource.reservations.len() < 2)
}

/// How much more a role may get, of what there is a bound for.
struct Room<'a> {
    book: &'a Book,
    /// The role and those above it that have limits.
    limits: Vec<(Slot<Role>, &'a Role, Left)>,
    /// Of what nobody has reserved; none for what nobody is guaranteed.
    headroom: Left,
}

/// How much is left, by index.
type Left = Vec<(usize, i64)>;

impl<'a> Room<'a> {
    fn of(book: &'a Book, role: Slot<Role>) -> Self {
        let limited = book.path(role).filter(|slot| !book.roles[*slot].quota.limits.is_empty());
        let limits = limited.map(|slot| {
            let role = &book.roles[slot];
            let left = |(index, limit): &(usize, i64)| (*index, limit - role.consumed(*index));
            (slot, role, role.quota.limits.iter().map(left).collect())
        });
        let limits = limits.collect();
        Self { book, limits, headroom: headroom(book, role) }
    }

    /// As much of a resource as there is room for.
    fn take(&mut self, resource: &Resource, part: &mut Part<'_>) -> Option<Resource> {
        let (Value::Scalar(amount), false) = (&resource.value, resource.revocable) else {
            return Some(resource.clone());
        };
        let Some(index) = self.book.names.find(&resource.name) else {
            return Some(resource.clone());
        };
        let mut taken = amount.milli();
        for (slot, role, room) in &mut self.limits {
            let left = room_for(room, index).filter(|_| is_charged(resource, &role.name));
            if let Some(left) = left.filter(|left| **left < taken) {
                taken = (*left).max(0);
                part.limit = Some(*slot);
            }
        }
        let unreserved = resource.reservations.is_empty();
        let left = room_for(&mut self.headroom, index).filter(|_| unreserved);
        if let Some(left) = left.filter(|left| **left < taken) {
            taken = (*left).max(0);
            part.held_back = true;
        }
        // A volume is one thing.
        if resource.disk.is_some() && taken < amount.milli() {
            taken = 0;
        }
        self.use_up(resource, index, taken);
        let value = Value::Scalar(Scalar::from_milli(taken));
        (taken > 0).then(|| Resource { value, ..resource.clone() })
    }

    fn use_up(&mut self, resource: &Resource, index: usize, taken: i64) {
        for (_, role, room) in &mut self.limits {
            if is_charged(resource, &role.name) {
                room_for(room, index).into_iter().for_each(|left| *left -= taken);
            }
        }
        if resource.reservations.is_empty() {
            room_for(&mut self.headroom, index).into_iter().for_each(|left| *left -= taken);
        }
    }
}

/// What a role may have of what is held back for some: what is kept for itself, and the surplus.
fn headroom(book: &Book, role: Slot<Role>) -> Vec<(usize, i64)> {
    if !book.is_held_back() {
        return Vec::new();
    }
    let (cover, surplus) = (book.cover(role), book.surplus());
    let needed: &Quantities = &book.roles[book.root].need;
    let needed = needed.iter().filter(|(_, needed)| *needed > 0);
    needed.map(|(index, _)| (index, cover.get(index) + surplus.get(index))).collect()
}

fn room_for(room: &mut [(usize, i64)], index: usize) -> Option<&mut i64> {
    room.iter_mut().find(|(of, _)| *of == index).map(|(_, left)| left)
}
