//! The four durations that decide how fast a silent agent is given up.

use std::time::Duration;

use serde::Serialize;

/// How patient the agents manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Between two pings of an agent. 5 s: at 10 000 agents 2 000 small messages per second, and
    /// with three misses a dead machine is known after 15 to 20 s (Mesos: 15 s, 5 misses, 75 s).
    pub ping_interval: Duration,
    /// Pings without an answer after which an agent is unreachable. 3: one lost answer or one
    /// long stall of the machine is not enough.
    pub max_missed_pings: u32,
    /// How long an agent whose connection broke, or that a new leader found in the registry, may
    /// take to register. 60 s: longer than the restart or upgrade of an agent and than all agents
    /// of a large cluster need to find a new leader; its tasks run meanwhile.
    pub reregister_timeout: Duration,
    /// At least this long between two agents that become unreachable. 100 ms: a rack of 40 is
    /// given up within 4 s, while a false loss of 1 000 leaves more than a minute to come back.
    pub unreachable_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(5),
            max_missed_pings: 3,
            reregister_timeout: Duration::from_secs(60),
            unreachable_interval: Duration::from_millis(100),
        }
    }
}

impl Config {
    /// How long an agent that is not pinged should wait before it registers anew: as long as the
    /// master would wait for its answers.
    pub fn ping_timeout(&self) -> Duration {
        self.ping_interval * (self.max_missed_pings + 1)
    }
}
