//! What a task wrote.

use std::time::Duration;

use protocol::frameworks::GetTasks;
use protocol::task::Task;

use crate::cli::Logs;
use crate::client::Client;
use crate::commands::sandbox::{SandboxFile, agent_actor};
use crate::error::CliError;
use crate::output;

/// Between two looks at a file that is followed: soon enough to seem immediate.
const POLL: Duration = Duration::from_millis(200);

pub(crate) async fn logs(client: &Client, options: &Logs) -> Result<(), CliError> {
    let task = find(client, &options.task).await?;
    let agent = agent_actor(client, &task.agent_id).await?;
    let path = if options.stderr { "stderr" } else { "stdout" };
    let mut file = SandboxFile::new(&agent, &task.task_id, path);
    loop {
        let chunk = file.next(client).await?;
        output::bytes(std::io::stdout(), &chunk.data.0)?;
        if !chunk.data.0.is_empty() {
            continue;
        }
        if !options.follow || chunk.state.is_terminal() {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The task whose id is `typed`, or the only one whose id begins with it.
async fn find(client: &Client, typed: &str) -> Result<Task, CliError> {
    let question = GetTasks { completed: true, ..GetTasks::default() };
    let tasks = client.ask_master("frameworks", question).await?.tasks;
    choose(tasks, typed)
}

fn choose(tasks: Vec<Task>, typed: &str) -> Result<Task, CliError> {
    if let Some(at) = tasks.iter().position(|task| task.task_id.as_str() == typed) {
        return Ok(tasks.into_iter().nth(at).expect("position is within the list"));
    }
    let mut begin: Vec<Task> =
        tasks.into_iter().filter(|task| task.task_id.as_str().starts_with(typed)).collect();
    match begin.len() {
        1 => Ok(begin.remove(0)),
        0 => Err(CliError::NotFound(format!(
            "task has an id that begins with `{typed}`; `meseta tasks --all` lists them"
        ))),
        _ => {
            let ids: Vec<&str> = begin.iter().map(|task| task.task_id.as_str()).collect();
            let ids = ids.join(", ");
            Err(CliError::Usage(format!("several tasks begin with `{typed}`: {ids}")))
        }
    }
}
