//! What the scheduler knows.

use std::collections::BTreeMap;

use protocol::elector::Leadership;
use protocol::services::{App, Deployment, InstanceFailure};
use protocol::{AgentId, Epoch, FrameworkId, TaskId, Time};

use crate::backoff::Backoff;
use crate::config::Config;
use crate::demand::Demand;
use crate::durable::{Durable, Timers};
use crate::effect::AppRecord;
use crate::ids::{IdSource, InstanceName};
use crate::input::Input;
use crate::instances::Instances;

/// The service scheduler.
#[derive(Debug)]
pub struct Services {
    pub(crate) config: Config,
    pub(crate) seed: u128,
    pub(crate) role: Role,
}

impl Services {
    /// A standby. `seed` must differ from that of every other process, ever: ids are made of it.
    pub fn new(config: Config, seed: u128) -> Self {
        let leadership = Leadership { leader: None, leading: false };
        Self { config, seed, role: Role::Standby(leadership) }
    }
}

/// Where this process stands.
///
/// ```text
/// Standby ──► Recovering ──► Leading
///    ▲            │             │
///    └────────────┴─────────────┘   leadership lost
/// ```
#[derive(Debug)]
pub(crate) enum Role {
    /// Another leads, or nobody.
    Standby(Leadership),
    /// Elected; what is durable is being read.
    Recovering {
        epoch: Epoch,
        /// What was asked meanwhile, in order.
        waiting: Vec<Input>,
    },
    Leading(Box<Leading>),
}

/// The state of a leader.
#[derive(Debug)]
pub(crate) struct Leading {
    pub(crate) config: Config,
    pub(crate) ids: IdSource,
    pub(crate) durable: Durable,
    pub(crate) timers: Timers,
    pub(crate) framework_id: Option<FrameworkId>,
    /// Subscribed with the master now.
    pub(crate) connected: bool,
    /// What is wanted, by id.
    pub(crate) apps: BTreeMap<String, AppEntry>,
    pub(crate) instances: Instances,
    /// Kills that were asked for and are not answered by an end: of instances, and of tasks that
    /// should not be there.
    pub(crate) kills: BTreeMap<TaskId, PendingKill>,
    /// The changes being carried out, by id.
    pub(crate) deployments: BTreeMap<String, Deployment>,
    pub(crate) demand: Demand,
    /// Where free ports are looked for next on an agent, so that a port is not used again at once.
    pub(crate) port_hints: BTreeMap<AgentId, u64>,
}

/// One app that is wanted.
#[derive(Debug)]
pub(crate) struct AppEntry {
    pub(crate) app: App,
    /// The versions that are kept, newest first; the first is `app`.
    pub(crate) versions: Vec<App>,
    pub(crate) backoff: Backoff,
    pub(crate) last_failure: Option<InstanceFailure>,
    /// Instances that ended and run again under their name.
    pub(crate) vacant: Vec<InstanceName>,
}

/// A kill that was asked for.
#[derive(Debug)]
pub(crate) struct PendingKill {
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) asked_at: Time,
}

impl Leading {
    pub(crate) fn new(config: Config, seed: u128, epoch: Epoch) -> Self {
        Self {
            config,
            ids: IdSource::new(seed, epoch.0),
            durable: Durable::new(epoch),
            timers: Timers::default(),
            framework_id: None,
            connected: false,
            apps: BTreeMap::new(),
            instances: Instances::default(),
            kills: BTreeMap::new(),
            deployments: BTreeMap::new(),
            demand: Demand::default(),
            port_hints: BTreeMap::new(),
        }
    }

    /// The app as it is to be kept.
    pub(crate) fn record(&self, app: &App) -> AppRecord {
        AppRecord { app: app.clone(), deployments: self.deployments_of(&app.spec.id) }
    }
}
