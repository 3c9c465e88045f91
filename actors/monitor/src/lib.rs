//! The actor `monitor`: what this machine and its containers use.
//!
//! Owns the newest sample, taken at an interval from procfs, statvfs and the isolator. Everything
//! else only reads it: a question costs nobody a look at the kernel.
//!
//! Also here, since it reads the same files: [`machine::resources`], what a machine has to offer.

mod actor;
pub mod machine;
mod sample;

pub use actor::{Monitor, MonitorConfig, NAME};
