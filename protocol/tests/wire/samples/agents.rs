//! To `agents`.

use std::sync::Arc;

use protocol::agents::*;
use protocol::resize::RouteResize;

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("agents", samples);
    from_agents(&mut to);
    routed(&mut to);
    questions(&mut to);
}

fn from_agents(to: &mut To<'_>) {
    let register = RegisterAgent {
        agent_id: Some(agent_id()),
        incarnation: INCARNATION,
        attempt: 2,
        info: agent_info(),
        tasks: vec![task()],
        frameworks: vec![framework()],
        executors: vec![running_executor()],
        operations: vec![operation_report()],
    };
    let registered = AgentRegistered {
        agent_id: agent_id(),
        epoch: EPOCH,
        generation: GENERATION,
        ping_timeout_ms: 75_000,
    };
    to.ask(&register, &registered)
        .tell(&Pong { agent_id: agent_id(), incarnation: INCARNATION, sequence: 128 })
        .tell(&UnregisterAgent { agent_id: agent_id(), incarnation: INCARNATION });
}

fn routed(to: &mut To<'_>) {
    to.tell(&RouteLaunch {
        agent_id: agent_id(),
        generation: GENERATION,
        framework: framework(),
        role: "eng/web".into(),
        tasks: vec![task_info()],
    })
    .tell(&RouteKill {
        agent_id: agent_id(),
        framework_id: framework_id(),
        task_id: task_id(),
        kill_policy: Some(kill_policy()),
    })
    .tell(&RouteResize {
        agent_id: agent_id(),
        generation: GENERATION,
        framework_id: framework_id(),
        task_id: task_id(),
        number: 300,
        resources: resources(),
    })
    .tell(&RouteAcknowledgement {
        agent_id: agent_id(),
        framework_id: framework_id(),
        task_id: task_id(),
        update_id: update_id(),
        generation: Some(GENERATION),
    })
    .tell(&RouteShutdownFramework { framework_id: framework_id(), agents: vec![agent_id()] })
    .tell(&RouteShutdownExecutor {
        agent_id: agent_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
    })
    .tell(&RouteMessage {
        agent_id: agent_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        data: data(),
    })
    .tell(&RouteUpdateFramework { framework: framework(), agents: vec![agent_id()] })
    .tell(&SetDownMachines { epoch: EPOCH, machines: [machine()].into() })
    .tell(&RouteOperation {
        agent_id: agent_id(),
        generation: GENERATION,
        operation: agent_operation(),
    })
    .tell(&RouteOperationAcknowledgement {
        agent_id: agent_id(),
        update_id: update_id(),
        generation: Some(GENERATION),
    });
}

fn questions(to: &mut To<'_>) {
    let summary = AgentSummary {
        agent_id: agent_id(),
        info: agent_info(),
        state: AgentState::Disconnected,
        generation: GENERATION,
        registered: Some(NOW),
        last_pong: Some(NOW),
    };
    let view = AgentsView { agents: [Arc::new(summary.clone())].into_iter().collect() };
    to.tell(&MarkAgentGone { agent_id: agent_id() })
        .ask(&GetAgents {}, &AgentList { agents: vec![summary.clone()] })
        .ask(&ViewAgents {}, &view)
        .ask(&GetAgent { agent_id: agent_id() }, &summary);
}
