//! The `events` actor: the ordered log of what happened on this host, for people and programs that
//! follow along.
//!
//! Owns: the numbering of events, and the last [`KEPT`] of them. Readers pull ([`NextEvents`]), so
//! one that is slow costs nobody anything: it misses the oldest events and is told how many.
//!
//! Invariant: `seq` grows by one with every event, and the log has no holes.
//!
//! [`NextEvents`]: protocol::events::NextEvents

mod actor;
mod log;

pub use actor::{Events, NAME, spawn, spawn_without_elector};
pub use log::KEPT;
