//! To `agent`.

use protocol::agent::*;
use protocol::isolator::Limitation;
use protocol::operation::AgentOperation;
use protocol::resize::ResizeAgentTask;
use protocol::task::{Reason, TaskState, Termination};

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("agent", samples);
    from_the_master(&mut to);
    from_executors(&mut to);
    from_v1_executors(&mut to);
    questions(&mut to);
}

fn from_the_master(to: &mut To<'_>) {
    to.tell(&Ping { epoch: EPOCH, agent_id: agent_id(), sequence: 128, connected: true })
        .tell(&RunTasks {
            epoch: EPOCH,
            generation: GENERATION,
            framework: framework(),
            role: "eng/web".into(),
            tasks: vec![task_info()],
        })
        .tell(&KillAgentTask {
            epoch: EPOCH,
            framework_id: framework_id(),
            task_id: task_id(),
            kill_policy: Some(kill_policy()),
        })
        .tell(&ResizeAgentTask {
            epoch: EPOCH,
            generation: GENERATION,
            framework_id: framework_id(),
            task_id: task_id(),
            number: 300,
            resources: resources(),
        })
        .tell(&UpdateAcknowledged {
            framework_id: framework_id(),
            task_id: task_id(),
            update_id: update_id(),
            generation: Some(GENERATION),
        })
        .tell(&ShutdownFramework { epoch: EPOCH, framework_id: framework_id() })
        .tell(&ShutdownAgentExecutor {
            epoch: EPOCH,
            framework_id: framework_id(),
            executor_id: executor_id(),
        })
        .tell(&DeliverMessage {
            framework_id: framework_id(),
            executor_id: executor_id(),
            data: data(),
        })
        .tell(&UpdateFramework { framework: framework() })
        .tell(&ApplyOperation {
            epoch: EPOCH,
            generation: GENERATION,
            operation: AgentOperation { operation: operations().remove(5), ..agent_operation() },
        })
        .tell(&OperationAcknowledged { update_id: update_id(), generation: Some(GENERATION) });
}

fn from_executors(to: &mut To<'_>) {
    let registered = ExecutorRegistered { agent_id: agent_id() };
    let register = RegisterExecutor {
        framework_id: framework_id(),
        executor_id: executor_id(),
        container_id: container_id(),
        executor: Some(address("executor")),
        tasks: vec![task_id()],
        unconfirmed: vec![status(TaskState::Starting)],
    };
    to.ask(&register, &registered)
        .tell(&ReportStatus {
            framework_id: framework_id(),
            executor_id: executor_id(),
            status: status(TaskState::Failed),
        })
        .tell(&SendToScheduler {
            framework_id: framework_id(),
            executor_id: executor_id(),
            data: data(),
        })
        .tell(&ContainerExited {
            container_id: container_id(),
            termination: Some(Termination::Exited(137)),
            limitation: Some(Limitation {
                reason: Reason::ContainerLimitationDisk,
                message: "used 65 MB of 64 MB".into(),
            }),
        });
}

fn from_v1_executors(to: &mut To<'_>) {
    let executor = FoundExecutor {
        info: executor(),
        role: "eng/web".into(),
        container_id: container_id(),
        standing: ExecutorStanding::Subscribed,
    };
    let found = ExecutorFound {
        agent_id: Some(agent_id()),
        agent: agent_info(),
        recovered: true,
        framework: Some(framework()),
        executor: Some(executor),
    };
    let find = FindExecutor { framework_id: framework_id(), executor_id: executor_id() };
    let subscribe = SubscribeExecutor {
        framework_id: framework_id(),
        executor_id: executor_id(),
        container_id: container_id(),
        tasks: vec![task_id()],
    };
    to.ask(&find, &found)
        .ask(&subscribe, &ExecutorRegistered { agent_id: agent_id() })
        .tell(&ExecutorDisconnected { container_id: container_id() });
}

fn questions(to: &mut To<'_>) {
    let summary = ExecutorSummary {
        framework_id: framework_id(),
        executor_id: executor_id(),
        container_id: container_id(),
        state: "running".into(),
        sandbox: "/var/lib/meseta/sandboxes/container-1".into(),
        tasks: vec![task_id()],
    };
    let state = AgentStateReply {
        agent_id: Some(agent_id()),
        info: agent_info(),
        master: Some(address("agents")),
        registered: true,
        executors: vec![summary],
        tasks: vec![task()],
        used: resources(),
    };
    let read = ReadSandbox {
        task_id: task_id(),
        framework_id: Some(framework_id()),
        path: "stdout".into(),
        offset: 65_536,
        length: 1024,
    };
    let chunk = SandboxChunk { size: 65_539, data: data(), state: TaskState::Killing };
    to.ask(&GetAgentState {}, &state).ask(&read, &chunk).tell(&StopAgent { kill: Some(true) });
}
