//! The v1 operator API on a master: `POST /api/v1`.
//!
//! A call is read and validated, and whether the client accepts an answer is looked at, in the order
//! of Mesos; then it is answered from what is there (`crate::master::cluster`) or handed to the actor
//! that can do it.
//!
//! | module | what |
//! |---|---|
//! | [`validate`] | what a call must say |
//! | `calls` | from a request to its answer |
//! | `settings` | quotas and weights |
//! | `subscribers`, `events` | SUBSCRIBE: who follows, and what they are told |
//! | `refusal` | why a request is refused |
//! | `maintenance` | the calls of maintenance |
//! | `answers` | what is there, as the API has it |

mod answers;
mod calls;
mod events;
pub(crate) mod maintenance;
pub(crate) mod refusal;
pub(crate) mod resources;
pub(crate) mod settings;
mod subscribers;
pub mod validate;

use actix_web::web::{self, ServiceConfig};

pub(crate) use calls::end_framework;
pub(crate) use refusal::Refusal;
pub(crate) use subscribers::Subscribers;

/// Where the API is: as Mesos has it, as pymesos looks for it, and under the name of the actor.
const PATHS: [&str; 3] = ["/api/v1", "/api/v1/operator", "/master/api/v1"];

/// Adds the API to an edge. It takes any method: which are not allowed is for the API to say.
pub(crate) fn routes(config: &mut ServiceConfig) {
    for path in PATHS {
        config.route(path, web::route().to(calls::operator));
    }
}
