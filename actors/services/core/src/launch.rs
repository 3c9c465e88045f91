//! From offers to instances.

use protocol::Time;
use protocol::framework::{Filters, Offer};
use protocol::services::Instance;
use protocol::task::{TaskInfo, TaskState};

use crate::effect::{Effect, Write};
use crate::environment;
use crate::ids::InstanceName;
use crate::kills::changed;
use crate::placement::{self, Share};
use crate::state::Leading;

/// An offer while it is being used.
struct Supply {
    offer: Offer,
    left: protocol::Resources,
    tasks: Vec<TaskInfo>,
}

impl Leading {
    /// Uses each offer for what waits, or gives it back.
    pub(crate) fn on_offers(&mut self, now: Time, offers: Vec<Offer>, out: &mut Vec<Effect>) {
        let supply = |offer: Offer| Supply { left: offer.resources.clone(), offer, tasks: vec![] };
        let mut supplies: Vec<Supply> = offers.into_iter().map(supply).collect();
        let placed = self.place_all(now, &mut supplies);
        let (used, unused): (Vec<_>, Vec<_>) =
            supplies.into_iter().partition(|supply| !supply.tasks.is_empty());
        self.decline(unused, out);
        self.accept(used, placed, out);
        self.watch_launches(out);
    }

    /// Goes round the offers, one instance to each in turn, so that an app spreads over agents.
    fn place_all(&mut self, now: Time, supplies: &mut [Supply]) -> Vec<Instance> {
        let mut placed = Vec::new();
        loop {
            let before = placed.len();
            for supply in &mut *supplies {
                placed.extend(self.place_one(now, supply));
            }
            if placed.len() == before {
                return placed;
            }
        }
    }

    /// The first app in turn whose instance fits.
    fn place_one(&mut self, now: Time, supply: &mut Supply) -> Option<Instance> {
        let hint = self.port_hint(&supply.offer);
        for app_id in self.demand.in_turn() {
            let Some(entry) = self.apps.get(&app_id) else { continue };
            let spec = &entry.app.spec;
            let share = placement::take(&mut supply.left, spec, &self.config.role, hint);
            if let Some(share) = share {
                self.demand.serve(&app_id);
                return self.place(now, &app_id, supply, &share);
            }
        }
        None
    }

    fn place(
        &mut self,
        now: Time,
        app_id: &str,
        supply: &mut Supply,
        share: &Share,
    ) -> Option<Instance> {
        let entry = self.apps.get_mut(app_id)?;
        let name = entry.vacant.pop().unwrap_or_else(|| InstanceName::new(app_id, &mut self.ids));
        let task_id = name.task_id();
        supply.tasks.push(environment::task(&entry.app, &task_id, &supply.offer, share));
        entry.backoff.on_progress(now, &entry.app.spec);
        if let Some(last) = share.ports.last() {
            self.port_hints.insert(supply.offer.agent_id.clone(), u64::from(*last) + 1);
        }
        let instance = Instance {
            task_id,
            app_id: app_id.to_owned(),
            version: entry.app.version,
            state: TaskState::Staging,
            agent_id: supply.offer.agent_id.clone(),
            host: supply.offer.hostname.clone(),
            ports: share.ports.clone(),
            staged_at: now,
            started_at: None,
            healthy: None,
            killing: false,
        };
        self.instances.insert(instance.clone());
        Some(instance)
    }

    /// On an agent that was not used yet, somewhere among all ports: the process before this one
    /// may have used the first.
    fn port_hint(&mut self, offer: &Offer) -> u64 {
        if let Some(hint) = self.port_hints.get(&offer.agent_id) {
            return *hint;
        }
        let ports = offer.resources.ranges("ports");
        let skip = self.ids.number().checked_rem(ports.len()).unwrap_or(0);
        let hint = nth(ports.intervals(), skip);
        self.port_hints.insert(offer.agent_id.clone(), hint);
        hint
    }

    /// Accepts, once the instances are durable.
    fn accept(&mut self, used: Vec<Supply>, placed: Vec<Instance>, out: &mut Vec<Effect>) {
        let writes = placed.iter().cloned().map(Write::PutInstance).collect();
        let mut then: Vec<Effect> = used
            .into_iter()
            .map(|supply| Effect::Accept {
                offer_ids: vec![supply.offer.offer_id],
                tasks: supply.tasks,
                filters: Filters::NONE,
            })
            .collect();
        then.extend(placed.into_iter().map(|instance| changed(instance, "launched")));
        self.durable.persist(writes, then, out);
    }

    fn decline(&self, unused: Vec<Supply>, out: &mut Vec<Effect>) {
        if unused.is_empty() {
            return;
        }
        let patience = if self.demand.is_empty() {
            self.config.decline_unwanted
        } else {
            self.config.decline_unfit
        };
        let refuse_ms = protocol::time::millis(patience);
        let offer_ids = unused.into_iter().map(|supply| supply.offer.offer_id).collect();
        out.push(Effect::Decline { offer_ids, filters: Filters { refuse_ms } });
    }
}

/// The number at place `skip`, counted over the intervals.
fn nth(intervals: &[(u64, u64)], mut skip: u64) -> u64 {
    for (begin, end) in intervals {
        let count = (end - begin).saturating_add(1);
        if skip < count {
            return begin + skip;
        }
        skip -= count;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_over_all_intervals() {
        let intervals = [(10, 11), (20, 22)];
        let all: Vec<u64> = (0..6).map(|skip| nth(&intervals, skip)).collect();
        assert_eq!(all, [10, 11, 20, 21, 22, 0]);
    }
}
