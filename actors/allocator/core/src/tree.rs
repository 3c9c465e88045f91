//! The tree of roles: which there are, and the sums and needs that are counted up to the root.
//!
//! What a role consumes of its quota is what is reserved for it or a descendant, held or not, and
//! what these hold beside. A guarantee that is not consumed is a need: it is kept free, and what is
//! needed below a role is part of what is needed for the role itself.
//!
//! Invariants (checked by `State::check`): a role is kept exactly while it is needed, and with it
//! all above it; every sum and every need is that of the parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::Resources;
use protocol::quota::{Quota, is_charged};

use crate::book::Book;
use crate::model::{Bounds, Client, Role};
use crate::quantities::Quantities;
use crate::slab::Slot;

/// Whether something comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    More,
    Less,
}

impl Quantities {
    pub(crate) fn change(&mut self, change: Change, by: &Self) {
        match change {
            Change::More => self.add(by),
            Change::Less => self.subtract(by),
        }
    }
}

impl Book {
    /// The role's slot; it is made, with all above it, if it is not there.
    pub(crate) fn role(&mut self, name: &str) -> Slot<Role> {
        if let Some(slot) = self.roles.find(name) {
            return slot;
        }
        let parent = match name.rsplit_once('/') {
            Some((parent, _)) => self.role(parent),
            None => self.root,
        };
        let depth = self.roles[parent].depth + 1;
        let slot = self.insert_role(name.into(), Some(parent), depth);
        self.roles[parent].children.insert(slot);
        slot
    }

    pub(crate) fn insert_role(
        &mut self,
        name: Arc<str>,
        parent: Option<Slot<Role>>,
        depth: usize,
    ) -> Slot<Role> {
        let role = Role {
            parent,
            depth,
            children: BTreeSet::new(),
            weight: self.weights.get(&*name).copied().unwrap_or(1.0),
            priority: self.priorities.get(&*name).copied().unwrap_or(0),
            members: BTreeSet::new(),
            own: Quantities::default(),
            allocated: Quantities::default(),
            quota: Bounds::default(),
            reserved: Quantities::default(),
            charged: Quantities::default(),
            need: Quantities::default(),
            need_below: Quantities::default(),
            cut: false,
            served: 0,
            own_served: 0,
            queue: BTreeSet::new(),
            branches: BTreeSet::new(),
            place: None,
            own_place: None,
            name: name.clone(),
        };
        self.roles.insert(name, role)
    }

    /// Forgets a role that nobody needs, and those above it that were kept for it.
    pub(crate) fn tidy_role(&mut self, slot: Slot<Role>) {
        let mut at = slot;
        while let (true, Some(parent)) = (self.roles[at].is_idle(), self.roles[at].parent) {
            let name = self.roles[at].name.clone();
            self.roles[parent].children.remove(&at);
            self.roles.remove(&*name);
            self.room_grew.remove(&at);
            at = parent;
        }
    }

    /// A role and all above it, the root last.
    pub(crate) fn path(&self, role: Slot<Role>) -> impl Iterator<Item = Slot<Role>> {
        std::iter::successors(Some(role), |slot| self.roles[*slot].parent)
    }

    /// The frameworks of a role and of its descendants that want offers.
    pub(crate) fn wanting_within(&self, role: Slot<Role>, found: &mut BTreeSet<Client>) {
        let role = &self.roles[role];
        found.extend(role.queue.iter().map(|place| place.slot));
        for child in &role.children {
            self.wanting_within(*child, found);
        }
    }

    /// Counts what a client's role holds more or less, up to the root.
    pub(crate) fn charge(
        &mut self,
        role: Slot<Role>,
        bag: &Resources,
        sum: &Quantities,
        change: Change,
    ) {
        let plain = bag.iter().all(|r| r.reservations.is_empty() && !r.revocable);
        self.roles[role].own.change(change, sum);
        let mut next = Some(role);
        while let Some(slot) = next {
            let name = self.roles[slot].name.clone();
            let charged = match plain {
                true => sum.clone(),
                false => self.names.sum_if(bag, |resource| is_charged(resource, &name)),
            };
            let role = &mut self.roles[slot];
            role.allocated.change(change, sum);
            role.charged.change(change, &charged);
            next = role.parent;
            self.settle_need(slot, change);
        }
    }

    /// Counts reservations of an agent that comes, goes or changes.
    pub(crate) fn reserve(&mut self, bag: &Resources, change: Change) {
        for resource in bag.iter() {
            let Some(name) = resource.reserved_role() else { continue };
            let one: Resources = std::iter::once(resource.clone()).collect();
            let sum = self.names.quantities(&one);
            if sum.is_zero() {
                continue;
            }
            let role = self.role(name);
            let mut next = Some(role);
            while let Some(slot) = next {
                let role = &mut self.roles[slot];
                role.reserved.change(change, &sum);
                next = role.parent;
                self.settle_need(slot, change);
            }
            self.place_up(role);
            self.tidy_role(role);
        }
    }

    /// Brings the need of a role up to date, after what it consumes or what is needed below it has
    /// changed, and tells its parent. Notes what may be offered again because of it.
    fn settle_need(&mut self, slot: Slot<Role>, change: Change) {
        let role = &mut self.roles[slot];
        if change == Change::Less && role.cut {
            role.cut = false;
            self.room_grew.insert(slot);
        }
        if role.quota.guarantees.is_empty() && role.need_below.is_zero() && role.need.is_zero() {
            return;
        }
        let due = role.due();
        let before = std::mem::replace(&mut role.need, due.clone());
        if self.held.is_some() && !due.above(&before).is_zero() && role.parent.is_some() {
            // More of what is held back is held back for it.
            self.room_grew.insert(slot);
        }
        if let Some(parent) = self.roles[slot].parent {
            let below = &mut self.roles[parent].need_below;
            below.add(&due);
            below.subtract(&before);
        }
    }

    /// Sets a role's quota; a default one takes it away.
    pub(crate) fn set_quota(&mut self, name: &str, quota: &Quota) {
        let role = self.role(name);
        let guarantees = self.names.amounts(&quota.guarantees);
        let limits = self.names.amounts(&quota.limits);
        let is_set = !quota.is_default();
        self.roles[role].quota = Bounds { is_set, guarantees, limits };
        for slot in self.path(role).collect::<Vec<_>>() {
            let due = self.roles[slot].due();
            let before = std::mem::replace(&mut self.roles[slot].need, due.clone());
            if let Some(parent) = self.roles[slot].parent {
                let below = &mut self.roles[parent].need_below;
                below.add(&due);
                below.subtract(&before);
            }
        }
        self.place_up(role);
        self.tidy_role(role);
    }

    /// Whether the quota of anybody bounds what a role may be offered.
    pub(crate) fn is_bounded(&self, role: Slot<Role>) -> bool {
        self.is_held_back() || self.path(role).any(|slot| !self.roles[slot].quota.limits.is_empty())
    }

    /// Whether something is kept free for somebody.
    pub(crate) fn is_held_back(&self) -> bool {
        self.policy.holds_back() && !self.roles[self.root].need.is_zero()
    }

    /// What is free and needed by nobody.
    pub(crate) fn surplus(&self) -> Quantities {
        self.pool.above(&self.roles[self.root].need)
    }

    /// How much of what is needed would be needed no longer if a role got it: the needs on its way
    /// to the root, without what their other descendants need.
    pub(crate) fn cover(&self, role: Slot<Role>) -> Quantities {
        let mut left = self.roles[role].need_below.clone();
        for slot in self.path(role) {
            let role = &self.roles[slot];
            let Some(parent) = role.parent else { break };
            let others = self.roles[parent].need_below.above(&role.need);
            left.add(&others);
        }
        self.roles[self.root].need.above(&left)
    }
}
