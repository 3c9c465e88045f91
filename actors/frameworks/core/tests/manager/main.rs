//! What the frameworks manager promises, step by step. Every step is followed by
//! `State::check`, so each of these tests is also a test of the conservation law.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod agents;
mod allocator;
mod authority;
mod counters;
mod fixture;
mod inverse;
mod launches;
mod leadership;
mod maintenance;
mod offers;
mod operations;
mod preemption;
mod reconciliation;
mod removals;
mod resize;
mod settings;
mod subscriptions;
mod updates;
mod wishes;
