//! From a request to its answer. The order of the checks is that of Mesos.

use std::time::Duration;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use protocol::access::Action;
use protocol::agents::MarkAgentGone;
use protocol::frameworks::TeardownFramework;
use protocol::{Failure, FailureKind, FrameworkId};

use super::answers;
use super::maintenance::maintenance;
use super::refusal::Refusal;
use super::resources;
use super::settings;
use super::subscribers::subscribe;
use super::validate::operator_call;
use crate::access::Caller;
use crate::aside::aside;
use crate::common::Common;
use crate::logs::{Logs, LogsError};
use crate::master::about::About;
use crate::master::cluster::{Cluster, roles_seen_by};
use crate::master::legacy::may_read;
use crate::master::metrics::{Metrics, counted, metrics};
use crate::v1::wire::master::call::Type;
use crate::v1::wire::master::response::{GetHealth, GetLoggingLevel, Type as ResponseType};
use crate::v1::wire::master::{Call, Response};
use crate::v1::{MediaType, decode, encode, media};

/// Answers a call of an operator.
pub(super) async fn operator(
    request: HttpRequest,
    common: Data<Common>,
    about: Data<About>,
    logs: Data<Logs>,
    caller: Caller,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let call = read(&request, &body)?;
    let media = MediaType::of_answer(accept(&request).as_deref())?;
    let kind = call.r#type();
    if kind == Type::GetFlags {
        caller.may(Action::ViewFlags, None)?;
    }
    if let Some(response) = known(kind, &common, &about, &logs) {
        return Ok(respond(kind, response, media));
    }
    match kind {
        Type::GetMetrics
        | Type::GetState
        | Type::GetAgents
        | Type::GetFrameworks
        | Type::GetExecutors
        | Type::GetOperations
        | Type::GetTasks => large(kind, common, caller, media).await,
        Type::GetRoles => roles(&common, &caller, media).await,
        Type::GetWeights | Type::GetQuota => {
            let settings = settings::read(&common, &caller).await?;
            Ok(respond(kind, answers::settings(kind, &settings), media))
        }
        Type::UpdateQuota | Type::SetQuota | Type::RemoveQuota | Type::UpdateWeights => {
            set(kind, &common, &caller, call).await?;
            Ok(HttpResponse::Ok().finish())
        }
        Type::GetMaintenanceSchedule
        | Type::GetMaintenanceStatus
        | Type::UpdateMaintenanceSchedule
        | Type::StartMaintenance
        | Type::StopMaintenance => maintenance(&common, &caller, &call, media).await,
        Type::SetLoggingLevel => {
            caller.may(Action::SetLogLevel, None)?;
            set_logging_level(&logs, &call)
        }
        Type::Teardown => teardown(&common, &caller, &call).await,
        Type::MarkAgentGone => mark_agent_gone(&common, &caller, &call).await,
        Type::ListFiles | Type::ReadFile => files(&caller, &call),
        Type::Subscribe => subscribe(&common, caller, media).await,
        Type::ReserveResources
        | Type::UnreserveResources
        | Type::CreateVolumes
        | Type::DestroyVolumes
        | Type::GrowVolume
        | Type::ShrinkVolume => resources::change(&common, &caller, call).await,
        Type::Unknown => Err(Refusal::UnknownCall),
        other => Err(Refusal::NotSupported(other.as_str_name())),
    }
}

fn read(request: &HttpRequest, body: &[u8]) -> Result<Call, Refusal> {
    media::check_method(request.method().as_str())?;
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.map(|value| value.to_str().unwrap_or_default());
    let call = decode(MediaType::of_body(content_type)?, body)?;
    operator_call(&call)?;
    Ok(call)
}

fn accept(request: &HttpRequest) -> Option<String> {
    let ranges: Vec<_> =
        request.headers().get_all(ACCEPT).filter_map(|v| v.to_str().ok()).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

pub(super) fn respond(kind: Type, response: Response, media: MediaType) -> HttpResponse {
    HttpResponse::Ok().content_type(media.as_str()).body(encoded(kind, response, media))
}

/// The names of the types are the same on both sides.
fn encoded(kind: Type, response: Response, media: MediaType) -> Vec<u8> {
    let kind = ResponseType::from_str_name(kind.as_str_name()).map(Into::into);
    encode(media, &Response { r#type: kind, ..response })
}

/// What this edge knows by itself.
fn known(kind: Type, common: &Common, about: &About, logs: &Logs) -> Option<Response> {
    let nothing = Response::default();
    Some(match kind {
        Type::GetHealth => Response { get_health: Some(GetHealth { healthy: true }), ..nothing },
        Type::GetFlags => Response { get_flags: Some(answers::flags(&about.flags)), ..nothing },
        Type::GetVersion => Response { get_version: Some(answers::version()), ..nothing },
        Type::GetLoggingLevel => {
            let level = logs.level();
            Response { get_logging_level: Some(GetLoggingLevel { level }), ..nothing }
        }
        Type::GetMaster => {
            let leader = common.duty.leader();
            let master = answers::master(common, leader.as_ref(), about);
            Response { get_master: Some(master), ..nothing }
        }
        _ => return None,
    })
}

/// Logs more for a while. That the part is there has been validated.
fn set_logging_level(logs: &Logs, call: &Call) -> Result<HttpResponse, Refusal> {
    let part = call.set_logging_level.unwrap_or_default();
    let nanoseconds = u64::try_from(part.duration.nanoseconds)
        .map_err(|_| Refusal::BadRequest("'duration' must not be negative".to_owned()))?;
    match logs.set(part.level, Duration::from_nanos(nanoseconds)) {
        Ok(()) => Ok(HttpResponse::Ok().finish()),
        Err(fault @ LogsError::TooLow(_)) => Err(Refusal::BadRequest(fault.to_string())),
        Err(fault) => Err(Refusal::NotNow(fault.to_string())),
    }
}

/// What is there, written on a thread of its own: it may be long.
async fn large(
    kind: Type,
    common: Data<Common>,
    caller: Caller,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let (counted, cluster) = match kind {
        Type::GetMetrics => {
            caller.may(Action::GetEndpoints, Some("/metrics/snapshot"))?;
            (counted(&common).await, Cluster::read(&common).await?)
        }
        _ => (Metrics::new(), Cluster::read(&common).await?.seen_by(&caller)),
    };
    let written = aside(move || {
        let nothing = Response::default();
        let response = match kind {
            Type::GetMetrics => Response {
                get_metrics: Some(answers::metrics(metrics(&common, &cluster, counted))),
                ..nothing
            },
            Type::GetAgents => Response { get_agents: Some(answers::agents(&cluster)), ..nothing },
            Type::GetFrameworks => {
                Response { get_frameworks: Some(answers::frameworks(&cluster)), ..nothing }
            }
            Type::GetExecutors => {
                Response { get_executors: Some(answers::executors(&cluster)), ..nothing }
            }
            Type::GetOperations => {
                Response { get_operations: Some(answers::operations(&cluster)), ..nothing }
            }
            Type::GetTasks => Response { get_tasks: Some(answers::tasks(&cluster)), ..nothing },
            _ => Response { get_state: Some(answers::state(&cluster)), ..nothing },
        };
        encoded(kind, response, media)
    });
    let body = written.await.map_err(|error| Refusal::NotNow(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(media.as_str()).body(body))
}

async fn roles(
    common: &Common,
    caller: &Caller,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let list = roles_seen_by(caller, common).await?;
    let get_roles = Some(answers::roles(&list));
    Ok(respond(Type::GetRoles, Response { get_roles, ..Response::default() }, media))
}

/// Changes what is set for roles. That the part is there has been validated.
async fn set(kind: Type, common: &Common, caller: &Caller, call: Call) -> Result<(), Refusal> {
    match kind {
        Type::UpdateQuota => {
            settings::update_quota(common, caller, &call.update_quota.unwrap_or_default()).await
        }
        Type::SetQuota => {
            let part = call.set_quota.unwrap_or_default();
            settings::set_quota(common, caller, &part.quota_request).await
        }
        Type::RemoveQuota => {
            let role = call.remove_quota.unwrap_or_default().role;
            settings::remove_quota(common, caller, &role, "Failed to remove quota").await
        }
        _ => {
            let part = call.update_weights.unwrap_or_default();
            settings::update_weights(common, caller, &part.weight_infos).await
        }
    }
}

/// A master keeps no files: every path is unknown.
fn files(caller: &Caller, call: &Call) -> Result<HttpResponse, Refusal> {
    let listed = call.list_files.as_ref().map(|part| &part.path);
    let read = || call.read_file.as_ref().map(|part| &part.path);
    may_read(caller, listed.or_else(read).map_or("", |path| path))?;
    Err(Refusal::NotFound(String::new()))
}

/// Ends a framework, if the caller may.
pub(crate) async fn end_framework(
    common: &Common,
    caller: &Caller,
    framework_id: FrameworkId,
) -> Result<(), Failure> {
    caller.may_to(common, Action::TeardownFrameworks, &framework_id).await?;
    common.question("frameworks", TeardownFramework { framework_id }).await
}

async fn teardown(common: &Common, caller: &Caller, call: &Call) -> Result<HttpResponse, Refusal> {
    let id = call.teardown.as_ref().map(|part| part.framework_id.value.as_str());
    match end_framework(common, caller, id.unwrap_or_default().into()).await {
        Ok(()) => Ok(HttpResponse::Ok().finish()),
        Err(failure) if failure.kind == FailureKind::NotFound => {
            Err(Refusal::BadRequest("No framework found with specified ID".to_owned()))
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn mark_agent_gone(
    common: &Common,
    caller: &Caller,
    call: &Call,
) -> Result<HttpResponse, Refusal> {
    let id = call.mark_agent_gone.as_ref().map(|part| part.agent_id.value.as_str());
    let id = id.unwrap_or_default();
    caller.may(Action::MarkAgentsGone, Some(id))?;
    let agent_id = id.into();
    let gone: Result<(), Failure> = common.question("agents", MarkAgentGone { agent_id }).await;
    gone?;
    Ok(HttpResponse::Ok().finish())
}
