//! `/teardown`: a framework is ended, as a form of old.

use actix_web::http::header::{ALLOW, ContentType};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use protocol::FailureKind;
use serde::Deserialize;

use crate::access::Caller;
use crate::answer::Answer;
use crate::common::Common;
use crate::v1::operator::end_framework;

#[derive(Debug, Deserialize)]
struct Form {
    #[serde(rename = "frameworkId")]
    framework_id: Option<String>,
}

/// POST with `frameworkId=…`. Refusals are plain text, as those of Mesos.
pub(super) async fn teardown(
    request: HttpRequest,
    common: Data<Common>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    if request.method() != "POST" {
        let text = format!("Expecting one of {{ 'POST' }}, but received '{}'", request.method());
        return Ok(plain(HttpResponse::MethodNotAllowed().insert_header((ALLOW, "POST")), text));
    }
    let form = actix_web::web::Query::<Form>::from_query(&String::from_utf8_lossy(&body));
    let Some(id) = form.ok().and_then(|form| form.into_inner().framework_id) else {
        let text = "Missing 'frameworkId' query parameter in the request body";
        return Ok(plain(&mut HttpResponse::BadRequest(), text));
    };
    match end_framework(&common, &caller, id.as_str().into()).await {
        Ok(()) => Ok(HttpResponse::Ok().finish()),
        Err(failure) if failure.kind == FailureKind::NotFound => {
            Ok(plain(&mut HttpResponse::BadRequest(), "No framework found with specified ID"))
        }
        Err(failure) if failure.kind == FailureKind::Forbidden => {
            Ok(plain(&mut HttpResponse::Forbidden(), failure.message))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn plain(response: &mut actix_web::HttpResponseBuilder, text: impl Into<String>) -> HttpResponse {
    response.insert_header(ContentType::plaintext()).body(text.into())
}
