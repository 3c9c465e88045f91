//! The operator API and the endpoints that tools poll, over HTTP.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod counters;
mod endpoints;
mod followers;
mod logging;
mod polls;
mod refusals;
mod settings;
mod stage;
mod subscribe;
