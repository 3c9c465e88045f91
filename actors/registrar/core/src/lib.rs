//! The registry and its batching: input and time in, effects out.
//!
//! Owns: the master's registry, in memory as it is in the store. Everything is read when a term
//! begins, and written record by record: one key for each agent,
//! framework, quota and weight.
//!
//! Invariants ([`State::check`]):
//! - the registry in memory is what is durable: a change is visible, and answered, only after its
//!   commit;
//! - at most one commit is under way; what is asked meanwhile goes, in order and as far as the
//!   limits of a commit allow, into the next one;
//! - the operations of one request are applied whole or not at all;
//! - after an outcome that is unknown nothing is believed: the actor ends, and its successor reads
//!   the store.

mod batch;
mod draft;
mod effect;
mod input;
mod operations;
mod prune;
mod records;
mod size;
mod state;
mod step;
mod tables;

pub use batch::Limits;
pub use effect::{Answer, Effect, RecordWrite};
pub use input::{Committed, Input, Timer};
pub use prune::KEPT_FOR;
pub use records::{AGENTS, FRAMEWORKS, MAINTENANCE, QUOTAS, WEIGHTS};
pub use state::State;

/// Writes that one commit may have: what etcd takes in one transaction.
pub const MAX_WRITES: usize = 128;

/// Bytes of keys and values that one commit may have: what etcd takes in one request, less what
/// prefixes and encoding add.
pub const MAX_BYTES: usize = 1_400_000;
