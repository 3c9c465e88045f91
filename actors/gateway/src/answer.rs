//! What a request is answered with when it cannot be done: `{"message": …}` and the status that
//! says whose fault it was.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use protocol::{Failure, FailureKind};
use serde_json::{Value, json};

/// What a request handler returns.
pub type Answer = Result<HttpResponse, ApiError>;

/// A request that could not be done. `Display` is the message.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    pub status: StatusCode,
    pub message: String,
    /// Further fields of the body beside `message`, where an API defines them.
    pub details: Option<Value>,
}

impl ApiError {
    /// `status` with a line for people.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// With `details` beside the message.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "1"));
        }
        let mut body = json!({ "message": self.message });
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        response.json(body)
    }
}

/// Which status a failed ask becomes: what the actor refused is the client's fault, what did not
/// reach an actor is the cluster's and may be tried again.
impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            FailureKind::Refused => StatusCode::BAD_REQUEST,
            FailureKind::Forbidden => StatusCode::FORBIDDEN,
            FailureKind::NotFound => StatusCode::NOT_FOUND,
            FailureKind::AlreadyExists | FailureKind::Conflict => StatusCode::CONFLICT,
            FailureKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            FailureKind::NoSuchActor
            | FailureKind::Overloaded
            | FailureKind::LinkDown
            | FailureKind::NotLeader
            | FailureKind::ActorDied => StatusCode::SERVICE_UNAVAILABLE,
            // The two sides do not fit together: nothing that the client could mend.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, failure.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_says_when() {
        let error = ApiError::from(Failure::new(FailureKind::Overloaded, "mailbox is full"));
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_refusal_is_the_clients_fault() {
        assert_eq!(ApiError::from(Failure::refused("no")).status, StatusCode::BAD_REQUEST);
    }
}
