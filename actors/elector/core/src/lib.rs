//! What the election says, as a state machine: input and time in, effects out.
//!
//! Owns: whether this host is a candidate, and whom it takes for the leader. The election itself is
//! the store's.
//!
//! Invariants ([`State::check`]):
//! - this host leads exactly from the store's word that it is elected until the term ends, the
//!   holder resigns, or another is seen to lead, whatever comes first;
//! - everybody who follows is told of every change, in order, and of the loss before anything is
//!   done about it;
//! - whoever asks to resign is answered when somebody else may lead.

mod effect;
mod input;
mod state;
mod step;

pub use effect::{Effect, Reply};
pub use input::{Candidate, Input, Seen, Timer};
pub use state::State;
