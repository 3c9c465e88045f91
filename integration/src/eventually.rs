//! Waiting without guessing how long.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How long anything may take that has no bound of its own: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until `look` sees what is wanted, and returns it. Panics with the last thing seen.
#[track_caller]
pub fn eventually<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    within(PATIENCE, what, look)
}

/// [`eventually`], within a given time.
#[track_caller]
pub fn within<T, E: Display>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let started = Instant::now();
    loop {
        let seen = match look() {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        if started.elapsed() > limit {
            panic!("not within {limit:?}: {what}; seen last: {seen}");
        }
        std::thread::sleep(LOOK);
    }
}
