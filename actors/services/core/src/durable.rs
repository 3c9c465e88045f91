//! What waits for which write.
//!
//! The store makes batches durable in the order of their numbers, so what waits for the newest
//! waits for all.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Epoch, Time};

use crate::effect::{Effect, PersistId, Timer, Write};

/// The writes under way, and the timers that are set.
#[derive(Debug)]
pub(crate) struct Durable {
    epoch: Epoch,
    next: PersistId,
    waiting: BTreeMap<PersistId, Vec<Effect>>,
}

impl Durable {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self { epoch, next: PersistId(1), waiting: BTreeMap::new() }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many batches are not durable yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes, and does `then` when the writes are durable.
    pub(crate) fn persist(&mut self, writes: Vec<Write>, then: Vec<Effect>, out: &mut Vec<Effect>) {
        if writes.is_empty() {
            return then.into_iter().for_each(|effect| self.after_all(effect, out));
        }
        let id = self.next;
        self.next = PersistId(id.0 + 1);
        self.waiting.insert(id, then);
        out.push(Effect::Persist { id, epoch: self.epoch, writes });
    }

    /// Does this when everything written so far is durable: now, if it is.
    pub(crate) fn after_all(&mut self, effect: Effect, out: &mut Vec<Effect>) {
        match self.waiting.values_mut().next_back() {
            Some(then) => then.push(effect),
            None => out.push(effect),
        }
    }

    /// The writes of `id` are durable, if they were of this term.
    pub(crate) fn on_persisted(&mut self, epoch: Epoch, id: PersistId, out: &mut Vec<Effect>) {
        if epoch == self.epoch {
            out.extend(self.waiting.remove(&id).into_iter().flatten());
        }
    }

    /// What will now never be done.
    pub(crate) fn abandon(self) -> impl Iterator<Item = Effect> {
        self.waiting.into_values().flatten()
    }
}

/// The timers that are set: each is set once, and stays where it is until it fires.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<Timer>);

impl Timers {
    /// Sets the timer unless it is set.
    pub(crate) fn arm(&mut self, timer: Timer, at: Time, out: &mut Vec<Effect>) {
        if self.0.insert(timer.clone()) {
            out.push(Effect::SetTimer { timer, at });
        }
    }

    pub(crate) fn cancel(&mut self, timer: &Timer, out: &mut Vec<Effect>) {
        out.extend(self.0.take(timer).map(|timer| Effect::CancelTimer { timer }));
    }

    pub(crate) fn on_fired(&mut self, timer: &Timer) {
        self.0.remove(timer);
    }

    pub(crate) fn cancel_all(self, out: &mut Vec<Effect>) {
        out.extend(self.0.into_iter().map(|timer| Effect::CancelTimer { timer }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::TaskId;

    fn write() -> Vec<Write> {
        vec![Write::DeleteInstance(TaskId::from("t"))]
    }

    #[test]
    fn nothing_is_done_before_what_it_depends_on_is_durable() {
        let (mut durable, mut out) = (Durable::new(Epoch(1)), Vec::new());
        durable.after_all(Effect::Revive, &mut out);
        assert_eq!(out, [Effect::Revive], "nothing to wait for");
        out.clear();
        durable.persist(write(), vec![Effect::Suppress], &mut out);
        durable.persist(write(), vec![], &mut out);
        durable.after_all(Effect::Revive, &mut out);
        assert!(out.iter().all(|effect| matches!(effect, Effect::Persist { .. })), "{out:?}");
        out.clear();
        durable.on_persisted(Epoch(0), PersistId(1), &mut out);
        assert_eq!(out, [], "of another term");
        durable.on_persisted(Epoch(1), PersistId(1), &mut out);
        assert_eq!(out, [Effect::Suppress]);
        durable.on_persisted(Epoch(1), PersistId(2), &mut out);
        assert_eq!(out, [Effect::Suppress, Effect::Revive]);
    }

    #[test]
    fn a_timer_that_is_set_stays_where_it_is() {
        let (mut timers, mut out) = (Timers::default(), Vec::new());
        timers.arm(Timer::Kills, Time(5), &mut out);
        timers.arm(Timer::Kills, Time(9), &mut out);
        assert_eq!(out, [Effect::SetTimer { timer: Timer::Kills, at: Time(5) }]);
        timers.on_fired(&Timer::Kills);
        timers.arm(Timer::Kills, Time(9), &mut out);
        timers.cancel(&Timer::Kills, &mut out);
        timers.cancel(&Timer::Kills, &mut out);
        assert_eq!(out.len(), 3);
    }
}
