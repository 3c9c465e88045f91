//! The agents manager as an actor: `agents` on every master host.
//!
//! Owns nothing but the way in and out: messages become inputs of the core, its effects become
//! messages, timers and links. What is decided, and its invariants, are in `agents_core`.

mod actor;
mod config;
mod perform;

pub use actor::Agents;
pub use config::Config;

/// The actor's name.
pub const NAME: &str = "agents";
