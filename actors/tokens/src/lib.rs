//! Tokens by which a host knows who asks: JSON Web Tokens, signed by HMAC with SHA-256 ("HS256").
//!
//! An agent signs one for each executor that it launches, and its edge looks at that of every call, as
//! in Mesos. It names the framework, the executor and the container, and does not end: it is good for as
//! long as the container is the executor's and the agent has the secret, so over restarts of the
//! agent. A master signs none; who has its secret signs those of principals, and may give them an end.
//!
//! Invariants: no other algorithm is accepted, whatever a token says of itself; nothing in a token is
//! looked at before its signature but its header; signatures are compared in constant time; no
//! `Debug` shows a secret.
//!
//! Not here: whom a token lets do what, which is for the edge to say.

mod secret;
mod token;

pub use secret::{SecretError, TokenSecret};
pub use token::{Claims, TokenError};
