//! One reader's stream, from its first event to its end.

use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};
use protocol::events::{Event, EventBatch, NextEvents};
use protocol::id::Epoch;
use protocol::{Failure, FailureKind};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::frame::Format;
use super::query::Wish;
use crate::answer::ApiError;
use crate::common::Common;

const EVENTS: &str = "events";
/// How long one question waits for an event: short of the 30 s that `events` allows.
const WAIT: Duration = Duration::from_secs(25);
/// For the answer to a question that may wait.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between pings: under the idle timeouts of common proxies (60 s).
const PING_EVERY: Duration = Duration::from_secs(20);
/// A client that has said nothing for so long, not even that it is alive, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A client that takes nothing for so long is not reading.
const STUCK: Duration = Duration::from_secs(30);
/// Events that are taken from the log at a time; they wait here while the client is slow.
const BATCH: usize = 200;

/// Where a reader is in the log, and what it has yet to get.
pub(super) struct Stream<S> {
    common: Common,
    types: Vec<String>,
    after: u64,
    epoch: Option<Epoch>,
    /// Comes before what follows.
    first: Vec<Event>,
    snapshot: S,
}

/// Why a stream ends, for its client. None: the client has gone.
type End = Option<(CloseCode, String)>;

impl<S: AsyncFn() -> Result<Value, ApiError>> Stream<S> {
    /// Finds the place to start from: the one wished for, or now, with a snapshot.
    pub(super) async fn begin(common: Common, wish: Wish, snapshot: S) -> Result<Self, ApiError> {
        let Wish { types, from, epoch } = wish;
        let mut stream =
            Self { common, types, after: from.unwrap_or(0), epoch, first: Vec::new(), snapshot };
        if from.is_none() {
            stream.start_anew().await?;
            return Ok(stream);
        }
        match stream.ask(1, Duration::ZERO).await {
            Ok(_) => Ok(stream),
            Err(failure) if failure.kind == FailureKind::NotFound => {
                stream.resynchronise().await?;
                Ok(stream)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sends until there is nobody to send to.
    pub(super) async fn run(
        &mut self,
        format: Format,
        session: Session,
        mut client: MessageStream,
    ) {
        let out = Sender { session, format };
        let common = self.common.clone();
        let end = tokio::select! {
            end = self.send_all(out.clone()) => end,
            end = listen(&mut client, out.clone()) => end,
            why = common.ended() => Some((CloseCode::Restart, why.to_owned())),
        };
        out.close(end).await;
    }

    async fn send_all(&mut self, mut out: Sender) -> End {
        for event in std::mem::take(&mut self.first) {
            out.event(&event).await?;
        }
        loop {
            let batch = match self.ask(BATCH, WAIT).await {
                Ok(batch) => batch,
                Err(failure) if failure.kind == FailureKind::NotFound => {
                    if let Err(error) = self.resynchronise().await {
                        return Some((CloseCode::Again, error.message));
                    }
                    for event in std::mem::take(&mut self.first) {
                        out.event(&event).await?;
                    }
                    continue;
                }
                Err(failure) => return Some((CloseCode::Again, failure.message)),
            };
            if batch.missed > 0 {
                let seq = self.after + batch.missed;
                out.event(&self.own_event("gap", seq, json!({ "missed": batch.missed }))).await?;
            }
            (self.after, self.epoch) = (batch.next, batch.epoch);
            for event in &batch.events {
                out.event(event).await?;
            }
        }
    }

    /// What comes next in the log.
    async fn ask(&self, max: usize, wait: Duration) -> Result<EventBatch, Failure> {
        let question = NextEvents {
            after: Some(self.after),
            epoch: self.epoch,
            types: self.types.clone(),
            max,
            wait_ms: protocol::time::millis(wait),
        };
        let host = self.common.host();
        host.ask(&host.address_of(EVENTS), question, DEADLINE).await
    }

    /// From now on, after a snapshot. The position is taken first, so that nothing falls between.
    async fn start_anew(&mut self) -> Result<(), ApiError> {
        let now = self.common.ask(EVENTS, NextEvents::default()).await?;
        (self.after, self.epoch) = (now.next, now.epoch);
        let data = (self.snapshot)().await?;
        self.first.push(self.own_event("snapshot", now.next, data));
        Ok(())
    }

    /// The log is not the one that the reader knows: all that it can be given is the present.
    async fn resynchronise(&mut self) -> Result<(), ApiError> {
        let why = "the log was started anew, or is another host's";
        self.first.push(self.own_event("gap", 0, json!({ "missed": null, "reason": why })));
        self.start_anew().await
    }

    fn own_event(&self, kind: &str, seq: u64, data: Value) -> Event {
        let epoch = self.epoch.unwrap_or_default();
        Event { seq, epoch, time: self.common.host().now(), kind: kind.to_owned(), data }
    }
}

/// The client's side of a stream.
#[derive(Clone)]
struct Sender {
    session: Session,
    format: Format,
}

impl Sender {
    /// Sends an event. `None`: the client is gone, or has not taken anything for too long.
    async fn event(&mut self, event: &Event) -> Option<()> {
        let message = self.format.message(event)?;
        let sent = async {
            match message {
                Message::Text(text) => self.session.text(text).await,
                Message::Binary(bytes) => self.session.binary(bytes).await,
                _ => Ok(()),
            }
        };
        timeout(STUCK, sent).await.ok()?.ok()
    }

    async fn close(self, end: End) {
        let Some((code, why)) = end else { return };
        let reason = CloseReason { code, description: Some(why) };
        // The client may be gone already.
        let _ = timeout(STUCK, self.session.close(Some(reason))).await;
    }
}

/// Hears the client out, and whether it is still there.
async fn listen(client: &mut MessageStream, mut out: Sender) -> End {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            message = client.recv() => {
                heard = Instant::now();
                match message? {
                    Ok(Message::Ping(bytes)) => out.session.pong(&bytes).await.ok()?,
                    Ok(Message::Close(_)) => return Some((CloseCode::Normal, String::new())),
                    Ok(_) => {}
                    Err(error) => return Some((CloseCode::Protocol, error.to_string())),
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE {
                    return Some((CloseCode::Policy, "no pong in time".to_owned()));
                }
                out.session.ping(b"").await.ok()?;
            }
        }
    }
}
