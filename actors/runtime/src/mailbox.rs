//! A bounded queue of deliveries with one consumer.
//!
//! The consumer takes all that is there at once, by exchanging the queue for its own empty one: under
//! the lock nothing is moved, so producers hardly ever wait for it.
//!
//! Invariant: at most `capacity` messages wait, taken or not (system deliveries, of which there are
//! as many as links and stops, do not count; what was taken before a flood of [`Overflow::DropOldest`]
//! cannot be displaced, and does not count there). The producer that makes an empty queue non-empty
//! wakes the consumer; the consumer wakes itself while something is left.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use protocol::Address;

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
    queue: Mutex<Queue>,
    consumer: AtomicWaker,
    capacity: usize,
    overflow: Overflow,
    closed: AtomicBool,
    /// Taken out and not yet handled. Changed under the lock or by the consumer alone, so that a
    /// producer writes to one place that the consumer reads, and not to two.
    in_hand: AtomicUsize,
    refused: AtomicU64,
}

/// Invariant: a delivery without a sender has that of the delivery before it, queued or taken.
#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    /// The sender of the last delivery that was queued.
    last: Option<Address>,
}

impl Queue {
    fn is_from_last(&self, from: &Address) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_copy_of(from))
    }

    fn push(&mut self, delivery: Delivery) {
        if let Some(from) = &delivery.from
            && !self.is_from_last(from)
        {
            self.last = Some(from.clone());
        }
        self.deliveries.push_back(delivery);
    }

    /// Takes out the oldest that is not the system's; the one behind it may need its sender.
    fn remove_oldest(&mut self) -> Option<Delivery> {
        let at = self.deliveries.iter().position(|d| !d.is_system())?;
        let removed = self.deliveries.remove(at)?;
        if let Some(next) = self.deliveries.get_mut(at)
            && next.from.is_none()
        {
            next.from.clone_from(&removed.from);
        }
        Some(removed)
    }
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
            queue: Mutex::default(),
            consumer: AtomicWaker::new(),
            capacity,
            overflow,
            closed: AtomicBool::new(false),
            in_hand: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Queues a delivery. What could not be queued comes back.
    pub(crate) fn push(&self, from: &Address, mut delivery: Delivery) -> Option<Undelivered> {
        self.push_with(|queue| {
            if !queue.is_from_last(from) {
                delivery.from = Some(from.clone());
            }
            self.admit(queue, delivery)
        })
    }

    /// Queues deliveries in their order, for one lock and one wake. What could not be queued comes
    /// back.
    pub(crate) fn push_all(&self, deliveries: &mut Vec<Delivery>) -> Vec<Undelivered> {
        self.push_with(|queue| {
            deliveries.drain(..).filter_map(|delivery| self.admit(queue, delivery)).collect()
        })
    }

    fn push_with<T>(&self, push: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue.lock();
        let was_empty = queue.deliveries.is_empty();
        let undelivered = push(&mut queue);
        let is_empty = queue.deliveries.is_empty();
        drop(queue);
        if was_empty && !is_empty {
            self.consumer.wake();
        }
        undelivered
    }

    fn admit(&self, queue: &mut Queue, delivery: Delivery) -> Option<Undelivered> {
        // Read under the lock: after `close` has drained the queue nothing may slip in.
        if self.closed.load(Ordering::Relaxed) {
            return Some(Undelivered::Closed(delivery));
        }
        let mut displaced = None;
        if self.is_full(queue) && !delivery.is_system() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if self.overflow == Overflow::DropNewest || delivery.is_ask() {
                return Some(Undelivered::Full(delivery));
            }
            displaced = queue.remove_oldest();
        }
        queue.push(delivery);
        // A displaced ask is answered; a displaced tell is gone.
        displaced.filter(Delivery::is_ask).map(Undelivered::Full)
    }

    fn is_full(&self, queue: &Queue) -> bool {
        let in_hand = match self.overflow {
            Overflow::DropNewest => self.in_hand.load(Ordering::Relaxed),
            Overflow::DropOldest => 0,
        };
        queue.deliveries.len() + in_hand >= self.capacity
    }

    /// Exchanges `batch`, which is empty, for all that is queued.
    pub(crate) fn take(&self, batch: &mut VecDeque<Delivery>) {
        debug_assert!(batch.is_empty(), "what is in hand comes before what is queued");
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.deliveries, batch);
        self.in_hand.fetch_add(batch.len(), Ordering::Relaxed);
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
        std::mem::take(&mut queue.deliveries)
    }

    /// Waiting, plus taken out and not yet handled.
    pub(crate) fn depth(&self) -> usize {
        let queue = self.queue.lock();
        queue.deliveries.len() + self.in_hand.load(Ordering::Relaxed)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use protocol::HostAddr;

    use super::*;
    use crate::delivery::{Payload, Reply, WireMessage};

    fn told(n: u64) -> Delivery {
        let payload = Payload::Wire(WireMessage::of("Note", &[]));
        Delivery { from: None, trace: n, reply: Reply::Nobody, payload }
    }

    /// The number and the sender of each delivery, as the actor would hear them.
    fn heard(mailbox: &Mailbox, sender: &mut String) -> Vec<(u64, String)> {
        let mut batch = VecDeque::new();
        mailbox.take(&mut batch);
        let hear = |delivery: Delivery| {
            if let Some(from) = delivery.from {
                *sender = from.name().to_owned();
            }
            (delivery.trace, sender.clone())
        };
        batch.into_iter().map(hear).collect()
    }

    #[test]
    fn each_delivery_has_its_sender_whatever_was_taken_or_displaced_before_it() {
        let mailbox = Mailbox::new(3, Overflow::DropOldest);
        let host = HostAddr::parse("h:1").unwrap();
        let (ann, bob) = (Address::new("ann", host.clone()), Address::new("bob", host));
        let by = |n: u64| if n % 5 < 3 { &ann } else { &bob };
        let mut sender = String::new();
        let mut expected = VecDeque::new();
        for n in 0..100 {
            assert!(mailbox.push(by(n), told(n)).is_none());
            expected.push_back((n, by(n).name().to_owned()));
            if expected.len() > 3 {
                expected.pop_front();
            }
            if n % 7 == 0 {
                let all: Vec<_> = expected.drain(..).collect();
                assert_eq!(heard(&mailbox, &mut sender), all);
            }
        }
        assert_eq!(heard(&mailbox, &mut sender), Vec::from(expected));
    }

    #[test]
    fn what_was_taken_and_not_handled_counts_as_waiting() {
        let mailbox = Mailbox::new(4, Overflow::DropNewest);
        let ann = Address::new("ann", HostAddr::parse("h:1").unwrap());
        for n in 0..3 {
            assert!(mailbox.push(&ann, told(n)).is_none());
        }
        let mut batch = VecDeque::new();
        mailbox.take(&mut batch);
        assert!(mailbox.push(&ann, told(3)).is_none());
        assert!(matches!(mailbox.push(&ann, told(4)), Some(Undelivered::Full(_))));
        assert_eq!((batch.len(), mailbox.depth()), (3, 4));
        mailbox.handled(1);
        assert!(mailbox.push(&ann, told(5)).is_none());
        assert_eq!(mailbox.refused(), 1);
    }
}
