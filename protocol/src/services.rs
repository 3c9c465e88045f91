//! To `services` (the service scheduler): apps and their instances.
//!
//! The types are the system's own; Marathon's JSON is made from them and into them at the gateway.

pub mod check;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::explain::{AppExplanation, ExplainApp};
use crate::id::{AgentId, TaskId};
use crate::messages;
use crate::resources::Scalar;
use crate::task::{TaskState, Uri};
use crate::time::Time;

/// A port that every instance gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortDefinition {
    /// The service port; 0: chosen when the app is created.
    #[serde(default)]
    pub port: u16,
    #[serde(default = "tcp")]
    pub protocol: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

fn tcp() -> String {
    "tcp".to_owned()
}

/// What an app is, as its owner wants it; complete and valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppSpec {
    /// Absolute path: `/web-app`.
    pub id: String,
    /// Run by `/bin/sh -c`; exclusive with `args`.
    #[serde(default)]
    pub cmd: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub instances: u32,
    pub cpus: Scalar,
    /// MB.
    pub mem: Scalar,
    /// MB.
    pub disk: Scalar,
    #[serde(default)]
    pub ports: Vec<PortDefinition>,
    /// The host port must be the service port.
    #[serde(default)]
    pub require_ports: bool,
    #[serde(default)]
    pub fetch: Vec<Uri>,
    /// Delay before the first restart, in milliseconds.
    pub backoff_ms: u64,
    /// By which every further delay grows.
    pub backoff_factor: f64,
    /// The longest delay, in milliseconds.
    pub max_launch_delay_ms: u64,
    /// Between SIGTERM and SIGKILL, in milliseconds.
    #[serde(default)]
    pub kill_grace_ms: Option<u64>,
    /// Which instances go first when there are too many.
    #[serde(default)]
    pub kill_selection: KillSelection,
    #[serde(default)]
    pub upgrade: UpgradeStrategy,
}

/// How far the number of running instances may be off while they are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpgradeStrategy {
    /// The share of the instances that runs at every moment, 0 to 1.
    pub minimum_health_capacity: f64,
    /// The share of the instances that may run on top, 0 to 1.
    pub maximum_over_capacity: f64,
}

impl Default for UpgradeStrategy {
    /// All keep running, and every new one may start beside its old one.
    fn default() -> Self {
        Self { minimum_health_capacity: 1.0, maximum_over_capacity: 1.0 }
    }
}

/// Which instances go first when there are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KillSelection {
    #[default]
    YoungestFirst,
    OldestFirst,
}

/// An app with its versions' times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    pub spec: AppSpec,
    /// Every change makes a new one.
    pub version: Time,
    pub last_scaling_at: Time,
    pub last_config_change_at: Time,
}

/// One instance's present run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    pub task_id: TaskId,
    pub app_id: String,
    /// The version of the app that it runs.
    pub version: Time,
    pub state: TaskState,
    pub agent_id: AgentId,
    pub host: String,
    pub ports: Vec<u16>,
    pub staged_at: Time,
    #[serde(default)]
    pub started_at: Option<Time>,
    #[serde(default)]
    pub healthy: Option<bool>,
    /// A kill has been asked for.
    #[serde(default)]
    pub killing: bool,
}

/// The last time that an instance of the app ended badly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceFailure {
    pub task_id: TaskId,
    pub host: String,
    pub state: TaskState,
    pub message: String,
    pub timestamp: Time,
    pub version: Time,
    #[serde(default)]
    pub agent_id: Option<AgentId>,
}

/// An app with everything known of its instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    pub app: App,
    pub instances: Vec<Instance>,
    #[serde(default)]
    pub last_failure: Option<InstanceFailure>,
    /// Ids of the changes that are still being carried out.
    #[serde(default)]
    pub deployments: Vec<String>,
    /// Until when starting is held back after failures.
    #[serde(default)]
    pub delayed_until: Option<Time>,
}

/// A change was accepted and is durable; it is carried out from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppAccepted {
    pub deployment_id: String,
    pub version: Time,
    /// It did not exist before.
    pub created: bool,
    /// The app afterwards; absent when it was deleted.
    #[serde(default)]
    pub app: Option<AppStatus>,
}

/// What `PutApp` may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PutMode {
    /// Only create: refused when it exists.
    Create,
    /// Only change: refused when it does not.
    Update,
    /// Either.
    Upsert,
}

/// Make the app be so. From the gateway, the CLI, anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PutApp {
    pub spec: AppSpec,
    pub mode: PutMode,
    /// Override a change that is under way.
    #[serde(default)]
    pub force: bool,
    /// Only if this is its version still: the spec was derived from it.
    #[serde(default)]
    pub if_version: Option<Time>,
}

/// Change only the number of instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleApp {
    pub id: String,
    pub instances: u32,
    #[serde(default)]
    pub force: bool,
}

/// Replace every instance, one new before one old goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestartApp {
    pub id: String,
    #[serde(default)]
    pub force: bool,
}

/// End the app and all its instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeleteApp {
    pub id: String,
    /// Even while a change of it is under way; what people mean unless they say otherwise.
    #[serde(default = "yes")]
    pub force: bool,
}

fn yes() -> bool {
    true
}

/// End these instances; they are replaced unless `scale` lowers the count with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KillInstances {
    pub id: String,
    /// Only this one; absent: all.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// Only on this host.
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub scale: bool,
    /// With `scale`: even while a change of the app is under way.
    #[serde(default)]
    pub force: bool,
}

/// Answers [`KillInstances`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstancesKilled {
    pub instances: Vec<Instance>,
    /// With `scale`.
    #[serde(default)]
    pub accepted: Option<AppAccepted>,
}

/// One app. Refused when there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetApp {
    pub id: String,
}

/// The versions of one app that are kept. Refused when there is none of that id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetAppVersions {
    pub id: String,
}

/// Answers [`GetAppVersions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppVersions {
    /// Newest first; the first is what is wanted now.
    pub versions: Vec<App>,
}

/// What a change does to its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentAction {
    Start,
    Scale,
    Restart,
    Stop,
    /// An action that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A change that is being carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    pub id: String,
    pub app_id: String,
    /// The version of the app that it brings about.
    pub version: Time,
    pub action: DeploymentAction,
}

/// The changes that are being carried out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetDeployments {}

/// Answers [`GetDeployments`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentList {
    pub deployments: Vec<Deployment>,
}

/// All apps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetApps {}

/// Answers [`GetApps`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppList {
    pub apps: Vec<AppStatus>,
}

/// Who you are. From the gateway.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetServicesInfo {}

/// Answers [`GetServicesInfo`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServicesInfo {
    #[serde(default)]
    pub framework_id: Option<crate::id::FrameworkId>,
    pub framework_name: String,
    pub role: String,
    pub user: String,
    pub failover_timeout_ms: u64,
    /// Subscribed with the master now.
    pub connected: bool,
}

messages! {
    PutApp -> AppAccepted,
    ScaleApp -> AppAccepted,
    RestartApp -> AppAccepted,
    DeleteApp -> AppAccepted,
    KillInstances -> InstancesKilled,
    GetApp -> AppStatus,
    GetApps -> AppList,
    GetAppVersions -> AppVersions,
    GetDeployments -> DeploymentList,
    GetServicesInfo -> ServicesInfo,
    ExplainApp -> AppExplanation,
}
