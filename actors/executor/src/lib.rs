//! The tasks of one executor: our own executor, which runs command tasks as processes.
//!
//! Owns the tasks' first processes: starting them in the container that the isolator prepared,
//! ending them with grace, and turning their ends into task states. Registration, reports and
//! their repetition are the driver's.
//!
//! Invariants: every task that is launched is reported with exactly one terminal state; what a task
//! writes to its standard output and error is all that is in those files.

mod command;
mod environment;
mod outcome;
mod settings;
mod task;

pub use command::{CommandExecutor, start};
pub use settings::{Settings, SettingsError};
