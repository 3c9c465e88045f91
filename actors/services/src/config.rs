//! What operators decide about the service scheduler.

use std::time::Duration;

use protocol::HostAddr;
use protocol::framework::{Capability, FrameworkInfo};
use protocol::time::millis;
use serde::{Deserialize, Serialize};

/// The `[services]` section of a services host's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The framework's name with the master.
    pub framework_name: String,
    /// The role that offers are wanted for.
    pub role: String,
    /// Unix user that tasks run as unless their app names another; empty: the one that this
    /// process runs as.
    pub user: String,
    /// How long the master keeps the tasks when no scheduler is there.
    pub failover_timeout_ms: u64,
    /// An instance that is not running this long after its launch is killed.
    pub launch_timeout_ms: u64,
    /// Between two reconciliations with the master.
    pub reconcile_interval_ms: u64,
    /// Service ports that are chosen for apps that leave it open: from, and up to but without.
    pub service_ports: (u16, u16),
}

impl Default for Config {
    fn default() -> Self {
        let core = services_core::Config::default();
        Self {
            framework_name: core.framework_name,
            role: core.role,
            user: String::new(),
            failover_timeout_ms: millis(core.failover_timeout),
            launch_timeout_ms: millis(core.launch_timeout),
            reconcile_interval_ms: millis(core.reconcile_interval),
            service_ports: core.service_ports,
        }
    }
}

impl Config {
    pub(crate) fn core(&self) -> services_core::Config {
        services_core::Config {
            framework_name: self.framework_name.clone(),
            role: self.role.clone(),
            user: if self.user.is_empty() { own_user() } else { self.user.clone() },
            failover_timeout: Duration::from_millis(self.failover_timeout_ms),
            launch_timeout: Duration::from_millis(self.launch_timeout_ms),
            reconcile_interval: Duration::from_millis(self.reconcile_interval_ms),
            service_ports: self.service_ports,
            ..services_core::Config::default()
        }
    }
}

/// How the scheduler introduces itself to the master.
pub(crate) fn introduction(
    config: &services_core::Config,
    id: Option<protocol::FrameworkId>,
    host: &HostAddr,
) -> FrameworkInfo {
    FrameworkInfo {
        id,
        failover_timeout_ms: millis(config.failover_timeout),
        roles: vec![config.role.clone()],
        hostname: host.host().to_owned(),
        checkpoint: true,
        capabilities: [Capability::PartitionAware, Capability::TaskKillingState].into(),
        ..FrameworkInfo::new(config.user.clone(), config.framework_name.clone())
    }
}

/// The name of the user that this process runs as; its number where it has no name.
fn own_user() -> String {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
