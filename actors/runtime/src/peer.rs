//! Another host, connected or not: what waits for it, and which connection carries it.
//!
//! ```text
//! Idle ──something to send──► Dialling ──welcome──► Up
//!   ▲                            │                  │ ▲
//!   └────────── failure ─────────┴──── broken ──────┘ └── hello from the peer (any phase)
//! ```

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::codec::encode_into;
use protocol::envelope::{EnvelopeHeader, Kind, MAX_FRAME_LEN};
use protocol::runtime::ConnectionStats;
use protocol::{Address, Failure, FailureKind, HostAddr, Incarnation, Message};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ask::{Asks, MAX_PENDING};
use crate::delivery::{AskKey, RawReply};
use crate::host::Host;
use crate::outbox::{MAX_QUEUED_BYTES, NotQueued, Outbox, Sink};

/// The first pause after a failed dial; it doubles with each further failure.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// The longest pause: a host that comes back is found within about a second.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

pub(crate) struct Peer {
    pub(crate) host: HostAddr,
    pub(crate) outbox: Outbox,
    pub(crate) asks: Arc<Asks>,
    phase: Mutex<Phase>,
    received: AtomicU64,
}

enum Phase {
    Idle { failures: u32, not_before: Option<Instant> },
    Dialling { failures: u32 },
    Up(Up),
}

/// The connection that carries a peer's messages.
#[derive(Clone)]
pub(crate) struct Up {
    pub(crate) sink: Sink,
    pub(crate) version: u16,
    pub(crate) incarnation: Incarnation,
    pub(crate) dialled: bool,
    /// Set to end the connection.
    pub(crate) close: Arc<watch::Sender<bool>>,
}

impl Peer {
    pub(crate) fn new(host: HostAddr) -> Self {
        Self {
            host,
            outbox: Outbox::default(),
            asks: Arc::default(),
            phase: Mutex::new(Phase::Idle { failures: 0, not_before: None }),
            received: AtomicU64::new(0),
        }
    }

    // --- sending ---

    /// Queues a message; dials if there is no connection.
    pub(crate) fn send<M: Message>(
        self: &Arc<Self>,
        host: &Host,
        header: &EnvelopeHeader<'_>,
        message: &M,
    ) -> Result<(), Failure> {
        self.send_with(host, header, |out| encode_into(out, message).map_err(|e| e.to_string()))
    }

    pub(crate) fn send_with(
        self: &Arc<Self>,
        host: &Host,
        header: &EnvelopeHeader<'_>,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), Failure> {
        match self.outbox.push(None, header, body) {
            Ok(true) => Ok(()),
            Ok(false) => self.dial(host),
            Err(reason) => Err(self.not_queued(reason)),
        }
    }

    fn dial(self: &Arc<Self>, host: &Host) -> Result<(), Failure> {
        let not_before = {
            let mut phase = self.phase.lock();
            let Phase::Idle { failures, not_before } = *phase else { return Ok(()) };
            if !self.host.is_dialable() {
                drop(phase);
                let failure = self.link_down("it does not listen and has no open connection");
                self.give_up(host, &failure);
                return Err(failure);
            }
            *phase = Phase::Dialling { failures };
            not_before
        };
        host.dial(Arc::clone(self), not_before);
        Ok(())
    }

    pub(crate) fn send_reply<R: Serialize>(&self, to: AskKey, result: &Result<R, Failure>) {
        let mut sent = self.answer(to, result.is_ok(), |out| match result {
            Ok(reply) => encode_into(out, reply).map_err(|e| e.to_string()),
            Err(failure) => encode_into(out, failure).map_err(|e| e.to_string()),
        });
        if let Err(NotQueued::TooLong(_) | NotQueued::Unencodable(_)) = &sent {
            let failure = self.unsendable(&sent);
            sent =
                self.answer(to, false, |out| encode_into(out, &failure).map_err(|e| e.to_string()));
        }
        self.close_if_full(to.connection, &sent);
    }

    pub(crate) fn send_raw_reply(&self, to: AskKey, result: &RawReply) {
        let sent = self.answer(to, result.is_ok(), |out| match result {
            Ok(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Err(failure) => encode_into(out, failure).map_err(|e| e.to_string()),
        });
        self.close_if_full(to.connection, &sent);
    }

    fn answer(
        &self,
        to: AskKey,
        good: bool,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Result<bool, NotQueued> {
        let kind = if good { Kind::Reply } else { Kind::Error };
        let header = EnvelopeHeader {
            to: "",
            from: "",
            name: "",
            kind,
            id: to.id,
            deadline_ms: 0,
            trace: 0,
        };
        self.outbox.push(Some(to.connection), &header, body)
    }

    fn unsendable(&self, sent: &Result<bool, NotQueued>) -> Failure {
        let text = match sent {
            Err(NotQueued::TooLong(n)) => {
                format!("the answer is {n} bytes long, at most {MAX_FRAME_LEN} can be sent")
            }
            _ => "the answer cannot be encoded".to_owned(),
        };
        Failure::new(FailureKind::Refused, text)
    }

    /// A peer that asks and does not read its answers is disconnected: its asks then fail with
    /// `LinkDown`, and no memory grows.
    fn close_if_full(&self, connection: u64, sent: &Result<bool, NotQueued>) {
        if !matches!(sent, Err(NotQueued::Full)) {
            return;
        }
        if let Phase::Up(up) = &*self.phase.lock()
            && up.sink.connection == connection
        {
            tracing::warn!(peer = %self.host, "disconnected: it does not read its answers");
            up.close.send_replace(true);
        }
    }

    fn not_queued(&self, reason: NotQueued) -> Failure {
        match reason {
            NotQueued::Full => Failure::new(
                FailureKind::Overloaded,
                format!("{MAX_QUEUED_BYTES} bytes wait to be sent to {}", self.host),
            ),
            NotQueued::Gone => self.link_down("the connection is gone"),
            NotQueued::TooLong(n) => Failure::new(
                FailureKind::BadMessage,
                format!("message is {n} bytes long, at most {MAX_FRAME_LEN} can be sent"),
            ),
            NotQueued::Unencodable(why) => {
                Failure::new(FailureKind::BadMessage, format!("message cannot be encoded: {why}"))
            }
        }
    }

    pub(crate) fn too_many_asks(&self) -> Failure {
        let text = format!("{MAX_PENDING} asks to {} wait for their answers", self.host);
        Failure::new(FailureKind::Overloaded, text)
    }

    pub(crate) fn link_down(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(FailureKind::LinkDown, format!("no connection to {}: {why}", self.host))
    }

    // --- phases ---

    /// A dial failed: whatever waited fails, and the next dial waits.
    pub(crate) fn dial_failed(&self, host: &Host, failure: &Failure) {
        {
            let mut phase = self.phase.lock();
            let Phase::Dialling { failures } = *phase else { return };
            let backoff = FIRST_BACKOFF.saturating_mul(1 << failures.min(8)).min(MAX_BACKOFF);
            let not_before = Some(Instant::now() + backoff);
            *phase = Phase::Idle { failures: failures + 1, not_before };
        }
        self.give_up(host, failure);
    }

    /// Carries this peer's messages over `up` from now on; a connection that did so before is
    /// closed, and what depended on it is told. `None`: a dial that has been overtaken.
    pub(crate) fn adopt(&self, host: &Host, up: &Up) -> bool {
        let replaced = {
            let mut phase = self.phase.lock();
            if up.dialled && !matches!(*phase, Phase::Dialling { .. }) {
                return false;
            }
            let before = std::mem::replace(&mut *phase, Phase::Up(up.clone()));
            if let Phase::Up(before) = before {
                before.close.send_replace(true);
                Some(before)
            } else {
                None
            }
        };
        if replaced.is_some() {
            self.outbox.disconnected();
            self.give_up(host, &self.link_down("the peer connected anew"));
        }
        self.outbox.connected(up.sink.clone());
        true
    }

    /// The connection ended. Only the present one matters.
    pub(crate) fn lost(&self, host: &Host, connection: u64, why: &str) {
        {
            let mut phase = self.phase.lock();
            if !matches!(&*phase, Phase::Up(up) if up.sink.connection == connection) {
                return;
            }
            *phase = Phase::Idle { failures: 0, not_before: None };
            self.outbox.disconnected();
        }
        self.give_up(host, &self.link_down(why));
    }

    fn give_up(&self, host: &Host, failure: &Failure) {
        if !self.is_up() {
            self.outbox.disconnected();
        }
        self.asks.fail_all(failure);
        host.peer_lost(&self.host);
    }

    fn is_up(&self) -> bool {
        matches!(&*self.phase.lock(), Phase::Up(_))
    }

    pub(crate) fn up(&self) -> Option<Up> {
        if let Phase::Up(up) = &*self.phase.lock() { Some(up.clone()) } else { None }
    }

    pub(crate) fn is_dialling(&self) -> bool {
        matches!(&*self.phase.lock(), Phase::Dialling { .. })
    }

    pub(crate) fn close(&self) {
        if let Phase::Up(up) = &*self.phase.lock() {
            up.close.send_replace(true);
        }
    }

    // --- looking ---

    pub(crate) fn count_received(&self, frames: u64) {
        self.received.fetch_add(frames, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> Option<ConnectionStats> {
        let up = self.up()?;
        Some(ConnectionStats {
            peer: self.host.clone(),
            dialled: up.dialled,
            version: up.version,
            sent_frames: self.outbox.sent(),
            received_frames: self.received(),
            queued_bytes: self.outbox.queued_bytes(),
            dropped: self.outbox.dropped(),
        })
    }
}

/// `from` as it is written to a peer: bare if it is an actor of this host.
pub(crate) fn written_from<'a>(from: &'a Address, own: &HostAddr, full: &'a mut String) -> &'a str {
    if from.host() == own {
        return from.name();
    }
    *full = from.to_string();
    full
}
