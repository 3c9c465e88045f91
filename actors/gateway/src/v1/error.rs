//! Why a request of the v1 API is refused before anything is asked of the cluster.
//!
//! The texts are those of Mesos, capitals included: clients and their users know them.

use actix_web::http::StatusCode;
use thiserror::Error;

use super::wire::WireMessage;

/// A request that cannot be understood or answered. `Display` is the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    #[error("Expecting 'POST' in '{method}' request")]
    Method { method: String },
    #[error("Expecting 'Content-Type' to be present")]
    NoContentType,
    #[error("Expecting 'Content-Type' of application/json or application/x-protobuf")]
    UnknownContentType,
    #[error("Failed to parse body into {message} protobuf")]
    NotProtobuf { message: &'static str },
    #[error("Failed to parse body into JSON: {reason}")]
    NotJson { reason: String },
    #[error("Failed to convert JSON into {message} protobuf: {reason}")]
    NotMessage { message: &'static str, reason: String },
    #[error("Failed to validate {message}: {reason}")]
    Invalid { message: String, reason: String },
    #[error("Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")]
    NotAcceptable,
}

impl WireError {
    /// A message that can be read but breaks a rule of the API.
    pub fn invalid<M: WireMessage>(reason: impl Into<String>) -> Self {
        Self::Invalid { message: M::qualified_name(), reason: reason.into() }
    }

    /// The status of the answer. 405 comes with `Allow: POST`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
