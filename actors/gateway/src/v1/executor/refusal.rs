//! Why a request of the executor API is refused.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use thiserror::Error;

use crate::answer::ApiError;
use crate::v1::WireError;

/// Within which a token is good, as Mesos calls it.
const REALM: &str = "mesos-agent-executor";

/// Why a request is refused. `Display` is the body of the answer: the texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Executors have tokens here, and the request has none.
    #[error("Expecting 'Authorization' to be 'Bearer' and the token of an executor")]
    NoToken,
    /// The request has something else than a token that is signed here.
    #[error("{0}")]
    BadToken(String),
    /// The token is that of another executor, or of another run of it.
    #[error("{0}")]
    NotTheirs(String),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("Agent has not finished recovery")]
    Recovering,
    #[error("Framework cannot be found")]
    NoFramework,
    #[error("Executor cannot be found")]
    NoExecutor,
    #[error("Executor is not subscribed")]
    NotSubscribed,
    #[error("Received 'UNKNOWN' call")]
    UnknownCall,
    /// There is no room now, or no answer.
    #[error("{0}")]
    NotNow(String),
}

impl Refusal {
    /// What is asked for, and what is wrong with what was shown (RFC 6750, section 3).
    fn challenge(&self) -> String {
        let realm = format!("Bearer realm=\"{REALM}\"");
        match self {
            Self::BadToken(why) => {
                format!("{realm}, error=\"invalid_token\", error_description=\"{why}\"")
            }
            _ => realm,
        }
    }

    pub(super) fn not_now(error: ApiError) -> Self {
        Self::NotNow(error.message)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken(_) => StatusCode::UNAUTHORIZED,
            Self::Wire(error) => error.status(),
            Self::NoFramework | Self::NoExecutor => StatusCode::BAD_REQUEST,
            Self::NotTheirs(_) | Self::NotSubscribed => StatusCode::FORBIDDEN,
            Self::UnknownCall => StatusCode::NOT_IMPLEMENTED,
            Self::Recovering | Self::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        response.insert_header(ContentType::plaintext());
        match status {
            StatusCode::UNAUTHORIZED => {
                response.insert_header((WWW_AUTHENTICATE, self.challenge()))
            }
            StatusCode::METHOD_NOT_ALLOWED => response.insert_header((ALLOW, "POST")),
            StatusCode::SERVICE_UNAVAILABLE => response.insert_header((RETRY_AFTER, "1")),
            _ => &mut response,
        };
        response.body(self.to_string())
    }
}
