//! One agent, as a leader knows it.

use std::collections::BTreeMap;

use protocol::agents::{AgentState, AgentSummary};
use protocol::framework::AgentInfo;
use protocol::registrar::{AgentRecord, AgentStanding};
use protocol::task::KillPolicy;
use protocol::{Address, AgentId, FrameworkId, Generation, HostAddr, TaskId, Time};

use crate::AGENT;
use crate::life::Life;
use crate::removals::Queued;

/// One agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) info: AgentInfo,
    pub(crate) state: AgentState,
    /// The registration of this term, if there was one.
    pub(crate) life: Option<Life>,
    /// Of that registration; zero without one.
    pub(crate) generation: Generation,
    pub(crate) registered: Option<Time>,
    pub(crate) last_pong: Option<Time>,
    /// Of the last ping that was sent, and of the last that was answered.
    pub(crate) sequence: u64,
    pub(crate) answered: u64,
    /// Pings in a row without an answer.
    pub(crate) missed: u32,
    /// It waits for its turn to become unreachable.
    pub(crate) queued: Option<Queued>,
    /// What it is told to kill when it is back.
    pub(crate) kills: BTreeMap<(FrameworkId, TaskId), Option<KillPolicy>>,
}

impl Agent {
    pub(crate) fn new(info: AgentInfo, state: AgentState) -> Self {
        Self {
            info,
            state,
            life: None,
            generation: Generation::default(),
            registered: None,
            last_pong: None,
            sequence: 0,
            answered: 0,
            missed: 0,
            queued: None,
            kills: BTreeMap::new(),
        }
    }

    /// As the registry knows it.
    pub(crate) fn recovered(record: AgentRecord) -> Self {
        let state = match record.standing {
            AgentStanding::Admitted => AgentState::Recovered,
            AgentStanding::Unreachable { .. } => AgentState::Unreachable,
            AgentStanding::Gone { .. } => AgentState::Gone,
        };
        Self::new(record.info, state)
    }

    /// Where it is pinged and routed to.
    pub(crate) fn address(&self) -> Address {
        address_at(&self.info.host)
    }

    /// Registered once, or expected to: not given up.
    pub(crate) fn is_expected(&self) -> bool {
        use AgentState::{Active, Disconnected, Recovered};
        matches!(self.state, Recovered | Active | Disconnected)
    }

    /// As others are told of it.
    pub(crate) fn summary(&self, agent_id: &AgentId) -> AgentSummary {
        AgentSummary {
            agent_id: agent_id.clone(),
            info: self.info.clone(),
            state: self.state,
            generation: self.generation,
            registered: self.registered,
            last_pong: self.last_pong,
        }
    }
}

/// The agent actor of a host.
pub(crate) fn address_at(host: &HostAddr) -> Address {
    Address::new(AGENT, host.clone())
}
