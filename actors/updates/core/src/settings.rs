//! How patient `updates` is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When an unacknowledged update is forwarded again.
///
/// Mesos waits from 10 s to 10 min. Here a new leader is told of at once, and every head is sent
/// again then, so that a resend only covers a tell that was lost on a link that looked alive: a
/// second is soon enough to go unnoticed, and one small message per task in 30 s costs a master
/// with 10,000 stuck tasks 350 messages a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Before the first resend.
    pub resend_min: Duration,
    /// It doubles with every resend, up to this.
    pub resend_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { resend_min: Duration::from_secs(1), resend_max: Duration::from_secs(30) }
    }
}

impl Settings {
    /// How long to wait after the head has been forwarded `sent` times.
    pub(crate) fn backoff(&self, sent: u32) -> Duration {
        let doublings = sent.saturating_sub(1).min(16);
        (self.resend_min * (1 << doublings)).min(self.resend_max)
    }
}
