//! The calls of a subscribed framework, as messages to `frameworks`.
//!
//! A call that reached `frameworks` is 202 with an empty body, whatever became of it: that is what
//! clients take for success, and offers or tasks that are gone are nobody's mistake. If it was
//! refused, or something in it could not be done and nothing on the stream says so, the header
//! [`REFUSED`] says why.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use protocol::blob::Blob;
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers,
    KillTask, MessageToExecutor, OffersAccepted, OperationQuestion, ReconcileOperations,
    ReconcileTasks, RefusedOperation, RequestResources, ResourceRequest, ReviveOffers,
    ShutdownExecutor, SuppressOffers, TaskQuestion, UpdateFramework,
};
use protocol::{AgentId, Failure, FailureKind, FrameworkId, Message, OfferId};

use super::refusal::Refusal;
use super::session::EndFramework;
use super::sessions::Open;
use crate::common::Common;
use crate::v1::convert::constraints::constraints_from;
use crate::v1::convert::framework::{dialect, filters_from, info_from};
use crate::v1::convert::offer::operations_from;
use crate::v1::convert::resource::requests_from;
use crate::v1::convert::task::kill_policy_from;
use crate::v1::convert::update_id;
use crate::v1::wire::mesos;
use crate::v1::wire::scheduler::Call;
use crate::v1::wire::scheduler::call::{self, Type};

/// Why a call was not done, or not all of it, although it is answered with 202.
const REFUSED: HeaderName = HeaderName::from_static("meseta-refused");
/// For an actor to answer: it may write the registry first.
const DEADLINE: Duration = Duration::from_secs(20);
/// The most of a reason that a header carries; clients bound their headers at 8 KiB or so.
const MAX_REASON: usize = 1024;

type Answer = Result<HttpResponse, Refusal>;

/// Asks `frameworks` in the name of this host.
pub(crate) async fn ask<M: Message>(common: &Common, message: M) -> Result<M::Reply, Failure> {
    let host = common.host();
    host.ask(&host.address_of("frameworks"), message, DEADLINE).await
}

/// Does a call whose form is right, of the framework of this stream.
pub(crate) async fn perform(common: &Common, open: &Open, call: Call) -> Answer {
    let id = FrameworkId::from(call.framework_id.as_ref().map_or("", |id| &id.value));
    match call.r#type() {
        Type::Unknown | Type::Subscribe => Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "")),
        Type::Teardown => {
            accepted(common.host().ask(&open.session, EndFramework {}, DEADLINE).await)
        }
        Type::Accept => accept(common, id, call.accept.unwrap_or_default()).await,
        Type::Decline => {
            accepted(ask(common, decline(id, &call.decline.unwrap_or_default())).await)
        }
        Type::Revive => {
            let roles = call.revive.unwrap_or_default().roles;
            accepted(ask(common, ReviveOffers { framework_id: id, roles }).await)
        }
        Type::Suppress => {
            let roles = call.suppress.unwrap_or_default().roles;
            accepted(ask(common, SuppressOffers { framework_id: id, roles }).await)
        }
        Type::Kill => kill(common, id, call.kill.unwrap_or_default()).await,
        Type::Shutdown => {
            accepted(ask(common, shutdown(id, call.shutdown.unwrap_or_default())).await)
        }
        Type::Acknowledge => acknowledge(common, id, call.acknowledge.unwrap_or_default()).await,
        Type::AcknowledgeOperationStatus => {
            let body = call.acknowledge_operation_status.unwrap_or_default();
            acknowledge_operation(common, id, body).await
        }
        Type::Reconcile => {
            accepted(ask(common, reconcile(id, call.reconcile.unwrap_or_default())).await)
        }
        Type::ReconcileOperations => {
            let body = call.reconcile_operations.unwrap_or_default();
            accepted(ask(common, reconcile_operations(id, body)).await)
        }
        Type::Message => accepted(ask(common, message(id, call.message.unwrap_or_default())).await),
        Type::AcceptInverseOffers => {
            let body = call.accept_inverse_offers.unwrap_or_default();
            let answer = (body.inverse_offer_ids, body.filters, true);
            accepted(ask(common, answer_inverse_offers(id, &answer)).await)
        }
        Type::DeclineInverseOffers => {
            let body = call.decline_inverse_offers.unwrap_or_default();
            let answer = (body.inverse_offer_ids, body.filters, false);
            accepted(ask(common, answer_inverse_offers(id, &answer)).await)
        }
        Type::Request => request(common, id, &call.request.unwrap_or_default()).await,
        Type::UpdateFramework => {
            update_framework(common, open, id, call.update_framework.unwrap_or_default()).await
        }
    }
}

/// 202, with the reason if the actor refused. What did not reach the actor is not accepted.
fn accepted(result: Result<(), Failure>) -> Answer {
    match result {
        Ok(()) => Ok(HttpResponse::Accepted().finish()),
        Err(failure) if failure.kind == FailureKind::Refused => Ok(refused(&failure.message)),
        Err(failure) => Err(failure.into()),
    }
}

fn refused(reason: &str) -> HttpResponse {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = reason.chars().take(MAX_REASON).map(printable).collect();
    let mut response = HttpResponse::Accepted();
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.insert_header((REFUSED, value));
    }
    response.finish()
}

async fn accept(common: &Common, framework_id: FrameworkId, body: call::Accept) -> Answer {
    let (places, operations) = operations_from(&body.operations);
    let message = AcceptOffers {
        framework_id,
        offer_ids: offer_ids(&body.offer_ids),
        operations,
        filters: filters_from(body.filters.as_ref()),
    };
    match ask(common, message).await {
        Ok(OffersAccepted { refused: not_done }) if !not_done.is_empty() => {
            Ok(refused(&exceptions(&not_done, &places)))
        }
        result => accepted(result.map(|_| ())),
    }
}

/// What of an accept was not done, by its place in the call; the rest was.
fn exceptions(refused: &[RefusedOperation], places: &[usize]) -> String {
    let exception = |it: &RefusedOperation| {
        let at = places.get(it.at).copied().unwrap_or(it.at);
        format!("operations[{at}]: {}", it.why)
    };
    refused.iter().map(exception).collect::<Vec<_>>().join("; ")
}

fn offer_ids(ids: &[mesos::OfferId]) -> Vec<OfferId> {
    ids.iter().map(|id| OfferId::from(id.value.as_str())).collect()
}

fn agent_id(id: Option<mesos::AgentId>) -> Option<AgentId> {
    id.map(|id| AgentId::from(id.value)).filter(|id| !id.as_str().is_empty())
}

fn decline(framework_id: FrameworkId, body: &call::Decline) -> DeclineOffers {
    DeclineOffers {
        framework_id,
        offer_ids: offer_ids(&body.offer_ids),
        filters: filters_from(body.filters.as_ref()),
    }
}

fn answer_inverse_offers(
    framework_id: FrameworkId,
    (ids, filters, accepted): &(Vec<mesos::OfferId>, Option<mesos::Filters>, bool),
) -> AnswerInverseOffers {
    AnswerInverseOffers {
        framework_id,
        offer_ids: offer_ids(ids),
        accepted: *accepted,
        filters: filters_from(filters.as_ref()),
    }
}

/// On which agents it would like to have them is not looked at.
async fn request(common: &Common, framework_id: FrameworkId, body: &call::Request) -> Answer {
    let mut requests = Vec::new();
    for (at, request) in body.requests.iter().enumerate() {
        match requests_from(&request.resources, &format!("requests[{at}].resources")) {
            Ok(by_role) => requests.extend(
                by_role.into_iter().map(|(role, resources)| ResourceRequest { role, resources }),
            ),
            Err(error) => return Ok(refused(&error.to_string())),
        }
    }
    accepted(ask(common, RequestResources { framework_id, requests }).await)
}

async fn kill(common: &Common, framework_id: FrameworkId, body: call::Kill) -> Answer {
    let policy = body.kill_policy.as_ref().map(kill_policy_from).transpose();
    let kill_policy = match policy {
        Ok(kill_policy) => kill_policy,
        Err(error) => return Ok(refused(&format!("kill_policy: {error}"))),
    };
    let task_id = body.task_id.value.into();
    let agent_id = agent_id(body.agent_id);
    accepted(ask(common, KillTask { framework_id, task_id, agent_id, kill_policy }).await)
}

fn shutdown(framework_id: FrameworkId, body: call::Shutdown) -> ShutdownExecutor {
    ShutdownExecutor {
        framework_id,
        agent_id: body.agent_id.value.into(),
        executor_id: body.executor_id.value.into(),
    }
}

async fn acknowledge(
    common: &Common,
    framework_id: FrameworkId,
    body: call::Acknowledge,
) -> Answer {
    let Some(update_id) = update_id::from_bytes(&body.uuid) else {
        return Err(Refusal::bad_request("the uuid is not one of a status update"));
    };
    let agent_id = body.agent_id.value.into();
    let task_id = body.task_id.value.into();
    accepted(ask(common, AcknowledgeUpdate { framework_id, agent_id, task_id, update_id }).await)
}

async fn acknowledge_operation(
    common: &Common,
    framework_id: FrameworkId,
    body: call::AcknowledgeOperationStatus,
) -> Answer {
    let Some(update_id) = update_id::from_bytes(&body.uuid) else {
        return Err(Refusal::bad_request("the uuid is not one of a status update"));
    };
    if body.resource_provider_id.is_some() {
        return Ok(refused("there are no resource providers"));
    }
    let agent_id = body.agent_id.map_or_else(String::new, |id| id.value).into();
    let operation_id = body.operation_id.value.into();
    let message = AcknowledgeOperation { framework_id, agent_id, operation_id, update_id };
    accepted(ask(common, message).await)
}

fn reconcile(framework_id: FrameworkId, body: call::Reconcile) -> ReconcileTasks {
    let question = |task: call::reconcile::Task| TaskQuestion {
        task_id: task.task_id.value.into(),
        agent_id: agent_id(task.agent_id),
    };
    ReconcileTasks { framework_id, tasks: body.tasks.into_iter().map(question).collect() }
}

fn reconcile_operations(
    framework_id: FrameworkId,
    body: call::ReconcileOperations,
) -> ReconcileOperations {
    let question = |operation: call::reconcile_operations::Operation| OperationQuestion {
        operation_id: operation.operation_id.value.into(),
        agent_id: agent_id(operation.agent_id),
    };
    let operations = body.operations.into_iter().map(question).collect();
    ReconcileOperations { framework_id, operations }
}

fn message(framework_id: FrameworkId, body: call::Message) -> MessageToExecutor {
    MessageToExecutor {
        framework_id,
        agent_id: body.agent_id.value.into(),
        executor_id: body.executor_id.value.into(),
        data: Blob(body.data),
    }
}

/// The one call that is answered with its outcome.
async fn update_framework(
    common: &Common,
    open: &Open,
    framework_id: FrameworkId,
    body: call::UpdateFramework,
) -> Answer {
    let constraints = body.offer_constraints.as_ref().map(constraints_from).transpose();
    let offer_constraints = constraints.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let info = info_from(&body.framework_info);
    let info = info.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let dialect = dialect(&info);
    let suppressed_roles = body.suppressed_roles;
    ask(common, UpdateFramework { framework_id, info, suppressed_roles, offer_constraints })
        .await?;
    *open.dialect.lock() = dialect;
    Ok(HttpResponse::Ok().finish())
}
