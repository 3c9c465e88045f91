//! To `elector` (master and services hosts): who leads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::id::Epoch;
use crate::messages;

/// The topic under which `elector` publishes [`LeaderChanged`].
pub const LEADER_TOPIC: &str = "leader";

/// Who leads, and since which election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leader {
    /// Where its actors are.
    pub host: HostAddr,
    /// Where its HTTP edge is, `host:port`.
    pub http: String,
    pub epoch: Epoch,
}

/// Where this process stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leadership {
    /// The leader as far as this host knows.
    pub leader: Option<Leader>,
    /// This host is it.
    pub leading: bool,
}

/// Who leads? From anyone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetLeader {}

/// Published to subscribers of [`LEADER_TOPIC`] at every change, and once on subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaderChanged {
    pub leadership: Leadership,
}

/// Give leadership up (before a shutdown, or on an operator's word). Answered when it is given up.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Resign {}

messages! {
    GetLeader -> Leadership,
    LeaderChanged,
    Resign,
}
