//! The agents manager, step by step: one file for each of its concerns.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod chaos;
mod common;
mod down;
mod leadership;
mod liveness;
mod registration;
mod routing;
mod tally;
