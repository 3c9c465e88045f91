//! The updates core: status updates of this agent's tasks until they are acknowledged.
//!
//! Owns: one queue per task. The head of a queue is forwarded to the leading master's
//! `frameworks`, again and again with backoff, until it is acknowledged; only then the next.
//!
//! Invariants: an update is answered for, and forwarded, only after it is on disk; the updates of
//! a task are forwarded in the order in which they were queued; nothing is queued behind a
//! terminal update; a queue ends when its terminal update is acknowledged.
//!
//! Not here: the disk (the shell appends the [`Record`]s and says when they are durable), the
//! clock, and what an update means.

mod effect;
mod input;
mod record;
mod settings;
mod state;
mod step;
mod stream;

pub use effect::{Effect, Reply};
pub use input::{Input, Timer};
pub use record::{Record, StreamKey};
pub use settings::Settings;
pub use state::{State, Summary};
