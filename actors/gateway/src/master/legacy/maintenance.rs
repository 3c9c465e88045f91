//! `/maintenance/schedule`, `/maintenance/status`, `/machine/down` and `/machine/up`: the calls of
//! maintenance, with bodies of JSON.

use actix_web::http::header::{ALLOW, ContentType};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::access::Caller;
use crate::common::Common;
use crate::v1::operator::maintenance;
use crate::v1::operator::refusal::Refusal;
use crate::v1::wire::WireMessage;
use crate::v1::wire::master::call::StartMaintenance;
use crate::v1::wire::mesos::MachineId;
use crate::v1::wire::mesos::maintenance::Schedule;
use crate::v1::{MediaType, WireError, decode, encode};

type Answer = Result<HttpResponse, Refusal>;

/// GET and POST.
pub(super) async fn schedule(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    match request.method().as_str() {
        "GET" => Ok(json(&maintenance::schedule(&common, &caller).await?)),
        "POST" => {
            let schedule: Schedule = decode(MediaType::Json, &body)?;
            maintenance::update_schedule(&common, &caller, &schedule).await
        }
        method => Ok(not_allowed("GET, POST", "{ 'GET', 'POST' }", method)),
    }
}

/// GET.
pub(super) async fn status(request: HttpRequest, common: Data<Common>, caller: Caller) -> Answer {
    match request.method().as_str() {
        "GET" => Ok(json(&maintenance::status(&common, &caller).await?)),
        method => Ok(not_allowed("GET", "{ 'GET' }", method)),
    }
}

/// POST of a list of machines.
pub(super) async fn down(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    match request.method().as_str() {
        "POST" => maintenance::start(&common, &caller, &machines(&body)?).await,
        method => Ok(not_allowed("POST", "{ 'POST' }", method)),
    }
}

/// POST of a list of machines.
pub(super) async fn up(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    match request.method().as_str() {
        "POST" => maintenance::stop(&common, &caller, &machines(&body)?).await,
        method => Ok(not_allowed("POST", "{ 'POST' }", method)),
    }
}

fn machines(body: &[u8]) -> Result<Vec<MachineId>, WireError> {
    let list: Value = serde_json::from_slice(body)
        .map_err(|error| WireError::NotJson { reason: error.to_string() })?;
    if !list.is_array() {
        let reason = "a list of machines is expected".to_owned();
        return Err(WireError::NotJson { reason });
    }
    let named = serde_json::json!({ "machines": list }).to_string();
    Ok(decode::<StartMaintenance>(MediaType::Json, named.as_bytes())?.machines)
}

fn json<M: WireMessage>(message: &M) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(encode(MediaType::Json, message))
}

fn not_allowed(allow: &'static str, listed: &str, method: &str) -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, allow))
        .insert_header(ContentType::plaintext())
        .body(format!("Expecting one of {listed}, but received '{method}'"))
}
