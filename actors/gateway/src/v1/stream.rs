//! The body of an event stream, and the queue that fills it: of a scheduler, and of an operator.
//!
//! Events are queued as they came and encoded here, on the thread of the HTTP worker, one record to
//! a chunk. A reader that is slower than its events loses its stream with a reason; one that takes
//! nothing at all loses its connection ([`crate::server`] has the kernel see to that).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::common::Common;

/// Seconds between two heartbeats, as in Mesos.
pub(crate) const HEARTBEAT_SECONDS: u64 = 15;

const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
const TOO_SLOW: &str = "the event stream was closed: its reader is too slow";

/// How the events of one kind of stream are written.
pub(crate) trait Style {
    type Event;

    fn records(&self, event: Self::Event) -> Vec<Bytes>;

    fn heartbeat(&self) -> Bytes;

    /// The last words to a reader that is cut off, if there is an event for that.
    fn farewell(&self, reason: &str) -> Vec<Bytes>;
}

/// The writer's end of a stream. Dropping it ends the stream when everything queued is read.
pub(crate) struct EventQueue<E> {
    events: mpsc::Sender<E>,
    cut: Arc<OnceLock<&'static str>>,
}

/// There is nobody, or nobody fast enough, to read.
#[derive(Debug)]
pub(crate) struct NoReader;

impl<E> EventQueue<E> {
    /// Queues an event. A full queue cuts the stream off: what waits is not sent any more.
    pub(crate) fn push(&self, event: E) -> Result<(), NoReader> {
        self.events.try_send(event).map_err(|error| {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                // Already cut is as good.
                let _ = self.cut.set(TOO_SLOW);
            }
            NoReader
        })
    }

    /// Its reader is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    pub(crate) fn was_cut(&self) -> Option<&'static str> {
        self.cut.get().copied()
    }
}

/// The two ends of a queue with room for so many events.
pub(crate) fn queue<E>(room: usize) -> (EventQueue<E>, Waiting<E>) {
    let (sender, events) = mpsc::channel(room);
    let cut = Arc::new(OnceLock::new());
    (EventQueue { events: sender, cut: Arc::clone(&cut) }, Waiting { events, cut })
}

/// A reader's end before there is a stream.
pub(crate) struct Waiting<E> {
    events: mpsc::Receiver<E>,
    cut: Arc<OnceLock<&'static str>>,
}

impl<E> Waiting<E> {
    /// A stream, and with it what is to be dropped when it ends.
    pub(crate) fn into_stream<S: Style<Event = E>, K>(
        self,
        style: S,
        common: Common,
        kept: K,
    ) -> EventStream<S, K> {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        EventStream {
            style,
            events: self.events,
            cut: self.cut,
            ready: VecDeque::new(),
            heartbeat,
            ended: Box::pin(async move { common.ended().await }),
            over: false,
            _kept: kept,
        }
    }
}

/// The reader's end of a stream.
pub(crate) struct EventStream<S: Style, K> {
    style: S,
    events: mpsc::Receiver<S::Event>,
    cut: Arc<OnceLock<&'static str>>,
    /// Records that are to be sent next.
    ready: VecDeque<Bytes>,
    heartbeat: Interval,
    /// This server stops, or leads no more.
    ended: Pin<Box<dyn Future<Output = &'static str>>>,
    over: bool,
    _kept: K,
}

impl<S: Style, K> EventStream<S, K> {
    /// With a record before everything that is queued.
    pub(crate) fn after(mut self, first: Bytes) -> Self {
        self.ready.push_front(first);
        self
    }

    /// As a body: each item is a chunk.
    pub(crate) fn into_body(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let record = events.next().await?;
            Some((Ok(record), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            if self.over {
                return None;
            }
            if let Some(reason) = self.cut.get() {
                self.over = true;
                self.ready.extend(self.style.farewell(reason));
                continue;
            }
            tokio::select! {
                biased;
                _ = &mut self.ended => self.over = true,
                event = self.events.recv() => match event {
                    Some(event) => self.ready.extend(self.style.records(event)),
                    None => self.over = true,
                },
                _ = self.heartbeat.tick() => self.ready.push_back(self.style.heartbeat()),
            }
        }
    }
}
