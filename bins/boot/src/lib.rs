//! What every binary does first and last: configuration, logs, addresses, signals, exit codes.
//!
//! Invariants: a key's value comes from the first of flag, environment, file and default that has
//! it; nothing outside [`config`] reads the environment; a bad configuration ends the process with
//! exit code [`exit::USAGE`] before it has bound a port or written a file.

pub mod config;
pub mod duration;
mod ending;
pub mod exit;
pub mod flags;
mod invalid;
pub mod limits;
pub mod logs;
pub mod net;
mod origin;
pub mod ready;
mod run;
pub mod sample;
pub mod signals;
mod stores;

pub use config::{ConfigError, Loaded, Settings};
pub use ending::{Fatal, end_of, lead_until_end};
pub use flags::CommonFlags;
pub use invalid::Invalid;
pub use logs::{LogFormat, Logging};
pub use ready::Ready;
pub use run::{Role, refuse_flags, serve};
pub use signals::Shutdown;
pub use stores::store;
