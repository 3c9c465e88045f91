//! Questions about apps and about the scheduler itself.

use std::collections::BTreeMap;

use protocol::services::{AppList, AppStatus, AppVersions, DeploymentList, Instance, ServicesInfo};
use protocol::task::TaskState;
use protocol::{CallId, Epoch, FrameworkId, Time};
use serde::Serialize;

use crate::config::Config;
use crate::effect::{Answer, Effect};
use crate::state::{AppEntry, Leading, Role, Services};

impl Leading {
    pub(crate) fn on_get_app(&mut self, now: Time, call: CallId, id: &str, out: &mut Vec<Effect>) {
        let found = self.entry(id).map(|entry| self.status_of(now, entry));
        self.reply(call, found.map(Answer::App), out);
    }

    pub(crate) fn on_get_apps(&mut self, now: Time, call: CallId, out: &mut Vec<Effect>) {
        let apps = self.apps.values().map(|entry| self.status_of(now, entry)).collect();
        self.reply(call, Ok(Answer::Apps(AppList { apps })), out);
    }

    pub(crate) fn on_get_app_versions(&mut self, call: CallId, id: &str, out: &mut Vec<Effect>) {
        let versions = |versions: Vec<_>| Answer::Versions(AppVersions { versions });
        let found = self.entry(id).map(|entry| versions(entry.versions.clone()));
        self.reply(call, found, out);
    }

    pub(crate) fn on_get_deployments(&mut self, call: CallId, out: &mut Vec<Effect>) {
        let deployments = self.deployments.values().cloned().collect();
        self.reply(call, Ok(Answer::Deployments(DeploymentList { deployments })), out);
    }

    pub(crate) fn status(&self, now: Time, id: &str) -> Option<AppStatus> {
        self.apps.get(id).map(|entry| self.status_of(now, entry))
    }

    fn status_of(&self, now: Time, entry: &AppEntry) -> AppStatus {
        let id = &entry.app.spec.id;
        AppStatus {
            app: entry.app.clone(),
            instances: self.instances.of_app(id).cloned().collect(),
            last_failure: entry.last_failure.clone(),
            deployments: self.deployments_of(id).into_iter().map(|d| d.id).collect(),
            delayed_until: entry.backoff.held_until(now),
        }
    }
}

/// Who this scheduler is; answered by standbys too.
pub(crate) fn info(config: &Config, framework: Option<&FrameworkId>, connected: bool) -> Answer {
    let failover_timeout_ms = config.failover_timeout.as_millis();
    Answer::Info(ServicesInfo {
        framework_id: framework.cloned(),
        framework_name: config.framework_name.clone(),
        role: config.role.clone(),
        user: config.user.clone(),
        failover_timeout_ms: u64::try_from(failover_timeout_ms).unwrap_or(u64::MAX),
        connected,
    })
}

/// What there is to see of a scheduler.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// `standby`, `recovering` or `leading`.
    pub role: &'static str,
    pub epoch: Option<Epoch>,
    pub framework_id: Option<FrameworkId>,
    pub connected: bool,
    pub apps: usize,
    pub instances: usize,
    pub running: usize,
    pub kills: usize,
    pub deployments: usize,
    /// Instances that wait for an offer, by app.
    pub wanted: BTreeMap<String, usize>,
    /// Batches of writes that are not durable yet.
    pub writing: usize,
}

impl Services {
    /// The term that this process leads in, or is about to.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Standby(_) => None,
            Role::Recovering { epoch, .. } => Some(*epoch),
            Role::Leading(leading) => Some(leading.durable.epoch()),
        }
    }

    /// For people and tests.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { epoch: self.epoch(), ..Summary::default() };
        match &self.role {
            Role::Standby(_) => summary.role = "standby",
            Role::Recovering { .. } => summary.role = "recovering",
            Role::Leading(leading) => leading.summarise(&mut summary),
        }
        summary
    }
}

impl Leading {
    fn summarise(&self, summary: &mut Summary) {
        let is_running = |i: &&Instance| i.state == TaskState::Running;
        summary.role = "leading";
        summary.framework_id = self.framework_id.clone();
        summary.connected = self.connected;
        summary.apps = self.apps.len();
        summary.instances = self.instances.iter().count();
        summary.running = self.instances.iter().filter(is_running).count();
        summary.kills = self.kills.len();
        summary.deployments = self.deployments.len();
        summary.wanted = self.demand.wanted().clone();
        summary.writing = self.durable.waiting();
    }
}
