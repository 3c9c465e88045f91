//! One crash-safe file, for a single master: the same rules without anything to install.
//!
//! The file is locked for the whole life of the process that opened it, so its terms cannot be
//! lost, only given up. The epoch is in the file and raised, durably, by every campaign, so that
//! it also grows across restarts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::Epoch;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{Mutex, watch};

use crate::api::{Change, Incumbent, Store, StoreFuture, Write};
use crate::error::{CommitError, StoreError};
use crate::limits;
use crate::term::{Ended, Keeper, Term};
use crate::thread::StoreThread;

/// `scope/key` → value.
const DATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("data");
/// scope → the epoch of its last term.
const EPOCHS: TableDefinition<'_, &str, u64> = TableDefinition::new("epochs");

/// No term is current; epochs begin with 1.
const NO_TERM: u64 = 0;

/// The store in one file.
pub struct Embedded {
    thread: StoreThread,
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    scope: String,
    database: Database,
    /// Held during a term; the next candidates queue for it.
    office: Arc<Mutex<()>>,
    current: AtomicU64,
    incumbent: watch::Sender<Option<Incumbent>>,
}

impl Embedded {
    /// Opens the file, or makes it with its folder.
    pub fn open(path: &Path, scope: &str) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        }
        let database = Database::create(path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.to_owned() },
            error => file_error("open", path, error.into()),
        })?;
        let inner = Inner {
            path: path.to_owned(),
            scope: scope.to_owned(),
            database,
            office: Arc::default(),
            current: AtomicU64::new(NO_TERM),
            incumbent: watch::Sender::new(None),
        };
        inner.create_tables().map_err(|error| file_error("prepare", path, error))?;
        Ok(Self { thread: StoreThread::start()?, inner: Arc::new(inner) })
    }
}

fn file_error(doing: &'static str, path: &Path, error: redb::Error) -> StoreError {
    StoreError::File { doing, path: path.to_owned(), source: Box::new(error) }
}

impl Store for Embedded {
    fn describe(&self) -> String {
        format!("the file {}", self.inner.path.display())
    }

    fn campaign(&self, value: Vec<u8>) -> StoreFuture<Result<Term, StoreError>> {
        let inner = Arc::clone(&self.inner);
        let elected = self.thread.run_while_awaited(inner.campaign(value));
        Box::pin(async move { elected.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn observe(&self) -> watch::Receiver<Option<Incumbent>> {
        self.inner.incumbent.subscribe()
    }

    fn load(&self, prefix: &str) -> StoreFuture<Result<BTreeMap<String, Vec<u8>>, StoreError>> {
        let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
        let loaded = self.thread.run(async move {
            inner.load(&prefix).map_err(|error| file_error("read", &inner.path, error))
        });
        Box::pin(async move { loaded.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> StoreFuture<Result<(), CommitError>> {
        let inner = Arc::clone(&self.inner);
        let committed = self.thread.run(async move { inner.commit(epoch, &writes) });
        let closed = || Err(CommitError::Unknown("the store was closed".to_owned()));
        Box::pin(async move { committed.await.unwrap_or_else(closed) })
    }
}

impl Inner {
    fn create_tables(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(DATA)?;
        transaction.open_table(EPOCHS)?;
        transaction.commit()?;
        Ok(())
    }

    async fn campaign(self: Arc<Self>, value: Vec<u8>) -> Result<Term, StoreError> {
        let office = Arc::clone(&self.office).lock_owned().await;
        let raised = self.raise_epoch();
        let epoch = raised.map_err(|error| file_error("write", &self.path, error))?;
        self.current.store(epoch.0, Ordering::Release);
        self.incumbent.send_replace(Some(Incumbent { epoch, value }));
        let (term, keeper) = Term::new(epoch);
        tokio::spawn(async move {
            self.keep(keeper).await;
            drop(office);
        });
        Ok(term)
    }

    /// A term lasts until it is given up.
    async fn keep(&self, mut keeper: Keeper) {
        keeper.resigned().await;
        self.current.store(NO_TERM, Ordering::Release);
        self.incumbent.send_replace(None);
        keeper.end(Ended::Resigned);
    }

    fn raise_epoch(&self) -> Result<Epoch, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let epoch = {
            let mut epochs = transaction.open_table(EPOCHS)?;
            let last = epochs.get(self.scope.as_str())?.map_or(NO_TERM, |epoch| epoch.value());
            epochs.insert(self.scope.as_str(), last + 1)?;
            last + 1
        };
        transaction.commit()?;
        Ok(Epoch(epoch))
    }

    fn load(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, redb::Error> {
        let scope = format!("{}/", self.scope);
        let first = format!("{scope}{prefix}");
        let table = self.database.begin_read()?.open_table(DATA)?;
        let mut found = BTreeMap::new();
        for entry in table.range(first.as_str()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(&first) {
                break;
            }
            found.insert(key.value()[scope.len()..].to_owned(), value.value().to_vec());
        }
        Ok(found)
    }

    fn commit(&self, epoch: Epoch, writes: &[Write]) -> Result<(), CommitError> {
        limits::check(writes)?;
        if epoch.0 == NO_TERM || self.current.load(Ordering::Acquire) != epoch.0 {
            return Err(CommitError::Deposed { epoch });
        }
        // Whether a failed write reached the disk is not known before the file is read again.
        let unknown = |error: redb::Error| {
            CommitError::Unknown(format!("writing to {} failed: {error}", self.path.display()))
        };
        match self.write(epoch, writes).map_err(unknown)? {
            true => Ok(()),
            false => Err(CommitError::Deposed { epoch }),
        }
    }

    /// False, and nothing is written, if the file says that another term has begun.
    fn write(&self, epoch: Epoch, writes: &[Write]) -> Result<bool, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let last = {
            let epochs = transaction.open_table(EPOCHS)?;
            epochs.get(self.scope.as_str())?.map_or(NO_TERM, |epoch| epoch.value())
        };
        if last != epoch.0 {
            transaction.abort()?;
            return Ok(false);
        }
        {
            let mut table = transaction.open_table(DATA)?;
            for write in writes {
                let key = format!("{}/{}", self.scope, write.key);
                match &write.change {
                    Change::Put(value) => drop(table.insert(key.as_str(), value.as_slice())?),
                    Change::Delete => drop(table.remove(key.as_str())?),
                }
            }
        }
        transaction.commit()?;
        Ok(true)
    }
}
