//! What every part of the simulated world shares: the clock, the queue of events, chance, the
//! network and the trace.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use protocol::Time;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::event::{Event, Packet, Peer, Side};
use crate::network::Network;
use crate::options::Options;
use crate::trace::Trace;

/// When the world begins.
const BEGINNING: Time = Time::from_millis(1_000_000_000);

/// An event in its place: by time, and by the order in which it was scheduled.
struct Scheduled {
    at: Time,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// See the module.
pub(crate) struct Kernel {
    pub(crate) now: Time,
    pub(crate) options: Options,
    pub(crate) net: Network,
    pub(crate) trace: Trace,
    /// Faults happen.
    pub(crate) tormented: bool,
    rng: StdRng,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
}

impl Kernel {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        Self {
            now: BEGINNING,
            net: Network::new(options.agents, options.schedulers),
            trace: Trace::new(options.keep_log),
            options,
            tormented: true,
            rng: StdRng::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    pub(crate) fn at(&mut self, at: Time, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled { at: at.max(self.now), number: self.scheduled, event }));
    }

    pub(crate) fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Moves the clock to the next event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let Reverse(next) = self.queue.pop()?;
        self.now = next.at;
        Some(next.event)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability)
    }

    /// Like [`Self::chance`], and never once faults are over.
    pub(crate) fn misfortune(&mut self, probability: f64) -> bool {
        self.tormented && self.chance(probability)
    }

    /// A number in `0..below`.
    pub(crate) fn pick(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below)
    }

    /// A time between two numbers of milliseconds, to the microsecond.
    pub(crate) fn between(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_micros(self.rng.random_range(from_ms * 1000..=to_ms * 1000))
    }

    // --- the network ---------------------------------------------------------------------------

    /// Sends a packet towards one side of a peer's connection, opening it if that is possible.
    pub(crate) fn send(&mut self, peer: Peer, to: Side, packet: Packet) {
        let Some(session) = self.open(peer, to) else { return };
        let bears = packet.bears();
        let faults = self.options.faults;
        if bears.loss && self.misfortune(faults.drop) {
            return self.trace.note(self.now, || format!("lost: {peer:?} {packet:?}"));
        }
        if bears.copies && self.misfortune(faults.duplicate) {
            let copy = packet.clone();
            self.convey(peer, session, to, copy, bears.delay);
        }
        let late = bears.delay && self.misfortune(faults.reorder);
        self.convey(peer, session, to, packet, late);
    }

    fn convey(&mut self, peer: Peer, session: u64, to: Side, packet: Packet, late: bool) {
        let slow = self.chance(0.02);
        let latency = if slow { self.between(1, 40) } else { self.between(0, 2) };
        let at = if late {
            self.now + latency + self.between(1, 900)
        } else {
            self.net.in_order(peer, to, self.now + latency)
        };
        self.at(at, Event::Packet { peer, session, to, packet });
    }

    /// The connection over which the end opposite of `to` sends. An end that has not noticed that
    /// its connection is gone sends into the void.
    fn open(&mut self, peer: Peer, to: Side) -> Option<u64> {
        if let Some(session) = self.net.session(peer) {
            return Some(session);
        }
        let from = match to {
            Side::Master => Side::Peer,
            Side::Peer => Side::Master,
        };
        if !self.net.can_open(peer, from) {
            return None;
        }
        let (session, unnoticed) = self.net.open(peer, self.now);
        if let Some((old, side)) = unnoticed {
            // The far end learns of the old connection's end by the new one.
            let at = self.net.in_order(peer, side, self.now);
            self.at(at, Event::Noticed { peer, session: old, side });
        }
        Some(session)
    }

    /// Breaks the connection of a peer. Both ends notice, one perhaps much later.
    pub(crate) fn cut(&mut self, peer: Peer) {
        let Some(session) = self.net.cut(peer) else { return };
        let half_open = self.chance(0.2);
        let blind = if self.chance(0.5) { Side::Master } else { Side::Peer };
        for side in [Side::Master, Side::Peer] {
            let late = half_open && side == blind;
            let delay = if late { self.between(500, 8000) } else { self.between(0, 100) };
            self.after(delay, Event::Noticed { peer, session, side });
        }
    }
}
