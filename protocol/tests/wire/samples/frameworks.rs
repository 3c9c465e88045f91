//! To `frameworks`.

use std::sync::Arc;

use protocol::agents::RunningExecutor;
use protocol::allocator::Verdict;
use protocol::explain::*;
use protocol::framework::{
    Allocation, Filters, FrameworkSummary, InverseAllocation, Operation, Reclaim, Withdrawal,
};
use protocol::frameworks::*;
use protocol::maintenance::{DrainingMachine, InverseAnswer, InverseOfferStatus};
use protocol::metrics::FrameworkCounts;
use protocol::operation::OperationView;
use protocol::resize::{ReportResize, ResizeTask, TaskResized};
use protocol::task::{Reason, TaskState};

use super::common::*;
use super::{Sample, To};

const FILTERS: Filters = Filters { refuse_ms: 120_000 };

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("frameworks", samples);
    subscriptions(&mut to);
    offers(&mut to);
    tasks(&mut to);
    from_the_agents_manager(&mut to);
    from_agents(&mut to);
    from_operators(&mut to);
    questions(&mut to);
}

fn subscriptions(to: &mut To<'_>) {
    let subscribe = SubscribeFramework {
        info: framework(),
        suppressed_roles: vec!["*".into()],
        scheduler: Some(address("scheduler")),
        offer_constraints: Some(constraints()),
    };
    to.ask(&subscribe, &FrameworkSubscribed { framework_id: framework_id(), epoch: EPOCH })
        .tell(&TeardownFramework { framework_id: framework_id() })
        .tell(&UpdateFramework {
            framework_id: framework_id(),
            info: framework(),
            suppressed_roles: vec!["*".into()],
            offer_constraints: Some(constraints()),
        });
}

fn from_operators(to: &mut To<'_>) {
    let (quotas, weights) = (one("eng/web", quota()), one("eng/web", 2.5));
    to.tell(&UpdateQuotas { quotas: quotas.clone(), force: true, present: Some(false) })
        .tell(&UpdateWeights { weights: weights.clone() })
        .ask(&GetRoleSettings {}, &RoleSettings { quotas, weights });
}

fn offers(to: &mut To<'_>) {
    let accept = AcceptOffers {
        framework_id: framework_id(),
        offer_ids: vec![offer_id()],
        operations: vec![
            Operation::Launch { tasks: vec![task_info()] },
            Operation::Apply {
                operation_id: Some(operation_id()),
                operation: Box::new(operations().remove(0)),
            },
            Operation::Refused {
                operation_id: Some("reserve-1".into()),
                task_ids: vec![task_id()],
                reason: Reason::TaskInvalid,
                message: "'container' is not supported yet".into(),
            },
        ],
        filters: FILTERS,
    };
    let why = "RESERVE: no resources are named".into();
    to.ask(&accept, &OffersAccepted { refused: vec![RefusedOperation { at: 1, why }] });
    to.tell(&DeclineOffers {
        framework_id: framework_id(),
        offer_ids: vec![offer_id()],
        filters: FILTERS,
    })
    .tell(&AnswerInverseOffers {
        framework_id: framework_id(),
        offer_ids: vec![offer_id()],
        accepted: true,
        filters: FILTERS,
    })
    .tell(&RequestResources {
        framework_id: framework_id(),
        requests: vec![ResourceRequest { role: Some("eng/web".into()), resources: resources() }],
    })
    .tell(&ReviveOffers { framework_id: framework_id(), roles: vec!["eng/web".into()] })
    .tell(&SuppressOffers { framework_id: framework_id(), roles: vec!["eng/web".into()] })
    .tell(&OfferAllocations {
        round: 3,
        allocations: vec![Allocation {
            framework_id: framework_id(),
            role: "eng/web".into(),
            agent_id: agent_id(),
            generation: GENERATION,
            resources: resources(),
        }],
    })
    .tell(&SendInverseOffers {
        round: 3,
        inverse_offers: vec![InverseAllocation {
            framework_id: framework_id(),
            agent_id: agent_id(),
            generation: GENERATION,
            unavailability: unavailability(),
        }],
    })
    .tell(&ReclaimResources {
        round: 3,
        reclaims: vec![Reclaim {
            framework_id: framework_id(),
            role: "eng/web".into(),
            agent_id: agent_id(),
            generation: GENERATION,
            resources: resources(),
            for_role: "ops".into(),
            grace_ms: 30_000,
        }],
    })
    .tell(&WithdrawReclaims {
        round: 3,
        withdrawals: vec![Withdrawal {
            framework_id: framework_id(),
            role: "eng/web".into(),
            agent_id: agent_id(),
            generation: GENERATION,
            for_role: "ops".into(),
        }],
    });
}

fn tasks(to: &mut To<'_>) {
    let question = TaskQuestion { task_id: task_id(), agent_id: Some(agent_id()) };
    to.tell(&KillTask {
        framework_id: framework_id(),
        task_id: task_id(),
        agent_id: Some(agent_id()),
        kill_policy: Some(kill_policy()),
    })
    .tell(&ShutdownExecutor {
        framework_id: framework_id(),
        agent_id: agent_id(),
        executor_id: executor_id(),
    })
    .tell(&AcknowledgeUpdate {
        framework_id: framework_id(),
        agent_id: agent_id(),
        task_id: task_id(),
        update_id: update_id(),
    })
    .tell(&AcknowledgeOperation {
        framework_id: framework_id(),
        agent_id: agent_id(),
        operation_id: operation_id(),
        update_id: update_id(),
    })
    .tell(&OperateOnAgent {
        agent_id: agent_id(),
        operation: operations().remove(4),
        principal: Some("ops".into()),
    })
    .tell(&ReconcileTasks { framework_id: framework_id(), tasks: vec![question] })
    .tell(&ReconcileOperations {
        framework_id: framework_id(),
        operations: vec![OperationQuestion {
            operation_id: "reserve-1".into(),
            agent_id: Some(agent_id()),
        }],
    })
    .tell(&MessageToExecutor {
        framework_id: framework_id(),
        agent_id: agent_id(),
        executor_id: executor_id(),
        data: data(),
    });
}

fn from_the_agents_manager(to: &mut To<'_>) {
    to.tell(&AgentJoined {
        agent_id: agent_id(),
        generation: GENERATION,
        info: agent_info(),
        tasks: vec![task()],
        executors: vec![running_executor()],
        frameworks: vec![framework()],
        operations: vec![operation_report()],
    })
    .tell(&AgentLeft {
        agent_id: agent_id(),
        generation: GENERATION,
        cause: AgentLossCause::Unreachable,
        since: Some(NOW),
    })
    .tell(&LaunchUndeliverable {
        agent_id: agent_id(),
        generation: GENERATION,
        framework_id: framework_id(),
        task_ids: vec![task_id()],
        reason: Reason::AgentDisconnected,
        message: "the agent is disconnected".into(),
    })
    .tell(&OperationUndeliverable {
        agent_id: agent_id(),
        conversion_id: conversion_id(),
        message: "the agent is disconnected".into(),
    })
    .tell(&AgentsRecovered { epoch: EPOCH, agents: vec![agent_id()] });
}

fn from_agents(to: &mut To<'_>) {
    to.tell(&ForwardUpdate {
        framework_id: framework_id(),
        agent_id: agent_id(),
        status: status(TaskState::Starting),
        latest_state: TaskState::Finished,
    })
    .tell(&ReportResize {
        agent_id: agent_id(),
        generation: GENERATION,
        framework_id: framework_id(),
        task_id: task_id(),
        number: 300,
        refused: Some("the task has ended".into()),
    })
    .tell(&ForwardOperation { agent_id: agent_id(), report: operation_report() })
    .tell(&ExecutorExited {
        agent_id: agent_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        status: -1,
    })
    .tell(&MessageFromExecutor {
        agent_id: agent_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        data: data(),
    });
}

fn view() -> FrameworksView {
    let framework_view = Arc::new(FrameworkView {
        framework_id: framework_id(),
        info: framework(),
        active: true,
        recovered: true,
        registered: NOW,
        removed: Some(NOW),
        suppressed_roles: ["*".to_owned()].into(),
        offer_constraints: Some(constraints()),
        completed: vec![Arc::new(task())],
    });
    let RunningExecutor { executor: info, role, .. } = running_executor();
    let executor = ExecutorView { agent_id: agent_id(), framework_id: framework_id(), role, info };
    let counts = FrameworkCounts { framework_id: framework_id(), counts: one("calls/accept", 3) };
    FrameworksView {
        frameworks: [Arc::clone(&framework_view)].into_iter().collect(),
        completed_frameworks: vec![framework_view],
        tasks: [Arc::new(task())].into_iter().collect(),
        executors: [Arc::new(executor)].into_iter().collect(),
        uses: [Arc::new(AgentUse { agent_id: agent_id(), used: resources() })]
            .into_iter()
            .collect(),
        offers: [Arc::new(offer())].into_iter().collect(),
        inverse_offers: [Arc::new(inverse_offer())].into_iter().collect(),
        operations: vec![Arc::new(OperationView {
            agent_id: agent_id(),
            report: operation_report(),
        })],
        counts: [Arc::new(counts)].into_iter().collect(),
    }
}

fn resize_task() -> ResizeTask {
    ResizeTask {
        framework_id: framework_id(),
        task_id: task_id(),
        agent_id: Some(agent_id()),
        cpus: Some(protocol::Scalar::from_milli(1500)),
        mem: Some(protocol::Scalar::from_milli(128_000)),
    }
}

fn explain_offers() -> ExplainOffers {
    ExplainOffers { framework_id: framework_id(), need: Some(need()) }
}

pub(super) fn need() -> Need {
    Need { role: "eng/web".into(), resources: resources(), ports: 2 }
}

pub(super) fn offers_explanation() -> OffersExplanation {
    OffersExplanation {
        framework_id: framework_id(),
        name: "web".into(),
        standing: FrameworkStanding::Disconnected,
        removed_at: Some(NOW),
        verdict: Verdict::Inactive,
        summary: "its scheduler is not connected".into(),
        offers: 300,
        offered: resources(),
        used: resources(),
        roles: vec![super::allocator::explanation()],
        declined: vec![super::allocator::rejection()],
        setbacks: vec![Setback {
            at: NOW,
            kind: SetbackKind::TaskRefused,
            reason: "task uses no resources".into(),
            agent_id: Some(agent_id()),
            offer_ids: vec![offer_id()],
            task_ids: vec![task_id()],
        }],
        allocator: address("allocator"),
        unexplained: Some("the allocator is away".into()),
        fit: Some(Fit {
            agents: 4,
            large_enough: 2,
            free_enough: 1,
            too_small: one("cpus", 2),
            occupied: one("mem", 1),
            summary: "1 of 4 agents have enough free".into(),
        }),
    }
}

fn questions(to: &mut To<'_>) {
    let summary = FrameworkSummary {
        info: framework(),
        framework_id: framework_id(),
        connected: true,
        active: true,
        registered: NOW,
        suppressed_roles: ["*".to_owned()].into(),
        tasks: 200,
        offers: 4,
        used: resources(),
        offered: resources(),
    };
    let statuses = vec![InverseOfferStatus {
        framework_id: framework_id(),
        answer: InverseAnswer::Accept,
        at: NOW,
    }];
    let draining = vec![DrainingMachine { machine: machine(), statuses }];
    let status = MaintenanceStatus { draining, down: vec![machine()] };
    let windows = maintenance().windows;
    to.tell(&UpdateMaintenanceSchedule { windows })
        .tell(&StartMaintenance { machines: vec![machine()] })
        .tell(&StopMaintenance { machines: vec![machine()] });
    let get_tasks =
        GetTasks { framework_id: Some(framework_id()), task_id: Some(task_id()), completed: true };
    to.ask(
        &GetFrameworks { framework_id: Some(framework_id()) },
        &FrameworkList { frameworks: vec![summary] },
    )
    .ask(&get_tasks, &TaskList { tasks: vec![task()] })
    .ask(&GetMaintenance {}, &maintenance())
    .ask(&GetMaintenanceStatus {}, &status)
    .ask(&GetOffers {}, &OfferList { offers: vec![offer()] })
    .ask(&ViewFrameworks {}, &view())
    .ask(&explain_offers(), &offers_explanation())
    .ask(&resize_task(), &TaskResized { agent_id: agent_id(), resources: resources() });
}
