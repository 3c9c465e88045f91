//! Reading and writing the data of the scope.

use std::collections::BTreeMap;

use etcd_client::{
    GetOptions, GetResponse, SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse, TxnResponse,
};
use protocol::Epoch;

use super::Inner;
use super::clients::REQUEST_TIMEOUT;
use super::observe::created;
use super::outcome::judge;
use crate::api::{Change, Write};
use crate::error::{CommitError, StoreError};

/// Keys of one page; with values of some KiB well below the 4 MiB that one answer may have.
const PAGE: i64 = 200;

impl Inner {
    /// Reads page by page, all of the revision of the first.
    pub(super) async fn load(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.settle().await?;
        let prefix = format!("{}{prefix}", self.data);
        let end = end_of(&prefix);
        let mut found = BTreeMap::new();
        let (mut start, mut revision) = (prefix.into_bytes(), 0);
        loop {
            let page = self.page(start, &end, revision).await?;
            revision = page.header().map_or(revision, |header| match revision {
                0 => header.revision(),
                first => first,
            });
            for entry in page.kvs() {
                let key = self.relative(entry.key())?;
                found.insert(key, entry.value().to_vec());
            }
            match page.kvs().last() {
                Some(last) if page.more() => start = [last.key(), &[0]].concat(),
                _ => return Ok(found),
            }
        }
    }

    async fn page(
        &self,
        start: Vec<u8>,
        end: &[u8],
        revision: i64,
    ) -> Result<GetResponse, StoreError> {
        let options = GetOptions::new()
            .with_range(end)
            .with_sort(SortTarget::Key, SortOrder::Ascend)
            .with_limit(PAGE)
            .with_revision(revision);
        // A value may be as large as a commit, a page of such ones is still taken.
        let client = self.clients.other().await?.kv_client();
        let mut client = client.max_decoding_message_size(usize::MAX);
        self.clients.request("read", client.get(start, Some(options))).await
    }

    fn relative(&self, key: &[u8]) -> Result<String, StoreError> {
        let text = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(&self.data));
        text.map(str::to_owned)
            .ok_or_else(|| StoreError::Key(String::from_utf8_lossy(key).into_owned()))
    }

    /// One transaction, on the condition that the election key of the term is still there, and
    /// was not changed since the last commit of unknown outcome was settled.
    pub(super) async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), CommitError> {
        let not_sent = |error: StoreError| CommitError::Rejected(error.to_string());
        self.settle().await.map_err(not_sent)?;
        let Some(held) = self.held_in(epoch) else {
            return Err(CommitError::Deposed { epoch });
        };
        let operations: Vec<_> = writes.into_iter().map(|write| self.operation(write)).collect();
        let look = TxnOp::get(held.key.clone(), None);
        let transaction = Txn::new().when(held.fence(epoch)).and_then(operations).or_else([look]);

        let mut client = self.clients.other().await.map_err(not_sent)?.kv_client();
        let outcome = match tokio::time::timeout(REQUEST_TIMEOUT, client.txn(transaction)).await {
            Ok(Ok(answer)) if answer.succeeded() => Ok(()),
            Ok(Ok(answer)) => Err(self.refused(epoch, &answer)),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_) => {
                let seconds = REQUEST_TIMEOUT.as_secs();
                Err(CommitError::Unknown(format!("etcd did not answer within {seconds} s")))
            }
        };
        if outcome.as_ref().is_err_and(CommitError::is_unknown) {
            self.unsettle(epoch);
        }
        outcome
    }

    /// Why the condition did not hold: the key is gone or another's, or it was changed while this
    /// commit was on its way.
    fn refused(&self, epoch: Epoch, answer: &TxnResponse) -> CommitError {
        let looked = answer.op_responses();
        let current = looked.iter().any(|response| match response {
            TxnOpResponse::Get(found) => found.kvs().iter().any(|key| created(key) == epoch),
            _ => false,
        });
        if current {
            let why = "a commit before it, of unknown outcome, was settled meanwhile";
            return CommitError::Rejected(why.to_owned());
        }
        self.let_go(epoch);
        CommitError::Deposed { epoch }
    }

    fn operation(&self, write: Write) -> TxnOp {
        let key = format!("{}{}", self.data, write.key);
        match write.change {
            Change::Put(value) => TxnOp::put(key, value, None),
            Change::Delete => TxnOp::delete(key, None),
        }
    }
}

/// The first key after all that begin with `prefix`, which is never empty and ends with a byte of
/// UTF-8, so that it is less than 255.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_just_behind_it() {
        assert_eq!(end_of("a/"), b"a0");
        assert_eq!(end_of("ä"), [0xc3, 0xa5]);
    }
}
