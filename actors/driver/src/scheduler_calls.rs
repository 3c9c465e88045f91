//! A scheduler's calls on their way to the leading master, and what becomes of those that find
//! none.

use std::time::Duration;

use protocol::explain::ExplainOffers;
use protocol::frameworks::{
    AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers, KillTask,
    MessageToExecutor, ReconcileOperations, ReconcileTasks, RequestResources, ReviveOffers,
    ShutdownExecutor, SuppressOffers, TeardownFramework,
};
use protocol::resize::{ResizeTask, TaskResized};
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
    pub(crate) fn pass<M: Message>(
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

    pub(crate) fn own_id(&self) -> FrameworkId {
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
