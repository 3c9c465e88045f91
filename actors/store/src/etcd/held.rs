//! The terms that this process holds, and what is settled about the commits sent under each.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp};
use protocol::Epoch;

use super::Inner;
use crate::error::StoreError;

/// The election key of a term, as far as this process knows.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) lease: i64,
    /// The revision of the key's last change: commits are on the condition of it.
    pub(super) changed: i64,
    /// How many commits had an outcome that nobody knows.
    pub(super) unknown: u64,
    /// How many of those can no longer be done if they were not.
    pub(super) settled: u64,
}

impl Held {
    /// True for the key of this term as it was when the last unknown outcome was settled.
    pub(super) fn fence(&self, epoch: Epoch) -> [Compare; 2] {
        let changed = Compare::mod_revision(self.key.clone(), CompareOp::Equal, self.changed);
        [self.of_term(epoch), changed]
    }

    /// True while the term is current.
    fn of_term(&self, epoch: Epoch) -> Compare {
        let created = i64::try_from(epoch.0).unwrap_or(i64::MAX);
        Compare::create_revision(self.key.clone(), CompareOp::Equal, created)
    }

    fn is_settled(&self) -> bool {
        self.settled == self.unknown
    }
}

impl Inner {
    pub(super) fn hold(&self, epoch: Epoch, held: Held) {
        self.held().insert(epoch, held);
    }

    pub(super) fn let_go(&self, epoch: Epoch) {
        self.held().remove(&epoch);
    }

    /// A term that this process holds, as far as it knows.
    pub(super) fn held_in(&self, epoch: Epoch) -> Option<Held> {
        self.held().get(&epoch).cloned()
    }

    /// A commit of this term was perhaps done, or will be.
    pub(super) fn unsettle(&self, epoch: Epoch) {
        if let Some(held) = self.held().get_mut(&epoch) {
            held.unknown += 1;
        }
    }

    /// Makes sure that no commit of unknown outcome is done from here on: what is read afterwards
    /// stays true until this process writes again.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let unsettled: Vec<Epoch> = {
            let held = self.held();
            held.iter().filter(|(_, held)| !held.is_settled()).map(|(epoch, _)| *epoch).collect()
        };
        for epoch in unsettled {
            self.settle_term(epoch).await?;
        }
        Ok(())
    }

    async fn settle_term(&self, epoch: Epoch) -> Result<(), StoreError> {
        let Some(held) = self.held_in(epoch) else { return Ok(()) };
        let lease = PutOptions::new().with_lease(held.lease);
        let put = TxnOp::put(held.key.clone(), held.value.clone(), Some(lease));
        let transaction = Txn::new().when([held.of_term(epoch)]).and_then([put]);
        let mut client = self.clients.other().await?.kv_client();
        let answer = self.clients.request("settle a commit", client.txn(transaction)).await?;
        if !answer.succeeded() {
            self.let_go(epoch);
            return Ok(());
        }
        let changed = answer.header().map_or(held.changed, etcd_client::ResponseHeader::revision);
        if let Some(current) = self.held().get_mut(&epoch) {
            // Of two that settle at once, the later change is the one to go by.
            current.changed = current.changed.max(changed);
            current.settled = current.settled.max(held.unknown);
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Epoch, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
