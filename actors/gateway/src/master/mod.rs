//! The master's edge: health, who leads, what is there, and the event stream.

pub(crate) mod about;
mod ahead;
pub(crate) mod cluster;
mod explain;
pub(crate) mod legacy;
pub(crate) mod metrics;
mod read;
mod resize;
mod system;
mod totals;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::access::{Access, Caller};
use crate::answer::Answer;
use crate::common::Common;
use crate::duty::no_leader;
use crate::logs::Logs;
use crate::server::Edge;
use crate::v1;
use crate::websocket::stream_events;
use about::About;
pub(crate) use system::stats;

/// Where every host tells of its machine.
pub(crate) const STATS: &str = "/system/stats.json";

/// What a master serves. Standbys answer for their health and who leads, and redirect the rest.
#[derive(Clone, Copy, Debug)]
pub struct MasterEdge;

impl MasterEdge {
    /// One that can say how it was started.
    #[must_use]
    pub fn about(self, about: About) -> DescribedMaster {
        let logs = Data::new(Logs::default());
        DescribedMaster { edge: self, about: Data::new(about), logs, access: Access::default() }
    }
}

/// A [`MasterEdge`] that can say how it was started, and knows whom to answer.
#[derive(Clone, Debug)]
pub struct DescribedMaster {
    edge: MasterEdge,
    about: Data<About>,
    logs: Data<Logs>,
    access: Access,
}

impl DescribedMaster {
    /// One that can log more for a while.
    #[must_use]
    pub fn logging(self, logs: Logs) -> Self {
        Self { logs: Data::new(logs), ..self }
    }

    /// One that asks who is there.
    #[must_use]
    pub fn guarded(self, access: Access) -> Self {
        Self { access, ..self }
    }
}

impl Edge for DescribedMaster {
    fn open_paths(&self) -> Option<&'static [&'static str]> {
        self.edge.open_paths()
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    fn routes(&self, config: &mut ServiceConfig) {
        self.edge.routes(config);
        config.app_data(Data::clone(&self.about)).app_data(Data::clone(&self.logs));
    }
}

/// Whether this process is alive, and who leads: every master answers that.
const OPEN: &[&str] = &[
    "/health",
    "/master/health",
    "/version",
    "/version.json",
    "/master/version",
    "/master/version.json",
    STATS,
    "/redirect",
    "/master/redirect",
    "/flags",
    "/flags.json",
    "/master/flags",
    "/master/flags.json",
    "/files/browse",
    "/files/browse.json",
    "/files/read",
    "/files/read.json",
    "/files/download",
    "/files/download.json",
    "/files/debug",
    "/files/debug.json",
    "/logging/toggle",
    "/logging/toggle.json",
    "/metrics/snapshot",
    "/metrics/snapshot.json",
    "/master/logging/toggle",
    "/master/logging/toggle.json",
    "/master/metrics/snapshot",
    "/master/metrics/snapshot.json",
];

impl Edge for MasterEdge {
    fn open_paths(&self) -> Option<&'static [&'static str]> {
        Some(OPEN)
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(About::default()))
            .app_data(Data::new(Logs::default()))
            .configure(v1::operator::routes)
            .configure(legacy::routes)
            .route("/health", web::get().to(HttpResponse::Ok))
            .route("/master/health", web::get().to(HttpResponse::Ok))
            .route("/version", web::get().to(version))
            .route("/master/version", web::get().to(version))
            .route("/version.json", web::get().to(version))
            .route("/master/version.json", web::get().to(version))
            .route(STATS, web::get().to(stats))
            .route("/redirect", web::get().to(redirect))
            .route("/master/redirect", web::get().to(redirect))
            .route("/api/v1/events", web::get().to(events))
            .configure(v1::scheduler::routes)
            .route("/api/v1/tasks/{id}/resize", web::post().to(resize::resize))
            .service(web::scope("/api/v1/explain").configure(explain::routes))
            .service(web::scope("/api/v1/meseta").configure(read::routes));
    }
}

/// Which version of Mesos this is to its clients, who compare the parts as numbers, and of what.
pub(crate) async fn version() -> Answer {
    Ok(HttpResponse::Ok().json(serde_json::json!({
        "version": v1::MESOS_VERSION,
        "meseta_version": env!("CARGO_PKG_VERSION"),
    })))
}

/// 307 to the leader's base URL, also if that is this host: how Mesos clients find the leader.
async fn redirect(common: Data<Common>) -> Answer {
    let leader = common.duty.leader().ok_or_else(no_leader)?;
    Ok(HttpResponse::build(StatusCode::TEMPORARY_REDIRECT)
        .insert_header((LOCATION, format!("//{}", leader.http)))
        .finish())
}

/// Nothing is left out of it, so it is for those who may see everything.
async fn events(
    request: HttpRequest,
    payload: web::Payload,
    common: Data<Common>,
    caller: Caller,
) -> Answer {
    caller.may_see_everything()?;
    let actors = common.clone();
    stream_events(&request, payload, &common, async move || read::snapshot(&actors).await).await
}
