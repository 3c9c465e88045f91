//! The tokens by which an agent knows its executors: `agent` signs one for each executor that it
//! launches, the edge looks at that of every call.
//!
//! A token is a JSON Web Token, signed by HMAC with SHA-256 ("HS256"), as executors of Mesos have
//! it. It names the framework, the executor and the container, and does not end: it is good for as
//! long as the container is the executor's and the agent has the secret, so over restarts of the
//! agent. One that somebody else has signed with the secret may have an end.
//!
//! Invariants: no other algorithm is accepted, whatever a token says of itself; nothing in a token is
//! looked at before its signature but its header; signatures are compared in constant time; no
//! `Debug` shows a secret.
//!
//! Not here: whom a token lets do what, which is for the edge to say.

mod secret;
mod token;

pub use secret::{ExecutorSecret, SecretError};
pub use token::{Claims, TokenError};
