//! The v1 executor API on an agent: `POST /api/v1/executor`.
//!
//! Whoever calls has to show a token first, where executors have any. Then a call is read, validated, and looked up at the agent, which says who the executor is and how far
//! it has come; the refusals and their order are those of Mesos. SUBSCRIBE opens a stream and starts
//! a `session` that stands for the executor among the actors; what the other calls carry is told
//! to the session or the agent.
//!
//! | module | what |
//! |---|---|
//! | [`validate`] | what a call must say |
//! | `calls` | from a request to its answer |
//! | `bearer` | the token of a request, and whether it is that of the executor |
//! | `refusal` | why a request is refused |
//! | `session` | the actor for an executor with a stream |
//! | `stream` | the queue between a session and its connection |
//! | `event` | the events |

mod bearer;
mod calls;
mod event;
mod refusal;
mod session;
mod stream;
pub mod validate;

use std::time::Duration;

use actix_web::web::{self, Data, ServiceConfig};
use tokens::TokenSecret;

/// Where the API is: as clients have it, and as the libprocess of Mesos does.
const PATHS: [&str; 2] = ["/api/v1/executor", "/slave(1)/api/v1/executor"];

/// What an operator decides about the API.
#[derive(Clone, Debug)]
pub(crate) struct ExecutorApi {
    /// Between two heartbeats of a stream.
    pub(crate) heartbeat: Duration,
    /// What the tokens of executors are signed with. Absent: none is asked for.
    pub(crate) secret: Option<TokenSecret>,
}

/// Adds the API to an edge. It takes any method: which are not allowed is for the API to say.
pub(crate) fn routes(config: &mut ServiceConfig, api: &ExecutorApi) {
    config.app_data(Data::new(api.clone()));
    for path in PATHS {
        config.route(path, web::route().to(calls::executor));
    }
}
