//! The libprocess of this system: addressable actors, local and over TCP.
//!
//! Owns: mailboxes and turns, supervision, timers, links, topics, the connections between hosts and
//! their handshake, and the test verbs. `README.md` beside this crate states what is promised and
//! what is not.
//!
//! Invariants:
//! - Every queue is bounded by a named constant or an option of the one who spawns.
//! - A handler runs alone: nothing else of its actor runs until it returns.
//! - actix stays in `cell`, sockets in `net`: nothing outside this crate sees either.

mod actor;
mod ask;
mod background;
mod builtin;
mod calls;
mod cell;
mod clock;
mod connection;
mod context;
mod delivery;
mod dial;
mod handlers;
mod host;
mod host_actor;
mod links;
mod listen;
mod mailbox;
mod net;
mod outbox;
mod peer;
mod probe;
mod registry;
mod send;
mod stats;
mod timers;
mod timings;

pub use actor::{Actor, Handler, Outcome};
pub use background::give_way;
pub use calls::Calls;
pub use context::Context;
pub use delivery::ReplyTo;
pub use handlers::Handlers;
pub use host::{Host, HostConfig, HostError, Placement, Restart, SpawnOptions};
pub use mailbox::{DEFAULT_CAPACITY, Overflow};
pub use probe::Probe;
pub use timings::Timings;
