//! The agent core: tasks and executors of one machine as a state machine.
//!
//! Owns: the registration with the leading master, the executors of this machine and the tasks in
//! them, and what of it must survive the agent process (the [`Checkpoint`]).
//!
//! Invariants ([`State::check`]): every durable fact changes through one [`Record`], which is
//! written before the effects that follow from it; every status of a task is safe with `updates`
//! before its reporter is answered; a task ends once, and is remembered until its end has been
//! acknowledged; a container that is no longer needed is destroyed, and asked for again until the
//! isolator says that it is gone.
//!
//! Not here: files, clocks, sockets, processes. The shell reads the clock, performs the effects in
//! order, and brings their results back as inputs.

mod checkpoint;
mod effect;
mod executor;
mod executors;
mod exit;
mod forget;
mod input;
mod kill;
mod launch;
mod operations;
mod process;
mod query;
mod recover;
mod registration;
mod resize;
mod sessions;
mod settings;
mod state;
mod status;
mod step;
mod stop;
mod task;
mod volumes;

pub use checkpoint::{Checkpoint, Record, SavedFramework};
pub use effect::{Effect, Reply, SandboxRead, ToExecutor, ToFrameworks};
pub use executor::{ExecutorEvent, ExecutorState, SavedExecutor};
pub use input::{Input, Timer};
pub use settings::{Settings, Timeouts};
pub use state::{Registration, State};
pub use task::{CompletedTask, ExecutorKey, SavedTask, Stage, TaskKey};
pub use volumes::VolumeLink;
