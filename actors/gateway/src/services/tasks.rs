//! The tasks of apps: reading and killing them.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpRequest, HttpResponse};
use protocol::FailureKind;
use protocol::services::{AppStatus, GetApps, Instance, InstancesKilled, KillInstances};
use protocol::task::TaskState;
use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use super::parse::{Faults, Members};
use super::query::Query;
use super::render;
use super::{ServicesEdge, begun};

/// `GET /v2/tasks`
pub(super) async fn all(edge: Data<ServicesEdge>, request: HttpRequest) -> Answer {
    let query = Query::of(&request);
    let wanted: Vec<&str> = query.all("status").chain(query.all("status[]")).collect();
    let wanted: Vec<&str> =
        wanted.into_iter().filter(|status| ["running", "staging"].contains(status)).collect();
    let is_wanted = |instance: &&Instance| {
        let status = if is_staged(instance) { "staging" } else { "running" };
        wanted.is_empty() || wanted.contains(&status)
    };
    let apps = edge.ask(GetApps {}).await?.apps;
    let tasks: Vec<Value> = apps
        .iter()
        .flat_map(|app| app.instances.iter().filter(is_wanted).map(|i| listed(&edge, app, i)))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "tasks": tasks })))
}

fn is_staged(instance: &Instance) -> bool {
    matches!(instance.state, TaskState::Staging | TaskState::Starting)
}

/// With the service port of each of its ports.
fn listed(edge: &ServicesEdge, app: &AppStatus, instance: &Instance) -> Value {
    let mut task = render::task(instance, &edge.role);
    let declared = app.app.spec.ports.iter().map(|port| port.port);
    let ports: Vec<u16> =
        instance.ports.iter().zip(declared.chain(std::iter::repeat(0))).map(|(_, p)| p).collect();
    task["servicePorts"] = json!(ports);
    task
}

pub(super) async fn of_app(edge: &ServicesEdge, id: &str) -> Result<Value, Refusal> {
    let status = edge.find(id).await?.ok_or_else(|| Refusal::app_missing(id))?;
    Ok(shown(edge, status.instances.iter()))
}

pub(super) async fn below(edge: &ServicesEdge, path: &str) -> Result<Value, Refusal> {
    let apps = edge.ask(GetApps {}).await?.apps;
    let below = apps.iter().filter(|status| status.app.spec.id.starts_with(path));
    Ok(shown(edge, below.flat_map(|status| &status.instances)))
}

fn shown<'a>(edge: &ServicesEdge, instances: impl Iterator<Item = &'a Instance>) -> Value {
    json!({ "tasks": instances.map(|i| render::task(i, &edge.role)).collect::<Vec<_>>() })
}

/// `DELETE /v2/apps/{id}/tasks`
pub(super) async fn kill_all(edge: &ServicesEdge, query: &Query, id: String) -> Answer {
    let manner = Manner::read(query)?;
    let host = query.get("host").map(str::to_owned);
    let killed = edge.kill(manner, id, None, host).await?;
    match &killed.accepted {
        Some(accepted) => begun(accepted),
        None => Ok(HttpResponse::Ok().json(shown(edge, killed.instances.iter()))),
    }
}

/// `DELETE /v2/apps/{id}/tasks/{task}`
pub(super) async fn kill_one(
    edge: &ServicesEdge,
    query: &Query,
    id: String,
    task: String,
) -> Answer {
    let manner = Manner::read(query)?;
    let killed = edge.kill(manner, id, Some(task.clone()), None).await?;
    match (&killed.accepted, killed.instances.first()) {
        (Some(accepted), _) => begun(accepted),
        (None, Some(instance)) => {
            Ok(HttpResponse::Ok().json(json!({ "task": render::task(instance, &edge.role) })))
        }
        (None, None) => Err(Refusal::task_missing(&task)),
    }
}

/// `POST /v2/tasks/delete`. Tasks that are not there are not missed.
pub(super) async fn delete_given(
    edge: Data<ServicesEdge>,
    request: HttpRequest,
    body: Result<Bytes, Error>,
) -> Answer {
    let manner = Manner::read(&Query::of(&request))?;
    let ids = read_ids(&super::json(body)?)?;
    let apps = edge.ask(GetApps {}).await?.apps;
    let (mut instances, mut accepted) = (Vec::new(), None);
    for instance in apps.iter().flat_map(|app| &app.instances) {
        if !ids.iter().any(|id| id == instance.task_id.as_str()) {
            continue;
        }
        // The first scaling locks the app; those after it are part of the same wish.
        let force = manner.force || accepted.is_some();
        let task = Some(instance.task_id.to_string());
        let killed =
            edge.kill(Manner { force, ..manner }, instance.app_id.clone(), task, None).await?;
        instances.extend(killed.instances);
        accepted = killed.accepted.or(accepted);
    }
    match &accepted {
        Some(accepted) => begun(accepted),
        None => Ok(HttpResponse::Ok().json(shown(&edge, instances.iter()))),
    }
}

fn read_ids(body: &Value) -> Result<Vec<String>, Refusal> {
    let mut faults = Faults::default();
    let members = Members::of(body, "", &mut faults);
    let ids = members.and_then(|members| members.need("ids", &mut faults));
    faults.check()?;
    Ok(ids.unwrap_or_default())
}

/// How tasks are to be killed.
#[derive(Clone, Copy)]
struct Manner {
    scale: bool,
    force: bool,
}

impl Manner {
    fn read(query: &Query) -> Result<Self, Refusal> {
        let scale = query.flag("scale", false);
        // Nothing is reserved for a task, so there is nothing to wipe beyond killing it.
        if scale && query.flag("wipe", false) {
            let message = "You cannot use scale and wipe at the same time.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        Ok(Self { scale, force: query.flag("force", false) })
    }
}

impl ServicesEdge {
    async fn kill(
        &self,
        Manner { scale, force }: Manner,
        id: String,
        task: Option<String>,
        host: Option<String>,
    ) -> Result<InstancesKilled, Refusal> {
        let task_id = task.clone().map(Into::into);
        let kill = KillInstances { id: id.clone(), task_id, host, scale, force };
        match (self.ask(kill).await, task) {
            (Ok(killed), _) => Ok(killed),
            (Err(failure), Some(task)) if failure.kind == FailureKind::NotFound => {
                let app = self.find(&id).await?;
                Err(app.map_or_else(|| Refusal::app_missing(&id), |_| Refusal::task_missing(&task)))
            }
            (Err(failure), _) => Err(self.refusal(&id, failure).await),
        }
    }
}
