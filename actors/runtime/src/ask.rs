//! The asks of one peer that have not been answered.

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;
use protocol::Failure;
use tokio::sync::oneshot;

use crate::delivery::{Decode, RawReply, Reply};

/// Asks that wait for one peer at most: what it could answer in some seconds. Beyond this the peer
/// is not keeping up and an ask is answered `Overloaded`.
pub(crate) const MAX_PENDING: usize = 262_144;

enum Waiting {
    Asker(oneshot::Sender<RawReply>),
    /// Somebody else's ask that was forwarded.
    Relay(Reply, Decode),
}

#[derive(Default)]
pub(crate) struct Asks {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    waiting: HashMap<u64, Waiting>,
}

/// Forgets its ask when the asker stops waiting.
pub(crate) struct PendingAsk {
    asks: Arc<Asks>,
    pub(crate) id: u64,
}

impl Drop for PendingAsk {
    fn drop(&mut self) {
        self.asks.inner.lock().waiting.remove(&self.id);
    }
}

impl Asks {
    /// A new id and where its answer will arrive; `None` if too many wait.
    pub(crate) fn open(self: &Arc<Self>) -> Option<(PendingAsk, oneshot::Receiver<RawReply>)> {
        let (asker, answer) = oneshot::channel();
        let id = self.insert(Waiting::Asker(asker))?;
        Some((PendingAsk { asks: Arc::clone(self), id }, answer))
    }

    /// A new id whose answer goes to `reply`.
    pub(crate) fn open_relay(&self, reply: Reply, decode: Decode) -> Option<u64> {
        self.insert(Waiting::Relay(reply, decode))
    }

    fn insert(&self, waiting: Waiting) -> Option<u64> {
        let mut inner = self.inner.lock();
        if inner.waiting.len() >= MAX_PENDING {
            return None;
        }
        inner.next += 1;
        let id = inner.next;
        inner.waiting.insert(id, waiting);
        Some(id)
    }

    /// The answer to `id`; late ones find nobody.
    pub(crate) fn answer(&self, id: u64, result: RawReply) {
        let waiting = self.inner.lock().waiting.remove(&id);
        deliver(waiting, result);
    }

    pub(crate) fn fail_all(&self, failure: &Failure) {
        let all = std::mem::take(&mut self.inner.lock().waiting);
        for waiting in all.into_values() {
            deliver(Some(waiting), Err(failure.clone()));
        }
    }
}

fn deliver(waiting: Option<Waiting>, result: RawReply) {
    match waiting {
        // The asker may have given up in this moment.
        Some(Waiting::Asker(asker)) => drop(asker.send(result)),
        Some(Waiting::Relay(reply, decode)) => reply.send_raw(result, decode),
        None => {}
    }
}
