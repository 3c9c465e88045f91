//! Durable state under an epoch: etcd, or one embedded file with the same rules.
//!
//! Owns: the election, the fence, and the bytes of one scope (`master`, `services`) of one cluster.
//! A library, not an actor: `elector` campaigns, `registrar` and `services` load and commit.
//!
//! Invariants, the same for both implementations and held by one suite of tests:
//! - epochs grow with every term, and at most one term is current;
//! - a commit is durable and whole, or it changes nothing; one under an epoch that is not current
//!   changes nothing ([`CommitError::Deposed`]), whatever the process that sent it believes;
//! - a term ends for its holder before another can begin: [`Term::ended`] resolves by the holder's
//!   own monotonic clock, measured from before the last renewal was sent;
//! - what is certainly refused and what is unknown are told apart: after
//!   [`CommitError::Unknown`] the holder reloads.
//!
//! A commit is never split: more than [`MAX_WRITES`] writes or [`MAX_BYTES`] bytes are refused, so
//! that what is atomic with one implementation is atomic with the other.

mod api;
mod config;
mod embedded;
mod error;
mod etcd;
mod limits;
mod term;
mod thread;

pub use api::{Change, Incumbent, Store, StoreFuture, Write};
pub use config::{StoreConfig, open};
pub use embedded::Embedded;
pub use error::{CommitError, StoreError};
pub use etcd::Etcd;
pub use limits::{MAX_BYTES, MAX_KEY_LEN, MAX_WRITES};
pub use term::{Ended, Term};
