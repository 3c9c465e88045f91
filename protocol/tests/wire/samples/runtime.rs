//! To every actor, and to `host`.

use protocol::runtime::*;
use serde_json::json;

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("runtime", samples);
    every_actor(&mut to);
    host_actor(&mut to);
}

fn stats() -> ActorStats {
    ActorStats {
        address: address("allocator"),
        incarnation: INCARNATION,
        mailbox_depth: 3,
        mailbox_capacity: 4096,
        handled: 1_000_000,
        refused: 2,
        rejected: 1,
        p50_us: 12,
        p99_us: 900,
    }
}

fn every_actor(to: &mut To<'_>) {
    let message = MessageDescription {
        name: "GetRoles".into(),
        body: json!({ "type": "object" }),
        reply: json!({ "type": "object" }),
    };
    let description = Description {
        address: address("allocator"),
        about: "who is offered what".into(),
        messages: vec![message],
    };
    let inspection = Inspection {
        address: address("allocator"),
        incarnation: INCARNATION,
        state: json!({ "roles": 2 }),
    };
    to.ask(&Describe {}, &description)
        .ask(&Inspect {}, &inspection)
        .ask(&Stats {}, &stats())
        .tell(&Subscribe { topic: "leader".into(), subscriber: Some(address("gateway")) })
        .tell(&Unsubscribe { topic: "leader".into(), subscriber: Some(address("gateway")) })
        .tell(&Exited {
            actor: address("allocator"),
            reason: ExitReason::Panicked { restarted_as: Some(INCARNATION) },
        });
}

fn host_actor(to: &mut To<'_>) {
    let actors = ActorList {
        cluster: "meseta".into(),
        host: host(),
        incarnation: INCARNATION,
        actors: vec![stats()],
    };
    let connection = ConnectionStats {
        peer: host(),
        dialled: true,
        version: 1,
        sent_frames: 5000,
        received_frames: 4999,
        queued_bytes: 128,
        dropped: 1,
    };
    let entry = TraceEntry {
        trace: u64::MAX,
        at: NOW,
        from: address("gateway"),
        to: address("allocator"),
        name: "GetRoles".into(),
        took_us: 40,
    };
    to.ask(&ListActors {}, &actors)
        .ask(&ListConnections {}, &ConnectionList { connections: vec![connection] })
        .ask(&GetTrace { trace: u64::MAX }, &TraceList { entries: vec![entry] });
}
