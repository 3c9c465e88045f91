//! The one place that reads the clock. Wall time is read once; after that it advances with the
//! monotonic clock, so it never goes backwards and follows tokio's paused clock in tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::Time;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Time,
    monotonic: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: Time::default() + since_epoch, monotonic: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        self.wall + self.monotonic.elapsed()
    }

    /// The monotonic instant of a wall time; in the past for what is past.
    pub(crate) fn instant(&self, at: Time) -> Instant {
        let ahead = at.since(self.wall).min(FAR_FUTURE);
        self.monotonic + ahead
    }
}

/// Timers further out than this are set to this: instants cannot be arbitrarily far away.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
