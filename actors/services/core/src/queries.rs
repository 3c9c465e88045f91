//! Questions about apps and about the scheduler itself.

use protocol::services::{AppList, AppStatus, AppVersions, DeploymentList, ServicesInfo};
use protocol::{CallId, FrameworkId, Time};

use crate::config::Config;
use crate::effect::{Answer, Effect};
use crate::state::{AppEntry, Leading};

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
