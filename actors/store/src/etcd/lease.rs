//! The lease behind a candidacy and a term: renewed in time, or given up in time.
//!
//! The server counts its TTL from when it hears of a renewal; this side counts from before it
//! sent it, which is never later. A margin covers clocks that run at different speeds and the
//! time until the loss has been acted on.

use std::time::Duration;

use etcd_client::{LeaseClient, LeaseKeepAliveStream, LeaseKeeper};
use tokio::time::{Instant, sleep_until, timeout};

use super::Inner;
use crate::error::StoreError;

/// A lease that was granted. Dropping it lets it run out.
pub(super) struct Lease {
    client: LeaseClient,
    pub(super) id: i64,
    ttl: Duration,
    /// Until when it is certainly not expired, as of the last renewal that was answered.
    valid_until: Instant,
}

type Stream = (LeaseKeeper, LeaseKeepAliveStream);

impl Inner {
    pub(super) async fn grant(&self) -> Result<Lease, StoreError> {
        let mut client = self.clients.other().await?.lease_client();
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let asked = Instant::now();
        let granted = self.clients.request("get a lease", client.grant(seconds, None)).await?;
        let ttl = seconds_of(granted.ttl());
        Ok(Lease { client, id: granted.id(), ttl, valid_until: asked + ttl })
    }
}

impl Lease {
    /// Renews until that fails for too long; resolves with what was seen. Not called again after.
    pub(super) async fn keep(&mut self) -> String {
        let mut stream = None;
        let mut last_error = "no answer in time".to_owned();
        loop {
            // A process that was stopped wakes up here, possibly with an answer at hand that is
            // too old: the clock decides first.
            let give_up = self.valid_until - self.margin();
            if Instant::now() >= give_up {
                return format!("the lease could not be renewed in time: {last_error}");
            }
            let renewed = tokio::select! {
                biased;
                () = sleep_until(give_up) => continue,
                renewed = self.renew(&mut stream) => renewed,
            };
            match renewed {
                Ok(()) => {
                    let next = self.valid_until - self.ttl + self.ttl / 3;
                    sleep_until(next.min(self.valid_until - self.margin())).await;
                }
                Err(Failed::Gone) => return "etcd has ended the lease".to_owned(),
                Err(Failed::Retry(error)) => {
                    last_error = error;
                    stream = None;
                    let soon = Instant::now() + self.ttl / 30;
                    sleep_until(soon.min(give_up)).await;
                }
            }
        }
    }

    fn margin(&self) -> Duration {
        self.ttl / 6
    }

    /// One renewal, over the stream if there is one. It may take a sixth of the TTL: then there is
    /// time for another try, which may reach another member.
    async fn renew(&mut self, stream: &mut Option<Stream>) -> Result<(), Failed> {
        let sent = Instant::now();
        let exchange = timeout(self.ttl / 6, exchange(&mut self.client, self.id, stream));
        let ttl = match exchange.await {
            Ok(Ok(ttl)) => ttl,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Failed::Retry("no answer in time".to_owned())),
        };
        self.valid_until = self.valid_until.max(sent + ttl);
        Ok(())
    }

    /// Ends the lease, and with it the election key: the next candidate leads at once.
    pub(super) async fn revoke(mut self) {
        let revoked = timeout(self.ttl, self.client.revoke(self.id)).await;
        if !matches!(revoked, Ok(Ok(_))) {
            tracing::debug!(lease = self.id, "the lease was not revoked and will expire");
        }
    }
}

enum Failed {
    /// etcd does not have the lease.
    Gone,
    Retry(String),
}

async fn exchange(
    client: &mut LeaseClient,
    id: i64,
    stream: &mut Option<Stream>,
) -> Result<Duration, Failed> {
    let retry = |error: etcd_client::Error| Failed::Retry(error.to_string());
    if stream.is_none() {
        // Opening one sends a renewal and reads its answer, but does not tell the TTL in it; the
        // renewal that follows does.
        match client.keep_alive(id).await {
            Ok(opened) => *stream = Some(opened),
            Err(etcd_client::Error::LeaseKeepAliveError(why)) if why == "lease not found" => {
                return Err(Failed::Gone);
            }
            Err(error) => return Err(retry(error)),
        }
    }
    let Some((keeper, answers)) = stream else {
        return Err(Failed::Retry("the stream is closed".to_owned()));
    };
    keeper.keep_alive().await.map_err(retry)?;
    match answers.message().await.map_err(retry)? {
        Some(answer) if answer.ttl() <= 0 => Err(Failed::Gone),
        Some(answer) => Ok(seconds_of(answer.ttl())),
        None => Err(Failed::Retry("etcd closed the stream".to_owned())),
    }
}

fn seconds_of(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}
