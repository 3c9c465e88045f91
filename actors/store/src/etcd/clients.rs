//! The two connections to etcd.

use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use tokio::sync::OnceCell;

use crate::error::StoreError;

/// How long one request may take. etcd itself gives up after about 7 s without a quorum; by then
/// a leader has lost its lease.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// By which a connection that died without a word is noticed. etcd hangs up on clients that ping
/// more often than each 5 s.
const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(3));

/// Made on first use, on the store's thread: a connection belongs to a runtime.
pub(super) struct Clients {
    /// For messages to people.
    pub(super) endpoints: String,
    list: Vec<String>,
    campaign: OnceCell<Client>,
    other: OnceCell<Client>,
}

impl Clients {
    pub(super) fn new(endpoints: &[String]) -> Self {
        Self {
            endpoints: endpoints.join(","),
            list: endpoints.to_vec(),
            campaign: OnceCell::new(),
            other: OnceCell::new(),
        }
    }

    /// For candidacies, which wait as long as it takes, and for watching who leads.
    pub(super) async fn campaign(&self) -> Result<Client, StoreError> {
        self.campaign.get_or_try_init(|| self.connect()).await.cloned()
    }

    /// For everything else: the lease, reading, writing.
    pub(super) async fn other(&self) -> Result<Client, StoreError> {
        self.other.get_or_try_init(|| self.connect()).await.cloned()
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let options = ConnectOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_keep_alive(HTTP2_PING.0, HTTP2_PING.1)
            // A member that has lost its cluster ends its streams, so that another is tried.
            .with_require_leader(true);
        let connected = Client::connect(&self.list, Some(options)).await;
        connected.map_err(|error| self.error("connect", error))
    }

    pub(super) fn error(&self, doing: &'static str, error: etcd_client::Error) -> StoreError {
        let endpoints = self.endpoints.clone();
        StoreError::Etcd { doing, endpoints, source: Box::new(error) }
    }

    /// Waits for one request, at most [`REQUEST_TIMEOUT`].
    pub(super) async fn request<T>(
        &self,
        doing: &'static str,
        request: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
            Ok(result) => result.map_err(|error| self.error(doing, error)),
            Err(_) => Err(StoreError::Timeout {
                doing,
                endpoints: self.endpoints.clone(),
                seconds: REQUEST_TIMEOUT.as_secs(),
            }),
        }
    }
}
