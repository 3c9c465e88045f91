//! Batches of writes on their way to the store: one commit at a time, in order, as much in each as
//! has gathered meanwhile.
//!
//! A commit takes a limited number of writes and bytes, so a batch may take several. The core
//! relies on the order of writes, not on batches being whole.

use std::collections::{BTreeMap, VecDeque};

use services_core::PersistId;
use store::{MAX_BYTES, MAX_WRITES, Write};

/// What waits for the commit under way.
#[derive(Default)]
pub(crate) struct Writer {
    queue: VecDeque<Item>,
    /// Batches whose last write is in the commit under way.
    committing: Option<Vec<PersistId>>,
}

enum Item {
    Write(Write),
    /// All writes of this batch are before this.
    End(PersistId),
}

impl Writer {
    pub(crate) fn push(&mut self, id: PersistId, writes: impl Iterator<Item = Write>) {
        self.queue.extend(writes.map(Item::Write));
        self.queue.push_back(Item::End(id));
    }

    /// The next commit, if none is under way and anything waits.
    pub(crate) fn next(&mut self) -> Option<Vec<Write>> {
        if self.committing.is_some() || self.queue.is_empty() {
            return None;
        }
        let mut writes = BTreeMap::new();
        let (mut bytes, mut done) = (0, Vec::new());
        while let Some(item) = self.queue.pop_front() {
            match item {
                Item::End(id) => done.push(id),
                Item::Write(write) => {
                    bytes += write.size();
                    let fits = writes.len() < MAX_WRITES && bytes <= MAX_BYTES;
                    if !fits && !writes.is_empty() {
                        self.queue.push_front(Item::Write(write));
                        break;
                    }
                    // A key is written once in a commit: the last write is the one that stays.
                    writes.insert(write.key.clone(), write);
                }
            }
        }
        self.committing = Some(done);
        Some(writes.into_values().collect())
    }

    /// The commit under way is durable, and so are these batches.
    pub(crate) fn committed(&mut self) -> Vec<PersistId> {
        self.committing.take().unwrap_or_default()
    }

    /// Of another term: nothing of it can be written any more.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.committing = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &str, size: usize) -> Write {
        Write::put(key, vec![0; size])
    }

    fn keys(writes: &[Write]) -> Vec<&str> {
        writes.iter().map(|write| write.key.as_str()).collect()
    }

    #[test]
    fn what_gathers_during_a_commit_goes_into_the_next_together() {
        let mut writer = Writer::default();
        writer.push(PersistId(1), [write("a", 1)].into_iter());
        assert_eq!(keys(&writer.next().unwrap()), ["a"]);
        writer.push(PersistId(2), [write("b", 1)].into_iter());
        writer.push(PersistId(3), [write("c", 1), write("b", 2)].into_iter());
        assert!(writer.next().is_none(), "one at a time");
        assert_eq!(writer.committed(), [PersistId(1)]);
        let next = writer.next().unwrap();
        assert_eq!((keys(&next), next[0].size()), (vec!["b", "c"], 3), "the last write of b");
        assert_eq!(writer.committed(), [PersistId(2), PersistId(3)]);
        assert!(writer.next().is_none());
    }

    #[test]
    fn a_large_batch_is_durable_with_its_last_commit() {
        let mut writer = Writer::default();
        let many = (0..MAX_WRITES + 1).map(|i| write(&format!("{i:03}"), 1));
        writer.push(PersistId(1), many);
        assert_eq!(writer.next().unwrap().len(), MAX_WRITES);
        assert_eq!(writer.committed(), []);
        assert_eq!(writer.next().unwrap().len(), 1);
        assert_eq!(writer.committed(), [PersistId(1)]);
    }

    #[test]
    fn no_commit_is_larger_than_the_store_takes() {
        let mut writer = Writer::default();
        let half = MAX_BYTES / 2 + 1;
        writer.push(PersistId(1), [write("a", half), write("b", half)].into_iter());
        assert_eq!(keys(&writer.next().unwrap()), ["a"]);
        assert_eq!(writer.committed(), []);
        assert_eq!(keys(&writer.next().unwrap()), ["b"]);
    }
}
