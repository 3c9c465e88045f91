//! The trait that a scheduler implements, and the handle that it is given.

use std::sync::Arc;

use protocol::framework::{Filters, InverseOffer, Offer, Operation, OperationStatus};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers,
    KillTask, MessageToExecutor, OperationQuestion, ReconcileOperations, ReconcileTasks,
    RefusedOperation, RequestResources, ResourceRequest, ReviveOffers, ShutdownExecutor,
    SuppressOffers, TaskQuestion, TeardownFramework,
};
use protocol::resize::ResizeTask;
use protocol::scheduler::{ExecutorMessage, ReportFailure};
use protocol::task::{KillPolicy, TaskInfo, TaskStatus};
use protocol::{AgentId, Blob, Epoch, ExecutorId, FrameworkId, HostAddr, OfferId, Scalar, TaskId};

use crate::call::SchedulerCall;

/// A subscription that the leading master has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The framework's id: the same after every failover. Keep it (and give it back in
    /// `FrameworkInfo::id`) to get one's tasks back after a restart.
    pub framework_id: FrameworkId,
    pub epoch: Epoch,
    /// Where the leading master's actors are.
    pub master: HostAddr,
}

/// What a framework decides: it is offered resources and says what to run on them.
///
/// Callbacks run on the driver's actor, one at a time; they should return soon. What takes long
/// belongs elsewhere, with a clone of the handle.
pub trait Scheduler: 'static {
    /// Subscribed: for the first time, or again after [`Self::disconnected`]. Every earlier offer
    /// is void. A good moment to reconcile the tasks that one knows.
    fn subscribed(&mut self, _driver: &SchedulerDriver, _subscribed: &Subscribed) {}

    /// Resources to use (`accept`, `launch`) or not (`decline`); they are held until one of both.
    fn offers(&mut self, driver: &SchedulerDriver, offers: Vec<Offer>);

    /// These offers are void: used up elsewhere, or their agent is gone.
    fn rescinded(&mut self, _driver: &SchedulerDriver, _offer_ids: Vec<OfferId>) {}

    /// Leave these agents, or give back what is wanted of them, before it is taken: answer with
    /// [`SchedulerDriver::answer_inverse`], and end tasks. One that is not answered comes once.
    fn inverse_offers(&mut self, _driver: &SchedulerDriver, _offers: Vec<InverseOffer>) {}

    /// These inverse offers are void: what they are about has changed, or has happened.
    fn inverse_rescinded(&mut self, _driver: &SchedulerDriver, _offer_ids: Vec<OfferId>) {}

    /// News of a task; the same one may come twice. Acknowledged when this returns, unless
    /// acknowledgements are explicit: then call [`SchedulerDriver::acknowledge`] once it is safe.
    fn update(&mut self, driver: &SchedulerDriver, status: TaskStatus);

    /// News of an operation that has an id; the same one may come twice. Acknowledged like updates of
    /// tasks, explicitly by [`SchedulerDriver::acknowledge_operation`].
    fn operation(&mut self, _driver: &SchedulerDriver, _status: OperationStatus) {}

    /// These operations without an id, of an accept of these offers, were not done. Of the rest of the
    /// accept, updates tell.
    fn operations_refused(
        &mut self,
        _driver: &SchedulerDriver,
        _offer_ids: &[OfferId],
        _refused: &[RefusedOperation],
    ) {
    }

    /// An agent was lost, or an executor ended. Updates of its tasks come on their own.
    fn failure(&mut self, _driver: &SchedulerDriver, _failure: ReportFailure) {}

    /// Bytes from one of the framework's executors.
    fn message(&mut self, _driver: &SchedulerDriver, _message: ExecutorMessage) {}

    /// A task was not given what [`SchedulerDriver::resize`] asked for, and has what it had. (If it
    /// was, an update of the same state says so.)
    fn resize_refused(&mut self, _driver: &SchedulerDriver, _task_id: &TaskId, _why: &str) {}

    /// The master is out of reach, or another one leads. The driver subscribes again by itself.
    fn disconnected(&mut self, _driver: &SchedulerDriver) {}

    /// The master will not have this scheduler (any more): the driver has stopped. The text says
    /// why: torn down, replaced by another scheduler, or refused.
    fn error(&mut self, _driver: &SchedulerDriver, _message: &str) {}
}

/// The handle of a scheduler's driver. Cheap to clone; may be used from any thread.
///
/// No call blocks. Calls that need a master while there is none: tasks of `accept` come back as
/// `TASK_DROPPED` with `REASON_MASTER_DISCONNECTED`, its operations as `OPERATION_DROPPED` or, those
/// without an id, as refused; kills are sent once subscribed again; suppressed roles are kept; the
/// rest is void by then and dropped. What became of an accept that may have arrived is asked by the
/// driver.
#[derive(Clone)]
pub struct SchedulerDriver {
    send: Arc<dyn Fn(SchedulerCall) + Send + Sync>,
}

impl SchedulerDriver {
    /// A handle whose calls go to `send`: how tests watch a scheduler without a master.
    pub fn from_fn(send: impl Fn(SchedulerCall) + Send + Sync + 'static) -> Self {
        Self { send: Arc::new(send) }
    }

    /// Uses these offers, all of one agent. What the operations leave over returns to the pool,
    /// and is not offered again for as long as `filters` says.
    pub fn accept(&self, offer_ids: Vec<OfferId>, operations: Vec<Operation>, filters: Filters) {
        let framework_id = own_id();
        self.call(SchedulerCall::Accept(AcceptOffers {
            framework_id,
            offer_ids,
            operations,
            filters,
        }));
    }

    /// Starts tasks on these offers: [`Self::accept`] with the one operation that most need.
    pub fn launch(&self, offer_ids: Vec<OfferId>, tasks: Vec<TaskInfo>) {
        self.accept(offer_ids, vec![Operation::Launch { tasks }], Filters::default());
    }

    /// Gives these offers back; they are not offered again for as long as `filters` says.
    pub fn decline(&self, offer_ids: Vec<OfferId>, filters: Filters) {
        let framework_id = own_id();
        self.call(SchedulerCall::Decline(DeclineOffers { framework_id, offer_ids, filters }));
    }

    /// Says whether one leaves the agents of these inverse offers. Either way they do not come again
    /// for as long as `filters` says.
    pub fn answer_inverse(&self, offer_ids: Vec<OfferId>, accepted: bool, filters: Filters) {
        let framework_id = own_id();
        self.call(SchedulerCall::AnswerInverse(AnswerInverseOffers {
            framework_id,
            offer_ids,
            accepted,
            filters,
        }));
    }

    /// Would like to have so much, what it has included, instead of what it requested before. With a
    /// policy that preempts, others may have to give it. A later subscription to another master does
    /// not repeat it.
    pub fn request(&self, requests: Vec<ResourceRequest>) {
        let framework_id = own_id();
        self.call(SchedulerCall::Request(RequestResources { framework_id, requests }));
    }

    /// Forgets the filters and wants offers for these roles (none: all) again.
    pub fn revive(&self, roles: Vec<String>) {
        self.call(SchedulerCall::Revive(ReviveOffers { framework_id: own_id(), roles }));
    }

    /// Wants no offers for these roles (none: all) until they are revived.
    pub fn suppress(&self, roles: Vec<String>) {
        self.call(SchedulerCall::Suppress(SuppressOffers { framework_id: own_id(), roles }));
    }

    /// Ends a task. Its end arrives as an update, also if nobody knows the task.
    pub fn kill(
        &self,
        task_id: TaskId,
        agent_id: Option<AgentId>,
        kill_policy: Option<KillPolicy>,
    ) {
        let framework_id = own_id();
        self.call(SchedulerCall::Kill(KillTask { framework_id, task_id, agent_id, kill_policy }));
    }

    /// Lets a running task have so many cpus and so many MB of memory in all; absent: as before. An
    /// update of the same state says that it has, [`Scheduler::resize_refused`] that it has not.
    pub fn resize(&self, task_id: TaskId, cpus: Option<Scalar>, mem: Option<Scalar>) {
        let framework_id = own_id();
        let resize = ResizeTask { framework_id, task_id, agent_id: None, cpus, mem };
        self.call(SchedulerCall::Resize(resize));
    }

    /// Ends an executor and all its tasks.
    pub fn shutdown_executor(&self, agent_id: AgentId, executor_id: ExecutorId) {
        let framework_id = own_id();
        self.call(SchedulerCall::ShutdownExecutor(ShutdownExecutor {
            framework_id,
            agent_id,
            executor_id,
        }));
    }

    /// With explicit acknowledgements: this update is safe, send the next. Statuses that need
    /// none (no `update_id`, or no agent) are ignored, so every status may be passed.
    pub fn acknowledge(&self, status: &TaskStatus) {
        let (Some(agent_id), Some(update_id)) = (status.agent_id.clone(), status.update_id.clone())
        else {
            return;
        };
        self.call(SchedulerCall::Acknowledge(AcknowledgeUpdate {
            framework_id: own_id(),
            agent_id,
            task_id: status.task_id.clone(),
            update_id,
        }));
    }

    /// The same for the status of an operation.
    pub fn acknowledge_operation(&self, status: &OperationStatus) {
        let OperationStatus { operation_id, agent_id, update_id, .. } = status.clone();
        if let (Some(operation_id), Some(agent_id), Some(update_id)) =
            (operation_id, agent_id, update_id)
        {
            let framework_id = own_id();
            self.call(SchedulerCall::AcknowledgeOperation(AcknowledgeOperation {
                framework_id,
                agent_id,
                operation_id,
                update_id,
            }));
        }
    }

    /// Asks for the state of these operations. The answers are [`Scheduler::operation`]s.
    pub fn reconcile_operations(&self, operations: Vec<OperationQuestion>) {
        let framework_id = own_id();
        let message = ReconcileOperations { framework_id, operations };
        self.call(SchedulerCall::ReconcileOperations(message));
    }

    /// Asks for the state of these tasks (none: of all that the master knows). The answers are
    /// updates.
    pub fn reconcile(&self, tasks: Vec<TaskQuestion>) {
        self.call(SchedulerCall::Reconcile(ReconcileTasks { framework_id: own_id(), tasks }));
    }

    /// Bytes for one of the framework's executors, best effort.
    pub fn message(&self, agent_id: AgentId, executor_id: ExecutorId, data: impl Into<Blob>) {
        let (framework_id, data) = (own_id(), data.into());
        self.call(SchedulerCall::Message(MessageToExecutor {
            framework_id,
            agent_id,
            executor_id,
            data,
        }));
    }

    /// Ends the framework for good: its tasks are killed, its id is never valid again. The driver
    /// stops once the master has confirmed.
    pub fn teardown(&self) {
        self.call(SchedulerCall::Teardown(TeardownFramework { framework_id: own_id() }));
    }

    /// Stops the driver. The framework's tasks stay for its failover timeout.
    pub fn stop(&self) {
        self.call(SchedulerCall::Stop);
    }

    fn call(&self, call: SchedulerCall) {
        (self.send)(call);
    }
}

/// The id that stands for "the driver's own": the driver alone knows it.
fn own_id() -> FrameworkId {
    FrameworkId::from("")
}
