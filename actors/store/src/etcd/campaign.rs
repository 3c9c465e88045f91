//! Candidacies and terms.

use std::sync::Arc;

use etcd_client::LeaderKey;
use protocol::Epoch;

use super::Inner;
use super::held::Held;
use super::lease::Lease;
use crate::error::StoreError;
use crate::term::{Ended, Keeper, Term};

/// Revokes a candidate's lease when the candidacy is dropped, so that nobody waits behind it.
struct Candidate(Option<Lease>);

impl Drop for Candidate {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(lease.revoke());
        }
    }
}

impl Inner {
    /// Waits to be elected, keeping the lease alive meanwhile.
    pub(super) async fn campaign(self: Arc<Self>, value: Vec<u8>) -> Result<Term, StoreError> {
        let mut client = self.clients.campaign().await?.election_client();
        let mut candidate = Candidate(Some(self.grant().await?));
        let Some(lease) = &mut candidate.0 else { return Err(StoreError::Closed) };
        let id = lease.id;
        let mut elected = tokio::select! {
            biased;
            why = lease.keep() => return Err(StoreError::Candidacy(why)),
            elected = client.campaign(self.election.as_str(), value.clone(), id) => {
                elected.map_err(|error| self.clients.error("campaign", error))?
            }
        };
        let Some(key) = elected.take_leader() else {
            return Err(StoreError::Candidacy("etcd elected without a key".to_owned()));
        };
        let Some(lease) = candidate.0.take() else { return Err(StoreError::Closed) };
        Ok(self.begin(&key, value, lease))
    }

    fn begin(self: Arc<Self>, key: &LeaderKey, value: Vec<u8>, lease: Lease) -> Term {
        let epoch = Epoch(u64::try_from(key.rev()).unwrap_or(0));
        let (name, changed) = (key.key().to_vec(), key.rev());
        let held = Held { key: name, value, lease: lease.id, changed, unknown: 0, settled: 0 };
        self.hold(epoch, held);
        let (term, keeper) = Term::new(epoch);
        tokio::spawn(async move { self.keep_term(epoch, lease, keeper).await });
        term
    }

    /// Until the holder resigns or the lease cannot be kept. In both cases commits stop first, and
    /// the lease is ended for the sake of whoever comes next; a holder that lost it is told before
    /// that is tried, one that resigned after it was done.
    async fn keep_term(&self, epoch: Epoch, mut lease: Lease, mut keeper: Keeper) {
        let lost = tokio::select! {
            biased;
            why = lease.keep() => Some(why),
            () = keeper.resigned() => None,
        };
        self.let_go(epoch);
        match lost {
            Some(why) => {
                keeper.end(Ended::Lost(why));
                lease.revoke().await;
            }
            None => {
                lease.revoke().await;
                keeper.end(Ended::Resigned);
            }
        }
    }
}
