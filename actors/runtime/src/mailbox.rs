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
    /// Taken out and not yet handled. Changed under the lock or by the consumer alone, so that a
    /// producer writes to one place that the consumer reads, and not to two.
    in_hand: AtomicUsize,
    refused: AtomicU64,
}

/// Why a delivery was not queued; it comes back so that its asker can be told.
pub(crate) enum Undelivered {
    Full(Delivery),
    Closed(Delivery),
    /// There is no such mailbox.
    NoActor(Delivery),
}

impl Mailbox {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            consumer: AtomicWaker::new(),
            capacity,
            overflow,
            closed: AtomicBool::new(false),
            in_hand: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Queues a delivery. What could not be queued comes back.
    pub(crate) fn push(&self, delivery: Delivery) -> Option<Undelivered> {
        self.push_with(|queue| self.admit(queue, delivery))
    }

    /// Queues deliveries in their order, for one lock and one wake. What could not be queued comes
    /// back.
    pub(crate) fn push_all(&self, deliveries: &mut Vec<Delivery>) -> Vec<Undelivered> {
        self.push_with(|queue| {
            deliveries.drain(..).filter_map(|delivery| self.admit(queue, delivery)).collect()
        })
    }

    fn push_with<T>(&self, push: impl FnOnce(&mut VecDeque<Delivery>) -> T) -> T {
        let mut queue = self.queue.lock();
        let was_empty = queue.is_empty();
        let undelivered = push(&mut queue);
        let is_empty = queue.is_empty();
        drop(queue);
        if was_empty && !is_empty {
            self.consumer.wake();
        }
        undelivered
    }

    fn admit(&self, queue: &mut VecDeque<Delivery>, delivery: Delivery) -> Option<Undelivered> {
        // Read under the lock: after `close` has drained the queue nothing may slip in.
        if self.closed.load(Ordering::Relaxed) {
            return Some(Undelivered::Closed(delivery));
        }
        let mut displaced = None;
        if queue.len() >= self.capacity && !delivery.is_system() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if self.overflow == Overflow::DropNewest || delivery.is_ask() {
                return Some(Undelivered::Full(delivery));
            }
            displaced = queue.iter().position(|d| !d.is_system()).and_then(|at| queue.remove(at));
        }
        queue.push_back(delivery);
        // A displaced ask is answered; a displaced tell is gone.
        displaced.filter(Delivery::is_ask).map(Undelivered::Full)
    }

    /// Moves up to `max` deliveries into `batch`.
    pub(crate) fn take(&self, batch: &mut VecDeque<Delivery>, max: usize) {
        let mut queue = self.queue.lock();
        let n = queue.len().min(max);
        batch.extend(queue.drain(..n));
        self.in_hand.fetch_add(n, Ordering::Relaxed);
    }

    /// `n` deliveries that were taken have been handled.
    pub(crate) fn handled(&self, n: usize) {
        self.in_hand.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.consumer.register(waker);
    }

    /// Takes nothing more, and hands back what waits.
    pub(crate) fn close(&self) -> VecDeque<Delivery> {
        let mut queue = self.queue.lock();
        self.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }

    /// Waiting, plus taken out and not yet handled.
    pub(crate) fn depth(&self) -> usize {
        let queue = self.queue.lock();
        queue.len() + self.in_hand.load(Ordering::Relaxed)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
