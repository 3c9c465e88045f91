//! The v1 executor API over HTTP, in front of a real agent.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod client;
mod refusals;
mod stage;
mod stream;
mod tokens;
mod updates;
