//! From a request to its answer. The order of the checks is that of Mesos.

use std::time::Duration;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use protocol::agents::MarkAgentGone;
use protocol::allocator::GetRoles;
use protocol::frameworks::TeardownFramework;
use protocol::{Failure, FailureKind};

use super::answers;
use super::maintenance::maintenance;
use super::refusal::Refusal;
use super::resources;
use super::settings;
use super::subscribers::subscribe;
use super::validate::operator_call;
use crate::aside::aside;
use crate::common::Common;
use crate::logs::{Logs, LogsError};
use crate::master::about::About;
use crate::master::cluster::Cluster;
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
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let call = read(&request, &body)?;
    let media = MediaType::of_answer(accept(&request).as_deref())?;
    let kind = call.r#type();
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
        | Type::GetTasks => large(kind, common, media).await,
        Type::GetRoles => roles(&common, media).await,
        Type::GetWeights | Type::GetQuota => {
            let settings = settings::read(&common).await?;
            Ok(respond(kind, answers::settings(kind, &settings), media))
        }
        Type::UpdateQuota | Type::SetQuota | Type::RemoveQuota | Type::UpdateWeights => {
            set(kind, &common, call).await?;
            Ok(HttpResponse::Ok().finish())
        }
        Type::GetMaintenanceSchedule
        | Type::GetMaintenanceStatus
        | Type::UpdateMaintenanceSchedule
        | Type::StartMaintenance
        | Type::StopMaintenance => maintenance(&common, &call, media).await,
        Type::SetLoggingLevel => set_logging_level(&logs, &call),
        Type::Teardown => teardown(&common, &call).await,
        Type::MarkAgentGone => mark_agent_gone(&common, &call).await,
        // A master keeps no files: every path is unknown.
        Type::ListFiles | Type::ReadFile => Err(Refusal::NotFound(String::new())),
        Type::Subscribe => subscribe(&common, media).await,
        Type::ReserveResources
        | Type::UnreserveResources
        | Type::CreateVolumes
        | Type::DestroyVolumes
        | Type::GrowVolume
        | Type::ShrinkVolume => resources::change(&common, call).await,
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
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let counted = match kind {
        Type::GetMetrics => counted(&common).await,
        _ => Metrics::new(),
    };
    let cluster = Cluster::read(&common).await?;
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

async fn roles(common: &Common, media: MediaType) -> Result<HttpResponse, Refusal> {
    let list = common.question("allocator", GetRoles {}).await?;
    let get_roles = Some(answers::roles(&list));
    Ok(respond(Type::GetRoles, Response { get_roles, ..Response::default() }, media))
}

/// Changes what is set for roles. That the part is there has been validated.
async fn set(kind: Type, common: &Common, call: Call) -> Result<(), Refusal> {
    match kind {
        Type::UpdateQuota => {
            settings::update_quota(common, &call.update_quota.unwrap_or_default()).await
        }
        Type::SetQuota => {
            let part = call.set_quota.unwrap_or_default();
            settings::set_quota(common, &part.quota_request).await
        }
        Type::RemoveQuota => {
            let role = call.remove_quota.unwrap_or_default().role;
            settings::remove_quota(common, &role, "Failed to remove quota").await
        }
        _ => {
            let part = call.update_weights.unwrap_or_default();
            settings::update_weights(common, &part.weight_infos).await
        }
    }
}

async fn teardown(common: &Common, call: &Call) -> Result<HttpResponse, Refusal> {
    let id = call.teardown.as_ref().map(|part| part.framework_id.value.as_str());
    let framework_id = id.unwrap_or_default().into();
    match common.question("frameworks", TeardownFramework { framework_id }).await {
        Ok(()) => Ok(HttpResponse::Ok().finish()),
        Err(failure) if failure.kind == FailureKind::NotFound => {
            Err(Refusal::BadRequest("No framework found with specified ID".to_owned()))
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn mark_agent_gone(common: &Common, call: &Call) -> Result<HttpResponse, Refusal> {
    let id = call.mark_agent_gone.as_ref().map(|part| part.agent_id.value.as_str());
    let agent_id = id.unwrap_or_default().into();
    let gone: Result<(), Failure> = common.question("agents", MarkAgentGone { agent_id }).await;
    gone?;
    Ok(HttpResponse::Ok().finish())
}
