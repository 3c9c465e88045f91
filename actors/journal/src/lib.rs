//! An append-only file of records: what an agent host remembers across its restarts.
//!
//! Layout: eight bytes that say what the file is, then for every record its length and the CRC-32
//! of its body (both big-endian `u32`), and the body as MessagePack with field names. A crash can
//! leave a torn last record; [`Journal::open`] cuts it off and says how many bytes that were.
//!
//! Invariants: one process at a time has a journal open (a lock on the file); a record that
//! [`Journal::sync`] has returned for is read back by every later [`Journal::open`];
//! [`Journal::rewrite`] leaves the old content or the new, never a mixture.
//!
//! Not here: what records mean, and when to write them.

mod crc;
mod error;
mod read;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::JournalError;
use error::OrIo;

/// What a journal begins with; the digit is the version of the layout.
const MAGIC: &[u8; 8] = b"meseta1\n";

/// The largest record. A task with all its labels and data is a few kilobytes; a length beyond
/// this is damage, and not worth an allocation.
const MAX_RECORD_LEN: usize = 16 * 1024 * 1024;

/// How long to wait for the lock: an actor that is restarted after a panic may find that the last
/// write of its former life has not ended yet.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts: the kernel waits for a lock for ever or not at all.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
}

/// What [`Journal::open`] found.
#[derive(Debug)]
pub struct Opened<R> {
    pub journal: Journal,
    /// Oldest first.
    pub records: Vec<R>,
    /// Bytes of a torn last record that were cut off; 0 after a clean end.
    pub discarded: u64,
}

/// Appends `record` to `out` in the form in which [`Journal::append`] takes it.
pub fn encode<R: Serialize>(out: &mut Vec<u8>, record: &R) -> Result<(), JournalError> {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    protocol::codec::encode_into(out, record).map_err(JournalError::Encode)?;
    let body = &out[start + 8..];
    let (len, crc) = (body.len(), crc::crc32(body));
    let len = u32::try_from(len).ok().filter(|_| len <= MAX_RECORD_LEN);
    let Some(len) = len else {
        out.truncate(start);
        return Err(JournalError::TooLong);
    };
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

impl Journal {
    /// Opens the journal at `path`, making it (and its directory) if it is not there, and reads
    /// everything in it.
    pub fn open<R: DeserializeOwned>(path: impl Into<PathBuf>) -> Result<Opened<R>, JournalError> {
        let path = path.into();
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).or_io("create", directory)?;
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let mut file = options.open(&path).or_io("open", &path)?;
        lock(&file, &path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).or_io("read", &path)?;
        let (records, good) = read::records(&bytes, &path)?;
        let discarded = (bytes.len() - good) as u64;
        if discarded > 0 {
            file.set_len(good as u64).or_io("truncate", &path)?;
        }
        let mut journal = Self { path, file, len: good as u64 };
        if good == 0 {
            journal.append(MAGIC)?;
            journal.sync()?;
            sync_directory(&journal.path)?;
        }
        Ok(Opened { journal, records, discarded })
    }

    /// Writes records that [`encode`] has made. They survive the end of this process from now on,
    /// and of the machine after [`Self::sync`].
    pub fn append(&mut self, encoded: &[u8]) -> Result<(), JournalError> {
        self.file.write_all(encoded).or_io("write", &self.path)?;
        self.len += encoded.len() as u64;
        Ok(())
    }

    /// Waits until everything appended is on the disk.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().or_io("sync", &self.path)
    }

    /// Replaces everything by what [`encode`] has made of the records that still matter.
    pub fn rewrite(&mut self, encoded: &[u8]) -> Result<(), JournalError> {
        let temporary = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true);
        let mut file = options.open(&temporary).or_io("create", &temporary)?;
        file.set_len(0).or_io("truncate", &temporary)?;
        lock(&file, &temporary)?;
        file.write_all(MAGIC).or_io("write", &temporary)?;
        file.write_all(encoded).or_io("write", &temporary)?;
        file.sync_data().or_io("sync", &temporary)?;
        fs::rename(&temporary, &self.path).or_io("replace", &self.path)?;
        sync_directory(&self.path)?;
        self.file = file;
        self.len = (MAGIC.len() + encoded.len()) as u64;
        Ok(())
    }

    /// Its size in bytes; what to decide on when to [`Self::rewrite`].
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => return Err(error).or_io("lock", path),
            Err(fs::TryLockError::WouldBlock) if waited >= LOCK_PATIENCE => {
                return Err(JournalError::Locked { path: path.to_owned() });
            }
            Err(fs::TryLockError::WouldBlock) => {
                std::thread::sleep(LOCK_INTERVAL);
                waited += LOCK_INTERVAL;
            }
        }
    }
}

/// A new name in a directory is durable only when the directory is.
fn sync_directory(path: &Path) -> Result<(), JournalError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    File::open(directory).and_then(|d| d.sync_all()).or_io("sync", directory)
}

#[cfg(test)]
mod tests;
