//! The SDK: what a framework is written against.
//!
//! Owns: the [`Scheduler`] and [`Executor`] traits, the handles that their callbacks are given
//! ([`SchedulerDriver`], [`ExecutorDriver`]), and the actors that keep the connection behind them:
//! finding the leading master, subscribing again after every change, telling the agent each status
//! update until it is safe there.
//!
//! Invariants: callbacks of one driver never run at the same time; a call on a handle never blocks
//! and never fails on the spot: what became of it arrives as a callback.

pub mod call;
pub mod executor;
pub mod scheduler;

pub use call::{ExecutorCall, SchedulerCall};
pub use executor::{Executor, ExecutorDriver, status};
pub use scheduler::{Scheduler, SchedulerDriver, Subscribed};
