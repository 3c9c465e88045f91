//! Why a request of the operator API is refused.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use protocol::{Failure, FailureKind};
use thiserror::Error;

use crate::v1::WireError;

/// Why a request is refused. `Display` is the body of the answer: the texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("Master has not finished recovery")]
    Recovering,
    #[error("Received 'UNKNOWN' call")]
    UnknownCall,
    #[error("Call {0} is not supported yet")]
    NotSupported(&'static str),
    /// What the call wants cannot be.
    #[error("{0}")]
    BadRequest(String),
    /// It is not for whoever asks.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It would be wrong as things are, or what it wants is in use.
    #[error("{0}")]
    Conflict(String),
    /// There is no room now, or no answer.
    #[error("{0}")]
    NotNow(String),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::NotLeader => Self::Recovering,
            FailureKind::Refused => Self::BadRequest(failure.message),
            FailureKind::Forbidden => Self::Forbidden(failure.message),
            FailureKind::NotFound => Self::NotFound(failure.message),
            _ => Self::NotNow(failure.message),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Wire(error) => error.status(),
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::UnknownCall | Self::NotSupported(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Recovering | Self::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        response.insert_header(ContentType::plaintext());
        match status {
            StatusCode::METHOD_NOT_ALLOWED => response.insert_header((ALLOW, "POST")),
            StatusCode::SERVICE_UNAVAILABLE => response.insert_header((RETRY_AFTER, "1")),
            _ => &mut response,
        };
        response.body(self.to_string())
    }
}
