//! The frames that wait for a connection, already encoded, in one buffer.
//!
//! Whoever sends encodes straight into the buffer. If the writer is idle, the sender also writes:
//! one message goes out at once, without a change of task. From then until the writer has looked,
//! messages gather, and the writer takes all of them for one write.
//!
//! Invariant: at most [`MAX_QUEUED_BYTES`] wait, plus the frame that reached the limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use protocol::envelope::{EnvelopeHeader, FrameError};

use crate::net::OwnedWriteHalf;

/// Bytes that wait for one peer: two frames of the largest size, or about 200,000 small messages,
/// a fraction of a second at full rate.
pub(crate) const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

/// Buffers above this are given back after a burst.
const KEEP_CAPACITY: usize = 1024 * 1024;

#[derive(Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    writer: AtomicWaker,
    sent: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Inner {
    buffer: Vec<u8>,
    frames: u64,
    /// The connection that will write it; `None` while there is none.
    sink: Option<Sink>,
    /// The writer has found nothing since the last message.
    idle: bool,
}

/// Where a connection's frames go.
#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) connection: u64,
    pub(crate) half: Arc<OwnedWriteHalf>,
}

impl Inner {
    fn connection(&self) -> Option<u64> {
        self.sink.as_ref().map(|sink| sink.connection)
    }

    /// Writes what the socket takes without waiting. What goes wrong here goes wrong again for the
    /// writer, who deals with it.
    fn write_now(&mut self) {
        let Some(sink) = &self.sink else { return };
        match sink.half.try_write(&self.buffer) {
            Ok(n) if n == self.buffer.len() => self.buffer.clear(),
            Ok(n) => drop(self.buffer.drain(..n)),
            Err(_) => {}
        }
    }
}

/// Why a frame was not queued.
#[derive(Debug)]
pub(crate) enum NotQueued {
    Full,
    /// It was meant for a connection that is gone.
    Gone,
    TooLong(usize),
    Unencodable(String),
}

impl Outbox {
    /// Queues a frame, for the given connection only if one is given. Says whether there is a
    /// connection to write it.
    pub(crate) fn push(
        &self,
        only: Option<u64>,
        header: &EnvelopeHeader<'_>,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Result<bool, NotQueued> {
        let mut inner = self.inner.lock();
        if only.is_some() && inner.connection() != only {
            return Err(NotQueued::Gone);
        }
        if inner.buffer.len() >= MAX_QUEUED_BYTES {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(NotQueued::Full);
        }
        let was_empty = inner.buffer.is_empty();
        append(&mut inner.buffer, header, body)?;
        inner.frames += 1;
        if std::mem::take(&mut inner.idle) {
            inner.write_now();
        }
        let connected = inner.sink.is_some();
        drop(inner);
        if was_empty {
            self.writer.wake();
        }
        Ok(connected)
    }

    /// Exchanges `empty` for what is queued; pending while nothing is, or while the connection is
    /// not the present one.
    pub(crate) fn poll_take(
        &self,
        connection: u64,
        empty: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.writer.register(cx.waker());
        let mut inner = self.inner.lock();
        if inner.connection() != Some(connection) {
            return Poll::Pending;
        }
        self.sent.fetch_add(std::mem::take(&mut inner.frames), Ordering::Relaxed);
        if inner.buffer.is_empty() {
            inner.idle = true;
            return Poll::Pending;
        }
        empty.clear();
        if empty.capacity() > KEEP_CAPACITY {
            *empty = Vec::new();
        }
        std::mem::swap(&mut inner.buffer, empty);
        Poll::Ready(())
    }

    /// A connection takes over what waits.
    pub(crate) fn connected(&self, sink: Sink) {
        let mut inner = self.inner.lock();
        inner.sink = Some(sink);
        inner.idle = false;
        drop(inner);
        self.writer.wake();
    }

    /// The connection is gone, and with it what it had not written.
    pub(crate) fn disconnected(&self) {
        let mut inner = self.inner.lock();
        inner.sink = None;
        inner.idle = false;
        inner.frames = 0;
        inner.buffer = Vec::new();
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.inner.lock().buffer.len()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn append(
    buffer: &mut Vec<u8>,
    header: &EnvelopeHeader<'_>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
) -> Result<(), NotQueued> {
    let open = header.open(buffer);
    if let Err(error) = body(buffer) {
        open.abandon(buffer);
        return Err(NotQueued::Unencodable(error));
    }
    match open.close(buffer) {
        Ok(()) => Ok(()),
        Err(FrameError::TooLong(length)) => Err(NotQueued::TooLong(length)),
        Err(other) => Err(NotQueued::Unencodable(other.to_string())),
    }
}
