//! The trait that an executor implements, and the handle that it is given.

use std::sync::Arc;

use protocol::agent::{ReportStatus, SendToScheduler};
use protocol::executor::TaskProcess;
use protocol::task::{KillPolicy, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{AgentId, Blob, ExecutorId, FrameworkId, TaskId, Time};

use crate::call::ExecutorCall;

/// What runs the tasks of one framework on one agent.
///
/// Callbacks run on the driver's actor, one at a time; they should return soon. A task runs
/// elsewhere (a process, a thread, a future) with a clone of the handle to report through.
pub trait Executor: 'static {
    /// The agent knows this executor: for the first time, or again after a restart of the agent.
    fn registered(&mut self, _driver: &ExecutorDriver, _agent_id: &AgentId) {}

    /// The agent is out of reach (it restarts, perhaps). Tasks go on; the driver registers again.
    fn disconnected(&mut self, _driver: &ExecutorDriver) {}

    /// Start this task and report `TASK_RUNNING`, later a terminal state. Comes once for a task.
    fn launch(&mut self, driver: &ExecutorDriver, task: TaskInfo);

    /// End this task: gently first, by force after the policy's grace. Report `TASK_KILLED`.
    fn kill(&mut self, driver: &ExecutorDriver, task_id: TaskId, kill_policy: Option<KillPolicy>);

    /// Bytes from the scheduler.
    fn message(&mut self, _driver: &ExecutorDriver, _data: Blob) {}

    /// End all tasks, report their ends, then call [`ExecutorDriver::stop`]. Also called when the
    /// agent has been out of reach for the recovery timeout.
    fn shutdown(&mut self, driver: &ExecutorDriver, reason: &str);

    /// The tasks that run now: what the agent is told after a reconnection.
    fn tasks(&self) -> Vec<TaskProcess>;
}

/// The handle of an executor's driver. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct ExecutorDriver {
    send: Arc<dyn Fn(ExecutorCall) + Send + Sync>,
}

impl ExecutorDriver {
    /// A handle whose calls go to `send`: how tests watch an executor without an agent.
    pub fn from_fn(send: impl Fn(ExecutorCall) + Send + Sync + 'static) -> Self {
        Self { send: Arc::new(send) }
    }

    /// Reports a task's state; build it with [`status`]. The driver fills in whose it is and when,
    /// and repeats it, in order, until the agent has it on disk.
    pub fn update(&self, status: TaskStatus) {
        let (framework_id, executor_id) = (FrameworkId::from(""), ExecutorId::from(""));
        self.call(ExecutorCall::Update(ReportStatus { framework_id, executor_id, status }));
    }

    /// Bytes for the scheduler, best effort.
    pub fn message(&self, data: impl Into<Blob>) {
        let (framework_id, executor_id) = (FrameworkId::from(""), ExecutorId::from(""));
        let data = data.into();
        self.call(ExecutorCall::Message(SendToScheduler { framework_id, executor_id, data }));
    }

    /// Ends the driver once every update is confirmed.
    pub fn stop(&self) {
        self.call(ExecutorCall::Stop);
    }

    fn call(&self, call: ExecutorCall) {
        (self.send)(call);
    }
}

/// A report of an executor about a task, to which the driver adds its ids and the time.
pub fn status(task_id: TaskId, state: TaskState) -> TaskStatus {
    TaskStatus::new(task_id, state, Source::Executor, Time::default())
}
