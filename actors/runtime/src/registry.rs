//! What a host knows of each of its actors, readable from every thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use foldhash::HashMap;
use parking_lot::RwLock;
use protocol::runtime::ActorStats;
use protocol::{Address, Incarnation};
use tokio::sync::watch;

use crate::mailbox::Mailbox;
use crate::stats::ActorMetrics;

pub(crate) struct ActorShared {
    pub(crate) address: Address,
    pub(crate) mailbox: Mailbox,
    pub(crate) metrics: ActorMetrics,
    incarnation: AtomicU64,
    /// In the middle of a turn; with the mailbox's depth this tells whether it is idle.
    pub(crate) busy: AtomicBool,
    /// Becomes true when it has ended for good.
    pub(crate) ended: watch::Sender<bool>,
}

impl ActorShared {
    pub(crate) fn new(address: Address, mailbox: Mailbox) -> Self {
        Self {
            address,
            mailbox,
            metrics: ActorMetrics::new(),
            incarnation: AtomicU64::new(1),
            busy: AtomicBool::new(false),
            ended: watch::Sender::new(false),
        }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation(self.incarnation.load(Ordering::Relaxed))
    }

    pub(crate) fn next_incarnation(&self) -> Incarnation {
        Incarnation(self.incarnation.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn stats(&self) -> ActorStats {
        let (p50_us, p99_us) = self.metrics.percentiles();
        ActorStats {
            address: self.address.clone(),
            incarnation: self.incarnation(),
            mailbox_depth: self.mailbox.depth(),
            mailbox_capacity: self.mailbox.capacity(),
            handled: self.metrics.handled(),
            refused: self.mailbox.refused(),
            rejected: self.metrics.rejected(),
            p50_us,
            p99_us,
        }
    }
}

/// The actors of a host by name.
#[derive(Default)]
pub(crate) struct Registry {
    actors: RwLock<HashMap<Box<str>, Arc<ActorShared>>>,
}

impl Registry {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<ActorShared>> {
        self.actors.read().get(name).cloned()
    }

    /// Runs `f` on the actor, if there is one, without touching its reference count.
    pub(crate) fn with<T>(&self, name: &str, f: impl FnOnce(Option<&ActorShared>) -> T) -> T {
        f(self.actors.read().get(name).map(Arc::as_ref))
    }

    /// False if the name is taken.
    pub(crate) fn insert(&self, actor: Arc<ActorShared>) -> bool {
        let mut actors = self.actors.write();
        if actors.contains_key(actor.address.name()) {
            return false;
        }
        actors.insert(actor.address.name().into(), actor);
        true
    }

    pub(crate) fn remove(&self, name: &str) {
        self.actors.write().remove(name);
    }

    /// All, by name.
    pub(crate) fn list(&self) -> Vec<Arc<ActorShared>> {
        let mut all: Vec<_> = self.actors.read().values().cloned().collect();
        all.sort_by(|a, b| a.address.cmp(&b.address));
        all
    }
}
