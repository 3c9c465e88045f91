//! To `elector` (master and services hosts): who leads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::id::Epoch;
use crate::message::{Failure, FailureKind};
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

impl Leadership {
    /// What a standby answers: a failure that names the leader's host if it is known.
    pub fn not_leader(&self) -> Failure {
        let text = match &self.leader {
            _ if self.leading => "this host leads and is not serving yet; ask again".to_owned(),
            Some(leader) => format!("{NOT_LEADER}{}", leader.host),
            None => "this host does not lead, and no leader is known; ask again".to_owned(),
        };
        Failure::new(FailureKind::NotLeader, text)
    }
}

const NOT_LEADER: &str = "this host does not lead; the leader is ";

/// The leader's host as a [`Leadership::not_leader`] names it.
pub fn leader_in(failure: &Failure) -> Option<HostAddr> {
    let named = failure.kind == FailureKind::NotLeader;
    failure.message.strip_prefix(NOT_LEADER).filter(|_| named)?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_leader_so_that_a_program_can_follow_it() {
        let host: HostAddr = "10.0.0.2:7050".parse().unwrap();
        let leader = Leader { host: host.clone(), http: "10.0.0.2:5050".into(), epoch: Epoch(3) };
        let standby = Leadership { leader: Some(leader), leading: false };
        assert_eq!(leader_in(&standby.not_leader()), Some(host));
        let alone = Leadership { leader: None, leading: false };
        assert_eq!(leader_in(&alone.not_leader()), None);
        let loading = Leadership { leading: true, ..standby };
        assert_eq!(leader_in(&loading.not_leader()), None);
    }
}
