//! How much is logged, and for how long more than usual.
//!
//! Levels are those of glog: 0 is what is always said (`info` and above), 1 says `debug` as well, 2
//! `trace`; there is no more to say above. Whoever keeps the log does what is decided here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tracing::level_filters::LevelFilter;

/// Changes the level of the log, or says why it cannot be.
type Change = dyn Fn(u32) -> Result<(), String> + Send + Sync;

/// The log of this process.
#[derive(Clone)]
pub struct Logs {
    /// As configured.
    usual: u32,
    now: Arc<Mutex<Now>>,
    change: Arc<Change>,
}

#[derive(Debug)]
struct Now {
    level: u32,
    /// What takes the last change back when its time is over.
    revert: Option<JoinHandle<()>>,
}

/// Why the level was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogsError {
    /// What the configuration wants is said in any case.
    #[error("'{0}' < original level.")]
    TooLow(u32),
    #[error("failed to set the logging level: {0}")]
    Failed(String),
}

impl Logs {
    /// One that says as much as `usual`, and of which `change` sets the level.
    #[must_use]
    pub fn new(
        usual: u32,
        change: impl Fn(u32) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let now = Arc::new(Mutex::new(Now { level: usual, revert: None }));
        Self { usual, now, change: Arc::new(change) }
    }

    /// How much is said.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.now.lock().level
    }

    /// Says so much for so long, and as much as usual afterwards. Must be called in an actix system.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn set(&self, level: u32, duration: Duration) -> Result<(), LogsError> {
        if level < self.usual {
            return Err(LogsError::TooLow(level));
        }
        let mut now = self.now.lock();
        (self.change)(level).map_err(LogsError::Failed)?;
        now.level = level;
        let revert = || actix_rt::spawn(self.clone().revert(duration));
        let next = (level != self.usual).then(revert);
        if let Some(earlier) = std::mem::replace(&mut now.revert, next) {
            earlier.abort();
        }
        Ok(())
    }

    async fn revert(self, after: Duration) {
        tokio::time::sleep(after).await;
        let mut now = self.now.lock();
        // Another change may have had the lock when this one's time was over.
        if now.revert.as_ref().map(JoinHandle::id) != Some(tokio::task::id()) {
            return;
        }
        match (self.change)(self.usual) {
            Ok(()) => now.level = self.usual,
            Err(error) => tracing::warn!(error, "the logging level stays as it is"),
        }
    }
}

/// One whose level cannot be changed.
impl Default for Logs {
    fn default() -> Self {
        let usual = match LevelFilter::current() {
            LevelFilter::TRACE => 2,
            LevelFilter::DEBUG => 1,
            _ => 0,
        };
        Self::new(usual, |_| Err("the log of this process is fixed".to_owned()))
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("usual", &self.usual).field("now", &self.now).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (Logs, Arc<Mutex<Vec<u32>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&said);
        let change = move |level| {
            log.lock().push(level);
            Ok(())
        };
        (Logs::new(1, change), said)
    }

    async fn later(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    #[actix_rt::test]
    async fn what_is_set_is_taken_back_when_its_time_is_over() {
        let (logs, said) = kept();
        logs.set(2, Duration::from_millis(5)).unwrap();
        assert_eq!(logs.level(), 2);
        while logs.level() != 1 {
            later(1).await;
        }
        assert_eq!(*said.lock(), [2, 1]);
    }

    #[actix_rt::test]
    async fn the_last_word_holds_for_as_long_as_it_says() {
        let (logs, said) = kept();
        logs.set(2, Duration::from_millis(5)).unwrap();
        logs.set(3, Duration::from_secs(60)).unwrap();
        later(30).await;
        assert_eq!((logs.level(), &*said.lock()), (3, &vec![2, 3]));
        logs.set(1, Duration::ZERO).unwrap();
        assert_eq!(logs.level(), 1);
    }

    #[actix_rt::test]
    async fn only_the_last_word_waits_to_be_taken_back() {
        let (logs, _) = kept();
        for _ in 0..100 {
            logs.set(2, Duration::MAX).unwrap();
        }
        // Besides this one.
        let waiting = || Arc::strong_count(&logs.change) - 1;
        while waiting() > 1 {
            tokio::task::yield_now().await;
        }
        logs.set(1, Duration::ZERO).unwrap();
        while waiting() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn less_than_usual_and_what_the_log_refuses_change_nothing() {
        let (logs, said) = kept();
        assert_eq!(logs.set(0, Duration::ZERO), Err(LogsError::TooLow(0)));
        assert!(said.lock().is_empty());
        let fixed = Logs::default();
        assert!(matches!(fixed.set(2, Duration::ZERO), Err(LogsError::Failed(_))));
        assert_eq!(fixed.level(), 0);
    }
}
