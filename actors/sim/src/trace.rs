//! What happened, as a number to compare runs by, and as text if it is wanted.

use protocol::Time;

/// FNV-1a: small, and the same on every machine and in every version of the standard library.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The record of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    log: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keep_log: bool) -> Self {
        Self { hash: OFFSET, log: keep_log.then(Vec::new) }
    }

    /// Takes note of something. The text is made only if the log is kept.
    pub(crate) fn note(&mut self, now: Time, what: impl FnOnce() -> String) {
        mix(&mut self.hash, &now.0.to_le_bytes());
        if let Some(log) = &mut self.log {
            let line = what();
            mix(&mut self.hash, line.as_bytes());
            log.push(format!("{now} {line}"));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_log(self) -> Vec<String> {
        self.log.unwrap_or_default()
    }
}

fn mix(hash: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
}
