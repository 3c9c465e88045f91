//! How busy an actor is, and the ring of traced messages. Shared between the actor's thread and
//! those who ask about it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use protocol::runtime::TraceEntry;

/// One message in this many has its handling timed: reading the clock twice costs about as much
/// as a small handler.
pub(crate) const SAMPLE_EVERY: u64 = 16;

/// Handling times up to this are told apart; longer ones count as this.
const MAX_MICROS: u64 = 60_000_000;

pub(crate) struct ActorMetrics {
    handled: AtomicU64,
    rejected: AtomicU64,
    times: Mutex<Histogram<u64>>,
}

impl ActorMetrics {
    pub(crate) fn new() -> Self {
        let times =
            Histogram::new_with_bounds(1, MAX_MICROS, 2).expect("constant bounds are valid");
        Self { handled: AtomicU64::new(0), rejected: AtomicU64::new(0), times: Mutex::new(times) }
    }

    /// Counts handled messages, a turn's worth at a time.
    pub(crate) fn count(&self, handled: u64) {
        self.handled.fetch_add(handled, Ordering::Relaxed);
    }

    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MAX_MICROS);
        self.times.lock().saturating_record(micros.clamp(1, MAX_MICROS));
    }

    pub(crate) fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Median and 99th percentile in microseconds; zero before the first sample.
    pub(crate) fn percentiles(&self) -> (u64, u64) {
        let times = self.times.lock();
        (times.value_at_quantile(0.5), times.value_at_quantile(0.99))
    }
}

/// How many traced messages a host remembers: enough to follow a launch through a busy host, and
/// under 1 MiB.
const TRACE_RING: usize = 4096;

#[derive(Default)]
pub(crate) struct TraceRing {
    entries: Mutex<VecDeque<TraceEntry>>,
}

impl TraceRing {
    pub(crate) fn push(&self, entry: TraceEntry) {
        let mut entries = self.entries.lock();
        if entries.len() == TRACE_RING {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// Those of `trace`, or all for 0, oldest first.
    pub(crate) fn of(&self, trace: u64) -> Vec<TraceEntry> {
        let entries = self.entries.lock();
        entries.iter().filter(|e| trace == 0 || e.trace == trace).cloned().collect()
    }
}
