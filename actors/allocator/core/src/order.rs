//! Who is served next: from the root of the role tree down, whoever stands first among siblings.
//! The frameworks of a role that has child roles compete with these as one.
//!
//! The order is kept, not sorted: a change moves one framework and the roles above it. Only a change
//! of the cluster's total moves everybody; it is put off until somebody looks, and until it matters.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::book::Book;
use crate::model::{Branch, Client, Role};
use crate::place::{Place, Rank};
use crate::policy::Standing;
use crate::quantities::Quantities;
use crate::slab::Slot;

/// Shares are of the total as it was, until it has changed by this part of it: in a cluster of 20 000
/// agents one that comes or goes does not move 2 000 frameworks.
const TOTAL_SLACK: i64 = 128;

impl Book {
    /// Whether a client wants offers.
    pub(crate) fn wants(&self, client: Client) -> bool {
        self.clients.get(client).is_some_and(|share| {
            share.subscribed && !share.suppressed && self.frameworks[share.framework].active
        })
    }

    /// Puts a client and the roles above it where they belong now.
    pub(crate) fn requeue(&mut self, client: Client) {
        self.place_framework(client);
        self.place_up(self.clients[client].role);
    }

    fn place_framework(&mut self, client: Client) {
        let place = self.wants(client).then(|| self.framework_place(client));
        match place {
            Some(_) => self.wanting.insert(client),
            None => self.wanting.remove(client),
        }
        let share = &mut self.clients[client];
        if share.place == place {
            return;
        }
        let queue = &mut self.roles[share.role].queue;
        if let Some(old) = std::mem::replace(&mut share.place, place.clone()) {
            queue.remove(&old);
        }
        queue.extend(place);
    }

    /// Where a client that wants offers belongs.
    pub(crate) fn framework_place(&self, client: Client) -> Place<Client> {
        let share = &self.clients[client];
        let framework = &self.frameworks[share.framework];
        let rank = self.policy.framework_rank(&Standing {
            name: &framework.name,
            weight: 1.0,
            priority: 0,
            allocated: &share.allocated,
            total: &self.ranked,
            guarantees: &[],
            first: framework.arrived as f64,
        });
        Place {
            content: true,
            rank: Rank(rank),
            served: share.served,
            name: framework.name.clone(),
            slot: client,
        }
    }

    /// Puts a role's frameworks and the role itself, and all above it, where they belong now.
    pub(crate) fn place_up(&mut self, role: Slot<Role>) {
        let mut next = Some(role);
        while let Some(slot) = next {
            self.place_role(slot);
            next = self.roles[slot].parent;
        }
    }

    fn place_role(&mut self, slot: Slot<Role>) {
        let own = self.own_place(slot);
        let role = &mut self.roles[slot];
        if role.own_place != own {
            if let Some(old) = std::mem::replace(&mut role.own_place, own.clone()) {
                role.branches.remove(&old);
            }
            role.branches.extend(own);
        }
        let Some(parent) = role.parent else { return };
        let place = self.role_place(slot);
        let role = &mut self.roles[slot];
        if role.place != place {
            let old = std::mem::replace(&mut role.place, place.clone());
            let siblings = &mut self.roles[parent].branches;
            if let Some(old) = old {
                siblings.remove(&old);
            }
            siblings.extend(place);
        }
    }

    /// Where a role's own frameworks belong among its branches.
    pub(crate) fn own_place(&self, slot: Slot<Role>) -> Option<Place<Branch>> {
        let role = &self.roles[slot];
        let first = role.queue.first()?.rank.0;
        let content =
            role.quota.guarantees.is_empty() || !self.policy.holds_back() || role.lacks().is_zero();
        let rank = self.policy.role_rank(&Standing {
            name: &role.name,
            weight: 1.0,
            priority: 0,
            allocated: &role.own,
            total: &self.ranked,
            guarantees: &[],
            first,
        });
        let name: Arc<str> = self.dot.clone();
        let rank = Rank(rank);
        Some(Place { content, rank, served: role.own_served, name, slot: Branch::Own })
    }

    /// Where a role belongs among its siblings.
    pub(crate) fn role_place(&self, slot: Slot<Role>) -> Option<Place<Branch>> {
        let role = &self.roles[slot];
        let first = role.branches.first()?.rank.0;
        let rank = self.policy.role_rank(&Standing {
            name: &role.name,
            weight: role.weight,
            priority: role.priority,
            allocated: &role.allocated,
            total: &self.ranked,
            guarantees: &role.quota.guarantees,
            first,
        });
        Some(Place {
            content: role.need.is_zero() || !self.policy.holds_back(),
            rank: Rank(rank),
            served: role.served,
            name: role.name.clone(),
            slot: Branch::Child(slot),
        })
    }

    /// Puts everybody where they belong if the cluster's total has changed so much that it matters,
    /// or, with `exactly`, at all.
    pub(crate) fn refresh_order(&mut self, exactly: bool) {
        let counted = self.counted_total();
        let moved = |(index, now): (usize, i64)| {
            let then = self.ranked.get(index);
            let by = (now - then).saturating_abs();
            by > 0 && (exactly || by.saturating_mul(TOTAL_SLACK) > then)
        };
        if counted.iter().any(moved) {
            self.ranked = counted;
            self.place_all();
        }
    }

    /// The cluster's total without what does not count in shares.
    pub(crate) fn counted_total(&self) -> Quantities {
        let mut total = self.total.clone();
        for name in &self.excluded {
            if let Some(index) = self.names.find(name) {
                *total.at(index) = 0;
            }
        }
        total
    }

    fn place_all(&mut self) {
        for client in self.clients.slots().collect::<Vec<_>>() {
            self.place_framework(client);
        }
        let mut roles: Vec<_> = self.roles.iter().map(|(slot, role)| (role.depth, slot)).collect();
        roles.sort_unstable_by(|a, b| b.cmp(a));
        for (_, role) in roles {
            self.place_role(role);
        }
    }

    /// Visits all that want offers, the next to be served first, until one is found.
    pub(crate) fn in_order<T>(
        &self,
        visit: &mut impl FnMut(Client) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        self.in_order_below(self.root, visit)
    }

    fn in_order_below<T>(
        &self,
        role: Slot<Role>,
        visit: &mut impl FnMut(Client) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        for place in &self.roles[role].branches {
            match place.slot {
                Branch::Child(child) => self.in_order_below(child, visit)?,
                Branch::Own => {
                    for place in &self.roles[role].queue {
                        visit(place.slot)?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Which of two that want offers is served first.
    pub(crate) fn compare(&self, one: Client, other: Client) -> Ordering {
        let (a, b) = (&self.clients[one], &self.clients[other]);
        if a.role == b.role {
            return a.place.cmp(&b.place);
        }
        self.compare_roles(a.role, b.role)
    }

    /// By their places below the role at which their ways from the root part.
    fn compare_roles(&self, one: Slot<Role>, other: Slot<Role>) -> Ordering {
        let place = |branch: Option<Slot<Role>>, above: Option<Slot<Role>>| match (branch, above) {
            (Some(role), _) => self.roles[role].place.as_ref(),
            (None, Some(above)) => self.roles[above].own_place.as_ref(),
            (None, None) => None,
        };
        let (a, b) = self.parting(one, other);
        let above = a.or(b).and_then(|role| self.roles[role].parent);
        place(a, above).cmp(&place(b, above))
    }

    /// The branches in which two roles are, of the lowest role that is above both; none for that
    /// role itself.
    pub(crate) fn parting(
        &self,
        one: Slot<Role>,
        other: Slot<Role>,
    ) -> (Option<Slot<Role>>, Option<Slot<Role>>) {
        let down = |role| {
            let mut path: Vec<_> = self.path(role).collect();
            path.reverse();
            path
        };
        let (a, b) = (down(one), down(other));
        let parting = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
        (a.get(parting).copied(), b.get(parting).copied())
    }
}
