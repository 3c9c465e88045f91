//! `/reserve`, `/unreserve`, `/create-volumes` and `/destroy-volumes`: forms of old for what the
//! operator API calls by the same names.

use actix_web::http::header::{ALLOW, ContentType};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use protocol::FailureKind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::Answer;
use crate::common::Common;
use crate::v1::operator::resources::{self, Wanted};
use crate::v1::wire::WireMessage;
use crate::v1::{MediaType, decode};

#[derive(Debug, Default, Deserialize)]
struct Form {
    #[serde(rename = "slaveId")]
    slave_id: Option<String>,
    resources: Option<String>,
    volumes: Option<String>,
}

pub(super) async fn reserve(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let wanted = read("resources", &request, &body, resources::reserve);
    answer(&common, &caller, wanted).await
}

pub(super) async fn unreserve(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let wanted = read("resources", &request, &body, resources::unreserve);
    answer(&common, &caller, wanted).await
}

pub(super) async fn create(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let wanted = read("volumes", &request, &body, resources::create);
    answer(&common, &caller, wanted).await
}

pub(super) async fn destroy(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let wanted = read("volumes", &request, &body, resources::destroy);
    answer(&common, &caller, wanted).await
}

/// POST with `slaveId=…` and a JSON array. What is wrong with the request is its answer.
fn read<M: WireMessage>(
    field: &str,
    request: &HttpRequest,
    body: &[u8],
    wanted: impl Fn(M) -> Wanted,
) -> Result<Wanted, Box<HttpResponse>> {
    if request.method() != "POST" {
        let text = format!("Expecting one of {{ 'POST' }}, but received '{}'", request.method());
        let mut response = HttpResponse::MethodNotAllowed();
        return Err(Box::new(plain(response.insert_header((ALLOW, "POST")), text)));
    }
    let bad = |text: String| Box::new(plain(&mut HttpResponse::BadRequest(), text));
    let missing = |name: &str| bad(format!("Missing '{name}' query parameter in the request body"));
    let form = Query::<Form>::from_query(&String::from_utf8_lossy(body));
    let form = form.map_or_else(|_| Form::default(), Query::into_inner);
    let slave = form.slave_id.ok_or_else(|| missing("slaveId"))?;
    let list = if field == "volumes" { form.volumes } else { form.resources };
    let list = list.ok_or_else(|| missing(field))?;
    let list: Value = serde_json::from_str(&list)
        .map_err(|error| bad(format!("Error in parsing '{field}' query parameter: {error}")))?;
    let call = json!({ "agent_id": { "value": slave }, field: list }).to_string();
    let part = decode::<M>(MediaType::Json, call.as_bytes())
        .map_err(|error| bad(format!("Error in parsing '{field}' query parameter: {error}")))?;
    Ok(wanted(part))
}

/// Refusals are plain text, as those of Mesos.
async fn answer(
    common: &Common,
    caller: &Caller,
    wanted: Result<Wanted, Box<HttpResponse>>,
) -> Answer {
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(response) => return Ok(*response),
    };
    let failure = match resources::operate(common, caller, wanted).await {
        Ok(()) => return Ok(HttpResponse::Accepted().finish()),
        Err(failure) => failure,
    };
    match failure.kind {
        FailureKind::Refused | FailureKind::NotFound => {
            Ok(plain(&mut HttpResponse::BadRequest(), failure.message))
        }
        FailureKind::Forbidden => Ok(plain(&mut HttpResponse::Forbidden(), failure.message)),
        FailureKind::Conflict => Ok(plain(&mut HttpResponse::Conflict(), failure.message)),
        _ => Err(failure.into()),
    }
}

fn plain(response: &mut actix_web::HttpResponseBuilder, text: impl Into<String>) -> HttpResponse {
    response.insert_header(ContentType::plaintext()).body(text.into())
}
