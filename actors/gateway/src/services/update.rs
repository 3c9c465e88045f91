//! Changing an app by a part of its definition: read, merged, and written only if nobody else has
//! written meanwhile.

use protocol::services::{App, AppAccepted, AppSpec, AppStatus, GetAppVersions, PutApp, PutMode};
use protocol::{FailureKind, Time};

use super::ServicesEdge;
use super::error::{Refusal, check_meaning};
use super::parse::app::{AppPatch, default_spec};

/// How often a change is merged anew because somebody else was faster.
const MAX_RACES: usize = 5;

/// How a change is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// An app that is missing is made.
    pub(super) may_create: bool,
    /// What is left out stays as it is, rather than going back to its default.
    pub(super) partial: bool,
    /// Also while another change is under way.
    pub(super) force: bool,
}

impl ServicesEdge {
    /// Makes the app of `id` what `patch` says.
    pub(super) async fn update(
        &self,
        id: &str,
        patch: &AppPatch,
        manner: Manner,
    ) -> Result<AppAccepted, Refusal> {
        for _ in 0..MAX_RACES {
            let present = self.find(id).await?;
            let spec = self.changed(id, patch, present.as_ref(), manner).await?;
            check_meaning(spec.check())?;
            let if_version = present.map(|status| status.app.version);
            let mode = if if_version.is_some() { PutMode::Update } else { PutMode::Create };
            let put = PutApp { spec, mode, force: manner.force, if_version };
            match self.ask(put).await {
                Ok(accepted) => return Ok(accepted),
                Err(failure) if is_race(failure.kind) && self.has_moved(id, if_version).await? => {}
                Err(failure) => return Err(self.refusal(id, failure).await),
            }
        }
        Err(self.refusal(id, protocol::Failure::new(FailureKind::Conflict, "")).await)
    }

    /// What the app becomes.
    async fn changed(
        &self,
        id: &str,
        patch: &AppPatch,
        present: Option<&AppStatus>,
        manner: Manner,
    ) -> Result<AppSpec, Refusal> {
        if let Some(version) = &patch.roll_back_to {
            return Ok(self.version(id, version).await?.spec);
        }
        let base = match present {
            Some(status) if manner.partial => status.app.spec.clone(),
            Some(_) => default_spec(id.to_owned()),
            None if manner.may_create => default_spec(id.to_owned()),
            None => return Err(Refusal::app_missing(id)),
        };
        Ok(patch.clone().apply(base))
    }

    /// Whether the app is not at this version any more.
    async fn has_moved(&self, id: &str, version: Option<Time>) -> Result<bool, Refusal> {
        let present = self.find(id).await?;
        Ok(present.map(|status| status.app.version) != version)
    }

    /// One version of an app, by its text.
    pub(super) async fn version(&self, id: &str, version: &str) -> Result<App, Refusal> {
        let kept = self.versions(id).await?;
        kept.into_iter().find(|app| app.version.to_iso() == version).ok_or_else(|| {
            let status = actix_web::http::StatusCode::NOT_FOUND;
            Refusal::new(status, format!("App '{id}' does not exist in version {version}"))
        })
    }

    /// The versions of an app that are kept.
    pub(super) async fn versions(&self, id: &str) -> Result<Vec<App>, Refusal> {
        match self.ask(GetAppVersions { id: id.to_owned() }).await {
            Ok(list) => Ok(list.versions),
            Err(failure) => Err(self.refusal(id, failure).await),
        }
    }
}

fn is_race(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Conflict | FailureKind::AlreadyExists | FailureKind::NotFound)
}
