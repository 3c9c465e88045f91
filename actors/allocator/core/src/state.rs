//! What the allocator knows, and what it has still to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::id::Epoch;
use protocol::{Resources, Time};
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::filters::Filters;
use crate::model::{Agent, Client};
use crate::policy::PolicyKind;
use crate::slab::Slot;

/// How to allocate; the same for the life of the actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    pub policy: PolicyKind,
    /// By role; 1 for those that are not named.
    pub weights: BTreeMap<String, f64>,
    /// An offer contains at least one of these; with none, anything is offered.
    pub min_allocatable: Vec<Resources>,
    /// How long changes are collected before they are looked at together, in milliseconds.
    pub coalesce_ms: u64,
    /// Between two looks at everything that is free, in milliseconds.
    pub full_pass_ms: u64,
    /// The shortest filter on an offer that comes back whole, in milliseconds.
    pub min_refuse_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        let parse = |text| Resources::parse(text).expect("a constant that a test parses");
        Self {
            policy: PolicyKind::Drf,
            weights: BTreeMap::new(),
            // As in Mesos: less than this starts nothing useful.
            min_allocatable: vec![parse("cpus=0.01"), parse("mem=32")],
            // One pass then serves the burst of an accept or of agents that come together, and the
            // wait does not show beside a launch (tens of milliseconds).
            coalesce_ms: 2,
            // Nothing depends on it; a miss that it mends is counted.
            full_pass_ms: 10_000,
            // Whoever refuses everything for no time at all costs ten offers a second and agent,
            // and the others are asked first in any case.
            min_refuse_ms: 100,
        }
    }
}

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    #[error("the weight of role `{role}` is {weight}, expected a number greater than 0")]
    Weight { role: String, weight: f64 },
    #[error("`{0}` is 0, expected at least 1")]
    Zero(&'static str),
}

impl Options {
    /// Whether they make sense; the first thing that does not.
    pub fn validate(&self) -> Result<(), OptionsError> {
        for (role, weight) in &self.weights {
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(OptionsError::Weight { role: role.clone(), weight: *weight });
            }
        }
        match (self.coalesce_ms, self.full_pass_ms) {
            (0, _) => Err(OptionsError::Zero("coalesce_ms")),
            (_, 0) => Err(OptionsError::Zero("full_pass_ms")),
            _ => Ok(()),
        }
    }

    pub(crate) fn coalesce(&self) -> Duration {
        // Zero would put a filter off to the moment at which it is looked at.
        Duration::from_millis(self.coalesce_ms.max(1))
    }
}

/// What has happened so far, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub passes: u64,
    /// Agents that were looked at: what the passes cost.
    pub visits: u64,
    pub allocations: u64,
    /// Facts that did not fit what was known: more given back than was held, or by a stranger.
    pub anomalies: u64,
    /// Allocations that only the full pass found. Not zero: a change was overlooked.
    pub overlooked: u64,
}

/// The facts of which leadership, as of which reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) epoch: Epoch,
    pub(crate) round: u64,
}

/// What has changed and has not been looked at.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Agents with something allocatable free.
    pub(crate) free: BTreeSet<Slot<Agent>>,
    /// Agents on which something was freed or may be offered again.
    pub(crate) dirty: BTreeSet<Slot<Agent>>,
    /// Clients that want more than before: to be asked about all that is free.
    pub(crate) changed: BTreeSet<Client>,
    /// The look at all that is free, for clients that changed earlier, as far as it is.
    pub(crate) sweep: Option<Sweep>,
}

/// One walk over the free agents. It is finished before the next begins, or frameworks that come
/// and go would keep it from ever reaching the last agents.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) clients: BTreeSet<Client>,
    pub(crate) next: Slot<Agent>,
}

impl Work {
    pub(crate) fn is_empty(&self) -> bool {
        self.dirty.is_empty() && self.changed.is_empty() && self.sweep.is_none()
    }

    pub(crate) fn forget_agent(&mut self, at: Slot<Agent>) {
        self.free.remove(&at);
        self.dirty.remove(&at);
    }

    pub(crate) fn forget_client(&mut self, client: Client) {
        self.changed.remove(&client);
        if let Some(sweep) = &mut self.sweep {
            sweep.clients.remove(&client);
        }
    }
}

/// The timers that are set, by when they fire.
#[derive(Debug, Default)]
pub(crate) struct Armed {
    pub(crate) pass: Option<Time>,
    pub(crate) filters: Option<Time>,
}

/// The allocator: facts in, allocations out. See [`crate`].
#[derive(Debug)]
pub struct State {
    pub(crate) options: Options,
    /// None: nothing is known, and facts make no sense.
    pub(crate) term: Option<Term>,
    pub(crate) book: Book,
    pub(crate) filters: Filters,
    pub(crate) work: Work,
    pub(crate) armed: Armed,
    pub(crate) counters: Counters,
}

impl State {
    /// Knows nothing yet; the facts begin with `ResetAllocator`.
    pub fn new(options: Options) -> Self {
        let book = Book::new(options.policy.policy(), options.weights.clone());
        Self {
            options,
            term: None,
            book,
            filters: Filters::default(),
            work: Work::default(),
            armed: Armed::default(),
            counters: Counters::default(),
        }
    }

    /// Whether it has been reset since it started: until then every fact is void.
    pub fn is_ready(&self) -> bool {
        self.term.is_some()
    }

    /// The leadership whose facts are taken.
    pub fn epoch(&self) -> Option<Epoch> {
        self.term.map(|term| term.epoch)
    }

    /// Whether everything that changed has been looked at.
    pub fn is_quiet(&self) -> bool {
        self.work.is_empty()
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many agents, frameworks, roles and filters there are.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            agents: self.book.agents.len(),
            free_agents: self.work.free.len(),
            frameworks: self.book.frameworks.len(),
            roles: self.book.roles.len(),
            filters: self.filters.len(),
        }
    }
}

/// How much there is of everything, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    pub agents: usize,
    /// Of those, the ones with something allocatable free.
    pub free_agents: usize,
    pub frameworks: usize,
    pub roles: usize,
    pub filters: usize,
}
