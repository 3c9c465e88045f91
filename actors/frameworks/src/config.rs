//! What operators can tune.

use std::sync::Arc;
use std::time::Duration;

use protocol::Address;
use protocol::access::Acls;
use protocol::frameworks::RoleSettings;
use protocol::time::millis;
use serde::{Deserialize, Serialize};

/// The `[frameworks]` section of a master's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// An offer that is neither accepted nor declined for this long is rescinded. 0: never.
    pub offer_timeout_ms: u64,
    /// The least time that frameworks have to subscribe with a new leader.
    pub recovery_grace_ms: u64,
    /// Ended tasks that are remembered for each framework.
    pub completed_tasks: usize,
    /// Ended frameworks that are remembered.
    pub completed_frameworks: usize,
    /// Where the allocator is; absent: `allocator` on this host.
    pub allocator: Option<Address>,
}

impl Default for Config {
    fn default() -> Self {
        let core = frameworks_core::Config::default();
        Self {
            offer_timeout_ms: core.offer_timeout.map_or(0, millis),
            recovery_grace_ms: millis(core.recovery_grace),
            completed_tasks: core.completed_tasks,
            completed_frameworks: core.completed_frameworks,
            allocator: None,
        }
    }
}

impl Config {
    pub(crate) fn core(&self, roles: RoleSettings, acls: Arc<Acls>) -> frameworks_core::Config {
        let timeout = Duration::from_millis(self.offer_timeout_ms);
        frameworks_core::Config {
            offer_timeout: (!timeout.is_zero()).then_some(timeout),
            recovery_grace: Duration::from_millis(self.recovery_grace_ms),
            completed_tasks: self.completed_tasks,
            completed_frameworks: self.completed_frameworks,
            roles,
            acls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(
            Config::default().core(RoleSettings::default(), Arc::default()),
            frameworks_core::Config::default()
        );
    }

    #[test]
    fn an_unknown_key_is_refused_and_an_absent_one_has_its_default() {
        let config: Config = serde_json::from_str("{\"offer_timeout_ms\":0}").unwrap();
        assert_eq!(config.core(RoleSettings::default(), Arc::default()).offer_timeout, None);
        assert_eq!(config.completed_tasks, 1000);
        assert!(serde_json::from_str::<Config>("{\"offer_timeout\":1}").is_err());
    }
}
