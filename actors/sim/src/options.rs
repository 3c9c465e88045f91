//! How large the simulated cluster is, how long it is tormented, and how badly.

use std::time::Duration;

/// The shape of one run. The seed decides everything else.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub agents: usize,
    pub schedulers: usize,
    /// How long faults happen.
    pub torment: Duration,
    /// How long the cluster may take afterwards to work as if nothing had happened.
    pub patience: Duration,
    pub faults: Faults,
    /// How the master allocates.
    pub allocator: allocator_core::Options,
    /// Whether the events are kept as text.
    pub keep_log: bool,
}

/// Probabilities: of a packet's misfortune, and of each kind of accident in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// A packet is lost although its connection holds.
    pub drop: f64,
    /// A packet arrives twice.
    pub duplicate: f64,
    /// A packet arrives after others that were sent later.
    pub reorder: f64,
    /// A write to the registry has no answer; it may have happened.
    pub unknown_outcome: f64,
    /// The connection to a peer breaks.
    pub disconnect: f64,
    /// A peer cannot be reached for some seconds.
    pub partition: f64,
    pub agent_crash: f64,
    pub scheduler_crash: f64,
    pub master_crash: f64,
    /// The master loses its leadership and has it again.
    pub depose: f64,
    /// One actor of the master is restarted by its supervisor.
    pub actor_restart: f64,
    /// An operator marks an agent gone.
    pub mark_gone: f64,
    /// An operator reserves something of an agent, makes a volume of it, or undoes that.
    pub operate: f64,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        drop: 0.0,
        duplicate: 0.0,
        reorder: 0.0,
        unknown_outcome: 0.0,
        disconnect: 0.0,
        partition: 0.0,
        agent_crash: 0.0,
        scheduler_crash: 0.0,
        master_crash: 0.0,
        depose: 0.0,
        actor_restart: 0.0,
        mark_gone: 0.0,
        operate: 0.0,
    };

    /// A bad day: some accident every second or two, one packet in thirty in trouble.
    pub const BAD: Self = Self {
        drop: 0.01,
        duplicate: 0.01,
        reorder: 0.02,
        unknown_outcome: 0.02,
        disconnect: 0.10,
        partition: 0.04,
        agent_crash: 0.06,
        scheduler_crash: 0.05,
        master_crash: 0.03,
        depose: 0.02,
        actor_restart: 0.03,
        mark_gone: 0.005,
        operate: 0.60,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agents: 3,
            schedulers: 2,
            torment: Duration::from_secs(30),
            // The longest chain of timeouts: a failover (60 s of grace do not apply here), an
            // agent given up and marked gone, and a scheduler's patience with a stuck launch.
            patience: Duration::from_secs(180),
            faults: Faults::BAD,
            allocator: allocator_core::Options::default(),
            keep_log: false,
        }
    }
}
