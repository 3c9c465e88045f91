//! What can go wrong, told apart by what the caller has to do.

use std::path::PathBuf;

use protocol::Epoch;

/// Why a store cannot be opened, campaigned in or loaded from. Trying again later may help.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "{} is in use by another process; every process needs a store file of its own, or use \
         etcd for several masters", path.display()
    )]
    InUse { path: PathBuf },
    #[error("cannot create the folder of the store file {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot {doing} the store file {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<redb::Error>,
    },
    #[error("cannot {doing} at etcd {endpoints}")]
    Etcd {
        doing: &'static str,
        endpoints: String,
        #[source]
        source: Box<etcd_client::Error>,
    },
    #[error("etcd {endpoints} did not answer within {seconds} s when asked to {doing}")]
    Timeout { doing: &'static str, endpoints: String, seconds: u64 },
    #[error("the candidacy was given up: {0}")]
    Candidacy(String),
    #[error("the key `{0}` in the store is not text")]
    Key(String),
    #[error("cannot start the thread of the store")]
    Thread(#[source] std::io::Error),
    #[error("the store was closed")]
    Closed,
    #[error("the configuration of the store: {0}")]
    Config(String),
}

/// Why a commit did not return with success.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Certainly nothing was done: another term has begun, or this one has ended.
    #[error("epoch {epoch} is not the current term of this store any longer")]
    Deposed { epoch: Epoch },
    /// Certainly nothing was done: it is more than one commit can take.
    #[error("a commit of {what} is too large: at most {limit} are accepted")]
    TooLarge { what: String, limit: String },
    /// Certainly nothing was done: the store read it and says no.
    #[error("the store refused the commit: {0}")]
    Rejected(String),
    /// It may or may not have been done. The caller forgets what it believes and reloads.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
}

impl CommitError {
    /// Whether the caller must reload.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}
