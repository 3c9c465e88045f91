//! Who is offered what: the allocator as a pure state machine.
//!
//! Owns: which agent's resources are free, and who holds the others, per framework and role; the
//! tree of roles with weights, quotas and reservations; the order in which roles and frameworks are
//! served; filters, suppression and the moment at which something is offered. Does not own: offers
//! and tasks (`frameworks` does, and tells what becomes free), or what of the above is durable.
//!
//! It is driven by change. A fact marks the agents on which something was freed, or the clients
//! that want more; a moment later one pass looks at these and at nothing else. The cost of a fact
//! is that of its own agents and clients, whatever the size of the cluster.
//!
//! Invariants, checked by [`State::check`] after every step in simulation: on every agent, free and
//! held make its total; every sum is exact; nothing that is not there is offered, and no offer is
//! repeated before it is returned; no limit is exceeded by an offer, and what is guaranteed stays
//! free; once a pass is done, whoever wants offers has refused all that it could be offered.

mod agents;
mod bits;
mod book;
mod check;
mod constraints;
mod effect;
mod explain;
mod explain_role;
mod filters;
mod grow;
mod input;
mod inverse;
mod metrics;
mod model;
mod options;
mod order;
mod part;
mod pass;
mod place;
mod policy;
mod preempt;
mod quantities;
mod reclaims;
mod slab;
mod state;
mod step;
mod summary;
mod tree;

pub use check::Held;
pub use effect::{Answer, Effect};
pub use input::{Input, Timer};
pub use options::{Options, OptionsError};
pub use policy::{
    Capacity, DominantShare, FirstCome, LeastResources, Policy, PolicyKind, Priority, Standing,
};
pub use quantities::{Names, Quantities};
pub use state::{Counters, Sizes, State};
