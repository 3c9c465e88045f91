//! The actor `updates`: status updates of this agent's tasks until they are acknowledged.
//!
//! Owns the log of unacknowledged updates (`updates.journal` in the agent's work directory). The
//! rules are in `updates-core`; here is the disk: what is appended while one write is under way
//! goes to the disk with the next, so that a hundred updates cost little more than one.
//!
//! Invariant: nobody is answered, and nothing forwarded, before `fdatasync` has returned. A write
//! whose outcome is unknown ends this incarnation; the next begins with what is on the disk, and
//! whoever waited asks again.

mod actor;
mod config;
mod log;

pub use actor::{NAME, Updates};
pub use config::UpdatesConfig;
