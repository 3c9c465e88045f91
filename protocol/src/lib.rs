//! Everything that crosses a boundary between two actors, as data.
//!
//! Owns: addresses, ids, time, resources and their algebra, the envelope and its frame codec, and
//! one module per *receiver* with one struct per message. No I/O, no clock, no randomness, no
//! logic beyond validation, conversion and the algebra.
//!
//! Invariant: every struct here is encoded with its field names (see [`codec`]); new fields are
//! optional or defaulted, so an older peer can read a newer message and the other way round. An enum
//! with an `Unknown` can get new variants as long as they are bare words; what an unknown one would
//! bring along cannot be skipped. `tests/golden` has the bytes of every message on record.

pub mod access;
pub mod address;
pub mod blob;
pub mod codec;
pub mod envelope;
pub mod explain;
pub mod framework;
pub mod id;
pub mod maintenance;
pub mod message;
pub mod metrics;
pub mod operation;
pub mod resize;
pub mod resources;
pub mod role;
pub mod task;
pub mod time;

// One module per receiver.
pub mod agent;
pub mod agents;
pub mod allocator;
pub mod constraints;
pub mod elector;
pub mod events;
pub mod executor;
pub mod fetcher;
pub mod frameworks;
pub mod isolator;
pub mod monitor;
pub mod quota;
pub mod registrar;
pub mod runtime;
pub mod scheduler;
pub mod services;
pub mod shared;
pub mod updates;

pub use address::{Address, HostAddr};
pub use blob::Blob;
pub use id::*;
pub use message::{Failure, FailureKind, Message};
pub use resources::{Resource, Resources, Scalar};
pub use time::Time;

/// Every receiver, by the name of its module, and the names of its messages.
pub const RECEIVERS: &[(&str, &[&str])] = &[
    ("agent", agent::MESSAGES),
    ("agents", agents::MESSAGES),
    ("allocator", allocator::MESSAGES),
    ("elector", elector::MESSAGES),
    ("events", events::MESSAGES),
    ("executor", executor::MESSAGES),
    ("fetcher", fetcher::MESSAGES),
    ("frameworks", frameworks::MESSAGES),
    ("isolator", isolator::MESSAGES),
    ("metrics", metrics::MESSAGES),
    ("monitor", monitor::MESSAGES),
    ("registrar", registrar::MESSAGES),
    ("runtime", runtime::MESSAGES),
    ("scheduler", scheduler::MESSAGES),
    ("services", services::MESSAGES),
    ("updates", updates::MESSAGES),
];
