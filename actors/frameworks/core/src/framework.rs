//! One framework: its life cycle, and what is known of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::constraints::OfferConstraints;
use protocol::framework::{Capability, FrameworkInfo};
use protocol::id::{AgentId, FrameworkId, TaskId};
use protocol::resources::Resources;
use protocol::task::{Task, TaskState};
use protocol::{Address, Time};
use serde::Serialize;

/// Where a framework is in its life.
///
/// ```text
///  (registry, or an agent's word)          (subscribes for the first time)
///            │                                        │
///            ▼                                        ▼
///        Recovered ───────subscribed───────────►   Active  ◄──┐ subscribed (failover)
///            │                                   │  ▲  │ └────┘
///            │                    scheduler lost │  │  │
///            │                                   ▼  │ subscribed
///            │                              Disconnected
///            │ expired, torn down                │ expired, torn down; Active: torn down
///            └───────────────► Removed ◄─────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FrameworkState {
    /// Known, and not subscribed since this master leads. Its failover timer runs.
    Recovered,
    /// Its scheduler is connected: it gets offers and updates.
    Active,
    /// Its scheduler is gone. Its failover timer runs.
    Disconnected,
    /// Torn down or timed out; its id is never accepted again.
    Removed,
}

/// What moves a framework through its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FrameworkEvent {
    Subscribed,
    SchedulerLost,
    FailoverExpired,
    TornDown,
}

/// An event that cannot happen in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a framework that is {from:?} cannot be {event:?}")]
pub struct Rejected {
    pub from: FrameworkState,
    pub event: FrameworkEvent,
}

impl FrameworkState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Recovered, Self::Active, Self::Disconnected, Self::Removed];

    /// The one transition function.
    pub const fn transition(self, event: FrameworkEvent) -> Result<Self, Rejected> {
        use FrameworkEvent::{FailoverExpired, SchedulerLost, Subscribed, TornDown};
        match (self, event) {
            (Self::Recovered | Self::Active | Self::Disconnected, Subscribed) => Ok(Self::Active),
            (Self::Active, SchedulerLost) => Ok(Self::Disconnected),
            (Self::Recovered | Self::Disconnected, FailoverExpired)
            | (Self::Recovered | Self::Active | Self::Disconnected, TornDown) => Ok(Self::Removed),
            _ => Err(Rejected { from: self, event }),
        }
    }
}

/// A scheduler's two addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Scheduler {
    /// Gets the offers and updates; linked.
    pub(crate) address: Address,
    /// Who subscribed for it; may call for it as well.
    pub(crate) subscriber: Address,
}

impl Scheduler {
    /// Whether a call from there is the scheduler's: any actor of its host may speak for it.
    pub(crate) fn speaks_from(&self, from: &Address) -> bool {
        from.host() == self.address.host() || from.host() == self.subscriber.host()
    }
}

/// A framework as the master knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Framework {
    pub(crate) id: FrameworkId,
    pub(crate) info: FrameworkInfo,
    pub(crate) state: FrameworkState,
    pub(crate) registered: Time,
    /// There exactly while it is `Active`.
    pub(crate) scheduler: Option<Scheduler>,
    pub(crate) suppressed: BTreeSet<String>,
    /// Which agents it is interested in.
    pub(crate) constraints: Option<OfferConstraints>,
    /// By role, what it has requested.
    pub(crate) wishes: BTreeMap<String, Resources>,
    /// The registry has `info` as it is.
    pub(crate) recorded: bool,
    /// When it is removed, unless its scheduler is there by then.
    pub(crate) removed_at: Option<Time>,
    /// Ended tasks, oldest first.
    pub(crate) completed: VecDeque<Arc<Task>>,
}

impl Framework {
    pub(crate) fn new(info: FrameworkInfo, id: FrameworkId, registered: Time) -> Self {
        Self {
            id,
            info,
            state: FrameworkState::Recovered,
            registered,
            scheduler: None,
            suppressed: BTreeSet::new(),
            constraints: None,
            wishes: BTreeMap::new(),
            recorded: false,
            removed_at: None,
            completed: VecDeque::new(),
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> FrameworkState {
        self.state
    }

    /// Its ended tasks that are remembered, oldest first.
    pub fn completed(&self) -> impl Iterator<Item = &Task> {
        self.completed.iter().map(AsRef::as_ref)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state == FrameworkState::Active
    }

    /// Whether it may be offered something for this role now.
    pub(crate) fn wants(&self, role: &str) -> bool {
        self.is_active()
            && !self.suppressed.contains(role)
            && self.info.roles.iter().any(|r| r == role)
    }

    /// The state as this framework understands it: those that came with partition awareness are
    /// `TASK_LOST` to older ones.
    pub(crate) fn understood(&self, state: TaskState) -> TaskState {
        let aware = self.info.capabilities.contains(&Capability::PartitionAware);
        match state {
            TaskState::Unreachable
            | TaskState::Dropped
            | TaskState::Gone
            | TaskState::GoneByOperator
            | TaskState::Unknown
                if !aware =>
            {
                TaskState::Lost
            }
            other => other,
        }
    }

    pub(crate) fn remember(&mut self, task: Arc<Task>, limit: usize) {
        self.completed.push_back(task);
        while self.completed.len() > limit {
            self.completed.pop_front();
        }
    }

    /// The last ended task of this id on this agent.
    pub(crate) fn ended(&self, task_id: &TaskId, agent_id: &AgentId) -> Option<&Task> {
        let mut ended = self.completed.iter().rev().map(AsRef::as_ref);
        ended.find(|t: &&Task| t.task_id == *task_id && t.agent_id == *agent_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FrameworkEvent::*;
    use FrameworkState::*;

    #[test]
    fn the_full_grid_of_transitions() {
        let events = [Subscribed, SchedulerLost, FailoverExpired, TornDown];
        let grid = [
            (Recovered, [Some(Active), None, Some(Removed), Some(Removed)]),
            (Active, [Some(Active), Some(Disconnected), None, Some(Removed)]),
            (Disconnected, [Some(Active), None, Some(Removed), Some(Removed)]),
            (Removed, [None, None, None, None]),
        ];
        assert_eq!(grid.map(|(state, _)| state), FrameworkState::ALL);
        for (from, row) in grid {
            for (event, to) in events.into_iter().zip(row) {
                assert_eq!(from.transition(event).ok(), to, "{from:?} {event:?}");
            }
        }
    }
}
