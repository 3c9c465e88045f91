//! Who leads: the oldest key of the election.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, GetOptions, KeyValue, SortOrder, SortTarget, WatchOptions};
use protocol::Epoch;

use super::Inner;
use crate::api::Incumbent;
use crate::error::StoreError;

/// Between two tries to reach etcd.
const RETRY: Duration = Duration::from_millis(500);

impl Inner {
    /// Follows the election for as long as the store lives. What was seen last stays while etcd
    /// cannot be reached: nobody else can be elected then either.
    pub(super) async fn observe(self: Arc<Self>) {
        loop {
            if let Err(error) = self.follow().await {
                tracing::debug!(%error, "the election cannot be followed");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Level-triggered: whatever has happened, the present leader is read anew.
    async fn follow(&self) -> Result<(), StoreError> {
        let mut client = self.clients.campaign().await?;
        let prefix = format!("{}/", self.election);
        let error = |error| self.clients.error("follow the election", error);
        let options = WatchOptions::new().with_prefix();
        let mut events = client.watch(prefix.as_str(), Some(options)).await.map_err(error)?;
        loop {
            let incumbent = self.read_incumbent(&mut client, &prefix).await?;
            self.incumbent.send_if_modified(|last| {
                let changed = *last != incumbent;
                *last = incumbent;
                changed
            });
            match events.message().await.map_err(error)? {
                Some(event) if !event.canceled() => {}
                _ => return Ok(()),
            }
        }
    }

    async fn read_incumbent(
        &self,
        client: &mut Client,
        prefix: &str,
    ) -> Result<Option<Incumbent>, StoreError> {
        let oldest = GetOptions::new()
            .with_prefix()
            .with_sort(SortTarget::Create, SortOrder::Ascend)
            .with_limit(1);
        let request = client.get(prefix, Some(oldest));
        let mut found = self.clients.request("read who leads", request).await?;
        Ok(found.take_kvs().pop().map(incumbent))
    }
}

/// The epoch of the term that an election key stands for.
pub(super) fn created(key: &KeyValue) -> Epoch {
    Epoch(u64::try_from(key.create_revision()).unwrap_or(0))
}

fn incumbent(key: KeyValue) -> Incumbent {
    Incumbent { epoch: created(&key), value: key.value().to_vec() }
}
