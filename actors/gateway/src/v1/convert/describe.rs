//! What executors are told: who they are, whom they serve, where, and their tasks.

use protocol::AgentId;
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::id::FrameworkId;
use protocol::task::{CommandInfo, ExecutorInfo, KillPolicy, TaskInfo, Uri};
use serde_json::Value;

use super::domain::domain_to;
use super::framework::{dialect, offer_filters_to};
use super::labels_to;
use super::offer::attribute_to;
use super::resource::{Dialect, bag_to};
use crate::v1::wire::mesos;
use mesos::framework_info::{Capability, capability};

/// A framework. `role` is there for those that have one, `roles` for the others.
#[must_use]
pub fn framework_to(info: &FrameworkInfo) -> mesos::FrameworkInfo {
    let several = dialect(info).allocated;
    mesos::FrameworkInfo {
        user: info.user.clone(),
        name: info.name.clone(),
        id: info.id.as_ref().map(framework_id_to),
        failover_timeout: Some(info.failover_timeout_ms as f64 / 1000.0),
        checkpoint: Some(info.checkpoint),
        role: info.roles.first().filter(|_| !several).cloned(),
        roles: if several { info.roles.clone() } else { Vec::new() },
        hostname: Some(info.hostname.clone()),
        principal: info.principal.clone(),
        webui_url: info.webui_url.clone(),
        capabilities: info.capabilities.iter().filter_map(capability_to).collect(),
        labels: labels_to(&info.labels),
        offer_filters: offer_filters_to(&info.offer_filters),
    }
}

/// The names are the same on both sides.
fn capability_to(known: &protocol::framework::Capability) -> Option<Capability> {
    let Ok(Value::String(name)) = serde_json::to_value(known) else { return None };
    let kind = capability::Type::from_str_name(&name)?;
    Some(Capability { r#type: Some(kind.into()) })
}

fn framework_id_to(id: &FrameworkId) -> mesos::FrameworkId {
    mesos::FrameworkId { value: id.to_string() }
}

/// An agent, with everything that it has.
#[must_use]
pub fn agent_to(info: &AgentInfo, id: Option<&AgentId>) -> mesos::AgentInfo {
    let port = info.http.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let dialect = Dialect { stacked: true, allocated: false };
    mesos::AgentInfo {
        hostname: info.hostname.clone(),
        port,
        resources: bag_to(&info.resources, "*", &dialect),
        attributes: info.attributes.iter().map(|(name, value)| attribute_to(name, value)).collect(),
        id: id.map(|id| mesos::AgentId { value: id.to_string() }),
        domain: info.domain.as_ref().map(domain_to),
    }
}

/// An executor of a framework that reads resources in this dialect.
#[must_use]
pub fn executor_to(
    info: &ExecutorInfo,
    framework_id: &FrameworkId,
    role: &str,
    dialect: &Dialect,
) -> mesos::ExecutorInfo {
    mesos::ExecutorInfo {
        r#type: Some(mesos::executor_info::Type::Custom.into()),
        executor_id: mesos::ExecutorId { value: info.executor_id.to_string() },
        framework_id: Some(framework_id_to(framework_id)),
        command: info.command.as_ref().map(command_to),
        resources: bag_to(&info.resources, role, dialect),
        name: Some(&info.name).filter(|name| !name.is_empty()).cloned(),
        data: info.data.as_ref().map(|data| data.0.clone()),
        shutdown_grace_period: info.shutdown_grace_ms.map(duration_to),
        labels: labels_to(&info.labels),
        ..mesos::ExecutorInfo::default()
    }
}

/// A task as its executor is given it.
#[must_use]
pub fn task_to(
    info: &TaskInfo,
    framework_id: &FrameworkId,
    role: &str,
    dialect: &Dialect,
) -> mesos::TaskInfo {
    let executor = info.executor.as_ref();
    mesos::TaskInfo {
        name: info.name.clone(),
        task_id: mesos::TaskId { value: info.task_id.to_string() },
        agent_id: mesos::AgentId { value: info.agent_id.to_string() },
        resources: bag_to(&info.resources, role, dialect),
        executor: executor.map(|executor| executor_to(executor, framework_id, role, dialect)),
        command: info.command.as_ref().map(command_to),
        kill_policy: info.kill_policy.as_ref().map(kill_policy_to),
        data: info.data.as_ref().map(|data| data.0.clone()),
        labels: labels_to(&info.labels),
        ..mesos::TaskInfo::default()
    }
}

/// How a task is asked to end.
#[must_use]
pub fn kill_policy_to(policy: &KillPolicy) -> mesos::KillPolicy {
    mesos::KillPolicy { grace_period: policy.grace_ms.map(duration_to) }
}

fn duration_to(milliseconds: u64) -> mesos::DurationInfo {
    let nanoseconds = milliseconds.saturating_mul(1_000_000);
    mesos::DurationInfo { nanoseconds: i64::try_from(nanoseconds).unwrap_or(i64::MAX) }
}

fn command_to(command: &CommandInfo) -> mesos::CommandInfo {
    let variables = command.environment.iter().map(|(name, value)| mesos::environment::Variable {
        name: name.clone(),
        value: Some(value.clone()),
        ..mesos::environment::Variable::default()
    });
    let environment = mesos::Environment { variables: variables.collect() };
    mesos::CommandInfo {
        value: command.value.clone(),
        shell: Some(command.shell),
        arguments: command.arguments.clone(),
        environment: Some(environment).filter(|it| !it.variables.is_empty()),
        user: command.user.clone(),
        uris: command.uris.iter().map(uri_to).collect(),
    }
}

fn uri_to(uri: &Uri) -> mesos::command_info::Uri {
    mesos::command_info::Uri {
        value: uri.value.clone(),
        executable: Some(uri.executable),
        extract: Some(uri.extract),
        cache: Some(uri.cache),
        output_file: uri.output_file.clone(),
    }
}
