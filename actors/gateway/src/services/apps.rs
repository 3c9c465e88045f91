//! `/v2/apps`: making, reading, changing and ending apps.

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{Error, HttpRequest, HttpResponse};
use protocol::services::{AppAccepted, AppStatus, DeleteApp, GetApps, PutApp, PutMode, RestartApp};
use serde_json::{Value, json};

use super::error::{Answer, Refusal, check_meaning};
use super::parse::app::default_spec;
use super::parse::{AppPatch, Faults};
use super::path::{Target, absolute};
use super::query::{Query, Selector};
use super::render::{self, Embed};
use super::update::Manner;
use super::{ServicesEdge, begun, deployment_body, deployment_header, no_such_method, tasks};

/// `/v2/apps`
pub(super) async fn all(
    edge: Data<ServicesEdge>,
    request: HttpRequest,
    body: Result<Bytes, Error>,
) -> Answer {
    let query = Query::of(&request);
    match *request.method() {
        Method::GET | Method::HEAD => list(&edge, &query).await,
        Method::POST => create(&edge, &query, super::json(body)?).await,
        Method::PUT => update_many(&edge, &query, &super::json(body)?, true).await,
        Method::PATCH => update_many(&edge, &query, &super::json(body)?, false).await,
        _ => Err(no_such_method(&request)),
    }
}

/// `/v2/apps/{id}` and what is below it.
pub(super) async fn one(
    edge: Data<ServicesEdge>,
    request: HttpRequest,
    tail: Path<String>,
    body: Result<Bytes, Error>,
) -> Answer {
    if tail.chars().all(|c| c == '/') {
        return all(edge, request, body).await;
    }
    let query = Query::of(&request);
    match (request.method(), Target::parse(&tail)) {
        (&Method::GET | &Method::HEAD, target) => read(&edge, &query, target, &request).await,
        (&Method::PUT, Target::App(id)) => put(&edge, &query, &id, &super::json(body)?).await,
        (&Method::PATCH, Target::App(id)) => patch(&edge, &query, &id, &super::json(body)?).await,
        (&Method::POST, Target::Restart(id)) => restart(&edge, &query, id).await,
        (&Method::DELETE, Target::App(id)) => delete(&edge, &query, id).await,
        (&Method::DELETE, Target::Restart(id)) => {
            delete(&edge, &query, format!("{id}/restart")).await
        }
        (&Method::DELETE, Target::Tasks(id)) => tasks::kill_all(&edge, &query, id).await,
        (&Method::DELETE, Target::Task { app, task }) => {
            tasks::kill_one(&edge, &query, app, task).await
        }
        _ => Err(no_such_method(&request)),
    }
}

async fn read(edge: &ServicesEdge, query: &Query, target: Target, request: &HttpRequest) -> Answer {
    let body = match target {
        Target::App(id) => {
            let embed = Embed { tasks: true, last_failure: true, ..embed(query) };
            let status = edge.find(&id).await?.ok_or_else(|| Refusal::app_missing(&id))?;
            json!({ "app": render::app_info(&status, &edge.role, embed) })
        }
        Target::Below(path) => {
            let apps = edge.ask(GetApps {}).await?.apps;
            let below = apps.iter().filter(|status| status.app.spec.id.starts_with(&path));
            let embed = embed(query);
            let shown = |status| render::app_info(status, &edge.role, embed);
            json!({ "*": below.map(shown).collect::<Vec<_>>() })
        }
        Target::Tasks(id) => tasks::of_app(edge, &id).await?,
        Target::TasksBelow(path) => tasks::below(edge, &path).await?,
        Target::Versions(id) => {
            let kept = edge.versions(&id).await?;
            json!({ "versions": kept.iter().map(|app| app.version.to_iso()).collect::<Vec<_>>() })
        }
        Target::Version { app, version } => {
            render::app(&edge.version(&app, &version).await?, &edge.role)
        }
        Target::Restart(_) | Target::Task { .. } => return Err(no_such_method(request)),
    };
    Ok(HttpResponse::Ok().json(body))
}

fn embed(query: &Query) -> Embed {
    Embed::parse(query.all("embed"))
}

async fn list(edge: &ServicesEdge, query: &Query) -> Answer {
    let selector = query.get("label").map(Selector::parse).transpose()?;
    let wanted = |name: &str| query.get(name).map(str::to_lowercase);
    let (id, cmd) = (wanted("id"), wanted("cmd"));
    let is_in = |wanted: &Option<String>, text: &str| {
        wanted.as_ref().is_none_or(|wanted| text.to_lowercase().contains(wanted))
    };
    let asked = |status: &&AppStatus| {
        let spec = &status.app.spec;
        is_in(&id, &spec.id)
            && is_in(&cmd, spec.cmd.as_deref().unwrap_or_default())
            && selector.as_ref().is_none_or(|selector| selector.matches(&spec.labels))
    };
    let apps = edge.ask(GetApps {}).await?.apps;
    let embed = embed(query);
    let shown = |status| render::app_info(status, &edge.role, embed);
    let apps: Vec<Value> = apps.iter().filter(asked).map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "apps": apps })))
}

async fn create(edge: &ServicesEdge, query: &Query, body: Value) -> Answer {
    let mut faults = Faults::default();
    let patch = AppPatch::read(&body, "", &edge.role, &mut faults);
    let id = needed_id(&patch, "", &mut faults);
    faults.check()?;
    let spec = patch.apply(default_spec(id.clone()));
    check_meaning(spec.check())?;
    let force = query.flag("force", false);
    let put = PutApp { spec, mode: PutMode::Create, force, if_version: None };
    match edge.ask(put).await {
        Ok(accepted) => created(edge, &id, &accepted),
        Err(failure) => Err(edge.refusal(&id, failure).await),
    }
}

/// The whole app as it was made.
fn created(edge: &ServicesEdge, id: &str, accepted: &AppAccepted) -> Answer {
    let mut status = accepted.app.clone().ok_or_else(|| Refusal::app_missing(id))?;
    status.deployments = vec![accepted.deployment_id.clone()];
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, id))
        .insert_header(deployment_header(accepted))
        .json(render::app_info(&status, &edge.role, Embed::default())))
}

async fn put(edge: &ServicesEdge, query: &Query, id: &str, body: &Value) -> Answer {
    let manner = Manner {
        may_create: true,
        partial: query.flag("partialUpdate", true),
        force: query.flag("force", false),
    };
    update_one(edge, id, body, manner).await
}

async fn patch(edge: &ServicesEdge, query: &Query, id: &str, body: &Value) -> Answer {
    let force = query.flag("force", false);
    update_one(edge, id, body, Manner { may_create: false, partial: true, force }).await
}

async fn update_one(edge: &ServicesEdge, id: &str, body: &Value, manner: Manner) -> Answer {
    let mut faults = Faults::default();
    let patch = AppPatch::read_update(body, "", &edge.role, &mut faults);
    faults.check()?;
    let accepted = edge.update(id, &patch, manner).await?;
    let mut response = HttpResponse::Ok();
    if accepted.created {
        response.status(StatusCode::CREATED).insert_header((header::LOCATION, id));
    }
    response.insert_header(deployment_header(&accepted));
    Ok(response.json(deployment_body(&accepted)))
}

/// Several at once: all are read and understood before the first is changed. Each is a change of
/// its own; the answer names the last.
async fn update_many(edge: &ServicesEdge, query: &Query, body: &Value, may_create: bool) -> Answer {
    let patches = read_many(edge, body)?;
    let manner = Manner {
        may_create,
        partial: !may_create || query.flag("partialUpdate", true),
        force: query.flag("force", false),
    };
    if !may_create {
        for (id, _) in &patches {
            edge.find(id).await?.ok_or_else(|| Refusal::app_missing(id))?;
        }
    }
    let mut last = None;
    for (id, patch) in &patches {
        last = Some(edge.update(id, patch, manner).await?);
    }
    match last {
        Some(accepted) => Ok(HttpResponse::Ok()
            .insert_header(deployment_header(&accepted))
            .json(deployment_body(&accepted))),
        None => Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "no apps were given")),
    }
}

fn read_many(edge: &ServicesEdge, body: &Value) -> Result<Vec<(String, AppPatch)>, Refusal> {
    let mut faults = Faults::default();
    let Value::Array(items) = body else {
        faults.not_an_array();
        faults.check()?;
        return Ok(Vec::new());
    };
    let mut patches = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let path = format!("({i})");
        let patch = AppPatch::read_update(item, &path, &edge.role, &mut faults);
        patches.push((needed_id(&patch, &path, &mut faults), patch));
    }
    faults.check()?;
    Ok(patches)
}

/// The app's id, made absolute; it has to be there.
fn needed_id(patch: &AppPatch, path: &str, faults: &mut Faults) -> String {
    if patch.id.is_none() {
        faults.missing_unless_wrong(&format!("{path}/id"));
    }
    absolute(patch.id.as_deref().unwrap_or_default())
}

async fn restart(edge: &ServicesEdge, query: &Query, id: String) -> Answer {
    let restart = RestartApp { id: id.clone(), force: query.flag("force", false) };
    match edge.ask(restart).await {
        Ok(accepted) => begun(&accepted),
        Err(failure) => Err(edge.refusal(&id, failure).await),
    }
}

/// The one place where `force` is meant unless it is denied.
async fn delete(edge: &ServicesEdge, query: &Query, id: String) -> Answer {
    let delete = DeleteApp { id: id.clone(), force: query.flag("force", true) };
    match edge.ask(delete).await {
        Ok(accepted) => begun(&accepted),
        Err(failure) => Err(edge.refusal(&id, failure).await),
    }
}
