//! The events of an executor's stream.

use protocol::TaskId;
use protocol::agent::{ExecutorFound, FoundExecutor};
use protocol::framework::FrameworkInfo;
use protocol::id::{FrameworkId, UpdateId};
use protocol::task::{KillPolicy, TaskInfo};

use crate::v1::convert::describe::{agent_to, executor_to, framework_to, kill_policy_to, task_to};
use crate::v1::convert::framework::dialect;
use crate::v1::convert::resource::Dialect;
use crate::v1::convert::update_id;
use crate::v1::wire::executor::Event;
use crate::v1::wire::executor::event::{Acknowledged, Kill, Launch, Message, Subscribed, Type};
use crate::v1::wire::mesos;

/// How the executor of a framework reads its tasks.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) framework_id: FrameworkId,
    role: String,
    dialect: Dialect,
}

impl Reader {
    pub(super) fn new(
        framework_id: FrameworkId,
        framework: &FrameworkInfo,
        executor: &FoundExecutor,
    ) -> Self {
        Self { framework_id, role: executor.role.clone(), dialect: dialect(framework) }
    }

    pub(super) fn subscribed(
        &self,
        found: &ExecutorFound,
        framework: &FrameworkInfo,
        executor: &FoundExecutor,
    ) -> Event {
        let Self { framework_id, role, dialect } = self;
        let container_id = executor.container_id.to_string();
        let mut framework_info = framework_to(framework);
        framework_info.id = Some(mesos::FrameworkId { value: framework_id.to_string() });
        Event {
            subscribed: Some(Subscribed {
                executor_info: executor_to(&executor.info, framework_id, role, dialect),
                framework_info,
                agent_info: agent_to(&found.agent, found.agent_id.as_ref()),
                container_id: Some(mesos::ContainerId { value: container_id, parent: None }),
            }),
            ..of(Type::Subscribed)
        }
    }

    pub(super) fn launch(&self, task: &TaskInfo) -> Event {
        let task = task_to(task, &self.framework_id, &self.role, &self.dialect);
        Event { launch: Some(Launch { task }), ..of(Type::Launch) }
    }
}

fn of(kind: Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

fn task_id(id: &TaskId) -> mesos::TaskId {
    mesos::TaskId { value: id.to_string() }
}

pub(super) fn kill(id: &TaskId, policy: Option<&KillPolicy>) -> Event {
    let kill = Kill { task_id: task_id(id), kill_policy: policy.map(kill_policy_to) };
    Event { kill: Some(kill), ..of(Type::Kill) }
}

pub(super) fn acknowledged(id: &TaskId, update: &UpdateId) -> Event {
    let acknowledged = Acknowledged { task_id: task_id(id), uuid: update_id::to_bytes(update) };
    Event { acknowledged: Some(acknowledged), ..of(Type::Acknowledged) }
}

pub(super) fn message(data: Vec<u8>) -> Event {
    Event { message: Some(Message { data }), ..of(Type::Message) }
}

pub(super) fn shutdown() -> Event {
    of(Type::Shutdown)
}

pub(super) fn heartbeat() -> Event {
    of(Type::Heartbeat)
}
