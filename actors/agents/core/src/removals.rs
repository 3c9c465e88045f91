//! The queue through which agents become unreachable, at a limited rate.
//!
//! When many agents fall silent at once it is more often the master's side of the network than
//! the agents'. The limit leaves time for them to be heard again: an answer or a registration
//! takes an agent out of the queue.

use std::collections::BTreeSet;

use protocol::{AgentId, Time};

use crate::effect::Effect;
use crate::input::Timer;
use crate::term::Term;
use crate::work::{Change, Work};

/// Who waits, and when the next may go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    /// By the time since which they wait.
    pub(crate) queue: BTreeSet<(Time, AgentId)>,
    next: Time,
    armed: bool,
}

/// The place of one agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) since: Time,
    /// Another agent has its address; otherwise it has been silent for too long.
    displaced: bool,
}

impl Term {
    /// Decides that an agent is to become unreachable, unless that is being committed already.
    pub(crate) fn schedule_removal(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let expiring = |work: &Work| matches!(work.change, Change::Expire { .. });
        if !self.works.get(id).is_some_and(expiring) && self.queue_removal(now, id, false, out) {
            self.tally.count("slave_unreachable_scheduled");
        }
    }

    /// Puts an agent into the queue; false if it is there, or has found its end. `displaced`:
    /// another agent has its address.
    pub(crate) fn queue_removal(
        &mut self,
        now: Time,
        id: &AgentId,
        displaced: bool,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(agent) = self.agents.get_mut_unseen(id) else { return false };
        let waits = agent.queued.is_none() && agent.is_expected();
        if waits {
            agent.queued = Some(Queued { since: now, displaced });
            self.removals.queue.insert((now, id.clone()));
        }
        self.arm_removals(now, out);
        waits
    }

    /// It was heard of, or has found another end.
    pub(crate) fn cancel_removal(&mut self, id: &AgentId) {
        if self.unqueue_removal(id).is_some_and(|queued| !queued.displaced) {
            self.tally.count("slave_unreachable_canceled");
        }
    }

    fn unqueue_removal(&mut self, id: &AgentId) -> Option<Queued> {
        let queued = self.agents.get_mut_unseen(id)?.queued.take()?;
        self.removals.queue.remove(&(queued.since, id.clone()));
        Some(queued)
    }

    fn arm_removals(&mut self, now: Time, out: &mut Vec<Effect>) {
        let removals = &mut self.removals;
        if !removals.armed && !removals.queue.is_empty() {
            removals.armed = true;
            out.push(Effect::SetTimer { timer: Timer::Remove, at: removals.next.max(now) });
        }
    }

    pub(crate) fn on_remove_timer(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.removals.armed = false;
        if let Some((_, id)) = self.removals.queue.first().cloned() {
            let displaced = self.unqueue_removal(&id).is_some_and(|queued| queued.displaced);
            self.expire(now, &id, displaced, out);
            self.removals.next = now + self.config.unreachable_interval;
        }
        self.arm_removals(now, out);
    }

    /// Begins to make the agent unreachable. What is being committed about it already decides
    /// otherwise, or the same. `displaced`: another agent has its address.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        id: &AgentId,
        displaced: bool,
        out: &mut Vec<Effect>,
    ) {
        let expected = self.agents.get(id).is_some_and(|agent| agent.is_expected());
        if expected && !self.works.contains_key(id) {
            self.commit(id.clone(), Change::Expire { since: now, displaced }, out);
        }
    }
}
