//! What operators can tune.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use agent_core::Timeouts;
use protocol::HostAddr;
use protocol::framework::{Attribute, Domain};
use protocol::time::millis;
use serde::{Deserialize, Serialize};
use tokens::{SecretError, TokenSecret};

/// What becomes of the tasks when the agent is told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnShutdown {
    /// They run on, and the next life of the agent finds them again: for upgrades.
    #[default]
    Keep,
    /// They are killed, and the master is told that the agent has left for good.
    Kill,
}

/// The `[agent]` section of an agent's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// Where the masters' actors are, `host:port`. Any of them knows who leads.
    pub masters: Vec<HostAddr>,
    /// The checkpoint, the log of updates and the sandboxes are in it.
    pub work_dir: PathBuf,
    /// The program that runs command tasks. Absent: `meseta-executor` beside the agent's own.
    pub executor: Option<PathBuf>,
    /// The name under which frameworks see the machine. Absent: the kernel's.
    pub hostname: Option<String>,
    /// For placement: `rack = { text = "r1" }`.
    pub attributes: BTreeMap<String, Attribute>,
    /// Where the machine is: `{ region = "europe", zone = "a" }`.
    pub domain: Option<Domain>,
    pub on_shutdown: OnShutdown,
    /// Run tasks as the user that their framework or command names; otherwise as the agent's own.
    /// Without root, only the latter is possible.
    pub switch_user: bool,
    /// How many containers are made at the same time.
    pub parallel_launches: usize,
    /// How many completed tasks are remembered, with their sandboxes.
    pub completed_tasks: usize,
    /// How long making a container may take, including what is fetched into it.
    pub launch_timeout_ms: u64,
    /// How long an executor may take from its start until it registers.
    pub executor_registration_timeout_ms: u64,
    /// The same after a restart of the agent, for executors that ran before.
    pub executor_reregistration_timeout_ms: u64,
    /// How long executors, and their tasks, go on without an agent before they end themselves.
    pub executor_recovery_timeout_ms: u64,
    /// How long an executor that was told to end may take, unless it names a time itself.
    pub executor_shutdown_grace_ms: u64,
    /// How often the stream of an executor says that the agent is there. Not zero.
    pub executor_heartbeat_ms: u64,
    /// What the tokens are signed with by which the edge knows executors. Absent: it knows none, and
    /// takes their word.
    pub executor_secret_file: Option<PathBuf>,
    /// Between SIGTERM and SIGKILL of a task, unless the task or the kill names a time.
    pub kill_grace_ms: u64,
    /// With `on_shutdown = "kill"`: how long tasks may take to end by themselves.
    pub stop_timeout_ms: u64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        let core = Timeouts::default();
        Self {
            masters: Vec::new(),
            work_dir: "/var/lib/meseta/agent".into(),
            executor: None,
            hostname: None,
            attributes: BTreeMap::new(),
            domain: None,
            on_shutdown: OnShutdown::Keep,
            switch_user: true,
            // Twice the CPUs of a large machine; on a small one they only wait for each other.
            parallel_launches: 32,
            // At a task a second, a quarter of an hour to look at what went wrong.
            completed_tasks: 1000,
            launch_timeout_ms: 5 * 60 * 1000,
            executor_registration_timeout_ms: millis(core.executor_registration),
            executor_reregistration_timeout_ms: millis(core.executor_reregistration),
            executor_recovery_timeout_ms: millis(core.executor_recovery),
            executor_shutdown_grace_ms: millis(core.executor_shutdown),
            // As in Mesos. It only keeps middleboxes and readers with a timeout from giving up.
            executor_heartbeat_ms: 30 * 60 * 1000,
            executor_secret_file: None,
            kill_grace_ms: millis(core.kill_grace),
            stop_timeout_ms: millis(core.stop),
        }
    }
}

impl AgentConfig {
    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            executor_registration: Duration::from_millis(self.executor_registration_timeout_ms),
            executor_reregistration: Duration::from_millis(self.executor_reregistration_timeout_ms),
            executor_recovery: Duration::from_millis(self.executor_recovery_timeout_ms),
            executor_shutdown: Duration::from_millis(self.executor_shutdown_grace_ms),
            kill_grace: Duration::from_millis(self.kill_grace_ms),
            stop: Duration::from_millis(self.stop_timeout_ms),
            ..Timeouts::default()
        }
    }

    /// How often the stream of an executor says that the agent is there.
    pub fn executor_heartbeat(&self) -> Duration {
        Duration::from_millis(self.executor_heartbeat_ms)
    }

    /// Reads what the tokens of executors are signed with, if they are to have any.
    ///
    /// # Errors
    /// If there is none in the file.
    pub fn executor_secret(&self) -> Result<Option<TokenSecret>, SecretError> {
        self.executor_secret_file.as_deref().map(TokenSecret::read).transpose()
    }

    pub(crate) fn launch_timeout(&self) -> Duration {
        Duration::from_millis(self.launch_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(AgentConfig::default().timeouts(), Timeouts::default());
    }

    #[test]
    fn a_key_that_is_not_known_is_refused() {
        let error = serde_json::from_str::<AgentConfig>(r#"{ "master": [] }"#).unwrap_err();
        assert!(error.to_string().contains("masters"), "{error}");
    }
}
