//! The changes that are being carried out.
//!
//! A deployment is a promise to be watched, not a plan to be followed: what happens comes from
//! [`plan`](crate::plan), and the deployment ends when there is nothing left to do. It survives a
//! restart with its app.

use protocol::services::{Deployment, DeploymentAction};
use protocol::{Failure, FailureKind, Time};

use crate::effect::{Effect, Write};
use crate::state::Leading;

impl Leading {
    pub(crate) fn deployments_of(&self, app_id: &str) -> Vec<Deployment> {
        self.deployments.values().filter(|d| d.app_id == app_id).cloned().collect()
    }

    /// Whether the app may be changed: not while a change is under way, unless by force.
    pub(crate) fn check_unlocked(&self, app_id: &str, force: bool) -> Result<(), Failure> {
        let Some(under_way) = self.deployments.values().find(|d| d.app_id == app_id) else {
            return Ok(());
        };
        if force {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::Conflict,
            format!("app '{app_id}' is locked by deployment {}; force overrides it", under_way.id),
        ))
    }

    /// Begins a deployment in place of those of the app that are under way.
    pub(crate) fn begin_deployment(
        &mut self,
        app_id: &str,
        version: Time,
        action: DeploymentAction,
    ) -> String {
        self.deployments.retain(|_, d| d.app_id != app_id);
        let id = self.ids.uuid();
        let app_id = app_id.to_owned();
        self.deployments.insert(id.clone(), Deployment { id: id.clone(), app_id, version, action });
        id
    }

    /// The app is as it should be: its deployments are done.
    pub(crate) fn end_deployments(&mut self, app_id: &str, out: &mut Vec<Effect>) {
        let before = self.deployments.len();
        self.deployments.retain(|_, d| d.app_id != app_id);
        if self.deployments.len() == before {
            return;
        }
        if let Some(entry) = self.apps.get(app_id) {
            let record = self.record(&entry.app);
            self.durable.persist(vec![Write::PutApp(record)], vec![], out);
        }
    }
}
