//! What every handler of an edge can reach: the actors, whether to go on, and a place for a stream.
//! Also counts what is being answered, for the end.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Failure, Message, Time};
use runtime::Host;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::access::Access;
use crate::answer::ApiError;
use crate::duty::Duty;
use crate::master::legacy::{Texts, Together};
use crate::v1::operator::Subscribers;
use crate::v1::scheduler::Sessions;

/// For an actor to answer a question that nothing has to be written for.
const DEADLINE: Duration = Duration::from_secs(10);
/// Streams that one server keeps at a time. Each holds a connection and, while its reader is slow,
/// up to 33 frames.
const MAX_STREAMS: usize = 2000;

/// Known to every handler as `web::Data<Common>`.
#[derive(Clone)]
pub struct Common {
    host: Host,
    pub(crate) duty: Duty,
    pub(crate) access: Access,
    closing: watch::Sender<bool>,
    streams: Arc<Semaphore>,
    answering: watch::Sender<usize>,
    pub(crate) schedulers: Sessions,
    /// Who polls the whole state.
    pub(crate) polls: Together,
    /// What tasks look like to them.
    pub(crate) texts: Texts,
    pub(crate) subscribers: Subscribers,
    started: Time,
    elected: watch::Sender<Option<Time>>,
}

impl Common {
    pub(crate) fn new(host: Host, duty: Duty, access: Access) -> Self {
        let started = host.now();
        Self {
            host,
            duty,
            access,
            closing: watch::Sender::new(false),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            answering: watch::Sender::new(0),
            schedulers: Sessions::default(),
            polls: Together::default(),
            texts: Texts::default(),
            subscribers: Subscribers::default(),
            started,
            elected: watch::Sender::new(None),
        }
    }

    /// The host whose actors answer.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Asks an actor of this host.
    pub async fn ask<M: Message>(&self, actor: &str, message: M) -> Result<M::Reply, ApiError> {
        self.ask_within(actor, message, DEADLINE).await
    }

    /// The same, for those who have their own words for a failure.
    pub(crate) async fn question<M: Message>(
        &self,
        actor: &str,
        message: M,
    ) -> Result<M::Reply, Failure> {
        self.host.ask(&self.host.address_of(actor), message, DEADLINE).await
    }

    /// Asks an actor of this host something that takes longer.
    pub async fn ask_within<M: Message>(
        &self,
        actor: &str,
        message: M,
        deadline: Duration,
    ) -> Result<M::Reply, ApiError> {
        let address = self.host.address_of(actor);
        Ok(self.host.ask(&address, message, deadline).await?)
    }

    /// Returns once streams should end, with the reason for their readers: the server stops, or
    /// this host leads no more. A stream would never end by itself.
    pub async fn ended(&self) -> &'static str {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            // There is no error while `self` has the sender.
            _ = closing.wait_for(|closing| *closing) => "this server stops",
            () = self.duty.over() => "this host leads no more; connect anew",
        }
    }

    /// A place for a stream, until it is dropped.
    pub fn place_for_stream(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            ApiError::unavailable(format!(
                "{MAX_STREAMS} streams are open already; try again later"
            ))
        })
    }

    /// Tells the streams to end and waits until everything is answered.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        // There is no error while `self` has the sender.
        let _ = self.answering.subscribe().wait_for(|answering| *answering == 0).await;
    }

    /// Something is being answered until this is dropped.
    pub(crate) fn answering(&self) -> Answering {
        self.answering.send_modify(|answering| *answering += 1);
        Answering(self.answering.clone())
    }

    /// Since when this edge is there.
    pub(crate) fn started(&self) -> Time {
        self.started
    }

    /// Since when this host leads, if it does.
    pub(crate) fn elected(&self) -> Option<Time> {
        *self.elected.borrow()
    }

    /// This host leads, or leads no more.
    pub(crate) fn note_leading(&self, leading: bool) {
        let now = self.host.now();
        self.elected.send_modify(|since| *since = leading.then(|| since.unwrap_or(now)));
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        MAX_STREAMS - self.streams.available_permits()
    }
}

/// A request between its arrival and the last byte of its answer.
#[derive(Debug)]
pub(crate) struct Answering(watch::Sender<usize>);

#[cfg(test)]
impl Answering {
    /// Counted by nobody.
    pub(crate) fn alone() -> Self {
        Self(watch::Sender::new(1))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.send_modify(|answering| *answering -= 1);
    }
}
