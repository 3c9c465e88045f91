//! Which event streams are open, and for whom. This is the edge's own: what `frameworks` knows of a
//! framework is asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use protocol::id::Epoch;
use protocol::{Address, FrameworkId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use crate::v1::convert::resource::Dialect;

/// Event streams of schedulers at a time: 10,000 frameworks, and as many old streams again while
/// all of them subscribe anew at once. An idle one costs a connection, an actor and no thread.
const MAX_SESSIONS: usize = 20_000;

/// The open streams of one master. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub(crate) struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    open: Mutex<BTreeMap<FrameworkId, Open>>,
    places: Arc<Semaphore>,
    named: AtomicU64,
    /// The last epoch in which `frameworks` is known to have served; 0 is none.
    served: AtomicU64,
}

/// The stream of a subscribed framework.
#[derive(Clone)]
pub(crate) struct Open {
    /// What every call must name in `Mesos-Stream-Id`.
    pub(crate) stream_id: Arc<str>,
    pub(crate) session: Address,
    /// Whose framework it is.
    pub(crate) principal: Option<Arc<str>>,
    /// How the framework reads resources, which an update of the framework may change.
    pub(crate) dialect: Arc<Mutex<Dialect>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                open: Mutex::default(),
                places: Arc::new(Semaphore::new(MAX_SESSIONS)),
                named: AtomicU64::new(0),
                served: AtomicU64::new(0),
            }),
        }
    }
}

impl Sessions {
    /// A place for a stream, until it is dropped.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.inner.places).try_acquire_owned().map_err(|_| {
            Refusal::unavailable(format!(
                "{MAX_SESSIONS} event streams are open already; try again later"
            ))
        })
    }

    /// How many streams are open.
    pub(crate) fn count(&self) -> usize {
        MAX_SESSIONS - self.inner.places.available_permits()
    }

    /// A name that no session of this host has had.
    pub(crate) fn next_name(&self) -> String {
        format!("v1-session-{}", self.inner.named.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The stream of this framework.
    pub(crate) fn find(&self, framework_id: &FrameworkId) -> Option<Open> {
        self.inner.open.lock().get(framework_id).cloned()
    }

    /// From now on, and until the listing is dropped, this is the framework's stream. One that it
    /// had before is not any more.
    pub(crate) fn list(&self, framework_id: FrameworkId, open: Open) -> Listing {
        let stream_id = Arc::clone(&open.stream_id);
        self.inner.open.lock().insert(framework_id.clone(), open);
        Listing { sessions: self.clone(), framework_id, stream_id }
    }

    /// Whether `frameworks` has served in this epoch: it has read the registry.
    pub(crate) fn has_served(&self, epoch: Epoch) -> bool {
        self.inner.served.load(Ordering::Relaxed) == epoch.0
    }

    pub(crate) fn serves(&self, epoch: Epoch) {
        self.inner.served.store(epoch.0, Ordering::Relaxed);
    }
}

/// The place of a stream among the open ones.
pub(crate) struct Listing {
    sessions: Sessions,
    framework_id: FrameworkId,
    stream_id: Arc<str>,
}

impl Listing {
    pub(crate) fn framework_id(&self) -> &FrameworkId {
        &self.framework_id
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        let mut open = self.sessions.inner.open.lock();
        if open.get(&self.framework_id).is_some_and(|open| open.stream_id == self.stream_id) {
            open.remove(&self.framework_id);
        }
    }
}
