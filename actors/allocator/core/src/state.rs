//! What the allocator knows, and what it has still to look at.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Time;
use protocol::id::Epoch;
use serde::Serialize;

use crate::bits::Bits;
use crate::book::Book;
use crate::filters::Filters;
use crate::model::{Agent, Client};
use crate::options::Options;
use crate::quantities::Least;
use crate::reclaims::Reclaims;
use crate::slab::Slot;

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
    pub(crate) free: Bits<Agent>,
    /// Agents on which something was freed or may be offered again.
    pub(crate) dirty: Bits<Agent>,
    /// Clients that want more than before: to be asked about all that is free.
    pub(crate) changed: BTreeSet<Client>,
    /// The look at all that is free, for clients that changed earlier, as far as it is.
    pub(crate) sweep: Option<Sweep>,
    /// Agents that are going to be away, of which somebody may have to hear.
    pub(crate) leaving: BTreeSet<Slot<Agent>>,
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
        self.dirty.is_empty()
            && self.changed.is_empty()
            && self.sweep.is_none()
            && self.leaving.is_empty()
    }

    /// It has nothing to offer any more.
    pub(crate) fn forget_free(&mut self, at: Slot<Agent>) {
        self.free.remove(at);
        self.dirty.remove(at);
    }

    pub(crate) fn forget_agent(&mut self, at: Slot<Agent>) {
        self.forget_free(at);
        self.leaving.remove(&at);
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
    pub(crate) preempt: Option<Time>,
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
    /// The minimums that frameworks have of their own, and how many clients have each.
    pub(crate) minimums: BTreeMap<Least, usize>,
    /// Who has requested something.
    pub(crate) wishes: BTreeSet<Client>,
    pub(crate) reclaims: Reclaims,
    /// Agents that are going to be away.
    pub(crate) unavailable: BTreeSet<Slot<Agent>>,
    pub(crate) armed: Armed,
    pub(crate) counters: Counters,
}

impl State {
    /// Knows nothing yet; the facts begin with `ResetAllocator`.
    pub fn new(options: Options) -> Self {
        let book = Book::new(&options);
        Self {
            options,
            term: None,
            book,
            filters: Filters::default(),
            work: Work::default(),
            minimums: BTreeMap::new(),
            wishes: BTreeSet::new(),
            reclaims: Reclaims::default(),
            unavailable: BTreeSet::new(),
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
            // Without the root.
            roles: self.book.roles.len() - 1,
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
