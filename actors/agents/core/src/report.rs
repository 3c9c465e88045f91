//! What people and programs that follow along are told.

use protocol::AgentId;
use protocol::events::{Report, types};
use protocol::frameworks::AgentLossCause;
use serde_json::json;

use crate::agent::Agent;

pub(crate) fn added(agent_id: &AgentId, agent: &Agent) -> Report {
    report(
        types::AGENT_ADDED,
        json!({
            "agent_id": agent_id, "hostname": agent.info.hostname, "host": agent.info.host,
            "http": agent.info.http, "resources": agent.info.resources,
            "generation": agent.generation,
        }),
    )
}

pub(crate) fn disconnected(agent_id: &AgentId, agent: &Agent) -> Report {
    report(
        types::AGENT_DISCONNECTED,
        json!({ "agent_id": agent_id, "hostname": agent.info.hostname }),
    )
}

pub(crate) fn removed(agent_id: &AgentId, agent: &Agent, cause: AgentLossCause) -> Report {
    report(
        types::AGENT_REMOVED,
        json!({ "agent_id": agent_id, "hostname": agent.info.hostname, "cause": cause }),
    )
}

fn report(kind: &str, data: serde_json::Value) -> Report {
    Report { kind: kind.to_owned(), data }
}
