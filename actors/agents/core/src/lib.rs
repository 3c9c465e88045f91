//! Agent membership as a state machine: input and time in, effects out.
//!
//! Owns: which agents there are, where each stands ([`membership`]), whether they answer, and the
//! way to each. It decides; the shell sends, commits, links and sets timers.
//!
//! Invariants ([`State::check`] states them all):
//! - what the registry must know is committed before anybody is told: an agent is answered, and
//!   `frameworks` hears of it, only when its admission is durable; the same for losses;
//! - at most one commit is under way for each agent, and what arrives for it meanwhile waits;
//! - a registration is handled once: duplicates and messages of earlier lives change nothing;
//! - generations grow with every registration, also across a restart of this actor.
//!
//! It knows nothing of tasks: their ledger is `frameworks`, which hears of every join and loss in
//! the order in which they happened.

mod admission;
mod agent;
mod check;
mod config;
mod departure;
mod down;
mod effect;
mod input;
mod life;
mod liveness;
pub mod membership;
mod operations;
mod registration;
mod removals;
mod report;
mod routing;
mod state;
mod step;
mod tally;
mod term;
mod work;

pub use config::Config;
pub use effect::{Effect, Reply, ToAgent, ToFrameworks};
pub use input::{CommitId, Input, Timer};
pub use state::State;

/// The name of the actor that is pinged and routed to on an agent's host.
pub const AGENT: &str = "agent";
