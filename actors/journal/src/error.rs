//! Why a journal cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use protocol::Failure;
use protocol::codec::EncodeError;

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("failed to {action} `{}`", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is in use by another process", path.display())]
    Locked { path: PathBuf },
    #[error("`{}` is not a journal of a version that is known here", path.display())]
    NotAJournal { path: PathBuf },
    /// Intact, and not to be understood: written by a newer version, or for something else.
    #[error("the record at byte {offset} of `{}` is not known here", path.display())]
    UnknownRecord {
        path: PathBuf,
        offset: usize,
        #[source]
        source: Failure,
    },
    #[error("a record is longer than is accepted")]
    TooLong,
    #[error("a record cannot be encoded")]
    Encode(#[source] EncodeError),
}

/// Says what was attempted and on what.
pub(crate) trait OrIo<T> {
    fn or_io(self, action: &'static str, path: &Path) -> Result<T, JournalError>;
}

impl<T> OrIo<T> for io::Result<T> {
    fn or_io(self, action: &'static str, path: &Path) -> Result<T, JournalError> {
        self.map_err(|source| JournalError::Io { action, path: path.to_owned(), source })
    }
}
