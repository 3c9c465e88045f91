//! Everything that the scheduler wants done, and what it writes.

use protocol::explain::AppExplanation;
use protocol::framework::Filters;
use protocol::frameworks::TaskQuestion;
use protocol::services::{
    App, AppAccepted, AppList, AppStatus, AppVersions, Deployment, DeploymentList, Instance,
    InstanceFailure, InstancesKilled, ServicesInfo,
};
use protocol::task::{KillPolicy, TaskInfo, TaskStatus};
use protocol::{AgentId, CallId, Epoch, Failure, FrameworkId, OfferId, TaskId, Time};
use serde::{Deserialize, Serialize};

/// One batch of writes, numbered in the order in which they have to become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PersistId(pub u64);

/// One thing to be done. They are done in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::large_enum_variant, reason = "few at a time, and moved once, to be performed")]
pub enum Effect {
    /// Read everything durable; answered by [`Input::Loaded`](crate::Input::Loaded).
    Load {
        epoch: Epoch,
    },
    /// Make these durable, after all before them; answered by `Persisted` or `PersistFailed`.
    Persist {
        id: PersistId,
        epoch: Epoch,
        writes: Vec<Write>,
    },

    /// Become this framework's scheduler; without an id, a new one's.
    Subscribe {
        framework_id: Option<FrameworkId>,
    },
    /// Stop being a scheduler; the tasks stay.
    Unsubscribe,
    Accept {
        offer_ids: Vec<OfferId>,
        tasks: Vec<TaskInfo>,
        filters: Filters,
    },
    Decline {
        offer_ids: Vec<OfferId>,
        filters: Filters,
    },
    Revive,
    Suppress,
    Kill {
        task_id: TaskId,
        agent_id: Option<AgentId>,
        kill_policy: Option<KillPolicy>,
    },
    /// None named: all of the framework's.
    Reconcile {
        tasks: Vec<TaskQuestion>,
    },
    Acknowledge {
        status: TaskStatus,
    },

    /// Ask the master why offers come or do not, answer the call with that in its place and the
    /// conclusion drawn ([`conclude`](crate::conclude)).
    Explain {
        call: CallId,
        explanation: Box<AppExplanation>,
    },
    Reply {
        call: CallId,
        result: Result<Answer, Failure>,
    },
    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
    Emit(Event),
    /// What is in memory may differ from what is durable: start again from what is.
    Fail {
        why: String,
    },
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Answer {
    Accepted(AppAccepted),
    Killed(InstancesKilled),
    App(AppStatus),
    Apps(AppList),
    Versions(AppVersions),
    Deployments(DeploymentList),
    Info(ServicesInfo),
}

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The app of this id may start instances again.
    Backoff(String),
    /// Kills that were not answered are asked for again.
    Kills,
    /// An instance that does not come up is given up.
    Overdue,
    /// The master is asked what it knows.
    Reconcile,
    /// Offers are revived for what has been wanted since the last time.
    Revive,
}

/// One change of what is durable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Write {
    PutFramework(FrameworkId),
    DeleteFramework,
    PutApp(AppRecord),
    DeleteApp { id: String },
    PutVersion(App),
    DeleteVersion { id: String, version: Time },
    PutInstance(Instance),
    DeleteInstance(TaskId),
    PutFailure { app_id: String, failure: InstanceFailure },
    DeleteFailure { app_id: String },
}

/// An app as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppRecord {
    pub app: App,
    /// The changes of it that are still being carried out.
    #[serde(default)]
    pub deployments: Vec<Deployment>,
}

/// Something that people and programs that follow along are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    AppCreated(AppEvent),
    AppUpdated(AppEvent),
    AppDeleted(AppEvent),
    InstanceChanged {
        #[serde(flatten)]
        instance: Instance,
        message: String,
    },
}

/// What is told of a change of an app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppEvent {
    pub id: String,
    pub version: Time,
    pub deployment_id: String,
    pub instances: u32,
}

impl Event {
    /// Its type on the event stream.
    pub fn kind(&self) -> &'static str {
        use protocol::events::types;
        match self {
            Self::AppCreated(_) => types::APP_CREATED,
            Self::AppUpdated(_) => types::APP_UPDATED,
            Self::AppDeleted(_) => types::APP_DELETED,
            Self::InstanceChanged { .. } => types::INSTANCE_CHANGED,
        }
    }
}
