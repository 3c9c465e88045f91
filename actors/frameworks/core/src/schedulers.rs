//! Who schedules what, by address: found without a look at every framework.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Address;
use protocol::id::FrameworkId;
use protocol::shared::Tracked;
use serde::Serialize;

use crate::framework::Framework;

/// The frameworks of each scheduler.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Schedulers {
    subscribed: BTreeMap<Address, BTreeSet<FrameworkId>>,
    /// Subscriptions on their way to the registry; the last of each scheduler.
    subscribing: BTreeMap<Address, FrameworkId>,
}

impl Schedulers {
    pub(crate) fn add(&mut self, scheduler: &Address, id: &FrameworkId) {
        self.subscribed.entry(scheduler.clone()).or_default().insert(id.clone());
    }

    pub(crate) fn remove(&mut self, scheduler: &Address, id: &FrameworkId) {
        if let Some(ids) = self.subscribed.get_mut(scheduler) {
            ids.remove(id);
            if ids.is_empty() {
                self.subscribed.remove(scheduler);
            }
        }
    }

    pub(crate) fn begin(&mut self, scheduler: &Address, id: &FrameworkId) {
        self.subscribing.insert(scheduler.clone(), id.clone());
    }

    pub(crate) fn end(&mut self, scheduler: &Address, id: &FrameworkId) {
        if self.subscribing.get(scheduler) == Some(id) {
            self.subscribing.remove(scheduler);
        }
    }

    /// What a scheduler schedules.
    pub(crate) fn of<'a>(
        &'a self,
        scheduler: &Address,
    ) -> impl Iterator<Item = &'a FrameworkId> + use<'a> {
        self.subscribed.get(scheduler).into_iter().flatten()
    }

    /// What a scheduler schedules, or is about to.
    pub(crate) fn first_of(&self, scheduler: &Address) -> Option<&FrameworkId> {
        self.of(scheduler).next().or_else(|| self.subscribing.get(scheduler))
    }

    /// Whether this names exactly the schedulers that frameworks have.
    pub(crate) fn is_exact(&self, frameworks: &Tracked<FrameworkId, Framework>) -> bool {
        let named: usize = self.subscribed.values().map(BTreeSet::len).sum();
        let scheduled = frameworks.values().filter_map(|f| Some((&f.id, f.scheduler.as_ref()?)));
        let mut count = 0;
        let found = scheduled.inspect(|_| count += 1).all(|(id, scheduler)| {
            self.subscribed.get(&scheduler.address).is_some_and(|ids| ids.contains(id))
        });
        found && named == count
    }
}
