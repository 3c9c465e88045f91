//! The wire: its bytes are on record, its words are kept, peers of other versions are understood, and
//! whatever comes over it does no harm.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod compatible;
mod effort;
mod frames;
mod golden;
mod hostile;
mod memory;
mod record;
mod samples;
mod structs;
mod words;
