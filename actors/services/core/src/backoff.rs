//! How long an app that keeps ending is held back.
//!
//! As in Marathon: the first end delays by `backoff_ms`, every further one by `backoff_factor`
//! more, up to `max_launch_delay_ms`; an app that has given no cause for longer than the longest
//! delay starts afresh. Kept in memory only.

use std::time::Duration;

use protocol::Time;
use protocol::services::AppSpec;
use serde::Serialize;

/// One app's delay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Backoff(Option<Delay>);

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Delay {
    delay: Duration,
    until: Time,
    /// The last time that something happened; forgotten `max_launch_delay_ms` after it.
    reference: Time,
}

impl Backoff {
    /// An instance has ended by itself.
    pub(crate) fn on_end(&mut self, now: Time, spec: &AppSpec) {
        self.expire(now, spec);
        let delay = match &self.0 {
            None => Duration::from_millis(spec.backoff_ms),
            Some(last) => grown(last.delay, spec.backoff_factor),
        };
        let delay = delay.min(Duration::from_millis(spec.max_launch_delay_ms));
        let until = now + delay;
        self.0 = Some(Delay { delay, until, reference: until });
    }

    /// An instance is on its way or up: the delay is not forgotten while things move.
    pub(crate) fn on_progress(&mut self, now: Time, spec: &AppSpec) {
        self.expire(now, spec);
        if let Some(last) = &mut self.0 {
            last.reference = last.reference.max(now);
        }
    }

    /// Start afresh: the app is another one now.
    pub(crate) fn reset(&mut self) {
        self.0 = None;
    }

    /// Until when nothing is started; `None`: now is fine.
    pub(crate) fn held_until(&self, now: Time) -> Option<Time> {
        self.0.as_ref().map(|last| last.until).filter(|until| *until > now)
    }

    fn expire(&mut self, now: Time, spec: &AppSpec) {
        let patience = Duration::from_millis(spec.max_launch_delay_ms);
        self.0.take_if(|last| now > last.reference + patience);
    }
}

/// Grows without overflow; the caller cuts it to the longest delay.
fn grown(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> AppSpec {
        let json = serde_json::json!({
            "id": "/a", "cmd": "x", "instances": 1, "cpus": 1, "mem": 1, "disk": 0,
            "backoff_ms": 1000, "backoff_factor": 2.0, "max_launch_delay_ms": 5000,
        });
        serde_json::from_value(json).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn every_end_delays_more_up_to_the_longest() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.held_until(at(0)), None);
        for delay in [1, 2, 4, 5, 5] {
            backoff.on_end(at(0), &spec());
            assert_eq!(backoff.held_until(at(0)), Some(at(delay)));
        }
        assert_eq!(backoff.held_until(at(5)), None, "the delay has passed");
    }

    #[test]
    fn it_is_forgotten_after_a_quiet_time() {
        let mut backoff = Backoff::default();
        backoff.on_end(at(0), &spec());
        backoff.on_end(at(0), &spec());
        backoff.on_progress(at(4), &spec());
        backoff.on_end(at(9), &spec());
        assert_eq!(backoff.held_until(at(9)), Some(at(13)), "9 s is not beyond 4 s + 5 s");
        backoff.on_end(at(19), &spec());
        assert_eq!(backoff.held_until(at(19)), Some(at(20)));
    }

    #[test]
    fn hostile_numbers_do_not_overflow() {
        let mut backoff = Backoff::default();
        let spec = AppSpec {
            backoff_ms: u64::MAX,
            backoff_factor: f64::MAX,
            max_launch_delay_ms: u64::MAX,
            ..spec()
        };
        for _ in 0..4 {
            backoff.on_end(at(1), &spec);
        }
        assert!(backoff.held_until(at(1)).is_some());
    }
}
