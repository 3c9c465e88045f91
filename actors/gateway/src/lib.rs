//! The HTTP and WebSocket edges of the master, the agent and the services host.
//!
//! Owns: listening, limits, the error shape, the redirect of standbys, and the translation between
//! HTTP and messages. An edge parses, asks actors, and answers; it never decides and holds no
//! state of the cluster.
//!
//! | module | what |
//! |---|---|
//! | [`services`] | the services host's edge: Marathon's `/v2` API |
//! | [`server`] | one HTTP server on a bound listener, with its limits and its graceful end |
//! | [`duty`] | who answers: every host, or the leader (others redirect) |
//! | [`answer`] | the error shape, and which status a failed ask becomes |

pub mod answer;
pub mod duty;
pub mod server;
pub mod services;

pub use answer::{Answer, ApiError};
pub use duty::Duty;
pub use server::{Closing, Edge, ServeError, Server, serve};
pub use services::ServicesEdge;
