//! Who is offered what: the allocator as a pure state machine.
//!
//! Owns: which agent's resources are free, and who holds the others, per framework and role; the
//! order in which roles and frameworks are served; filters, suppression and the moment at which
//! something is offered. Does not own: offers and tasks (`frameworks` does, and tells what becomes
//! free), quota and weights set at run time.
//!
//! It is driven by change. A fact marks the agents on which something was freed, or the clients
//! that want more; a moment later one pass looks at these and at nothing else. The cost of a fact
//! is that of its own agents and clients, whatever the size of the cluster.
//!
//! Invariants, checked by [`State::check`] after every step in simulation: on every agent, free and
//! held make its total; every sum is exact; nothing that is not there is offered, and no offer is
//! repeated before it is returned; once a pass is done, whoever wants offers has refused all that
//! is free.

mod book;
mod check;
mod effect;
mod filters;
mod input;
mod model;
mod order;
mod pass;
mod place;
mod policy;
mod quantities;
mod slab;
mod state;
mod step;
mod summary;

pub use check::Held;
pub use effect::Effect;
pub use input::{Input, Timer};
pub use policy::{DominantShare, Policy, PolicyKind, Standing};
pub use quantities::{Names, Quantities};
pub use state::{Counters, Options, OptionsError, Sizes, State};
