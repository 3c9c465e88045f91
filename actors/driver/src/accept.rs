//! Accepts, and what becomes of those that no master took.
//!
//! Invariant: every task and every operation of an accept is heard of again: from the master; or
//! from here, as dropped, when it certainly was not done; or by reconciliation when that is
//! uncertain. Only an operation without an id cannot be asked after then.

use protocol::framework::{Capability, Operation, OperationState, OperationStatus};
use protocol::frameworks::{
    AcceptOffers, OffersAccepted, OperationQuestion, ReconcileOperations, ReconcileTasks,
    RefusedOperation, TaskQuestion,
};
use protocol::task::{Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Failure, FailureKind, OfferId, OperationId};
use runtime::{Context, Handler, Outcome};

use crate::scheduler::Scheduler;
use crate::scheduler_actor::SchedulerActor;

/// What may or may not have reached a master.
#[derive(Default)]
pub(crate) struct Doubtful {
    tasks: Vec<TaskQuestion>,
    operations: Vec<OperationQuestion>,
}

/// What is to be heard of again.
struct Stakes {
    offer_ids: Vec<OfferId>,
    tasks: Vec<TaskInfo>,
    named: Vec<OperationId>,
    /// The places of the operations without an id.
    unnamed: Vec<usize>,
}

impl Stakes {
    fn of(accept: &AcceptOffers) -> Self {
        let offer_ids = accept.offer_ids.clone();
        let mut stakes = Self { offer_ids, tasks: vec![], named: vec![], unnamed: vec![] };
        for (at, operation) in accept.operations.iter().enumerate() {
            match operation {
                Operation::Launch { tasks } => stakes.tasks.extend(tasks.iter().cloned()),
                Operation::Apply { operation_id: Some(id), .. } => stakes.named.push(id.clone()),
                Operation::Apply { operation_id: None, .. } => stakes.unnamed.push(at),
                // Refused by an edge before it came to a master; none of a scheduler's own.
                Operation::Refused { .. } => {}
            }
        }
        stakes
    }
}

impl<S: Scheduler> SchedulerActor<S> {
    pub(crate) fn ask_after_doubtful(&mut self, ctx: &mut Context<Self>) {
        if self.standing.subscribed().is_none() {
            return;
        }
        let Doubtful { tasks, operations } = std::mem::take(&mut self.doubtful);
        if !tasks.is_empty() {
            let (framework_id, again) = (self.own_id(), tasks.clone());
            self.pass(ReconcileTasks { framework_id, tasks }, ctx, move |actor, answer, _| {
                if answer.is_err() {
                    actor.doubtful.tasks.extend(again);
                }
            });
        }
        if !operations.is_empty() {
            let (framework_id, again) = (self.own_id(), operations.clone());
            let asked = ReconcileOperations { framework_id, operations };
            self.pass(asked, ctx, move |actor, answer, _| {
                if answer.is_err() {
                    actor.doubtful.operations.extend(again);
                }
            });
        }
    }

    /// What becomes of an accept that the master did not take.
    fn on_accept_failed(
        &mut self,
        stakes: Stakes,
        failure: &Failure,
        sent: bool,
        ctx: &mut Context<Self>,
    ) {
        if sent && !is_certain(failure) {
            return self.doubt(stakes, failure, ctx);
        }
        self.drop_tasks(&stakes.tasks, failure, ctx);
        for operation_id in stakes.named {
            let mut status = OperationStatus::new(Some(operation_id), OperationState::Dropped);
            status.message = not_done(failure);
            self.scheduler.operation(&self.driver, status);
        }
        self.refuse(&stakes.offer_ids, stakes.unnamed, failure);
    }

    fn doubt(&mut self, stakes: Stakes, failure: &Failure, ctx: &mut Context<Self>) {
        let task =
            |task: TaskInfo| TaskQuestion { task_id: task.task_id, agent_id: Some(task.agent_id) };
        let operation = |operation_id| OperationQuestion { operation_id, agent_id: None };
        self.doubtful.tasks.extend(stakes.tasks.into_iter().map(task));
        self.doubtful.operations.extend(stakes.named.into_iter().map(operation));
        self.ask_after_doubtful(ctx);
        // The master says itself what became of the others, but nobody else tells of these.
        if failure.kind == FailureKind::Refused {
            self.refuse(&stakes.offer_ids, stakes.unnamed, failure);
        }
    }

    fn drop_tasks(&mut self, tasks: &[TaskInfo], failure: &Failure, ctx: &Context<Self>) {
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

    fn refuse(&mut self, offer_ids: &[OfferId], unnamed: Vec<usize>, failure: &Failure) {
        if unnamed.is_empty() {
            return;
        }
        let refused = |at| RefusedOperation { at, why: not_done(failure) };
        let refused: Vec<_> = unnamed.into_iter().map(refused).collect();
        self.scheduler.operations_refused(&self.driver, offer_ids, &refused);
    }
}

fn not_done(failure: &Failure) -> String {
    format!("not done: {failure}")
}

/// Whether the call has certainly had no effect at the master, which says nothing of it either.
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

impl<S: Scheduler> Handler<AcceptOffers> for SchedulerActor<S> {
    fn handle(
        &mut self,
        mut message: AcceptOffers,
        ctx: &mut Context<Self>,
    ) -> Outcome<OffersAccepted> {
        message.framework_id = self.own_id();
        let stakes = Stakes::of(&message);
        let sent = self.standing.subscribed().is_some();
        self.pass(message, ctx, move |actor, answer, ctx| match answer {
            Ok(OffersAccepted { refused }) if refused.is_empty() => {}
            Ok(OffersAccepted { refused }) => {
                let Self { scheduler, driver, .. } = actor;
                scheduler.operations_refused(driver, &stakes.offer_ids, refused);
            }
            Err(failure) => actor.on_accept_failed(stakes, failure, sent, ctx),
        })
    }
}
