//! The harness of the stories: clusters of real processes, with a real etcd where wanted.
//!
//! Owns the processes that it starts and everything they leave behind: when a [`Cluster`] is
//! dropped, its processes, their tasks and their cgroups are gone. Each test has a directory with
//! the configuration and the log of every process; it stays if the test fails.
//!
//! Invariants: nothing sleeps to wait for something, it looks until it sees it ([`eventually`]);
//! no two clusters of one run share a port or a cgroup.

pub mod binaries;
pub mod cgroups;
mod cli;
mod cluster;
pub mod crowd;
mod etcd;
mod eventually;
pub mod framework;
pub mod http;
mod lines;
pub mod ports;
mod process;
pub mod processes;
pub mod python;
pub mod scheduler;

pub use cli::{Answer, Meseta};
pub use cluster::{Builder, Cluster};
pub use crowd::Crowd;
pub use etcd::Etcd;
pub use eventually::{eventually, within};
pub use framework::Framework;
pub use lines::Lines;
pub use process::Process;
