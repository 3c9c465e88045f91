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
use crate::work::Change;

/// Who waits, and when the next may go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    /// By the time since which they wait.
    pub(crate) queue: BTreeSet<(Time, AgentId)>,
    next: Time,
    armed: bool,
}

impl Term {
    pub(crate) fn queue_removal(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let Some(agent) = self.agents.get_mut_unseen(id) else { return };
        if agent.queued.is_none() && agent.is_expected() {
            agent.queued = Some(now);
            self.removals.queue.insert((now, id.clone()));
            self.tally.count("slave_unreachable_scheduled");
        }
        self.arm_removals(now, out);
    }

    /// It was heard of, or has found another end.
    pub(crate) fn cancel_removal(&mut self, id: &AgentId) {
        if self.unqueue_removal(id) {
            self.tally.count("slave_unreachable_canceled");
        }
    }

    /// Whether it was in the queue.
    fn unqueue_removal(&mut self, id: &AgentId) -> bool {
        let agent = self.agents.get_mut_unseen(id);
        let Some(since) = agent.and_then(|agent| agent.queued.take()) else { return false };
        self.removals.queue.remove(&(since, id.clone()))
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
            self.unqueue_removal(&id);
            self.expire(now, &id, false, out);
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
