//! The registry and its batching: input and time in, effects out.
//!
//! Owns: the master's registry as it is durable, and the changes on their way into it.
//!
//! Invariants:
//! - a change is answered only when it is durable, and shows in [`State::registry`] only then;
//! - one commit is under way at a time; what is asked meanwhile goes together as the next, in the
//!   order asked;
//! - nothing is committed under another epoch than the one this host leads under;
//! - after an unknown outcome nothing is answered and nothing believed: the actor fails, and its
//!   next incarnation loads.

mod effect;
mod input;
mod records;
mod state;
mod step;

pub use effect::{Answer, Effect, RecordWrite};
pub use input::{Committed, Input, Timer};
pub use state::State;

/// Writes that one commit may have: what etcd takes in one transaction.
pub const MAX_WRITES: usize = 128;
