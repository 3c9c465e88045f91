//! The service scheduler as an actor: `services` on every services host.
//!
//! Owns nothing but the ways in and out: messages, the master's news (relayed by the `scheduler`
//! actor of the driver) and the store's answers become inputs of the core; its effects become
//! calls, commits, answers and events. What is decided, and its invariants, are in `services_core`.

mod actor;
mod config;
mod keys;
mod perform;
mod writer;

pub use actor::Services;
pub use config::Config;

/// The actor's name.
pub const NAME: &str = "services";
