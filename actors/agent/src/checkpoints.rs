//! The checkpoint on disk.

use std::path::Path;

use agent_core::{Checkpoint, Record};
use journal::{Journal, JournalError};

/// A journal shorter than this is not worth rewriting, in bytes: some 5,000 tasks.
const MIN_REWRITE: u64 = 16 * 1024 * 1024;
/// A journal is rewritten when it has grown to this many times its size after the last time.
const GROWTH: u64 = 4;

/// The checkpoint on disk, open for appending.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    journal: Journal,
    /// Records that are to be written before anything else is done.
    waiting: Vec<u8>,
    /// One of them is about the agent's identity.
    sync: bool,
    rewrite_at: u64,
}

impl Checkpoints {
    pub(crate) fn open(work_dir: &Path) -> Result<(Self, Checkpoint), JournalError> {
        let opened = Journal::open::<Record>(work_dir.join("agent.journal"))?;
        if opened.discarded > 0 {
            tracing::warn!(
                path = %opened.journal.path().display(), bytes = opened.discarded,
                "the checkpoint ended in the middle of a record, which was cut off"
            );
        }
        let journal = opened.journal;
        let rewrite_at = MIN_REWRITE.max(journal.size().saturating_mul(GROWTH));
        let checkpoints = Self { journal, waiting: Vec::new(), sync: false, rewrite_at };
        Ok((checkpoints, opened.records.into_iter().collect()))
    }

    pub(crate) fn push(&mut self, record: &Record) -> Result<(), JournalError> {
        // Without its id, an agent would be another one to the master, and its tasks nobody's.
        self.sync |= matches!(record, Record::Registered { .. } | Record::Left);
        journal::encode(&mut self.waiting, record)
    }

    /// Writes what was pushed.
    pub(crate) fn flush(&mut self) -> Result<(), JournalError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.journal.append(&self.waiting)?;
        self.waiting.clear();
        if std::mem::take(&mut self.sync) {
            self.journal.sync()?;
        }
        Ok(())
    }

    /// Writes the journal anew if it has become long.
    pub(crate) fn compact(&mut self, checkpoint: &Checkpoint) -> Result<(), JournalError> {
        if self.journal.size() <= self.rewrite_at {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for record in checkpoint.records() {
            journal::encode(&mut bytes, &record)?;
        }
        self.journal.rewrite(&bytes)?;
        self.rewrite_at = MIN_REWRITE.max(self.journal.size().saturating_mul(GROWTH));
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.journal.size()
    }
}

#[cfg(test)]
mod tests {
    use protocol::Incarnation;

    use super::*;

    fn started(n: u64) -> Record {
        Record::Started { incarnation: Incarnation(n), boot_id: "b".repeat(64 * 1024) }
    }

    #[test]
    fn what_was_flushed_is_there_and_a_long_journal_is_made_short() {
        let dir = tempfile::tempdir().unwrap();
        let (mut checkpoints, mut checkpoint) = Checkpoints::open(dir.path()).unwrap();
        let mut longest = 0;
        for n in 1..=300 {
            checkpoint.apply(started(n));
            checkpoints.push(&started(n)).unwrap();
            checkpoints.flush().unwrap();
            checkpoints.compact(&checkpoint).unwrap();
            longest = longest.max(checkpoints.size());
        }
        assert!(longest < 17 * 1024 * 1024 && checkpoints.size() < longest);
        drop(checkpoints);
        assert_eq!(Checkpoints::open(dir.path()).unwrap().1, checkpoint);
    }
}
