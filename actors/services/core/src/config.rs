//! What the scheduler is told at its start.

use std::time::Duration;

use serde::Serialize;

/// Who it is, and how patient it is. The defaults are Marathon's where it has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The framework's name with the master.
    pub framework_name: String,
    /// The role that offers are wanted for.
    pub role: String,
    /// Unix user that tasks run as unless their app names another.
    pub user: String,
    /// How long the master keeps the tasks when this scheduler is away.
    pub failover_timeout: Duration,
    /// An instance that is not running this long after its launch is killed.
    pub launch_timeout: Duration,
    /// A kill is asked for again this often until the instance has ended.
    pub kill_retry: Duration,
    /// Between two reconciliations with the master.
    pub reconcile_interval: Duration,
    /// Between two revivals of offers: a burst of failures asks once.
    pub revive_interval: Duration,
    /// An offer that fits nothing that is wanted is not made again for so long.
    pub decline_unfit: Duration,
    /// An offer that comes while nothing is wanted is not made again for so long; wanting something
    /// revives it earlier.
    pub decline_unwanted: Duration,
    /// Service ports that are chosen for apps that leave it open; the end is excluded.
    pub service_ports: (u16, u16),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            framework_name: "marathon".to_owned(),
            role: "*".to_owned(),
            user: "root".to_owned(),
            failover_timeout: Duration::from_secs(604_800),
            launch_timeout: Duration::from_secs(300),
            kill_retry: Duration::from_secs(30),
            reconcile_interval: Duration::from_secs(600),
            revive_interval: Duration::from_millis(500),
            decline_unfit: Duration::from_secs(5),
            decline_unwanted: Duration::from_secs(120),
            service_ports: (10_000, 20_000),
        }
    }
}
