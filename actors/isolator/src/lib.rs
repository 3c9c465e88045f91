//! Containers: cgroups, limits, processes.
//!
//! Owns everything that the kernel holds for a container on this machine: its cgroups (or, without
//! root, its processes by their mark), its limits, its first process and its sandbox's directory
//! and output files. The actor `isolator` is told what to start and tells `agent` what ended.
//!
//! Invariants: a container's cgroup is empty and gone before its end is told; a failed launch
//! leaves nothing behind; nothing of an unknown container survives a recovery. `unsafe` is here
//! (`spawn`, `watch`) and nowhere else in the system.

mod actor;
mod cgroup;
mod choice;
mod config;
mod containment;
mod error;
mod launch;
mod limits;
mod proc;
mod processes;
mod recovery;
mod sandbox;
mod spawn;
mod user;
mod watch;

pub use actor::{Isolator, NAME, StartError, Timer, start};
pub use cgroup::{Cgroups, Group, Hierarchy, V1, V2, Version, out_of_memory};
pub use choice::choose;
pub use config::{Isolation, IsolatorConfig};
pub use containment::{Containment, Entry};
pub use error::{IsolatorError, chain};
pub use launch::JOIN_VARIABLE;
pub use limits::{Limits, MIN_MEM_BYTES, Sample};
pub use proc::{CONTAINER_VARIABLE, ROOT_VARIABLE};
pub use processes::Processes;
pub use spawn::{Output, Place, Program, spawn};
pub use user::Identity;
pub use watch::Watch;
