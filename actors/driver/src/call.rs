//! What a handle asks of its driver, as data: a test can record it and needs no network.

use protocol::agent::{ReportStatus, SendToScheduler};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers,
    KillTask, MessageToExecutor, ReconcileOperations, ReconcileTasks, RequestResources,
    ReviveOffers, ShutdownExecutor, SuppressOffers, TeardownFramework,
};
use protocol::resize::ResizeTask;

/// A scheduler's call. Its `framework_id` is empty: the driver fills in its own.
#[derive(Clone, Debug, PartialEq)]
pub enum SchedulerCall {
    Accept(AcceptOffers),
    Decline(DeclineOffers),
    AnswerInverse(AnswerInverseOffers),
    Request(RequestResources),
    Revive(ReviveOffers),
    Suppress(SuppressOffers),
    Kill(KillTask),
    ShutdownExecutor(ShutdownExecutor),
    Acknowledge(AcknowledgeUpdate),
    AcknowledgeOperation(AcknowledgeOperation),
    Reconcile(ReconcileTasks),
    ReconcileOperations(ReconcileOperations),
    Message(MessageToExecutor),
    Resize(ResizeTask),
    /// End the framework and all its tasks, then the driver.
    Teardown(TeardownFramework),
    /// End the driver; the framework's tasks stay for its failover timeout.
    Stop,
}

/// An executor's call. Ids that are the executor's own are empty: the driver fills them in.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecutorCall {
    Update(ReportStatus),
    Message(SendToScheduler),
    /// End the driver once every update is confirmed.
    Stop,
}
