//! The trait that both implementations have.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use protocol::Epoch;
use tokio::sync::watch;

use crate::error::{CommitError, StoreError};
use crate::term::Term;

/// What the methods of [`Store`] return; it may be awaited on any thread and runtime.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Who leads a scope, as far as this store has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incumbent {
    pub epoch: Epoch,
    /// What it campaigned with.
    pub value: Vec<u8>,
}

/// One change within a commit. Keys are relative to the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub key: String,
    pub change: Change,
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put(Vec<u8>),
    Delete,
}

impl Write {
    /// `key` is to be `value`.
    pub fn put(key: impl Into<String>, value: Vec<u8>) -> Self {
        Self { key: key.into(), change: Change::Put(value) }
    }

    /// `key` is not to be there.
    pub fn delete(key: impl Into<String>) -> Self {
        Self { key: key.into(), change: Change::Delete }
    }
}

/// The durable state of one scope, and the right to change it.
pub trait Store: Send + Sync + 'static {
    /// Where it is, for messages to people.
    fn describe(&self) -> String;

    /// Waits to be elected, behind everybody who campaigned before. `value` is what others see of
    /// this candidate. Dropping the future withdraws; an error ends this candidacy, not the next.
    fn campaign(&self, value: Vec<u8>) -> StoreFuture<Result<Term, StoreError>>;

    /// Who leads, now and at every change.
    fn observe(&self) -> watch::Receiver<Option<Incumbent>>;

    /// Everything whose key begins with `prefix`, as of one moment after this call.
    fn load(&self, prefix: &str) -> StoreFuture<Result<BTreeMap<String, Vec<u8>>, StoreError>>;

    /// Makes the writes durable, all or none, if `epoch` is the current term and this store holds
    /// it. Without writes: only asks whether it is.
    fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> StoreFuture<Result<(), CommitError>>;
}
