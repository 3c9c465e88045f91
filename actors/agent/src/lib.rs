//! The actor `agent`: tasks and executors of this machine.
//!
//! The rules are in `agent-core`; here are the clock, the checkpoint (`agent.journal` in the work
//! directory), the search for the leading master, and files of sandboxes.
//!
//! Invariants: what the core wants persisted is written before what follows is done. It is in the
//! kernel's hands then and survives the end of the agent; only the agent's id is waited for until
//! the disk has it. That is enough, and keeps the disk out of the way of a launch: everything else
//! in the checkpoint is about processes, which no more survive a power failure than unwritten
//! records do, and the master misses their tasks at the next registration.

mod actor;
mod checkpoints;
mod config;
mod machine;
mod master;
mod notes;
mod perform;
mod sandbox;
mod volumes;

pub use actor::{Agent, NAME, TOPIC};
pub use config::{AgentConfig, OnShutdown};
pub use machine::{Machine, MachineError};
