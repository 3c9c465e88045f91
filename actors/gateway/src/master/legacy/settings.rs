//! `/quota` and `/weights`: what is set for roles, as JSON of old.

use actix_web::http::header::{ALLOW, ContentType};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::Wrapping;
use crate::access::Caller;
use crate::answer::ApiError;
use crate::common::Common;
use crate::v1::convert::quota::{quotas_to, weights_to};
use crate::v1::operator::{Refusal, settings};
use crate::v1::wire::{WireMessage, mesos, quota};
use crate::v1::{MediaType, WireError, decode, encode};

/// GET, and POST with a request for a role that has none.
pub(super) async fn quota(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    Query(wrapping): Query<Wrapping>,
    body: Bytes,
) -> HttpResponse {
    match *request.method() {
        Method::GET => answer(read_quota(&common, &caller, &wrapping).await),
        Method::POST => answer(set_quota(&common, &caller, &body).await),
        Method::DELETE => {
            let path = request.path();
            let text = format!("Failed to parse remove quota request for path '{path}': no role");
            Refusal::BadRequest(text).error_response()
        }
        _ => not_allowed(&request, "GET, POST, DELETE"),
    }
}

/// DELETE of `/quota/<role>`; a role may have several levels.
pub(super) async fn quota_of_role(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
) -> HttpResponse {
    if request.method() != Method::DELETE {
        return not_allowed(&request, "DELETE");
    }
    let role = request.match_info().query("role");
    let what = format!("Failed to remove quota for path '{}'", request.path());
    answer(settings::remove_quota(&common, &caller, role, &what).await.map(|()| ok()))
}

/// GET, and PUT with an array of weights.
pub(super) async fn weights(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    Query(wrapping): Query<Wrapping>,
    body: Bytes,
) -> HttpResponse {
    match *request.method() {
        Method::GET => answer(read_weights(&common, &caller, &wrapping).await),
        Method::PUT => answer(put_weights(&common, &caller, &body).await),
        _ => not_allowed(&request, "GET, PUT"),
    }
}

fn answer(result: Result<HttpResponse, Refusal>) -> HttpResponse {
    result.unwrap_or_else(|refusal| refusal.error_response())
}

fn ok() -> HttpResponse {
    HttpResponse::new(StatusCode::OK)
}

fn not_allowed(request: &HttpRequest, methods: &str) -> HttpResponse {
    let expected = methods.split(", ").map(|method| format!("'{method}'")).collect::<Vec<_>>();
    let text = format!(
        "Expecting one of {{ {} }}, but received '{}'",
        expected.join(", "),
        request.method()
    );
    let mut response = HttpResponse::MethodNotAllowed();
    response.insert_header((ALLOW, methods)).insert_header(ContentType::plaintext()).body(text)
}

/// A message as the JSON of a value.
fn json<M: WireMessage>(message: &M) -> serde_json::Value {
    serde_json::from_slice(&encode(MediaType::Json, message)).unwrap_or_default()
}

fn wrapped(wrapping: &Wrapping, value: &serde_json::Value) -> Result<HttpResponse, Refusal> {
    let odd = |error: ApiError| Refusal::BadRequest(error.message);
    wrapping.check().map_err(odd)?;
    Ok(wrapping.answer(wrapping.write(value).map_err(odd)?))
}

async fn read_quota(
    common: &Common,
    caller: &Caller,
    wrapping: &Wrapping,
) -> Result<HttpResponse, Refusal> {
    wrapped(wrapping, &json(&quotas_to(&settings::read(common, caller).await?)))
}

async fn set_quota(common: &Common, caller: &Caller, body: &[u8]) -> Result<HttpResponse, Refusal> {
    let request: quota::QuotaRequest = decode(MediaType::Json, body).map_err(|error| {
        let text = String::from_utf8_lossy(body);
        Refusal::BadRequest(match error {
            WireError::NotJson { reason } => {
                format!("Failed to parse set quota request JSON '{text}': {reason}")
            }
            error => format!("Failed to validate set quota request JSON '{text}': {error}"),
        })
    })?;
    settings::set_quota(common, caller, &request).await.map(|()| ok())
}

async fn read_weights(
    common: &Common,
    caller: &Caller,
    wrapping: &Wrapping,
) -> Result<HttpResponse, Refusal> {
    let infos = weights_to(&settings::read(common, caller).await?);
    wrapped(wrapping, &infos.iter().map(json).collect())
}

async fn put_weights(
    common: &Common,
    caller: &Caller,
    body: &[u8],
) -> Result<HttpResponse, Refusal> {
    let text = String::from_utf8_lossy(body);
    let array: Vec<serde_json::Value> = serde_json::from_slice(body).map_err(|error| {
        Refusal::BadRequest(format!(
            "Failed to parse update weights request JSON ('{text}'): {error}"
        ))
    })?;
    let infos = array.iter().map(|info| decode(MediaType::Json, info.to_string().as_bytes()));
    let infos: Result<Vec<mesos::WeightInfo>, WireError> = infos.collect();
    let infos = infos.map_err(|error| {
        Refusal::BadRequest(format!(
            "Failed to convert weights JSON array to protobuf ('{text}'): {error}"
        ))
    })?;
    settings::update_weights(common, caller, &infos).await.map(|()| ok())
}
