//! A bounded queue of deliveries with one consumer.
//!
//! Invariant: at most `capacity` messages wait (system deliveries, of which there are as many as
//! links and stops, do not count). The producer that makes an empty queue non-empty wakes the
//! consumer; the consumer wakes itself while something is left.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::delivery::Delivery;

/// How many messages wait for an actor unless its spawner says otherwise: at the 100 bytes of a
/// common message under 1 MiB, and some milliseconds of work for a busy actor.
pub const DEFAULT_CAPACITY: usize = 8192;

/// What happens to a tell that finds the mailbox full. An ask is always answered `Overloaded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The new message is dropped and counted.
    #[default]
    DropNewest,
    /// The oldest waiting message is dropped and counted, for actors to whom only news matters.
    DropOldest,
}

pub(crate) struct Mailbox {
    queue: Mutex<VecDeque<Delivery>>,
    consumer: AtomicWaker,
    capacity: usize,
    overflow: Overflow,
    closed: AtomicBool,
    /// Waiting, plus taken out and not yet handled.
    depth: AtomicUsize,
    refused: AtomicU64,
}

/// Why a delivery was not queued; it comes back so that its asker can be told.
pub(crate) enum Undelivered {
    Full(Delivery),
    Closed(Delivery),
}

impl Mailbox {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            consumer: AtomicWaker::new(),
            capacity,
            overflow,
            closed: AtomicBool::new(false),
            depth: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Queues a delivery. What could not be queued comes back.
    pub(crate) fn push(&self, delivery: Delivery) -> Option<Undelivered> {
        let mut queue = self.queue.lock();
        // Read under the lock: after `close` has drained the queue nothing may slip in.
        if self.closed.load(Ordering::Relaxed) {
            return Some(Undelivered::Closed(delivery));
        }
        let was_empty = queue.is_empty();
        let mut displaced = None;
        if queue.len() >= self.capacity && !delivery.is_system() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if self.overflow == Overflow::DropNewest || delivery.is_ask() {
                return Some(Undelivered::Full(delivery));
            }
            displaced = queue.iter().position(|d| !d.is_system()).and_then(|at| queue.remove(at));
            self.depth.fetch_sub(1, Ordering::Relaxed);
        }
        queue.push_back(delivery);
        self.depth.fetch_add(1, Ordering::Relaxed);
        drop(queue);
        if was_empty {
            self.consumer.wake();
        }
        // A displaced ask is answered; a displaced tell is gone.
        displaced.filter(Delivery::is_ask).map(Undelivered::Full)
    }

    /// Moves up to `max` deliveries into `batch`. True if more are left.
    pub(crate) fn take(&self, batch: &mut VecDeque<Delivery>, max: usize) -> bool {
        let mut queue = self.queue.lock();
        let n = queue.len().min(max);
        batch.extend(queue.drain(..n));
        !queue.is_empty()
    }

    /// `n` deliveries that were taken have been handled.
    pub(crate) fn handled(&self, n: usize) {
        self.depth.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.consumer.register(waker);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    /// Takes nothing more, and hands back what waits.
    pub(crate) fn close(&self) -> VecDeque<Delivery> {
        let mut queue = self.queue.lock();
        self.closed.store(true, Ordering::Relaxed);
        let left = std::mem::take(&mut *queue);
        self.depth.fetch_sub(left.len(), Ordering::Relaxed);
        left
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
