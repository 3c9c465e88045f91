//! What can be tuned.

use std::sync::Arc;
use std::time::Duration;

use protocol::access::Acls;
use protocol::frameworks::RoleSettings;
use serde::Serialize;

/// What the frameworks manager is started with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// An offer that is neither accepted nor declined for this long is rescinded. Absent: never.
    pub offer_timeout: Option<Duration>,
    /// The least time that a framework of the registry is given to subscribe with a new leader,
    /// however short its failover timeout: its scheduler has not failed, the master has.
    pub recovery_grace: Duration,
    /// Ended tasks that are remembered for each framework.
    pub completed_tasks: usize,
    /// Ended frameworks that are remembered.
    pub completed_frameworks: usize,
    /// What roles have as long as operators have set nothing else.
    pub roles: RoleSettings,
    /// Who may do what.
    pub acls: Arc<Acls>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Mesos has no default; a scheduler that hoards for 5 minutes is stuck.
            offer_timeout: Some(Duration::from_secs(300)),
            // Five attempts of a driver, each given up after 10 s and followed within 1 s.
            recovery_grace: Duration::from_secs(60),
            // As in Mesos.
            completed_tasks: 1000,
            completed_frameworks: 50,
            roles: RoleSettings::default(),
            acls: Arc::default(),
        }
    }
}
