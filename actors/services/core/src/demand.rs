//! How many instances wait for an offer, and whether offers are wanted at all.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Time;
use serde::Serialize;

use crate::durable::Timers;
use crate::effect::{Effect, Timer};

/// What waits for offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Demand {
    /// Instances to start now, by app; no zeroes.
    wanted: BTreeMap<String, usize>,
    /// The app that was served last: the next offer begins with the one after it.
    served: Option<String>,
    /// More is wanted than when offers were last asked for.
    grown: bool,
    suppressed: bool,
    revived_at: Option<Time>,
}

impl Demand {
    pub(crate) fn set(&mut self, app_id: &str, count: usize) {
        let before = self.wanted.get(app_id).copied().unwrap_or(0);
        self.grown |= count > before;
        if count == 0 {
            self.wanted.remove(app_id);
        } else if count != before {
            self.wanted.insert(app_id.to_owned(), count);
        }
    }

    pub(crate) fn wanted(&self) -> &BTreeMap<String, usize> {
        &self.wanted
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The apps that want an instance, beginning after the one that was served last.
    pub(crate) fn in_turn(&self) -> Vec<String> {
        let is_later = |id: &&String| self.served.as_ref().is_none_or(|served| *id > served);
        let (later, earlier): (Vec<&String>, Vec<&String>) =
            self.wanted.keys().partition(|id| is_later(id));
        later.into_iter().chain(earlier).cloned().collect()
    }

    /// One instance of the app has found its place.
    pub(crate) fn serve(&mut self, app_id: &str) {
        if let Some(count) = self.wanted.get_mut(app_id) {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(app_id);
            }
        }
        self.served = Some(app_id.to_owned());
    }

    /// What is wanted is another thing now: what did not fit before may fit.
    pub(crate) fn on_changed(&mut self) {
        self.grown = true;
    }

    /// A new subscription: nothing is suppressed, and nothing has been revived.
    pub(crate) fn on_subscribed(&mut self) {
        self.suppressed = false;
        self.grown = true;
        self.revived_at = None;
    }

    /// Asks for offers when more is wanted, and for none when nothing is. Two revivals are
    /// `interval` apart.
    pub(crate) fn steer(
        &mut self,
        now: Time,
        interval: Duration,
        timers: &mut Timers,
        out: &mut Vec<Effect>,
    ) {
        if self.is_empty() {
            self.grown = false;
            if !self.suppressed {
                self.suppressed = true;
                out.push(Effect::Suppress);
            }
        } else if self.grown || self.suppressed {
            self.revive(now, interval, timers, out);
        }
    }

    fn revive(
        &mut self,
        now: Time,
        interval: Duration,
        timers: &mut Timers,
        out: &mut Vec<Effect>,
    ) {
        let next = self.revived_at.map(|at| at + interval);
        match next.filter(|next| *next > now) {
            Some(next) => timers.arm(Timer::Revive, next, out),
            None => {
                self.grown = false;
                self.suppressed = false;
                self.revived_at = Some(now);
                out.push(Effect::Revive);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_take_turns() {
        let mut demand = Demand::default();
        for app in ["/a", "/b", "/c"] {
            demand.set(app, 2);
        }
        assert_eq!(demand.in_turn(), ["/a", "/b", "/c"]);
        demand.serve("/a");
        assert_eq!(demand.in_turn(), ["/b", "/c", "/a"]);
        demand.serve("/b");
        demand.serve("/b");
        assert_eq!(demand.in_turn(), ["/c", "/a"]);
    }
}
