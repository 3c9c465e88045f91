//! Tasks, executors and commands.

use protocol::blob::Blob;
use protocol::id::{AgentId, ExecutorId, TaskId};
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, KillPolicy, TaskInfo, Uri};

use super::resource::bag_from;
use super::{ConvertError, Within, each, labels_from, milliseconds, non_empty, unsupported};
use crate::v1::wire::mesos;
use mesos::environment::variable;
use mesos::executor_info::Type;

/// A task as its framework wants it.
///
/// # Errors
/// Names the field.
pub fn info_from(task: &mesos::TaskInfo) -> Result<TaskInfo, ConvertError> {
    unsupported(&[
        ("container", task.container.is_some()),
        ("health_check", task.health_check.is_some()),
        ("check", task.check.is_some()),
        ("discovery", task.discovery.is_some()),
        ("max_completion_time", task.max_completion_time.is_some()),
        ("limits", !task.limits.is_empty()),
    ])?;
    Ok(TaskInfo {
        task_id: TaskId::from(task.task_id.value.as_str()),
        name: task.name.clone(),
        agent_id: AgentId::from(task.agent_id.value.as_str()),
        resources: bag_from(&task.resources, "resources")?,
        command: task.command.as_ref().map(command_from).transpose().within("command")?,
        executor: task.executor.as_ref().map(executor_from).transpose().within("executor")?,
        kill_policy: task
            .kill_policy
            .as_ref()
            .map(kill_policy_from)
            .transpose()
            .within("kill_policy")?,
        labels: labels_from(task.labels.as_ref()),
        data: task.data.clone().map(Blob),
    })
}

/// How a task is asked to end.
///
/// # Errors
/// A negative time.
pub fn kill_policy_from(policy: &mesos::KillPolicy) -> Result<KillPolicy, ConvertError> {
    let grace = policy.grace_period.as_ref();
    let grace_ms = grace.map(|grace| milliseconds(grace, "grace_period")).transpose()?;
    Ok(KillPolicy { grace_ms })
}

/// An executor of a framework. Its `framework_id` is that of the call, `source` is of the past.
///
/// # Errors
/// Names the field.
pub fn executor_from(executor: &mesos::ExecutorInfo) -> Result<ExecutorInfo, ConvertError> {
    unsupported(&[
        ("container", executor.container.is_some()),
        ("discovery", executor.discovery.is_some()),
        ("type", executor.r#type() == Type::Default),
    ])?;
    let command = executor.command.as_ref().ok_or_else(|| ConvertError::missing("command"))?;
    let grace = executor.shutdown_grace_period.as_ref();
    Ok(ExecutorInfo {
        executor_id: ExecutorId::from(executor.executor_id.value.as_str()),
        kind: ExecutorKind::Custom,
        name: executor.name().to_owned(),
        command: Some(command_from(command).within("command")?),
        resources: bag_from(&executor.resources, "resources")?,
        shutdown_grace_ms: grace
            .map(|grace| milliseconds(grace, "shutdown_grace_period"))
            .transpose()?,
        labels: labels_from(executor.labels.as_ref()),
        data: executor.data.clone().map(Blob),
    })
}

/// What to execute.
///
/// # Errors
/// Names the variable that is a secret or has no value.
pub fn command_from(command: &mesos::CommandInfo) -> Result<CommandInfo, ConvertError> {
    let variables = command.environment.as_ref().map_or([].as_slice(), |it| &it.variables);
    Ok(CommandInfo {
        value: command.value.clone(),
        shell: command.shell(),
        arguments: command.arguments.clone(),
        environment: each(variables, "environment.variables", variable_from)?,
        user: non_empty(command.user.as_ref()),
        uris: command.uris.iter().map(uri_from).collect(),
    })
}

fn variable_from(
    variable: &mesos::environment::Variable,
) -> Result<(String, String), ConvertError> {
    unsupported(&[(
        "secret",
        variable.secret.is_some() || variable.r#type() == variable::Type::Secret,
    )])?;
    if variable.r#type() == variable::Type::Unknown {
        return Err(ConvertError::invalid("type", "must be VALUE or SECRET"));
    }
    let value = variable.value.clone().ok_or_else(|| ConvertError::missing("value"))?;
    Ok((variable.name.clone(), value))
}

fn uri_from(uri: &mesos::command_info::Uri) -> Uri {
    Uri {
        value: uri.value.clone(),
        executable: uri.executable(),
        extract: uri.extract(),
        cache: uri.cache(),
        output_file: non_empty(uri.output_file.as_ref()),
    }
}
