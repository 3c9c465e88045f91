//! The `allocator` actor: performs the effects of [`allocator_core`] and knows nothing of its own.
//!
//! It takes facts from one actor, the one that reset it last (`frameworks` of the leader), and
//! tells its allocations to that one.

mod actor;

pub use actor::{Allocator, NAME, spawn};
pub use allocator_core::{Options, OptionsError, PolicyKind};
