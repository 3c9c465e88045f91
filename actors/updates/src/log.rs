//! The log on disk: one write at a time, and what comes meanwhile with the next.

use journal::{Journal, JournalError};
use updates_core::Record;

/// A log shorter than this is not worth rewriting, in bytes.
const MIN_REWRITE: u64 = 1024 * 1024;
/// A log is rewritten when it has grown to this many times its size after the last time: the
/// cost of rewriting is then a fraction of that of writing.
const GROWTH: u64 = 4;

/// The log on disk.
#[derive(Debug)]
pub(crate) struct Log {
    /// Not here while a write is under way.
    journal: Option<Journal>,
    waiting: Vec<u8>,
    /// The number of the newest record that was appended.
    sequence: u64,
    rewrite_at: u64,
    pub(crate) size: u64,
    sync: bool,
}

/// A write to be done on a thread that may block.
pub(crate) struct Write {
    journal: Journal,
    bytes: Vec<u8>,
    rewrite: bool,
    sync: bool,
    /// Every record up to this one is then on disk.
    pub(crate) sequence: u64,
}

impl Log {
    pub(crate) fn new(journal: Journal, sync: bool) -> Self {
        let size = journal.size();
        Self {
            rewrite_at: MIN_REWRITE.max(size.saturating_mul(GROWTH)),
            size,
            journal: Some(journal),
            waiting: Vec::new(),
            sequence: 0,
            sync,
        }
    }

    pub(crate) fn append(&mut self, sequence: u64, record: &Record) -> Result<(), JournalError> {
        self.sequence = sequence;
        journal::encode(&mut self.waiting, record)
    }

    /// The next write, if there is something to be written and none is under way. `snapshot` gives
    /// the shortest log that says the same as this one with everything that was appended.
    pub(crate) fn begin(
        &mut self,
        snapshot: impl FnOnce() -> Vec<Record>,
    ) -> Result<Option<Write>, JournalError> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let Some(journal) = self.journal.take() else { return Ok(None) };
        let mut bytes = std::mem::take(&mut self.waiting);
        let rewrite = journal.size() > self.rewrite_at;
        if rewrite {
            bytes.clear();
            for record in snapshot() {
                journal::encode(&mut bytes, &record)?;
            }
        }
        Ok(Some(Write { journal, bytes, rewrite, sync: self.sync, sequence: self.sequence }))
    }

    /// Writes what is left, when the actor ends in peace. What cannot be written any more is only
    /// acknowledgements: everything else has somebody waiting for it, who asks the next life.
    pub(crate) fn close(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        if let Err(error) = journal.append(&self.waiting) {
            tracing::warn!(%error, "the last acknowledgements are not in the log");
        }
        self.waiting.clear();
    }

    /// A write is done.
    pub(crate) fn end(&mut self, write: Write) {
        self.size = write.journal.size();
        if write.rewrite {
            self.rewrite_at = MIN_REWRITE.max(self.size.saturating_mul(GROWTH));
        }
        self.journal = Some(write.journal);
    }
}

impl Write {
    /// Blocks until it is on disk.
    pub(crate) fn perform(mut self) -> Result<Self, JournalError> {
        if self.rewrite {
            self.journal.rewrite(&self.bytes)?;
        } else {
            self.journal.append(&self.bytes)?;
            if self.sync {
                self.journal.sync()?;
            }
        }
        Ok(self)
    }
}
