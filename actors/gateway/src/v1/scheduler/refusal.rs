//! What a request is answered with that is not done: a status and a line of text, as Mesos's
//! clients and their users know it.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType};
use actix_web::{HttpResponse, ResponseError};
use protocol::{Failure, FailureKind};

use crate::v1::WireError;

/// A request that is not done. `Display` is the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// Not now: clients try again.
    pub(crate) fn unavailable(text: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header((ALLOW, "POST"));
        }
        response.insert_header(ContentType::plaintext()).body(self.text.clone())
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

/// An ask that an actor has not answered with its reply.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::NotLeader => Self::unavailable("Master has not finished recovery"),
            FailureKind::NotFound => Self::bad_request("Framework cannot be found"),
            FailureKind::Refused => Self::bad_request(failure.message),
            FailureKind::Forbidden => Self::forbidden(failure.message),
            FailureKind::Conflict => Self::new(StatusCode::CONFLICT, failure.message),
            _ => Self::unavailable(failure.message),
        }
    }
}
