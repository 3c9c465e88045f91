//! From a request to its answer. The order of the checks is that of Mesos.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::stream::once;
use protocol::agent::{
    ExecutorFound, ExecutorStanding, FindExecutor, FoundExecutor, ReportStatus, SendToScheduler,
    SubscribeExecutor,
};
use protocol::framework::FrameworkInfo;
use protocol::{Blob, FailureKind, TaskId};

use super::ExecutorApi;
use super::bearer::Bearer;
use super::event::{self, Reader};
use super::refusal::Refusal;
use super::session::{self, AGENT, Subscription};
use super::stream::channel;
use super::validate::executor_call;
use crate::common::Common;
use crate::v1::convert::report::status_from;
use crate::v1::wire::executor::Call;
use crate::v1::wire::executor::call::{Subscribe, Type};
use crate::v1::{MediaType, decode, encode, media, recordio};

/// Answers a call of an executor.
pub(super) async fn executor(
    bearer: Bearer,
    request: HttpRequest,
    common: Data<Common>,
    api: Data<ExecutorApi>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let call = read(&request, &body)?;
    match call.r#type() {
        Type::Subscribe => {
            let media = MediaType::of_answer(accept(&request).as_deref())?;
            let caller = find(&common, &call, &bearer).await?;
            subscribe(&common, &api, &call, &caller, media).await
        }
        Type::Heartbeat => Ok(accepted()),
        Type::Update | Type::Message | Type::Unknown => {
            let caller = find(&common, &call, &bearer).await?;
            other(&common, &call, &caller).await
        }
    }
}

fn read(request: &HttpRequest, body: &[u8]) -> Result<Call, Refusal> {
    media::check_method(request.method().as_str())?;
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.map(|value| value.to_str().unwrap_or_default());
    let call = decode(MediaType::of_body(content_type)?, body)?;
    executor_call(&call)?;
    Ok(call)
}

fn accept(request: &HttpRequest) -> Option<String> {
    let ranges: Vec<_> =
        request.headers().get_all(ACCEPT).filter_map(|v| v.to_str().ok()).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

fn accepted() -> HttpResponse {
    HttpResponse::Accepted().finish()
}

/// What the agent knows of the executor that a call is from.
struct Caller {
    found: ExecutorFound,
    framework: FrameworkInfo,
    executor: FoundExecutor,
}

async fn find(common: &Common, call: &Call, bearer: &Bearer) -> Result<Caller, Refusal> {
    let question = FindExecutor {
        framework_id: call.framework_id.value.as_str().into(),
        executor_id: call.executor_id.value.as_str().into(),
    };
    let host = common.host();
    let found = common.ask(AGENT, question).await.map_err(|error| {
        tracing::debug!(host = %host.addr(), %error, "the agent does not answer");
        Refusal::Recovering
    })?;
    if !found.recovered && call.r#type() != Type::Subscribe {
        return Err(Refusal::Recovering);
    }
    let framework = found.framework.clone().ok_or(Refusal::NoFramework)?;
    let executor = found.executor.clone().ok_or(Refusal::NoExecutor)?;
    bearer.check(call, &executor.container_id)?;
    Ok(Caller { found, framework, executor })
}

async fn subscribe(
    common: &Data<Common>,
    api: &ExecutorApi,
    call: &Call,
    caller: &Caller,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let mut response = HttpResponse::Ok();
    response.content_type(media.as_str());
    if caller.executor.standing == ExecutorStanding::Ending {
        let record = recordio::record(&encode(media, &event::shutdown()));
        return Ok(response.streaming(once(async { Ok::<_, Refusal>(record) })));
    }
    let place = common.place_for_stream().map_err(Refusal::not_now)?;
    let (writer, records) = channel(media);
    let subscription = subscription(common, api, call, caller);
    session::start(common.host(), subscription, writer).await.map_err(|error| {
        tracing::warn!(%error, "a session was not started");
        Refusal::NotNow("another subscription of this executor is under way".to_owned())
    })?;
    let common = Data::clone(common);
    let end = async move {
        // Held for as long as the stream.
        let _place = place;
        common.ended().await
    };
    Ok(response.streaming(records.take_until(end)))
}

fn subscription(common: &Common, api: &ExecutorApi, call: &Call, caller: &Caller) -> Subscription {
    let Caller { found, framework, executor } = caller;
    let framework_id = call.framework_id.value.as_str().into();
    let reader = Reader::new(framework_id, framework, executor);
    let said = call.subscribe.as_ref();
    let now = common.host().now();
    let updates = said.map_or(&[][..], |said| &said.unacknowledged_updates);
    Subscription {
        subscribed: reader.subscribed(found, framework, executor),
        message: SubscribeExecutor {
            framework_id: reader.framework_id.clone(),
            executor_id: executor.info.executor_id.clone(),
            container_id: executor.container_id.clone(),
            tasks: said.map(tasks_of).unwrap_or_default(),
        },
        updates: updates.iter().map(|update| status_from(&update.status, now)).collect(),
        reader,
        heartbeat: api.heartbeat,
    }
}

/// Tasks that the executor has: those that it names, and those that it has news of.
fn tasks_of(said: &Subscribe) -> Vec<TaskId> {
    let tasks = said.unacknowledged_tasks.iter().map(|task| &task.task_id);
    let of_updates = said.unacknowledged_updates.iter().map(|update| &update.status.task_id);
    tasks.chain(of_updates).map(|id| TaskId::from(id.value.as_str())).collect()
}

async fn other(common: &Common, call: &Call, caller: &Caller) -> Result<HttpResponse, Refusal> {
    if caller.executor.standing == ExecutorStanding::Awaited {
        return Err(Refusal::NotSubscribed);
    }
    let framework_id = call.framework_id.value.as_str().into();
    let executor_id = caller.executor.info.executor_id.clone();
    if let Some(update) = &call.update
        && call.r#type() == Type::Update
    {
        let status = status_from(&update.status, common.host().now());
        let message = ReportStatus { framework_id, executor_id, status };
        report(common, &caller.executor, message).await?;
        return Ok(accepted());
    }
    if let Some(message) = &call.message
        && call.r#type() == Type::Message
    {
        let data = Blob(message.data.clone());
        let host = common.host();
        let agent = host.address_of(AGENT);
        host.tell(&agent, SendToScheduler { framework_id, executor_id, data });
        return Ok(accepted());
    }
    Err(Refusal::UnknownCall)
}

/// Hands an update to the session, which acknowledges it when it is safe. Without a stream nobody
/// can be told so: the executor repeats it when it subscribes again.
async fn report(
    common: &Common,
    executor: &FoundExecutor,
    message: ReportStatus,
) -> Result<(), Refusal> {
    let session = session::name_of(&executor.container_id);
    let host = common.host();
    let answer = host.ask(&host.address_of(&session), message.clone(), session::DEADLINE).await;
    let Err(failure) = answer else { return Ok(()) };
    if !matches!(failure.kind, FailureKind::NoSuchActor | FailureKind::ActorDied) {
        return Err(Refusal::NotNow(failure.message));
    }
    match host.ask(&host.address_of(AGENT), message, session::DEADLINE).await {
        Ok(()) => Ok(()),
        Err(failure) if failure.kind == FailureKind::Refused => {
            tracing::warn!(%failure, %session, "report refused");
            Ok(())
        }
        Err(failure) => Err(Refusal::NotNow(failure.message)),
    }
}
