//! Changes of a task that runs.

use protocol::frameworks::GetTasks;
use protocol::resize::ResizeTask;
use protocol::task::Task as RunningTask;

use crate::cli::{Resize, Task};
use crate::client::Client;
use crate::error::CliError;
use crate::output::{self, Format};
use crate::text::{list, resources};

pub(crate) async fn task(client: &Client, command: &Task) -> Result<(), CliError> {
    match command {
        Task::Resize(options) => resize(client, options).await,
    }
}

async fn resize(client: &Client, options: &Resize) -> Result<(), CliError> {
    let task = find(client, options).await?;
    let message = ResizeTask {
        framework_id: task.framework_id,
        task_id: task.task_id.clone(),
        agent_id: Some(task.agent_id),
        cpus: options.cpus,
        mem: options.mem,
    };
    let resized = client.ask_master("frameworks", message).await?;
    match client.format() {
        Format::Json => output::json(&resized),
        Format::Table => {
            output::line(&format!("{} has {} now", task.task_id, resources(&resized.resources)))
        }
    }
}

async fn find(client: &Client, options: &Resize) -> Result<RunningTask, CliError> {
    let question = GetTasks {
        framework_id: options.framework.clone().map(Into::into),
        task_id: Some(options.task.clone().into()),
        completed: false,
    };
    let mut found = client.ask_master("frameworks", question).await?.tasks;
    found.retain(|task| !task.state.is_terminal());
    match (found.pop(), &found[..]) {
        (None, _) => Err(CliError::NotFound(format!("task {} that runs", options.task))),
        (Some(task), []) => Ok(task),
        (Some(task), others) => {
            let frameworks = others.iter().chain([&task]).map(|task| &task.framework_id);
            let (id, frameworks) = (&options.task, list(frameworks));
            let text =
                format!("several tasks are named {id}; say whose by --framework: {frameworks}");
            Err(CliError::Usage(text))
        }
    }
}
