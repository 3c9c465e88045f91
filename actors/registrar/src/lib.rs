//! The registrar as an actor: `registrar` on every master host, the only writer of the registry.
//!
//! Owns nothing but the way to the store: messages become inputs of the core, its effects become
//! loads, commits and answers. What is decided, and its invariants, are in `registrar_core`.

mod actor;

pub use actor::Registrar;

/// The actor's name.
pub const NAME: &str = "registrar";
