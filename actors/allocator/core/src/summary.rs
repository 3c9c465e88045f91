//! The shares as people see them.

use std::collections::BTreeMap;

use protocol::allocator::{RoleList, RoleSummary};
use protocol::quota::Quota;

use crate::model::Role;
use crate::state::State;

impl State {
    /// Answers `GetRoles`.
    pub fn role_list(&self) -> RoleList {
        let free = self.book.agents.iter().flat_map(|(_, agent)| agent.free.scalars());
        let mut sums = BTreeMap::new();
        for (name, amount) in free {
            *sums.entry(name.to_owned()).or_default() += amount;
        }
        RoleList {
            policy: self.book.policy.name().to_owned(),
            roles: self.book.roles.iter().map(|(_, role)| self.summary(role)).collect(),
            total: self.book.names.by_name(&self.book.total),
            free: sums,
        }
    }

    fn summary(&self, role: &Role) -> RoleSummary {
        let members = role.members.iter().map(|slot| &self.book.frameworks[*slot]);
        let slot = self.book.roles.find(&*role.name);
        let subscribed = members
            .filter(|f| slot.and_then(|s| f.shares.get(&s)).is_some_and(|share| share.subscribed));
        let dominant = role.allocated.dominant(&self.book.total);
        let dominant = dominant.filter(|(share, _)| *share > 0.0);
        RoleSummary {
            role: role.name.to_string(),
            weight: role.weight,
            frameworks: subscribed.map(|framework| framework.id.clone()).collect(),
            allocated: self.book.names.bag(&role.allocated),
            dominant_share: dominant.map_or(0.0, |(share, _)| share),
            dominant_resource: dominant.map(|(_, i)| self.book.names.name(i).to_owned()),
            quota: Quota::default(),
            consumed: BTreeMap::new(),
        }
    }
}
