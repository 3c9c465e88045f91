//! Apps that stay up, as a state machine: input and time in, effects out. No I/O, no clock.
//!
//! Owns: which apps are wanted (with their versions), the instances that run for them, what is held
//! back after failures, and which changes are still being carried out. Durable are the framework
//! id, the apps, their versions and last failures, and the instances; the rest is derived.
//!
//! Invariants:
//! - An instance is durable before the offer that starts it is accepted, a change before it is
//!   answered, an instance's end before its update is acknowledged: whatever was running when the
//!   process died is known to the next one, and is adopted rather than started again.
//! - `plan` looks only at what is and what is wanted, never at what happened; running
//!   it once more changes nothing.
//! - Outside of a replacement an app never has more instances than it wants, those that are being
//!   killed included.
//!
//! Deliberately absent: health and readiness checks, constraints, dependencies and groups.

mod apps;
mod backoff;
mod config;
mod converge;
mod demand;
mod deployments;
mod durable;
mod effect;
mod environment;
mod explain;
mod ids;
mod input;
mod instances;
mod kills;
mod launch;
mod placement;
mod plan;
mod queries;
mod recovery;
mod state;
mod step;
mod updates;

pub use config::Config;
pub use effect::{Answer, AppRecord, Effect, Event, PersistId, Timer, Write};
pub use explain::conclude;
pub use input::{Input, Records};
pub use queries::Summary;
pub use state::Services;
