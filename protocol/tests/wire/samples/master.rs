//! To the smaller actors of a master: `elector`, `events` and `registrar`; and what several answer.

use protocol::elector::*;
use protocol::events::*;
use protocol::metrics::*;
use protocol::registrar::*;
use serde_json::json;

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    elector(&mut To::new("elector", samples));
    events(&mut To::new("events", samples));
    registrar(&mut To::new("registrar", samples));
    metrics(&mut To::new("metrics", samples));
}

fn metrics(to: &mut To<'_>) {
    to.ask(&GetMetrics {}, &Metrics { values: one("master/tasks_finished", 3.0) });
}

fn elector(to: &mut To<'_>) {
    let leader = Leader { host: host(), http: "10.0.0.1:5050".into(), epoch: EPOCH };
    let leadership = Leadership { leader: Some(leader), leading: true };
    to.ask(&GetLeader {}, &leadership).tell(&LeaderChanged { leadership }).tell(&Resign {});
}

/// Every kind of JSON value.
fn free_form() -> serde_json::Value {
    json!({ "task_id": "web", "healthy": true, "count": 3, "below": -2, "share": 0.5, "list": [1, "b"] })
}

fn events(to: &mut To<'_>) {
    let event = Event {
        seq: 1025,
        epoch: EPOCH,
        time: NOW,
        kind: types::TASK_UPDATED.into(),
        data: free_form(),
    };
    let next = NextEvents {
        after: Some(1024),
        epoch: Some(EPOCH),
        types: vec![types::TASK_UPDATED.into()],
        max: 100,
        wait_ms: 30_000,
    };
    let batch = EventBatch { events: vec![event], next: 1025, epoch: Some(EPOCH), missed: 12 };
    to.tell(&Report { kind: types::TASK_UPDATED.into(), data: free_form() }).ask(&next, &batch);
}

fn registrar(to: &mut To<'_>) {
    let record = FrameworkRecord { info: framework(), registered: NOW, removed: Some(NOW) };
    let operations = vec![
        RegistryOperation::AdmitAgent { agent_id: agent_id(), info: agent_info() },
        RegistryOperation::MarkAgentUnreachable { agent_id: agent_id(), since: NOW },
        RegistryOperation::MarkAgentGone { agent_id: agent_id(), since: NOW },
        RegistryOperation::RemoveAgent { agent_id: agent_id() },
        RegistryOperation::PutFramework { framework_id: framework_id(), record: record.clone() },
        RegistryOperation::SetQuota { role: "eng/web".into(), quota: Some(quota()) },
        RegistryOperation::SetWeight { role: "eng/web".into(), weight: Some(2.5) },
        RegistryOperation::PutMaintenance { maintenance: maintenance() },
    ];
    let agent = |standing| AgentRecord { info: agent_info(), standing };
    let registry = Registry {
        agents: [
            ("20260101-7-S1".into(), agent(AgentStanding::Admitted)),
            ("20260101-7-S2".into(), agent(AgentStanding::Unreachable { since: NOW })),
            ("20260101-7-S3".into(), agent(AgentStanding::Gone { since: NOW })),
        ]
        .into(),
        frameworks: one("20260101-7-0001", record),
        quotas: one("eng/web", quota()),
        weights: one("eng/web", 2.5),
        maintenance: one("cluster", maintenance()),
    };
    to.tell(&ApplyOperations { epoch: EPOCH, operations })
        .ask(&GetRegistry {}, &RegistrySnapshot { epoch: EPOCH, registry });
}
