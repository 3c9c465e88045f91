//! The asks of one peer that have not been answered.
//!
//! Their deadlines are kept here too. One task sleeps until the first of them; most asks are
//! answered long before, so an ask costs no timer of its own.

use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use protocol::{Failure, FailureKind};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::delivery::{Decode, RawReply, Reply};
use crate::host::Host;

/// Asks that wait for one peer at most: what it could answer in some seconds. Beyond this the peer
/// is not keeping up and an ask is answered `Overloaded`.
pub(crate) const MAX_PENDING: usize = 262_144;

/// How long a forwarded ask waits: its own asker has given up long before.
const RELAY_DEADLINE: Duration = Duration::from_secs(600);

struct Waiting {
    until: Instant,
    asker: Asker,
}

enum Asker {
    Own(oneshot::Sender<RawReply>),
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
    /// When the expiring task looks next, if one runs. Never later than the first deadline.
    looks_at: Option<Instant>,
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
    pub(crate) fn open(
        self: &Arc<Self>,
        host: &Host,
        deadline: Duration,
    ) -> Option<(PendingAsk, oneshot::Receiver<RawReply>)> {
        let (asker, answer) = oneshot::channel();
        let id = self.insert(host, deadline, Asker::Own(asker))?;
        Some((PendingAsk { asks: Arc::clone(self), id }, answer))
    }

    /// A new id whose answer goes to `reply`.
    pub(crate) fn open_relay(
        self: &Arc<Self>,
        host: &Host,
        reply: Reply,
        decode: Decode,
    ) -> Option<u64> {
        self.insert(host, RELAY_DEADLINE, Asker::Relay(reply, decode))
    }

    fn insert(self: &Arc<Self>, host: &Host, deadline: Duration, asker: Asker) -> Option<u64> {
        let until = Instant::now() + deadline;
        let mut inner = self.inner.lock();
        if inner.waiting.len() >= MAX_PENDING {
            return None;
        }
        inner.next += 1;
        let id = inner.next;
        inner.waiting.insert(id, Waiting { until, asker });
        if inner.looks_at.is_none_or(|at| until < at) {
            inner.looks_at = Some(until);
            drop(inner);
            host.spawn_task(expire(Arc::clone(self), until));
        }
        Some(id)
    }

    /// Fails what is overdue. When to look again, if the caller is the one who does.
    fn expire(&self, looked_at: Instant) -> Option<Instant> {
        let mut overdue = Vec::new();
        let next = {
            let mut inner = self.inner.lock();
            if inner.looks_at != Some(looked_at) {
                return None; // Another task looks earlier.
            }
            let now = Instant::now();
            overdue.extend(inner.waiting.extract_if(|_, waiting| waiting.until <= now));
            inner.looks_at = inner.waiting.values().map(|waiting| waiting.until).min();
            inner.looks_at
        };
        for (_, waiting) in overdue {
            // Whoever waits knows whom it asked, and says so.
            deliver(Some(waiting), Err(Failure::new(FailureKind::Timeout, "")));
        }
        next
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
    match waiting.map(|waiting| waiting.asker) {
        // The asker may have given up in this moment.
        Some(Asker::Own(asker)) => drop(asker.send(result)),
        Some(Asker::Relay(reply, decode)) => reply.send_raw(result, decode),
        None => {}
    }
}

async fn expire(asks: Arc<Asks>, first: Instant) {
    let mut next = Some(first);
    while let Some(at) = next {
        sleep_until(at).await;
        next = asks.expire(at);
    }
}
