//! What is counted, under the names of Mesos. Costs as much as there are roles and frameworks in
//! them.

use std::collections::BTreeMap;

use protocol::Scalar;

use crate::model::Role;
use crate::state::State;

/// The resources that Mesos counts.
const COUNTED: [&str; 4] = ["cpus", "gpus", "mem", "disk"];

impl State {
    /// What is counted, by full names; nothing before the first facts.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::new();
        if !self.is_ready() {
            return metrics;
        }
        let runs = self.counters.passes as f64;
        metrics.insert("allocator/mesos/allocation_runs".to_owned(), runs);
        self.count_resources(&mut metrics);
        let total = self.book.counted_total();
        let roles = self.book.roles.iter().filter(|(_, role)| role.parent.is_some());
        for (_, role) in roles {
            let name = &role.name;
            let share = role.allocated.dominant(&total).map_or(0.0, |(share, _)| share);
            metrics.insert(format!("allocator/mesos/roles/{name}/shares/dominant"), share);
            let clients = role.members.iter().map(|client| self.book.clients[*client].filters);
            let filters: usize = clients.sum();
            let filter_name = format!("allocator/mesos/offer_filters/roles/{name}/active");
            metrics.insert(filter_name, filters as f64);
            self.count_quota(role, &mut metrics);
        }
        metrics
    }

    fn count_resources(&self, metrics: &mut BTreeMap<String, f64>) {
        let held = &self.book.roles[self.book.root].allocated;
        for name in COUNTED {
            let Some(index) = self.book.names.find(name) else { continue };
            let prefix = format!("allocator/mesos/resources/{name}");
            metrics.insert(format!("{prefix}/total"), amount(self.book.total.get(index)));
            metrics.insert(format!("{prefix}/offered_or_allocated"), amount(held.get(index)));
        }
    }

    /// Of what a role has a guarantee or a limit of.
    fn count_quota(&self, role: &Role, metrics: &mut BTreeMap<String, f64>) {
        let bounds = [("guarantee", &role.quota.guarantees), ("limit", &role.quota.limits)];
        for (bound, amounts) in bounds {
            for (index, milli) in amounts {
                let resource = self.book.names.name(*index);
                let prefix =
                    format!("allocator/mesos/quota/roles/{}/resources/{resource}", role.name);
                metrics.insert(format!("{prefix}/{bound}"), amount(*milli));
                let held = role.allocated.get(*index);
                metrics.insert(format!("{prefix}/offered_or_allocated"), amount(held));
                metrics.insert(format!("{prefix}/consumed"), amount(role.consumed(*index)));
            }
        }
    }
}

fn amount(milli: i64) -> f64 {
    Scalar::from_milli(milli).as_f64()
}
