//! A deterministic cluster simulator: the cores of the master, a virtual network and clock, and
//! models of everybody else.
//!
//! Owns: the world in which `frameworks`, `agents` and `allocator` cores run without their shells;
//! models of agents, schedulers and the registry that keep to what the protocol says of them; and
//! the accidents that befall all of them. A run is decided by its seed alone.
//!
//! Invariants checked after every step: those of each core; the ledger and the allocator count the
//! same on every agent whenever nothing is on its way between them; no machine runs more than it
//! has, nor has more or less by operations; no task runs in two places. Once faults are over, eventually: everybody is connected and
//! gets a task to run; then every task ends, is known to have ended, and nothing is left anywhere.
//!
//! ```
//! let outcome = sim::run(7, &sim::Options::default()).expect("seed 7 finds no fault");
//! assert_eq!(outcome, sim::run(7, &sim::Options::default()).expect("and never does"));
//! ```
//!
//! The actors of the master's host talk in order and without loss, as the runtime promises; the
//! links to agents and schedulers lose, copy, reorder and break. What a packet must bear beyond
//! the runtime's promises, and what not, is stated where packets are defined.

mod agent;
mod agent_operations;
mod agent_tasks;
mod event;
mod hop;
mod invariants;
mod kernel;
mod master;
mod names;
mod network;
mod operators;
mod options;
mod perform;
mod scheduler;
mod store;
mod torment;
mod trace;
mod whims;
mod wishes;
mod world;

pub use options::{Faults, Options};

use world::World;

/// What a run without a fault amounts to; equal for equal seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    pub events: u64,
    /// Of when things happened; and of what, if that was to be kept.
    pub hash: u64,
    /// Tasks that were launched.
    pub tasks: u64,
    /// Terms of leadership.
    pub terms: u64,
    /// Everything that happened, if it was to be kept.
    pub log: Vec<String>,
}

/// A run that found a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed}, event {events}: {what}\nreplay it with: cargo run -p meseta-sim --example seeds -- {seed}"
)]
pub struct Fault {
    pub seed: u64,
    /// How many events had happened.
    pub events: u64,
    pub what: String,
    /// Everything that happened, if it was to be kept.
    pub log: Vec<String>,
}

/// Runs the world of one seed to its end.
pub fn run(seed: u64, options: &Options) -> Result<Outcome, Fault> {
    let mut world = World::new(seed, options.clone());
    let result = world.run();
    let events = world.events;
    let hash = world.kernel.trace.hash();
    let tasks = world.schedulers.iter().map(|scheduler| scheduler.launched).sum();
    let terms = world.store.epoch.0;
    let log = world.kernel.trace.into_log();
    match result {
        Ok(()) => Ok(Outcome { seed, events, hash, tasks, terms, log }),
        Err(what) => Err(Fault { seed, events, what, log }),
    }
}
