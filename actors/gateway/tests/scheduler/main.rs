//! The v1 scheduler API over HTTP, in front of the real frameworks manager and allocator.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod accepts;
mod authentication;
mod authorization;
mod calls;
mod client;
mod counters;
mod explain;
#[path = "../v1/fields.rs"]
mod fields;
mod launches;
mod lifetimes;
mod maintenance;
mod operations;
mod operators;
mod reconciliation;
mod refusals;
mod resize;
mod stage;
mod streams;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
#[path = "../v1/tiny.rs"]
mod tiny;
mod wire;
mod wishes;
