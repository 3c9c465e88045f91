//! What one commit can take. The same for both implementations, so that what works with the
//! embedded file works with etcd.

use std::collections::BTreeSet;

use crate::api::{Change, Write};
use crate::error::CommitError;

/// Writes in one commit: etcd's `--max-txn-ops` by default.
pub const MAX_WRITES: usize = 128;

/// Bytes of keys and values in one commit: etcd's `--max-request-bytes` is 1.5 MiB by default,
/// for the whole request; what is left is for the keys' prefixes and the encoding.
pub const MAX_BYTES: usize = 1_400_000;

/// Bytes of one key.
pub const MAX_KEY_LEN: usize = 512;

/// Whether the writes can be one commit.
pub(crate) fn check(writes: &[Write]) -> Result<(), CommitError> {
    let too_large = |what: String, limit: String| Err(CommitError::TooLarge { what, limit });
    if writes.len() > MAX_WRITES {
        return too_large(format!("{} writes", writes.len()), format!("{MAX_WRITES} writes"));
    }
    let bytes: usize = writes.iter().map(Write::size).sum();
    if bytes > MAX_BYTES {
        return too_large(format!("{bytes} bytes"), format!("{MAX_BYTES} bytes"));
    }
    let mut keys = BTreeSet::new();
    for write in writes {
        let key = &write.key;
        if key.is_empty() || key.len() > MAX_KEY_LEN {
            return Err(CommitError::Rejected(format!(
                "a key must have 1 to {MAX_KEY_LEN} bytes, `{key}` has {}",
                key.len()
            )));
        }
        if !keys.insert(key) {
            return Err(CommitError::Rejected(format!("`{key}` is written twice")));
        }
    }
    Ok(())
}

impl Write {
    /// What it takes of [`MAX_BYTES`].
    pub fn size(&self) -> usize {
        let value = match &self.change {
            Change::Put(value) => value.len(),
            Change::Delete => 0,
        };
        self.key.len() + value
    }
}
