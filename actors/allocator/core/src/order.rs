//! Who is served next: the roles in order of their ranks, and within each its frameworks that want
//! offers.
//!
//! The order is kept, not sorted: a change moves one framework and its role. Only a change of the
//! cluster's total moves everybody, and that is put off until somebody looks.

use crate::book::Book;
use crate::model::{Client, Role};
use crate::place::{Place, Rank};
use crate::policy::Standing;
use crate::slab::Slot;

impl Book {
    /// Puts a client and its role where they belong now.
    pub(crate) fn requeue(&mut self, client: Client) {
        self.place_framework(client);
        self.place_role(client.role);
    }

    fn place_framework(&mut self, client: Client) {
        let framework = &mut self.frameworks[client.framework];
        let wants = framework.wants(client.role);
        let Some(share) = framework.shares.get_mut(&client.role) else { return };
        let role = &mut self.roles[client.role];
        if let Some(old) = share.place.take() {
            role.queue.remove(&old);
        }
        if wants {
            let rank = self.policy.framework_rank(&Standing {
                name: framework.id.as_str(),
                weight: 1.0,
                allocated: &share.allocated,
                total: &self.total,
                arrived: framework.arrived,
            });
            let place = Place {
                rank: Rank(rank),
                served: share.served,
                name: framework.id.clone(),
                slot: client.framework,
            };
            role.queue.insert(place.clone());
            share.place = Some(place);
        }
    }

    fn place_role(&mut self, slot: Slot<Role>) {
        let role = &mut self.roles[slot];
        if let Some(old) = role.place.take() {
            self.queue.remove(&old);
        }
        if role.queue.is_empty() {
            return;
        }
        let rank = self.policy.role_rank(&Standing {
            name: &role.name,
            weight: role.weight,
            allocated: &role.allocated,
            total: &self.total,
            arrived: role.arrived,
        });
        let place = Place { rank: Rank(rank), served: role.served, name: role.name.clone(), slot };
        self.queue.insert(place.clone());
        role.place = Some(place);
    }

    /// Puts everybody where they belong, if the cluster's total has changed.
    pub(crate) fn refresh_order(&mut self) {
        if !std::mem::take(&mut self.order_is_stale) {
            return;
        }
        for client in self.clients() {
            self.place_framework(client);
        }
        for role in self.roles.slots().collect::<Vec<_>>() {
            self.place_role(role);
        }
    }
}
