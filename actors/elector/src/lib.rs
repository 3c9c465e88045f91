//! The `elector` actor: candidacy, the current leader and its epoch.
//!
//! Owns the term that the store has given to this host. Publishes [`LeaderChanged`] under
//! [`LEADER_TOPIC`] at every change, and tells every new subscriber the present value. What is
//! decided is in `elector_core`.
//!
//! [`LeaderChanged`]: protocol::elector::LeaderChanged
//! [`LEADER_TOPIC`]: protocol::elector::LEADER_TOPIC

mod actor;

pub use actor::{Elector, spawn};
pub use elector_core::Candidate;

/// The actor's name.
pub const NAME: &str = "elector";
