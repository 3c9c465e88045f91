//! Artifacts into sandboxes.
//!
//! Owns what lies between a uri and a file that a task finds in its sandbox: reading local files as
//! the task's user, downloading, extracting archives, owners and modes.
//!
//! Invariants: nothing is written outside of the sandbox, whatever a uri, an archive or an earlier
//! artifact says; a file appears under its name only when it is whole; the first failure names the
//! uri and the reason.

mod actor;
mod archive;
mod config;
mod destination;
mod download;
mod error;
mod fetch;
mod local;
mod source;

pub use actor::{Fetcher, NAME, StartError, start};
pub use config::FetcherConfig;
pub use error::FetchError;
pub use fetch::fetch;
