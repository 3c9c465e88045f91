//! One file per command, or per family of commands that look alike.

mod actors;
mod app;
mod events;
mod explain;
mod lists;
mod logs;
mod run;
mod sandbox;
mod send;
mod task;
mod up;

use crate::cli::{Cli, Command};
use crate::client::Client;
use crate::error::CliError;

/// Runs a command; what it returns is the process's exit code.
pub(crate) async fn run(cli: Cli) -> Result<u8, CliError> {
    if let Command::Up(options) = &cli.command {
        return up::up(options, &cli.global).await;
    }
    let client = Client::start(&cli.global).await?;
    let done = match &cli.command {
        Command::Up(_) => Ok(()),
        Command::Run(options) => return run::run(&client, options).await,
        Command::App(command) => app::app(&client, command).await,
        Command::Agents => lists::agents(&client).await,
        Command::Frameworks => lists::frameworks(&client).await,
        Command::Tasks(options) => lists::tasks(&client, options).await,
        Command::Task(command) => task::task(&client, command).await,
        Command::Offers => lists::offers(&client).await,
        Command::Roles => lists::roles(&client).await,
        Command::Explain(what) => explain::explain(&client, what).await,
        Command::Logs(options) => logs::logs(&client, options).await,
        Command::Events(options) => events::events(&client, options).await,
        Command::Actors { host } => actors::actors(&client, host.as_deref()).await,
        Command::Describe { address } => actors::describe(&client, address).await,
        Command::Inspect { address } => actors::inspect(&client, address).await,
        Command::Stats { address } => actors::stats(&client, address).await,
        Command::Send(options) => send::send(&client, options).await,
    };
    done.map(|()| 0)
}
