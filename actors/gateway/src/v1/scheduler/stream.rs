//! The body of an event stream, and the queue that fills it.
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
use parking_lot::Mutex;
use protocol::Address;
use runtime::Host;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::event::{Event, HEARTBEAT_SECONDS, heartbeat, records};
use super::session::StreamClosed;
use crate::common::Common;
use crate::v1::MediaType;
use crate::v1::convert::resource::Dialect;

/// Events that wait for a reader: an answer to the question for all of a framework's 50,000 tasks
/// comes at once. At some hundred bytes each they are some 40 MB, for as long as the kernel bears
/// with a reader that is stuck.
const MAX_QUEUED: usize = 65_536;

const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
const TOO_SLOW: &str = "the event stream was closed: its reader is too slow";

/// The session's end of a stream. Dropping it ends the stream when everything queued is read.
pub(crate) struct EventQueue {
    events: mpsc::Sender<Box<Event>>,
    cut: Arc<OnceLock<&'static str>>,
}

/// There is nobody, or nobody fast enough, to read.
#[derive(Debug)]
pub(crate) struct NoReader;

impl EventQueue {
    /// Queues an event. A full queue cuts the stream off: what waits is not sent any more.
    pub(crate) fn push(&self, event: Event) -> Result<(), NoReader> {
        self.events.try_send(Box::new(event)).map_err(|error| {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                // Already cut is as good.
                let _ = self.cut.set(TOO_SLOW);
            }
            NoReader
        })
    }

    pub(crate) fn was_cut(&self) -> Option<&'static str> {
        self.cut.get().copied()
    }
}

/// How a stream's records are written.
#[derive(Clone)]
pub(crate) struct Style {
    pub(crate) media: MediaType,
    pub(crate) dialect: Arc<Mutex<Dialect>>,
}

/// The reader's end of a stream.
pub(crate) struct EventStream {
    style: Style,
    events: mpsc::Receiver<Box<Event>>,
    cut: Arc<OnceLock<&'static str>>,
    /// Records that are to be sent next.
    ready: VecDeque<Bytes>,
    heartbeat: Interval,
    /// This server stops, or leads no more.
    ended: Pin<Box<dyn Future<Output = &'static str>>>,
    over: bool,
    _place: OwnedSemaphorePermit,
    _notice: Option<Notice>,
}

/// Tells the session when the reader is gone.
pub(crate) struct Notice {
    pub(crate) host: Host,
    pub(crate) session: Address,
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.host.tell(&self.session, StreamClosed {});
    }
}

/// The two ends of a queue.
pub(crate) fn queue() -> (EventQueue, Waiting) {
    let (sender, events) = mpsc::channel(MAX_QUEUED);
    let cut = Arc::new(OnceLock::new());
    (EventQueue { events: sender, cut: Arc::clone(&cut) }, Waiting { events, cut })
}

/// A reader's end before there is a stream.
pub(crate) struct Waiting {
    events: mpsc::Receiver<Box<Event>>,
    cut: Arc<OnceLock<&'static str>>,
}

impl Waiting {
    pub(crate) fn into_stream(
        self,
        style: Style,
        common: Common,
        place: OwnedSemaphorePermit,
        notice: Option<Notice>,
    ) -> EventStream {
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
            _place: place,
            _notice: notice,
        }
    }
}

impl EventStream {
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
                self.encode(Event::Error((*reason).to_owned()));
                continue;
            }
            tokio::select! {
                biased;
                _ = &mut self.ended => self.over = true,
                event = self.events.recv() => match event {
                    Some(event) => self.encode(*event),
                    None => self.over = true,
                },
                _ = self.heartbeat.tick() => self.ready.push_back(heartbeat(self.style.media)),
            }
        }
    }

    fn encode(&mut self, event: Event) {
        let dialect = self.style.dialect.lock().clone();
        self.ready.extend(records(event, self.style.media, &dialect));
    }
}
