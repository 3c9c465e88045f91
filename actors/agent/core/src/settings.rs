//! What an agent is told about itself when it is made.

use std::time::Duration;

use protocol::Address;
use protocol::framework::AgentInfo;
use serde::Serialize;

/// What an agent is told about itself when it is made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// Where executors reach it.
    pub agent: Address,
    /// The cluster that it and its executors belong to.
    pub cluster: String,
    /// How it introduces itself to the master.
    pub info: AgentInfo,
    /// Sandboxes are under it.
    pub work_dir: String,
    /// The program that runs command tasks.
    pub executor: String,
    /// A name for this life of the agent that no other agent of the machine has had: containers
    /// are named after it.
    pub run: String,
    /// A random UUID of this life of the agent: those of its updates are derived from it.
    pub updates: u128,
    /// From which the jitter of its retries is derived.
    pub seed: u64,
    /// Run tasks as the user that they name; otherwise as the agent's own.
    pub switch_user: bool,
    /// How many containers are made at the same time. More only makes each of them later: making
    /// one is work for a CPU, and the mailbox of `isolator` is bounded.
    pub parallel_launches: usize,
    /// How many completed tasks are remembered, with their sandboxes.
    pub completed_tasks: usize,
    pub timeouts: Timeouts,
}

/// How patient the agent is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeouts {
    /// Before a registration is sent again: from `register_min`, doubling, to `register_max`, each
    /// less up to a half of itself.
    pub register_min: Duration,
    pub register_max: Duration,
    /// From the start of an executor's process until it registers.
    pub executor_registration: Duration,
    /// The same after a restart of the agent.
    pub executor_reregistration: Duration,
    /// How long an executor goes on without an agent.
    pub executor_recovery: Duration,
    /// The longest pause of an executor that speaks the v1 API before it subscribes again.
    pub executor_backoff: Duration,
    /// From telling an executor to end until its container is destroyed.
    pub executor_shutdown: Duration,
    /// Between the signals of a kill, when neither the task nor the kill says.
    pub kill_grace: Duration,
    /// After that, until the executor is taken not to obey.
    pub kill_slack: Duration,
    /// How long the status of a failed task waits to hear whether a limit was the cause.
    pub limitation: Duration,
    /// Until a container that was to be destroyed is asked about again.
    pub destroy: Duration,
    /// Until what another actor of this host did not take is asked again.
    pub retry: Duration,
    /// How long the end of the agent waits for tasks to end by themselves.
    pub stop: Duration,
    /// After that, for their ends to be acknowledged.
    pub goodbye: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            register_min: Duration::from_millis(100),
            register_max: Duration::from_secs(10),
            // As in Mesos, where it includes the fetching; here only the process counts.
            executor_registration: Duration::from_secs(60),
            // Mesos allows from 2 s to 15 s; executors try every second.
            executor_reregistration: Duration::from_secs(15),
            // As in Mesos, all four.
            executor_recovery: Duration::from_secs(15 * 60),
            executor_backoff: Duration::from_secs(2),
            executor_shutdown: Duration::from_secs(5),
            kill_grace: Duration::from_secs(3),
            kill_slack: Duration::from_secs(2),
            // Destroying a container takes milliseconds, or until the kernel lets go of memory.
            limitation: Duration::from_secs(5),
            destroy: Duration::from_secs(5),
            retry: Duration::from_millis(200),
            stop: Duration::from_secs(10),
            // An acknowledgement takes milliseconds; without it the goodbye says the same.
            goodbye: Duration::from_secs(1),
        }
    }
}
