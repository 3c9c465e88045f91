//! Everything that can happen to the scheduler.

use std::collections::BTreeMap;

use protocol::elector::Leadership;
use protocol::explain::ExplainApp;
use protocol::framework::Offer;
use protocol::services::{
    App, DeleteApp, GetApp, GetAppVersions, Instance, InstanceFailure, KillInstances, PutApp,
    RestartApp, ScaleApp,
};
use protocol::task::TaskStatus;
use protocol::{CallId, Epoch, FrameworkId, OfferId};
use serde::Serialize;

use crate::effect::{AppRecord, PersistId, Timer};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    /// Leadership was won, lost, or is another's.
    LeaderChanged(Leadership),
    /// The answer to [`Effect::Load`](crate::Effect::Load).
    Loaded {
        epoch: Epoch,
        records: Records,
    },
    /// These writes are durable, and so are all before them.
    Persisted {
        epoch: Epoch,
        id: PersistId,
    },
    /// It is not known what of the writes under way is durable.
    PersistFailed {
        epoch: Epoch,
        why: String,
    },

    /// The master knows this framework now.
    Subscribed {
        framework_id: FrameworkId,
    },
    /// The master will not have this scheduler. `removed`: the framework's id is not valid any more
    /// (torn down, or away for longer than its failover timeout), and its tasks have ended.
    Rejected {
        removed: bool,
        why: String,
    },
    /// The master is away; what was offered is void.
    Disconnected,
    Offers {
        offers: Vec<Offer>,
    },
    Rescinded {
        offer_ids: Vec<OfferId>,
    },
    Update {
        status: TaskStatus,
    },

    PutApp {
        call: CallId,
        message: PutApp,
    },
    ScaleApp {
        call: CallId,
        message: ScaleApp,
    },
    RestartApp {
        call: CallId,
        message: RestartApp,
    },
    DeleteApp {
        call: CallId,
        message: DeleteApp,
    },
    KillInstances {
        call: CallId,
        message: KillInstances,
    },
    GetApp {
        call: CallId,
        message: GetApp,
    },
    GetApps {
        call: CallId,
    },
    GetAppVersions {
        call: CallId,
        message: GetAppVersions,
    },
    GetDeployments {
        call: CallId,
    },
    ExplainApp {
        call: CallId,
        message: ExplainApp,
    },
    GetServicesInfo {
        call: CallId,
    },

    TimerFired(Timer),
}

impl Input {
    /// The call that waits for an answer.
    pub(crate) fn call(&self) -> Option<CallId> {
        match self {
            Self::PutApp { call, .. }
            | Self::ScaleApp { call, .. }
            | Self::RestartApp { call, .. }
            | Self::DeleteApp { call, .. }
            | Self::KillInstances { call, .. }
            | Self::GetApp { call, .. }
            | Self::GetApps { call }
            | Self::GetAppVersions { call, .. }
            | Self::GetDeployments { call }
            | Self::ExplainApp { call, .. }
            | Self::GetServicesInfo { call } => Some(*call),
            _ => None,
        }
    }
}

/// Everything durable, as it is read back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Records {
    pub framework_id: Option<FrameworkId>,
    pub apps: Vec<AppRecord>,
    /// In any order; each says whose it is.
    pub versions: Vec<App>,
    pub instances: Vec<Instance>,
    /// By app id.
    pub failures: BTreeMap<String, InstanceFailure>,
}
