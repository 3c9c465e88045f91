//! To `monitor`, on an agent host: what the machine and its containers use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::isolator::ContainerUsage;
use crate::messages;
use crate::time::Time;

/// The newest sample. From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetUsage {}

/// The machine, sampled from procfs and statvfs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineUsage {
    pub cpus: u64,
    /// Mean number of busy cpus since the sample before.
    pub cpus_used: f64,
    pub mem_total_bytes: u64,
    pub mem_available_bytes: u64,
    /// Of the file system that holds the work directory.
    pub disk_total_bytes: u64,
    pub disk_available_bytes: u64,
    pub load_1m: f64,
    pub load_5m: f64,
    pub load_15m: f64,
}

/// Answers [`GetUsage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageReport {
    pub time: Time,
    pub machine: MachineUsage,
    pub containers: Vec<ContainerUsage>,
}

messages! { GetUsage -> UsageReport }
