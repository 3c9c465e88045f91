//! The SDK: what a framework is written against.
//!
//! Owns: the [`Scheduler`] and [`Executor`] traits, the handles that their callbacks are given
//! ([`SchedulerDriver`], [`ExecutorDriver`]), and the actors that keep the connection behind them:
//! finding the leading master, subscribing again after every change, telling the agent each status
//! update until it is safe there.
//!
//! Invariants: callbacks of one driver never run at the same time; a call on a handle never blocks
//! and never fails on the spot: what became of it arrives as a callback.
//!
//! `examples/scheduler.rs` and `examples/executor.rs` are the smallest useful frameworks.

mod accept;
pub mod call;
pub mod executor;
mod executor_actor;
mod executor_config;
mod leader;
mod relay;
pub mod scheduler;
mod scheduler_actor;
mod scheduler_calls;
mod scheduler_news;

pub use call::{ExecutorCall, SchedulerCall};
pub use executor::{Executor, ExecutorDriver, status};
pub use executor_actor::{Ended, start_executor};
pub use executor_config::{ExecutorConfig, MissingVariable, RECOVERY_TIMEOUT};
pub use relay::Relay;
pub use scheduler::{Scheduler, SchedulerDriver, Subscribed};
pub use scheduler_actor::{SchedulerConfig, start_scheduler};

/// End the driver: what the handles' `stop` sends to its actor, and anyone else may.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct StopDriver {}

protocol::messages! { StopDriver }
