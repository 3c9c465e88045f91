//! Bringing an app closer to what is wanted: the one place where instances are chosen to be killed
//! or started.

use protocol::Time;

use crate::effect::{Effect, Timer};
use crate::plan::{Plan, plan, plan_end};
use crate::state::Leading;

impl Leading {
    /// Compares the app with what is wanted and takes the next step. May run at any time.
    pub(crate) fn converge(&mut self, now: Time, app_id: &str, out: &mut Vec<Effect>) {
        let Plan { kill, launch, settled } = self.plan_of(app_id);
        self.kill_instances(now, &kill, out);
        let launch = self.held_back(now, app_id, launch, out);
        self.demand.set(app_id, launch);
        if settled {
            self.end_deployments(app_id, out);
        }
    }

    /// All apps, and what is left of those that are gone.
    pub(crate) fn converge_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut ids: Vec<String> = self.apps.keys().cloned().collect();
        ids.extend(self.instances.app_ids().filter(|id| !self.apps.contains_key(*id)).cloned());
        for id in ids {
            self.converge(now, &id, out);
        }
    }

    fn plan_of(&self, app_id: &str) -> Plan {
        let instances = self.instances.of_app(app_id);
        match self.apps.get(app_id) {
            Some(entry) => plan(&entry.app, instances),
            None => plan_end(instances),
        }
    }

    /// How many of `launch` may start now: all, or none before the app's backoff has passed.
    fn held_back(
        &mut self,
        now: Time,
        app_id: &str,
        launch: usize,
        out: &mut Vec<Effect>,
    ) -> usize {
        let Some(entry) = self.apps.get_mut(app_id) else { return 0 };
        entry.vacant.truncate(launch);
        let timer = Timer::Backoff(app_id.to_owned());
        let held_until = entry.backoff.held_until(now).filter(|_| launch > 0);
        // The deadline moves with every failure, and a reset removes it.
        self.timers.cancel(&timer, out);
        match held_until {
            Some(until) => {
                self.timers.arm(timer, until, out);
                0
            }
            None => launch,
        }
    }
}
