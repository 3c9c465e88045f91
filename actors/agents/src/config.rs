//! What operators can tune.

use std::time::Duration;

use protocol::time::millis;
use serde::{Deserialize, Serialize};

/// The `[agents]` section of a master's configuration. Defaults and their reasons are the core's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Between two pings of an agent.
    pub ping_interval_ms: u64,
    /// Pings without an answer after which an agent is unreachable.
    pub max_missed_pings: u32,
    /// How long an agent whose connection broke, or that a new leader found in the registry, may
    /// take to register.
    pub reregister_timeout_ms: u64,
    /// At least this long between two agents that become unreachable.
    pub unreachable_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        let core = agents_core::Config::default();
        Self {
            ping_interval_ms: millis(core.ping_interval),
            max_missed_pings: core.max_missed_pings,
            reregister_timeout_ms: millis(core.reregister_timeout),
            unreachable_interval_ms: millis(core.unreachable_interval),
        }
    }
}

impl Config {
    pub(crate) fn core(&self) -> agents_core::Config {
        agents_core::Config {
            ping_interval: Duration::from_millis(self.ping_interval_ms),
            max_missed_pings: self.max_missed_pings,
            reregister_timeout: Duration::from_millis(self.reregister_timeout_ms),
            unreachable_interval: Duration::from_millis(self.unreachable_interval_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(Config::default().core(), agents_core::Config::default());
    }
}
