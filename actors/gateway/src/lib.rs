//! The HTTP and WebSocket edges of the master, the agent and the services host.
//!
//! Owns: listening, limits, the error shape, the redirect of standbys, and the translation between
//! HTTP and messages. An edge parses, asks actors, and answers; it never decides and holds no
//! state of the cluster.
//!
//! | module | what |
//! |---|---|
//! | [`actor`] | [`Gateway::start`]: a server on a bound listener, and the actor `gateway` beside it |
//! | [`server`] | limits, defaults, graceful end; [`Edge`]: what a kind of host serves |
//! | [`duty`] | who answers: every host, or the leader (others redirect) |
//! | [`common`] | what handlers reach: the actors of the host |
//! | [`answer`] | the error shape, and which status a failed ask becomes |
//! | [`access`] | who asks, and whether they may |
//! | `aside` | work that takes long |
//! | [`websocket`] | the event stream |
//! | [`master`], [`agent`] | the edges of these hosts |
//! | [`logs`] | how much is logged |
//! | [`services`] | the services host's edge: Marathon's `/v2` API |
//! | [`v1`] | the wire of the Mesos v1 API |

pub mod access;
pub mod actor;
pub mod agent;
pub mod answer;
mod aside;
pub mod common;
pub mod duty;
pub mod logs;
pub mod master;
mod middleware;
pub mod server;
pub mod services;
pub mod v1;
pub mod websocket;

pub use access::{Access, Credentials, CredentialsError, Realm};
pub use actor::{Gateway, NAME, StartError};
pub use agent::AgentEdge;
pub use answer::{Answer, ApiError};
pub use common::Common;
pub use duty::Duty;
pub use logs::Logs;
pub use master::about::About;
pub use master::{DescribedMaster, MasterEdge};
pub use server::{Edge, MAX_BODY, ServeError};
pub use services::ServicesEdge;
pub use websocket::stream_events;
