//! etcd: several masters, one of them elected.
//!
//! Under `/meseta/<cluster>/<scope>/`: `election/<lease>` with the candidates, the oldest of which
//! leads, and `data/<key>`. The epoch is the create revision of the leader's election key, and
//! every commit is one transaction on the condition that this key is still there with that
//! revision: whoever lost it, knowing or not, changes nothing.
//!
//! A commit that was not answered may still be on its way, and be done after whatever is read
//! now. So the next read or commit of its sender writes the election key anew first: a commit is
//! also on the condition of the key's last change, and the one on its way then changes nothing.
//!
//! Two connections: a campaign waits without a deadline, everything else has one.

mod campaign;
mod clients;
mod data;
mod held;
mod lease;
mod observe;
mod outcome;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::Epoch;
use tokio::sync::watch;

use crate::api::{Incumbent, Store, StoreFuture, Write};
use crate::error::{CommitError, StoreError};
use crate::limits;
use crate::term::Term;
use crate::thread::StoreThread;
use clients::Clients;
use held::Held;

/// The least TTL that etcd grants with its default timings; asking for less gets this.
const MIN_TTL: Duration = Duration::from_secs(2);

/// The store in an etcd cluster.
pub struct Etcd {
    thread: StoreThread,
    inner: Arc<Inner>,
}

struct Inner {
    clients: Clients,
    ttl: Duration,
    /// `/meseta/<cluster>/<scope>/election`.
    election: String,
    /// `/meseta/<cluster>/<scope>/data/`.
    data: String,
    /// The terms of this process.
    held: Mutex<BTreeMap<Epoch, Held>>,
    incumbent: watch::Sender<Option<Incumbent>>,
}

impl Etcd {
    /// Prepares the connections; they are made when they are needed, and again when they break.
    pub fn open(
        endpoints: &[String],
        ttl: Duration,
        cluster: &str,
        scope: &str,
    ) -> Result<Self, StoreError> {
        if endpoints.is_empty() {
            return Err(StoreError::Config("etcd needs at least one endpoint".to_owned()));
        }
        let thread = StoreThread::start()?;
        let root = format!("/meseta/{cluster}/{scope}");
        let inner = Arc::new(Inner {
            clients: Clients::new(endpoints),
            ttl: ttl.max(MIN_TTL),
            election: format!("{root}/election"),
            data: format!("{root}/data/"),
            held: Mutex::default(),
            incumbent: watch::Sender::new(None),
        });
        // Runs until the store is dropped; nobody waits for it.
        drop(thread.run(Arc::clone(&inner).observe()));
        Ok(Self { thread, inner })
    }
}

impl Store for Etcd {
    fn describe(&self) -> String {
        format!("etcd {}", self.inner.clients.endpoints)
    }

    fn campaign(&self, value: Vec<u8>) -> StoreFuture<Result<Term, StoreError>> {
        let elected = self.thread.run_while_awaited(Arc::clone(&self.inner).campaign(value));
        Box::pin(async move { elected.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn observe(&self) -> watch::Receiver<Option<Incumbent>> {
        self.inner.incumbent.subscribe()
    }

    fn load(&self, prefix: &str) -> StoreFuture<Result<BTreeMap<String, Vec<u8>>, StoreError>> {
        let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
        let loaded = self.thread.run(async move { inner.load(&prefix).await });
        Box::pin(async move { loaded.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> StoreFuture<Result<(), CommitError>> {
        if let Err(error) = limits::check(&writes) {
            return Box::pin(async { Err(error) });
        }
        let inner = Arc::clone(&self.inner);
        let committed = self.thread.run(async move { inner.commit(epoch, writes).await });
        let closed = || Err(CommitError::Unknown("the store was closed".to_owned()));
        Box::pin(async move { committed.await.unwrap_or_else(closed) })
    }
}
