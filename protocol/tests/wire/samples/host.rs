//! To the smaller actors of agent and executor hosts: `executor`, `fetcher`, `isolator`, `monitor`
//! and `updates`.

use protocol::Scalar;
use protocol::executor::*;
use protocol::fetcher::FetchUris;
use protocol::isolator::*;
use protocol::monitor::*;
use protocol::task::TaskState;
use protocol::updates::*;

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    executor_messages(&mut To::new("executor", samples));
    To::new("fetcher", samples).tell(&FetchUris {
        uris: uris(),
        sandbox: sandbox(),
        user: Some("nobody".into()),
    });
    isolator(&mut To::new("isolator", samples));
    monitor(&mut To::new("monitor", samples));
    updates(&mut To::new("updates", samples));
}

fn sandbox() -> String {
    "/var/lib/meseta/sandboxes/container-1".into()
}

fn executor_messages(to: &mut To<'_>) {
    let state = ExecutorState {
        framework_id: framework_id(),
        executor_id: executor_id(),
        tasks: vec![TaskProcess { task_id: task_id(), pid: Some(4711) }],
    };
    to.tell(&LaunchTask { framework_id: framework_id(), task: task_info() })
        .tell(&KillExecutorTask { task_id: task_id(), kill_policy: Some(kill_policy()) })
        .tell(&ShutdownThisExecutor { reason: "the framework was torn down".into() })
        .tell(&ExecutorGone {})
        .tell(&FrameworkMessage { data: data() })
        .ask(&GetExecutorState {}, &state);
}

fn isolator(to: &mut To<'_>) {
    let launch = LaunchContainer {
        container_id: container_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        resources: resources(),
        user: Some("nobody".into()),
        sandbox: sandbox(),
        uris: uris(),
        process: ContainerProcess {
            arguments: vec!["/usr/bin/meseta-executor".into()],
            environment: one("MESETA_TASK", "web".to_owned()),
            inside: true,
        },
    };
    let known = KnownContainer {
        container_id: container_id(),
        pid: 4711,
        framework_id: framework_id(),
        executor_id: executor_id(),
        resources: resources(),
    };
    to.ask(&launch, &ContainerLaunched { pid: 4711 })
        .tell(&UpdateContainer {
            container_id: container_id(),
            resources: resources(),
            exact: true,
        })
        .tell(&DestroyContainer { container_id: container_id() })
        .tell(&RecoverContainers { containers: vec![known] })
        .ask(
            &GetContainerUsage { container_id: Some(container_id()) },
            &UsageList { containers: vec![usage()] },
        );
}

fn usage() -> ContainerUsage {
    ContainerUsage {
        container_id: container_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        cpu_seconds: 12.25,
        cpus_limit: Scalar::from_milli(500),
        mem_bytes: 33_554_432,
        mem_limit_bytes: 67_108_864,
        processes: 3,
        oom_kills: 1,
    }
}

fn monitor(to: &mut To<'_>) {
    let machine = MachineUsage {
        cpus: 8,
        cpus_used: 2.5,
        mem_total_bytes: 17_179_869_184,
        mem_available_bytes: 8_589_934_592,
        disk_total_bytes: 107_374_182_400,
        disk_available_bytes: 53_687_091_200,
        load_1m: 0.5,
        load_5m: 0.25,
        load_15m: 0.125,
    };
    to.ask(&GetUsage {}, &UsageReport { time: NOW, machine, containers: vec![usage()] });
}

fn updates(to: &mut To<'_>) {
    let confirm =
        ConfirmUpdate { framework_id: framework_id(), task_id: task_id(), update_id: update_id() };
    let pending = PendingUpdates {
        framework_id: framework_id(),
        task_id: task_id(),
        updates: vec![status(TaskState::Running), status(TaskState::Finished)],
    };
    to.tell(&QueueUpdate {
        framework_id: framework_id(),
        agent_id: agent_id(),
        status: status(TaskState::Lost),
    })
    .ask(&confirm, &UpdateConfirmed { task_done: true })
    .tell(&SetMaster { frameworks: Some(address("frameworks")) })
    .tell(&ForgetFramework { framework_id: framework_id() })
    .ask(&GetPendingUpdates {}, &PendingUpdateList { tasks: vec![pending] });
}
