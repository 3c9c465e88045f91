//! Marathon's error bodies.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use protocol::services::check::Violation;
use protocol::{Failure, FailureKind};
use serde_json::{Value, json};

use super::parse::Faults;

/// What a handler of this edge returns.
pub(super) type Answer = Result<HttpResponse, Refusal>;

/// A request that was not done.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "message": message.into() }) }
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    /// The text is not JSON.
    pub(super) fn not_json(error: &serde_json::Error, body: &[u8]) -> Self {
        let empty = body.iter().all(u8::is_ascii_whitespace);
        let message = if empty { "Please specify data in JSON format" } else { "Invalid JSON" };
        Self::new(StatusCode::BAD_REQUEST, message).with("details", json!(error.to_string()))
    }

    /// The JSON has another shape than it should.
    pub(super) fn wrong_shape(found: Vec<Violation>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid JSON").with("details", details(found))
    }

    /// The JSON means something that cannot be.
    pub(super) fn not_valid(found: Vec<Violation>) -> Self {
        let refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Object is not valid");
        refusal.with("details", details(found))
    }

    pub(super) fn app_missing(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("App '{id}' does not exist"))
    }

    pub(super) fn task_missing(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Task '{id}' does not exist"))
    }

    pub(super) fn app_exists(id: &str) -> Self {
        let message = format!("An app with id [{id}] already exists.");
        Self::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn app_locked(deployments: &[String]) -> Self {
        // The placeholder is Marathon's own.
        let message = "App is locked by one or more deployments. Override with the option \
                       '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
        let ids: Vec<Value> = deployments.iter().map(|id| json!({ "id": id })).collect();
        Self::new(StatusCode::CONFLICT, message).with("deployments", json!(ids))
    }

    pub(super) fn method_not_allowed(method: &str, path: &str) -> Self {
        let message = format!("{method} is not supported for {path}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }
}

impl Faults {
    /// Nothing was found, or the refusal that names it: shape first, as meaning depends on it.
    pub(super) fn check(self) -> Result<(), Refusal> {
        if !self.shape.is_empty() {
            return Err(Refusal::wrong_shape(self.shape));
        }
        check_meaning(self.meaning)
    }
}

/// The same for what an app's own rules find.
pub(super) fn check_meaning(found: Vec<Violation>) -> Result<(), Refusal> {
    if found.is_empty() { Ok(()) } else { Err(Refusal::not_valid(found)) }
}

/// One entry for each path, with all that is wrong there.
fn details(found: Vec<Violation>) -> Value {
    let mut by_path: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Violation { path, message } in found {
        by_path.entry(path).or_default().push(message);
    }
    by_path.into_iter().map(|(path, errors)| json!({ "path": path, "errors": errors })).collect()
}

/// An ask that failed for a reason that the handler has no words of Marathon's for.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            FailureKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            FailureKind::NotFound => StatusCode::NOT_FOUND,
            FailureKind::AlreadyExists | FailureKind::Conflict => StatusCode::CONFLICT,
            FailureKind::UnknownMessage | FailureKind::BadMessage | FailureKind::Unknown => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, failure.message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.body["message"].as_str().unwrap_or_default())
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_at_a_path_is_said_together() {
        let found = ["/b", "/a", "/b"].map(|path| Violation::new(path, format!("bad {path}")));
        let refusal = Refusal::not_valid(found.into());
        assert_eq!(
            refusal.body["details"],
            json!([{ "path": "/a", "errors": ["bad /a"] },
                   { "path": "/b", "errors": ["bad /b", "bad /b"] }])
        );
    }

    #[test]
    fn nothing_at_all_is_told_from_bad_json() {
        let refused = |text: &str| {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            Refusal::not_json(&error, text.as_bytes()).to_string()
        };
        assert_eq!(refused(" \n"), "Please specify data in JSON format");
        assert_eq!(refused("{"), "Invalid JSON");
    }
}
