//! A scheduler's calls on their way to the leading master, and what becomes of those that find
//! none.
//!
//! Invariant: every task given to `accept` is heard of again: from the master; or from here, as
//! dropped, when it certainly never reached one; or by reconciliation when that is uncertain.

use std::time::Duration;

use protocol::explain::ExplainOffers;
use protocol::framework::Capability;
use protocol::framework::Operation;
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers,
    KillTask, MessageToExecutor, OffersAccepted, ReconcileOperations, ReconcileTasks,
    RequestResources, ReviveOffers, ShutdownExecutor, SuppressOffers, TaskQuestion,
    TeardownFramework,
};
use protocol::resize::{ResizeTask, TaskResized};
use protocol::task::{Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Failure, FailureKind, FrameworkId, Message};
use runtime::{Context, Handler, Outcome};

use crate::leader::frameworks;
use crate::scheduler::Scheduler;
use crate::scheduler_actor::SchedulerActor;

/// How long a master may take to take a call.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

type Actor<S> = SchedulerActor<S>;

impl<S: Scheduler> SchedulerActor<S> {
    /// Passes a call on and answers the caller with the master's answer, after `then` has seen it.
    fn pass<M: Message>(
        &mut self,
        message: M,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &Result<M::Reply, Failure>, &mut Context<Self>) + 'static,
    ) -> Outcome<M::Reply> {
        let Some(leader) = self.standing.subscribed() else {
            let failure = Failure::new(FailureKind::LinkDown, "not subscribed with any master");
            then(self, &Err(failure.clone()), ctx);
            return Outcome::Refuse(failure);
        };
        let to = frameworks(&leader.host);
        let reply = ctx.defer();
        ctx.ask(&to, message, CALL_DEADLINE, move |actor, answer, ctx| {
            if let Err(failure) = &answer {
                tracing::warn!(call = M::NAME, %failure, "call failed");
            }
            then(actor, &answer, ctx);
            match answer {
                Ok(answer) => reply.reply(answer),
                Err(failure) => reply.refuse(failure),
            }
        });
        Outcome::Later
    }

    fn own_id(&self) -> FrameworkId {
        self.framework_id.lock().clone().unwrap_or_else(|| FrameworkId::from(""))
    }

    /// After a subscription: what had to wait for one.
    pub(crate) fn catch_up(&mut self, ctx: &mut Context<Self>) {
        for kill in std::mem::take(&mut self.kills).into_values() {
            self.send_kill(kill, ctx);
        }
        self.ask_after_doubtful(ctx);
    }

    fn send_kill(&mut self, mut kill: KillTask, ctx: &mut Context<Self>) -> Outcome<()> {
        kill.framework_id = self.own_id();
        let again = kill.clone();
        self.pass(kill, ctx, move |actor, answer, _| {
            if answer.as_ref().is_err_and(may_not_have_arrived) {
                actor.kills.insert(again.task_id.clone(), again);
            }
        })
    }

    fn ask_after_doubtful(&mut self, ctx: &mut Context<Self>) {
        if self.doubtful.is_empty() || self.standing.subscribed().is_none() {
            return;
        }
        let tasks = std::mem::take(&mut self.doubtful);
        let (framework_id, again) = (self.own_id(), tasks.clone());
        let asked = ReconcileTasks { framework_id, tasks };
        self.pass(asked, ctx, move |actor, answer, _| {
            if answer.is_err() {
                actor.doubtful.extend(again);
            }
        });
    }

    /// What becomes of the tasks of an `accept` that the master did not take.
    fn on_accept_failed(
        &mut self,
        tasks: &[TaskInfo],
        failure: &Failure,
        sent: bool,
        ctx: &mut Context<Self>,
    ) {
        if sent && !is_certain(failure) {
            let question = |task: &TaskInfo| TaskQuestion {
                task_id: task.task_id.clone(),
                agent_id: Some(task.agent_id.clone()),
            };
            self.doubtful.extend(tasks.iter().map(question));
            return self.ask_after_doubtful(ctx);
        }
        let aware = self.config.info.capabilities.contains(&Capability::PartitionAware);
        let state = if aware { TaskState::Dropped } else { TaskState::Lost };
        for task in tasks {
            let status = TaskStatus::new(task.task_id.clone(), state, Source::Master, ctx.now());
            let why = format!("not launched: {failure}");
            let mut status = status.because(Reason::MasterDisconnected, why);
            status.agent_id = Some(task.agent_id.clone());
            self.scheduler.update(&self.driver, status);
        }
    }
}

/// Whether the call has certainly had no effect at the master.
fn is_certain(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::NotLeader
            | FailureKind::NoSuchActor
            | FailureKind::UnknownMessage
            | FailureKind::BadMessage
            | FailureKind::Overloaded
            | FailureKind::Unwelcome
    )
}

/// Whether a call should be made again with the next master.
fn may_not_have_arrived(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::NotLeader
            | FailureKind::NoSuchActor
            | FailureKind::Overloaded
            | FailureKind::Timeout
            | FailureKind::LinkDown
            | FailureKind::ActorDied
    )
}

impl<S: Scheduler> Handler<AcceptOffers> for Actor<S> {
    fn handle(
        &mut self,
        mut message: AcceptOffers,
        ctx: &mut Context<Self>,
    ) -> Outcome<OffersAccepted> {
        message.framework_id = self.own_id();
        let launched = |operation: &Operation| match operation {
            Operation::Launch { tasks } => tasks.clone(),
            Operation::Apply { .. } | Operation::Refused { .. } => Vec::new(),
        };
        let tasks: Vec<TaskInfo> = message.operations.iter().flat_map(launched).collect();
        let offer_ids = message.offer_ids.clone();
        let sent = self.standing.subscribed().is_some();
        self.pass(message, ctx, move |actor, answer, ctx| match answer {
            Ok(OffersAccepted { refused }) if refused.is_empty() => {}
            Ok(OffersAccepted { refused }) => {
                let Actor { scheduler, driver, .. } = actor;
                scheduler.operations_refused(driver, &offer_ids, refused);
            }
            Err(failure) => actor.on_accept_failed(&tasks, failure, sent, ctx),
        })
    }
}

impl<S: Scheduler> Handler<ReviveOffers> for Actor<S> {
    fn handle(&mut self, mut message: ReviveOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        message.framework_id = self.own_id();
        match message.roles.is_empty() {
            true => self.suppressed.clear(),
            false => self.suppressed.retain(|role| !message.roles.contains(role)),
        }
        self.pass(message, ctx, |_, _, _| ())
    }
}

impl<S: Scheduler> Handler<SuppressOffers> for Actor<S> {
    fn handle(&mut self, mut message: SuppressOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        message.framework_id = self.own_id();
        let all = message.roles.is_empty();
        let roles = if all { &self.config.info.roles } else { &message.roles };
        self.suppressed.extend(roles.iter().cloned());
        self.pass(message, ctx, |_, _, _| ())
    }
}

impl<S: Scheduler> Handler<KillTask> for Actor<S> {
    fn handle(&mut self, message: KillTask, ctx: &mut Context<Self>) -> Outcome<()> {
        self.send_kill(message, ctx)
    }
}

impl<S: Scheduler> Handler<TeardownFramework> for Actor<S> {
    fn handle(&mut self, mut message: TeardownFramework, ctx: &mut Context<Self>) -> Outcome<()> {
        message.framework_id = self.own_id();
        self.pass(message, ctx, |actor, answer, ctx| {
            if answer.is_ok() {
                actor.finish(ctx);
            }
        })
    }
}

impl<S: Scheduler> Handler<ResizeTask> for Actor<S> {
    fn handle(&mut self, mut message: ResizeTask, ctx: &mut Context<Self>) -> Outcome<TaskResized> {
        message.framework_id = self.own_id();
        let task_id = message.task_id.clone();
        self.pass(message, ctx, move |actor, answer, _| {
            if let Err(failure) = answer {
                let Actor { scheduler, driver, .. } = actor;
                scheduler.resize_refused(driver, &task_id, &failure.message);
            }
        })
    }
}

macro_rules! passed_on {
    ($($message:ident),+) => {$(
        impl<S: Scheduler> Handler<$message> for Actor<S> {
            fn handle(
                &mut self,
                mut message: $message,
                ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                message.framework_id = self.own_id();
                self.pass(message, ctx, |_, _, _| ())
            }
        }
    )+};
}

passed_on!(
    DeclineOffers,
    AnswerInverseOffers,
    RequestResources,
    ShutdownExecutor,
    AcknowledgeUpdate,
    AcknowledgeOperation,
    ReconcileTasks,
    ReconcileOperations,
    MessageToExecutor,
    ExplainOffers
);
