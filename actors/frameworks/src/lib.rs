//! The frameworks manager as an actor: `frameworks` on every master host.
//!
//! Owns nothing but the way in and out: messages become inputs of the core, its effects become
//! messages, timers and links. What is decided, and its invariants, are in `frameworks_core`.
//!
//! A deposed leader ends its incarnation, so that the schedulers that link to it hear of it and
//! look for the new one; its successor begins as a standby.

mod actor;
mod allocator;
mod config;
mod explain;
mod perform;

pub use actor::Frameworks;
pub use config::Config;

/// The actor's name.
pub const NAME: &str = "frameworks";
