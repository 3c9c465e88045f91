//! What of the cluster's scalars counts against the quotas of roles, and what is left. Counted anew
//! for every change of quotas: at some milliseconds for 100,000 tasks there is no need to keep it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::AgentId;
use protocol::quota::{Amounts, is_within};
use protocol::resources::{Resource, Resources, Scalar, Value};

use crate::agents::Standing;
use crate::state::Term;

/// Sums over the cluster of what is not revocable.
#[derive(Debug, Default)]
pub(crate) struct Consumption<'a> {
    /// Of agents that have registered and not been given up.
    pub(crate) capacity: Amounts,
    /// Reserved for a role, held or not.
    reserved: BTreeMap<&'a str, Amounts>,
    /// Held by a role; what is reserved by the role that it is reserved for.
    held: BTreeMap<(&'a str, Option<&'a str>), Amounts>,
    /// Who holds what is shared: it counts once for all of them.
    shared: BTreeMap<(&'a AgentId, &'a Resource), BTreeSet<&'a str>>,
}

impl Term {
    /// Counts what tasks and executors hold, and what is in offers too if that is asked for.
    pub(crate) fn consumption(&self, with_offers: bool) -> Consumption<'_> {
        let mut sums = Consumption::default();
        for agent in self.agents.values() {
            let there = matches!(agent.standing, Standing::Here { .. } | Standing::Disconnected);
            if let Some(info) = agent.info.as_ref().filter(|_| there) {
                sums.add_agent(&info.resources);
            }
        }
        for (_, entry) in self.ledger.iter().filter(|(_, entry)| entry.holds()) {
            let task = &entry.task;
            sums.add_held(&task.agent_id, &task.role, &task.resources);
        }
        for (key, executor) in &self.ledger.executors {
            sums.add_held(&key.agent_id, &executor.role, &executor.info.resources);
        }
        for offer in self.offers.iter().filter(|_| with_offers).map(|it| &it.offer) {
            sums.add_held(&offer.agent_id, &offer.role, &offer.resources);
        }
        sums
    }
}

impl<'a> Consumption<'a> {
    fn add_agent(&mut self, total: &'a Resources) {
        for (resource, amount) in scalars(total) {
            add(&mut self.capacity, &resource.name, amount);
            if let Some(role) = resource.reserved_role() {
                add(self.reserved.entry(role).or_default(), &resource.name, amount);
            }
        }
    }

    fn add_held(&mut self, agent_id: &'a AgentId, role: &'a str, bag: &'a Resources) {
        for (resource, amount) in scalars(bag) {
            if resource.shared {
                self.shared.entry((agent_id, resource)).or_default().insert(role);
                continue;
            }
            let sum = self.held.entry((role, resource.reserved_role())).or_default();
            add(sum, &resource.name, amount);
        }
    }

    /// What a role with all its descendants consumes of its quota: what is reserved for them, and
    /// what they hold beside.
    pub(crate) fn of(&self, role: &str) -> Amounts {
        let reserved = self.reserved.iter().filter(|(of, _)| is_within(of, role));
        let beside = |of: &str, reserved: Option<&str>| {
            is_within(of, role) && reserved.is_none_or(|reserved| !is_within(reserved, role))
        };
        let held = self.held.iter().filter(|((of, reserved), _)| beside(of, *reserved));
        let mut sum = Amounts::new();
        for amounts in reserved.map(|(_, it)| it).chain(held.map(|(_, it)| it)) {
            amounts.iter().for_each(|(name, amount)| add(&mut sum, name, *amount));
        }
        for ((_, resource), holders) in &self.shared {
            let counts = holders.iter().any(|of| beside(of, resource.reserved_role()));
            if let Some(amount) = amount_of(resource).filter(|_| counts) {
                add(&mut sum, &resource.name, amount);
            }
        }
        sum
    }

    /// What nobody has reserved and nobody holds.
    pub(crate) fn free(&self) -> Amounts {
        let unreserved = self.held.iter().filter(|((_, reserved), _)| reserved.is_none());
        let taken = self.reserved.values().chain(unreserved.map(|(_, amounts)| amounts));
        taken.fold(self.capacity.clone(), |free, taken| without(&free, taken))
    }
}

/// What there is more of in `these` than in `others`.
pub(crate) fn without(these: &Amounts, others: &Amounts) -> Amounts {
    let left = |(name, amount): (&String, &Scalar)| {
        let others = others.get(name).copied().unwrap_or_default();
        (name.clone(), amount.saturating_sub(others))
    };
    these.iter().map(left).filter(|(_, amount)| amount.is_positive()).collect()
}

/// The scalars of a bag that count.
pub(crate) fn scalars(bag: &Resources) -> impl Iterator<Item = (&Resource, Scalar)> {
    bag.distinct().filter_map(|resource| Some((resource, amount_of(resource)?)))
}

fn amount_of(resource: &Resource) -> Option<Scalar> {
    match resource.value {
        Value::Scalar(amount) if !resource.revocable => Some(amount),
        _ => None,
    }
}

fn add(sum: &mut Amounts, name: &str, amount: Scalar) {
    match sum.get_mut(name) {
        Some(sum) => *sum += amount,
        None => drop(sum.insert(name.to_owned(), amount)),
    }
}

/// `cpus:4; mem:1024`, as Mesos writes them.
pub(crate) fn text(amounts: &Amounts) -> String {
    let each: Vec<_> = amounts.iter().map(|(name, amount)| format!("{name}:{amount}")).collect();
    each.join("; ")
}
