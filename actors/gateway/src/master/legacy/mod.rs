//! The endpoints that tools poll, in the shapes of Mesos: `/state` and its like.
//!
//! Each is there with and without `.json`, and under `/master`. `?jsonp=name` makes a script of the
//! answer. What is there is written [aside](crate::aside), from what [`Cluster::read`] took.
//!
//! | module | what |
//! |---|---|
//! | `state` | `/state`, `/state-summary`, and what everything is written from |
//! | `texts` | tasks, as they are written |
//! | `lists` | `/slaves`, `/frameworks`, `/tasks`, `/roles` |
//! | `model` | agents, frameworks, tasks and offers |
//! | `amounts` | resources |
//! | `pieces` | long answers |
//! | `files` | `/files/*` |
//! | `logging` | `/logging/toggle` |
//! | `resources` | `/reserve`, `/unreserve`, `/create-volumes`, `/destroy-volumes` |
//! | `settings` | `/quota`, `/weights` |
//! | `teardown` | `/teardown` |
//! | `together` | one answer for all that poll at the same time |
//! | `maintenance` | `/maintenance/*`, `/machine/*` |

mod amounts;
mod files;
mod lists;
mod logging;
mod maintenance;
mod model;
mod pieces;
mod resources;
mod settings;
mod state;
mod teardown;
mod texts;
mod together;

use actix_web::body::MessageBody;
use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, Query, ServiceConfig};
use actix_web::{HttpResponse, Route};
use protocol::access::Action;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use self::files::may_read;
pub(crate) use self::texts::Texts;
pub(crate) use self::together::Together;

use self::pieces::{Draft, Pieces};
use self::state::{Holdings, OnAgents, Scene, Speaker, Summary};
use super::about::About;
use super::cluster::{Cluster, roles_seen_by};
use super::metrics::{counted, machine, metrics};
use crate::access::Caller;
use crate::answer::{Answer, ApiError};
use crate::aside::aside;
use crate::common::Common;

/// A path, and what makes its route: one is made for every spelling of the path.
type Endpoint = (&'static str, fn() -> Route);

const ENDPOINTS: &[Endpoint] = &[
    ("/state", || web::get().to(state)),
    ("/state-summary", || web::get().to(summary)),
    ("/slaves", || web::get().to(slaves)),
    ("/frameworks", || web::get().to(frameworks)),
    ("/tasks", || web::get().to(tasks)),
    ("/roles", || web::get().to(roles)),
    ("/flags", || web::get().to(flags)),
    ("/metrics/snapshot", || web::get().to(snapshot)),
    ("/files/browse", || web::get().to(files::nothing)),
    ("/files/read", || web::get().to(files::nothing)),
    ("/files/download", || web::get().to(files::nothing)),
    ("/files/debug", || web::get().to(files::debug)),
    ("/logging/toggle", || web::route().to(logging::toggle)),
    ("/reserve", || web::route().to(resources::reserve)),
    ("/unreserve", || web::route().to(resources::unreserve)),
    ("/create-volumes", || web::route().to(resources::create)),
    ("/destroy-volumes", || web::route().to(resources::destroy)),
    ("/quota", || web::route().to(settings::quota)),
    ("/weights", || web::route().to(settings::weights)),
    ("/teardown", || web::route().to(teardown::teardown)),
    ("/maintenance/schedule", || web::route().to(maintenance::schedule)),
    ("/maintenance/status", || web::route().to(maintenance::status)),
    ("/machine/down", || web::route().to(maintenance::down)),
    ("/machine/up", || web::route().to(maintenance::up)),
];

/// Adds the endpoints to an edge.
pub(super) fn routes(config: &mut ServiceConfig) {
    for (path, route) in ENDPOINTS {
        for prefix in ["", "/master"] {
            for suffix in ["", ".json"] {
                config.route(&format!("{prefix}{path}{suffix}"), route());
            }
        }
    }
    for path in ["/quota/{role:.+}", "/master/quota/{role:.+}"] {
        config.route(path, web::route().to(settings::quota_of_role));
    }
}

/// What every endpoint understands.
#[derive(Clone, Debug, Default, Deserialize)]
struct Wrapping {
    jsonp: Option<String>,
}

impl Wrapping {
    fn check(&self) -> Result<(), ApiError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_$.[]".contains(c);
        match &self.jsonp {
            Some(name) if !name.chars().all(is_name) => {
                Err(ApiError::bad_request("'jsonp' is not the name of a function"))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        let mut body = Vec::new();
        if let Some(name) = &self.jsonp {
            body.extend_from_slice(name.as_bytes());
            body.push(b'(');
        }
        serde_json::to_writer(&mut body, value).map_err(not_written)?;
        if self.jsonp.is_some() {
            body.extend_from_slice(b");");
        }
        Ok(body)
    }

    /// The same of what is written already.
    fn wrap(&self, body: Pieces) -> HttpResponse {
        let body = match &self.jsonp {
            None => body,
            Some(name) => body.between(format!("{name}("), ");"),
        };
        self.answer(body.into_body())
    }

    fn answer(&self, body: impl MessageBody + 'static) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if self.jsonp.is_some() {
            response.content_type("text/javascript");
        } else {
            response.insert_header(ContentType::json());
        }
        response.body(body)
    }
}

fn not_written(error: serde_json::Error) -> ApiError {
    let text = format!("failed to write the answer: {error}");
    ApiError::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, text)
}

/// Answers with what `write` makes of what is there, on a thread of its own: it may be long.
async fn written(
    common: Data<Common>,
    caller: Caller,
    wrapping: Wrapping,
    write: impl FnOnce(&Wrapping, &Cluster, &Common) -> Result<Vec<u8>, ApiError> + Send + 'static,
) -> Answer {
    wrapping.check()?;
    let cluster = Cluster::read(&common).await?.seen_by(&caller);
    let answered = wrapping.clone();
    let body = aside(move || write(&wrapping, &cluster, &common)).await?;
    Ok(answered.answer(body?))
}

fn speaker<'a>(common: &Common, about: &'a About) -> Speaker<'a> {
    Speaker {
        about,
        leader: common.duty.leader(),
        started: common.started().as_secs_f64(),
        elected: common.elected().map(|time| time.as_secs_f64()),
    }
}

async fn state(
    common: Data<Common>,
    caller: Caller,
    about: Data<About>,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    wrapping.check()?;
    let together = common.polls.clone();
    let sees_all = caller.sight().is_none() && caller.can(Action::ViewFlags, None);
    let body = match sees_all {
        true => {
            let whole = move || whole_state(common.clone(), caller.clone(), about.clone());
            together.next(whole).await?
        }
        false => whole_state(common, caller, about).await?,
    };
    Ok(wrapping.wrap(body))
}

/// What `write` makes of what is there and the caller may see, written aside.
async fn pictured(
    common: Data<Common>,
    caller: &Caller,
    write: impl FnOnce(&Scene<'_>, &Common) -> serde_json::Result<Draft> + Send + 'static,
) -> Result<Pieces, ApiError> {
    let cluster = Cluster::read(&common).await?.seen_by(caller);
    common.texts.keep();
    let written = aside(move || {
        let tasks = common.texts.of(cluster.task_chunks()).map_err(not_written)?;
        write(&Scene::new(&cluster, &tasks), &common).map(Pieces::from).map_err(not_written)
    });
    written.await?
}

/// `/state` as it is now: everything that a caller may see.
async fn whole_state(
    common: Data<Common>,
    caller: Caller,
    mut about: Data<About>,
) -> Result<Pieces, ApiError> {
    if !caller.can(Action::ViewFlags, None) {
        about = Data::new(about.without_flags());
    }
    let write =
        move |scene: &Scene<'_>, common: &Common| state::write(scene, &speaker(common, &about));
    pictured(common, &caller, write).await
}

async fn summary(
    common: Data<Common>,
    caller: Caller,
    about: Data<About>,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    written(common, caller, wrapping, move |wrapping, cluster, common| {
        let held = Holdings::new(cluster);
        wrapping.write(&Summary::new(cluster, &held, &speaker(common, &about)))
    })
    .await
}

/// `?slave_id=…`
#[derive(Debug, Deserialize)]
struct WhichSlave {
    slave_id: Option<String>,
}

async fn slaves(
    common: Data<Common>,
    caller: Caller,
    Query(which): Query<WhichSlave>,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    written(common, caller, wrapping, move |wrapping, cluster, _| {
        let held = OnAgents::new(cluster);
        wrapping.write(&lists::Slaves::new(cluster, &held, which.slave_id.as_deref()))
    })
    .await
}

/// `?framework_id=…`
#[derive(Debug, Deserialize)]
struct WhichFramework {
    framework_id: Option<String>,
}

async fn frameworks(
    common: Data<Common>,
    caller: Caller,
    Query(which): Query<WhichFramework>,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    wrapping.check()?;
    let write = move |scene: &Scene<'_>, _: &Common| {
        lists::frameworks(scene, which.framework_id.as_deref())
    };
    Ok(wrapping.wrap(pictured(common, &caller, write).await?))
}

async fn tasks(
    common: Data<Common>,
    caller: Caller,
    Query(which): Query<lists::WhichTasks>,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    written(common, caller, wrapping, move |wrapping, cluster, _| {
        wrapping.write(&lists::Tasks::new(cluster, &which))
    })
    .await
}

async fn roles(common: Data<Common>, caller: Caller, Query(wrapping): Query<Wrapping>) -> Answer {
    let list = roles_seen_by(&caller, &common).await?;
    written(common, caller, wrapping, move |wrapping, cluster, _| {
        let nothing = lists::RoleHolding::default();
        wrapping.write(&lists::Roles::new(&lists::by_role(cluster), &nothing, &list))
    })
    .await
}

/// Every master answers this for itself.
async fn flags(about: Data<About>, caller: Caller, Query(wrapping): Query<Wrapping>) -> Answer {
    wrapping.check()?;
    caller.may(Action::ViewFlags, None)?;
    Ok(wrapping.answer(wrapping.write(&json!({ "flags": about.flags }))?))
}

/// Every master answers this for itself; one that does not lead knows of no agents.
async fn snapshot(
    common: Data<Common>,
    caller: Caller,
    Query(wrapping): Query<Wrapping>,
) -> Answer {
    wrapping.check()?;
    caller.may(Action::GetEndpoints, Some("/metrics/snapshot"))?;
    if !common.duty.leading() {
        return Ok(wrapping.answer(wrapping.write(&machine(&common))?));
    }
    let counted = counted(&common).await;
    let cluster = Cluster::read(&common).await?;
    let answered = wrapping.clone();
    let body = aside(move || wrapping.write(&metrics(&common, &cluster, counted))).await?;
    Ok(answered.answer(body?))
}
