//! The lives of agents: which of two registrations is news, and the last lives of those who left.

use std::collections::{BTreeMap, VecDeque};

use protocol::agents::RegisterAgent;
use protocol::{AgentId, Incarnation};

/// What orders the registrations of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) incarnation: Incarnation,
    pub(crate) attempt: u64,
    boot_id: String,
}

/// A registration beside the last that was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    New,
    /// The same once more.
    Duplicate,
    /// Of the same life, and not numbered: new if the agent was away, a duplicate otherwise.
    Unnumbered,
    /// An earlier life, by its number, of another boot: stale, or the machine lost its clock in the
    /// reboot. New if the agent was away.
    OtherBoot,
    /// Overtaken on its way.
    Stale,
}

impl Life {
    pub(crate) fn of(message: &RegisterAgent) -> Self {
        Self {
            incarnation: message.incarnation,
            attempt: message.attempt,
            boot_id: message.info.boot_id.clone(),
        }
    }

    /// How `self`, which has just arrived, stands to `last`, which was handled.
    pub(crate) fn freshness(&self, last: &Self) -> Freshness {
        if self.incarnation > last.incarnation {
            Freshness::New
        } else if self.incarnation < last.incarnation && self.boot_id != last.boot_id {
            Freshness::OtherBoot
        } else if self.incarnation < last.incarnation {
            Freshness::Stale
        } else if self.attempt == 0 {
            Freshness::Unnumbered
        } else if self.attempt > last.attempt {
            Freshness::New
        } else if self.attempt == last.attempt {
            Freshness::Duplicate
        } else {
            Freshness::Stale
        }
    }

    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.freshness(other) == Freshness::Stale
    }
}

/// The last lives of agents that said goodbye, so that a message that was overtaken by the goodbye
/// does not bring them back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Departed {
    lives: BTreeMap<AgentId, Life>,
    order: VecDeque<AgentId>,
}

impl Departed {
    /// Messages are overtaken by seconds; by then not this many agents have left.
    const MAX: usize = 1000;

    pub(crate) fn get(&self, agent_id: &AgentId) -> Option<&Life> {
        self.lives.get(agent_id)
    }

    pub(crate) fn forget(&mut self, agent_id: &AgentId) {
        if self.lives.remove(agent_id).is_some() {
            self.order.retain(|id| id != agent_id);
        }
    }

    pub(crate) fn insert(&mut self, agent_id: AgentId, life: Life) {
        if self.lives.insert(agent_id.clone(), life).is_none() {
            self.order.push_back(agent_id);
        }
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.lives.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(incarnation: u64, attempt: u64, boot_id: &str) -> Life {
        Life { incarnation: Incarnation(incarnation), attempt, boot_id: boot_id.into() }
    }

    #[test]
    fn registrations_are_ordered_by_life_and_then_by_attempt() {
        let last = life(5, 3, "b");
        assert_eq!(life(6, 1, "b").freshness(&last), Freshness::New);
        assert_eq!(life(5, 4, "b").freshness(&last), Freshness::New);
        assert_eq!(life(5, 3, "b").freshness(&last), Freshness::Duplicate);
        assert_eq!(life(5, 0, "b").freshness(&last), Freshness::Unnumbered);
        assert_eq!(life(5, 2, "b").freshness(&last), Freshness::Stale);
        assert_eq!(life(4, 9, "b").freshness(&last), Freshness::Stale);
    }

    #[test]
    fn a_lower_number_of_another_boot_is_doubtful() {
        assert_eq!(life(1, 1, "c").freshness(&life(5, 3, "b")), Freshness::OtherBoot);
        assert_eq!(life(6, 1, "c").freshness(&life(5, 3, "b")), Freshness::New);
    }
}
