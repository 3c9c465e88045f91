//! The shares as people see them.

use std::collections::BTreeMap;

use protocol::Scalar;
use protocol::allocator::{RoleList, RoleSummary};
use protocol::quota::Quota;

use crate::model::{Client, Role};
use crate::quantities::Quantities;
use crate::state::State;

impl State {
    /// Answers `GetRoles`.
    pub fn role_list(&self) -> RoleList {
        let mut free = Quantities::default();
        self.book.agents.iter().for_each(|(_, agent)| free.add(&agent.free_sums));
        let roles = self.book.roles.iter().filter(|(_, role)| role.parent.is_some());
        RoleList {
            policy: self.book.policy.name().to_owned(),
            roles: roles.map(|(_, role)| self.summary(role)).collect(),
            total: self.book.names.by_name(&self.book.total),
            free: self.book.names.by_name(&free),
        }
    }

    /// What is free, neither reserved nor revocable, on agents that may be offered.
    pub fn free_pool(&self) -> BTreeMap<String, Scalar> {
        self.book.names.by_name(&self.book.pool)
    }

    pub(crate) fn summary(&self, role: &Role) -> RoleSummary {
        let subscribed = role.members.iter().filter(|c| self.book.clients[**c].subscribed);
        let framework =
            |client: &Client| self.book.frameworks[self.book.clients[*client].framework].id.clone();
        let total = self.book.counted_total();
        let dominant = role.allocated.dominant(&total).filter(|(share, _)| *share > 0.0);
        let mut consumed = role.charged.clone();
        consumed.add(&role.reserved);
        RoleSummary {
            role: role.name.to_string(),
            weight: role.weight,
            frameworks: subscribed.map(framework).collect(),
            allocated: self.book.names.bag(&role.allocated),
            dominant_share: dominant.map_or(0.0, |(share, _)| share),
            dominant_resource: dominant.map(|(_, i)| self.book.names.name(i).to_owned()),
            quota: Quota {
                guarantees: self.amounts(&role.quota.guarantees),
                limits: self.amounts(&role.quota.limits),
            },
            consumed: self.book.names.by_name(&consumed),
        }
    }

    fn amounts(&self, list: &[(usize, i64)]) -> BTreeMap<String, Scalar> {
        let named = |(index, milli): &(usize, i64)| {
            (self.book.names.name(*index).to_owned(), Scalar::from_milli(*milli))
        };
        list.iter().map(named).collect()
    }
}
