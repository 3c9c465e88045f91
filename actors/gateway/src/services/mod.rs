//! The services host's HTTP edge: Marathon's `/v2` API for apps and tasks.
//!
//! Marathon's own clients work with it unmodified: its members and no others, its status codes and
//! error bodies, its quirks where clients depend on them. What is asked for and cannot be given
//! (containers, health checks, constraints, …) is refused at its path.
//!
//! | module | what |
//! |---|---|
//! | `apps` | `/v2/apps` |
//! | `tasks` | tasks of apps, `/v2/tasks` |
//! | `system` | `/ping`, `/v2/info`, `/v2/leader`, `/v2/deployments` |
//! | `events` | `/api/v1/events`, the event stream (not Marathon's) |
//! | `explain` | `/api/v1/explain/app/…`, why instances wait (not Marathon's) |
//! | `parse`, `render` | JSON into values and back, once each |

mod apps;
mod error;
mod events;
mod explain;
mod parse;
mod path;
mod query;
mod render;
mod system;
mod tasks;
mod update;

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Bytes, PayloadConfig, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse};
use protocol::services::{AppAccepted, AppStatus, DeploymentList, GetApp, GetDeployments};
use protocol::{Failure, FailureKind, Message};
use runtime::Host;
use serde_json::Value;

use self::error::{Answer, Refusal};
use crate::server::Edge;

/// How long the scheduler may take to answer: a write of the store, with a fail-over in between.
const DEADLINE: Duration = Duration::from_secs(10);
/// More than any app may consist of (`protocol::services::check::MAX_APP_TEXT`), escaped, with
/// room for an array of ordinary ones.
const MAX_BODY: usize = 2 << 20;

/// The edge of a services host.
#[derive(Clone)]
pub struct ServicesEdge {
    host: Host,
    /// Where clients reach this host: `host:port`.
    http: String,
    /// The one role of the scheduler.
    role: String,
}

impl ServicesEdge {
    /// Paths that a standby answers for itself.
    pub const OPEN: &'static [&'static str] = &["/ping", "/v2/leader"];

    /// In front of the actors of `host`, reached by clients at `http` (`host:port`).
    pub fn new(host: Host, http: impl Into<String>, role: impl Into<String>) -> Self {
        Self { host, http: http.into(), role: role.into() }
    }

    async fn ask<M: Message>(&self, message: M) -> Result<M::Reply, Failure> {
        self.host.ask(&self.host.address_of("services"), message, DEADLINE).await
    }

    /// The app if there is one.
    async fn find(&self, id: &str) -> Result<Option<AppStatus>, Failure> {
        match self.ask(GetApp { id: id.to_owned() }).await {
            Ok(status) => Ok(Some(status)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What a failed change of an app is in Marathon's words.
    async fn refusal(&self, id: &str, failure: Failure) -> Refusal {
        match failure.kind {
            FailureKind::NotFound => Refusal::app_missing(id),
            FailureKind::AlreadyExists => Refusal::app_exists(id),
            FailureKind::Conflict => {
                let list = self.ask(GetDeployments {}).await;
                let all = list.map(|DeploymentList { deployments }| deployments);
                let of_app = all.unwrap_or_default().into_iter().filter(|d| d.app_id == id);
                Refusal::app_locked(&of_app.map(|d| d.id).collect::<Vec<_>>())
            }
            _ => failure.into(),
        }
    }
}

impl Edge for ServicesEdge {
    fn open_paths(&self) -> Option<&'static [&'static str]> {
        Some(Self::OPEN)
    }

    fn routes(&self, config: &mut ServiceConfig) {
        let v2 = web::scope("/v2")
            .wrap(from_fn(headers))
            .app_data(PayloadConfig::new(MAX_BODY))
            .route("/apps", web::to(apps::all))
            .route("/apps/{tail:.*}", web::to(apps::one))
            .route("/tasks", web::get().to(tasks::all))
            .route("/tasks/delete", web::post().to(tasks::delete_given))
            .route("/deployments", web::get().to(system::deployments))
            .route("/info", web::get().to(system::info))
            .route("/leader", web::get().to(system::leader))
            .route("/leader", web::delete().to(system::abdicate));
        config
            .app_data(web::Data::new(self.clone()))
            .route("/api/v1/events", web::get().to(events::events))
            .route("/api/v1/explain/app/{id:.+}", web::get().to(explain::explain))
            .service(web::resource("/ping").wrap(from_fn(headers)).to(system::ping))
            .service(v2);
    }
}

/// What every answer carries.
async fn headers<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let edge = request.app_data::<web::Data<ServicesEdge>>().cloned();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let leader = edge.and_then(|edge| HeaderValue::try_from(format!("http://{}", edge.http)).ok());
    if let Some(leader) = leader {
        headers.insert(HeaderName::from_static("x-marathon-leader"), leader);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "0"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_XSS_PROTECTION, "1; mode=block"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The body of a request as JSON.
fn json(body: Result<Bytes, Error>) -> Result<Value, Refusal> {
    let body = body.map_err(|error| {
        Refusal::new(error.as_response_error().status_code(), error.to_string())
    })?;
    serde_json::from_slice(&body).map_err(|error| Refusal::not_json(&error, &body))
}

/// The header that names a change that was begun.
fn deployment_header(accepted: &AppAccepted) -> (HeaderName, String) {
    (HeaderName::from_static("marathon-deployment-id"), accepted.deployment_id.clone())
}

/// The body of a change that was begun.
fn deployment_body(accepted: &AppAccepted) -> Value {
    serde_json::json!({
        "version": accepted.version.to_iso(), "deploymentId": accepted.deployment_id,
    })
}

/// The answer to a change that was begun.
fn begun(accepted: &AppAccepted) -> Answer {
    Ok(HttpResponse::Ok()
        .insert_header(deployment_header(accepted))
        .json(deployment_body(accepted)))
}

fn no_such_method(request: &HttpRequest) -> Refusal {
    Refusal::method_not_allowed(request.method().as_str(), request.path())
}
