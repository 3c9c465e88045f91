//! A request of a scheduler, from its headers to its answer, in the order in which Mesos checks.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use actix_web::web::{self, Bytes, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use protocol::FrameworkId;
use protocol::frameworks::{GetFrameworks, SubscribeFramework};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::call;
use super::event::Event;
use super::refusal::Refusal;
use super::session::{Beginning, Session};
use super::sessions::Open;
use super::style::{MAX_QUEUED, Notice, Style};
use crate::access::Caller;
use crate::common::Common;
use crate::master::about::About;
use crate::server::MAX_BODY;
use crate::v1::convert::constraints::constraints_from;
use crate::v1::convert::framework::{dialect, info_from};
use crate::v1::media::check_method;
use crate::v1::stream::{EventStream, queue};
use crate::v1::wire::scheduler::Call;
use crate::v1::wire::scheduler::call::{Subscribe, Type};
use crate::v1::{MediaType, decode, validate};

const STREAM_ID: HeaderName = HeaderName::from_static("mesos-stream-id");

type Answer = Result<HttpResponse, Refusal>;

/// The endpoint, under both of its names. It says itself which methods it takes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/api/v1/scheduler", web::to(scheduler))
        .route("/master/api/v1/scheduler", web::to(scheduler));
}

async fn scheduler(
    common: Data<Common>,
    about: Data<About>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Answer {
    check_recovered(&common).await?;
    check_method(request.method().as_str())?;
    let media = MediaType::of_body(joined(&request, &CONTENT_TYPE).as_deref())?;
    let mut call = decode::<Call>(media, &read(payload).await?)?;
    validate::scheduler_call(&call, caller.principal())?;
    state_principal(&mut call, caller.principal());
    if call.r#type() == Type::Subscribe {
        let media = answer_media(&request)?;
        let subscribe = call.subscribe.unwrap_or_default();
        return subscribe_call(&common, &about, &request, media, subscribe).await;
    }
    if call.r#type() == Type::ReconcileOperations {
        answer_media(&request)?;
    }
    let open = find_stream(&common, &caller, &request, &call).await?;
    call::perform(&common, &open, call).await
}

/// A framework that states none is of the principal that speaks for it.
fn state_principal(call: &mut Call, principal: Option<&str>) {
    let subscribe = call.subscribe.as_mut().map(|part| &mut part.framework_info);
    let update = call.update_framework.as_mut().map(|part| &mut part.framework_info);
    for info in subscribe.into_iter().chain(update) {
        if info.principal.is_none() {
            info.principal = principal.map(str::to_owned);
        }
    }
}

/// A leader that has not read the registry knows no framework.
async fn check_recovered(common: &Common) -> Result<(), Refusal> {
    let epoch = common.duty.leader().map(|leader| leader.epoch).unwrap_or_default();
    if common.schedulers.has_served(epoch) {
        return Ok(());
    }
    let nobody = GetFrameworks { framework_id: Some(FrameworkId::from("")) };
    call::ask(common, nobody).await?;
    common.schedulers.serves(epoch);
    Ok(())
}

/// The values of a header, joined as if it came once. What is not text is not known.
fn joined(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let values = request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default());
    values.map(str::to_owned).reduce(|all, next| format!("{all},{next}"))
}

fn answer_media(request: &HttpRequest) -> Result<MediaType, Refusal> {
    Ok(MediaType::of_answer(joined(request, &ACCEPT).as_deref())?)
}

async fn read(payload: Payload) -> Result<Bytes, Refusal> {
    match payload.to_bytes_limited(MAX_BODY).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(Refusal::bad_request(format!("Failed to read the body: {error}"))),
        Err(_) => {
            let text = format!("the body is longer than {MAX_BODY} bytes");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
    }
}

/// The stream of the framework that calls, which the call must name.
async fn find_stream(
    common: &Common,
    caller: &Caller,
    request: &HttpRequest,
    call: &Call,
) -> Result<Open, Refusal> {
    let id = call.framework_id.as_ref().map_or("", |id| &id.value);
    let framework_id = FrameworkId::from(id);
    let open = match common.schedulers.find(&framework_id) {
        Some(open) => {
            check_owner(caller, open.principal.as_deref())?;
            open
        }
        None => find_again(common, caller, &framework_id).await?,
    };
    let Some(stream_id) = joined(request, &STREAM_ID) else {
        let text = "All non-subscribe calls should include the 'Mesos-Stream-Id' header";
        return Err(Refusal::bad_request(text));
    };
    if stream_id != *open.stream_id {
        return Err(Refusal::bad_request(format!(
            "The stream ID '{stream_id}' included in this request didn't match the stream ID \
             currently associated with framework ID {framework_id}"
        )));
    }
    Ok(open)
}

/// Why there is no stream; or the one that was opened just now, by a scheduler that took over from
/// the one that calls.
async fn find_again(
    common: &Common,
    caller: &Caller,
    framework_id: &FrameworkId,
) -> Result<Open, Refusal> {
    let question = GetFrameworks { framework_id: Some(framework_id.clone()) };
    let found = call::ask(common, question).await?;
    let Some(framework) = found.frameworks.first() else {
        return Err(Refusal::bad_request("Framework cannot be found"));
    };
    check_owner(caller, framework.info.principal.as_deref())?;
    if !framework.connected {
        return Err(Refusal::forbidden("Framework is not subscribed"));
    }
    let open = common.schedulers.find(framework_id);
    open.ok_or_else(|| Refusal::forbidden("Framework is not connected via HTTP"))
}

/// Who has authenticated speaks for no framework of another principal.
fn check_owner(caller: &Caller, owner: Option<&str>) -> Result<(), Refusal> {
    match caller.principal() {
        Some(principal) if owner != Some(principal) => Err(Refusal::bad_request(format!(
            "Authenticated principal '{principal}' does not match principal '{}' set in \
             `FrameworkInfo`",
            owner.unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

/// What is wrong with a framework beyond the form of its call is said on the stream.
async fn subscribe_call(
    common: &Common,
    about: &About,
    request: &HttpRequest,
    media: MediaType,
    subscribe: Subscribe,
) -> Answer {
    if request.headers().contains_key(&STREAM_ID) {
        let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
        return Err(Refusal::bad_request(text));
    }
    let place = common.schedulers.place()?;
    let (events, waiting) = queue(MAX_QUEUED);
    let stream_id = Uuid::new_v4().to_string();
    let mut style = Style { media, dialect: Arc::default() };
    let subscription = match subscription(subscribe) {
        Ok(subscription) => subscription,
        Err(text) => {
            // The queue is empty, and its reader here.
            let _ = events.push(Box::new(Event::Error(text)));
            let stream = waiting.into_stream(style.clone(), common.clone(), place);
            return Ok(streaming(&stream_id, media, stream));
        }
    };
    style.dialect = Arc::new(Mutex::new(dialect(&subscription.info)));
    let name = common.schedulers.next_name();
    let session = common.host().address_of(&name);
    let (outcome, answered) = oneshot::channel();
    let stream = Open {
        stream_id: Arc::from(stream_id.as_str()),
        session: session.clone(),
        principal: subscription.info.principal.as_deref().map(Arc::from),
        dialect: Arc::clone(&style.dialect),
    };
    let beginning = Beginning {
        subscription,
        queue: events,
        sessions: common.schedulers.clone(),
        stream,
        http: common.duty.leader().map(|leader| leader.http).unwrap_or_default(),
        domain: about.domain.clone(),
        outcome,
    };
    let mut first = Some(Box::new(beginning));
    common
        .host()
        .spawn(&name, Session::spawn_options(), move || Session::new(first.take()))
        .map_err(|error| Refusal::unavailable(error.to_string()))?;
    // From here on the session hears of it if the client goes.
    let notice = Notice { host: common.host().clone(), session };
    let stream = waiting.into_stream(style, common.clone(), (place, notice));
    match answered.await {
        Ok(Ok(())) => Ok(streaming(&stream_id, media, stream)),
        Ok(Err(failure)) => Err(failure.into()),
        Err(_) => Err(Refusal::unavailable("the master is being restarted; try again")),
    }
}

fn subscription(subscribe: Subscribe) -> Result<SubscribeFramework, String> {
    let constraints = subscribe.offer_constraints.as_ref().map(constraints_from).transpose();
    let offer_constraints = constraints.map_err(|error| error.to_string())?;
    let info = info_from(&subscribe.framework_info).map_err(|error| error.to_string())?;
    let suppressed_roles = subscribe.suppressed_roles;
    Ok(SubscribeFramework { info, suppressed_roles, scheduler: None, offer_constraints })
}

fn streaming<K: 'static>(
    stream_id: &str,
    media: MediaType,
    stream: EventStream<Style, K>,
) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media.as_str()))
        .insert_header((STREAM_ID, stream_id))
        .streaming(stream.into_body())
}
