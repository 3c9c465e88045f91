//! What may be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use protocol::HostAddr;

use crate::output::Format;

/// The command line of Meseta, a datacenter kernel: look at a cluster, run things on it, talk to
/// its actors, or start a whole one on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "meseta", version, max_term_width = 100, after_long_help = boot::exit::HELP,
    after_help = "`meseta --help` lists the exit codes."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the cluster is and how to show it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Actor addresses of the masters; any one that can be reached names the leader
    #[arg(
        long, global = true, value_name = "HOST:PORT,..", value_delimiter = ',',
        env = "MESETA_MASTER", default_value = "127.0.0.1:7050", value_parser = HostAddr::parse
    )]
    pub(crate) master: Vec<HostAddr>,
    /// Actor addresses of the service scheduler
    #[arg(
        long, global = true, value_name = "HOST:PORT,..", value_delimiter = ',',
        env = "MESETA_SERVICES", default_value = "127.0.0.1:10080", value_parser = HostAddr::parse
    )]
    pub(crate) services: Vec<HostAddr>,
    /// Name of the cluster; hosts of another one refuse us
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "MESETA_CLUSTER",
        default_value = "meseta"
    )]
    pub(crate) cluster: String,
    /// How long to wait for an answer, or for `run` to find resources: 500ms, 10s, 1m
    #[arg(long, global = true, value_name = "DURATION", value_parser = boot::duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// Tables for people or JSON for programs
    #[arg(long, short, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a whole cluster on this machine, until Ctrl-C
    Up(Up),
    /// Run one task: streams its output, exits with its code
    Run(Run),
    /// Create, look at and change apps, which are kept running
    #[command(subcommand)]
    App(App),
    /// List the agents
    Agents,
    /// List the frameworks
    Frameworks,
    /// List the tasks
    Tasks(Tasks),
    /// Change a task that runs
    #[command(subcommand)]
    Task(Task),
    /// List the outstanding offers
    Offers,
    /// List the roles and their shares
    Roles,
    /// Say why a framework gets offers or none, where a role stands, or why an app's instances wait
    #[command(subcommand)]
    Explain(Explain),
    /// Print what a task wrote
    Logs(Logs),
    /// Print what happened, and with -f what happens
    Events(Events),
    /// List the actors of a host (by default of the leading master)
    Actors {
        /// host:port
        host: Option<String>,
    },
    /// Say which messages an actor takes, with their fields
    Describe {
        /// name@host:port
        address: String,
    },
    /// Print what an actor holds now
    Inspect {
        /// name@host:port
        address: String,
    },
    /// Print how busy an actor is
    Stats {
        /// name@host:port
        address: String,
    },
    /// Send any message to any actor and print the reply
    Send(Send),
}

/// Starts master, agents and services as processes of their own, with everything they keep under
/// one directory, listening on 127.0.0.1 only. Ctrl-C ends them in order, with all tasks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Up {
    /// How many agents
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) agents: u16,
    /// Where everything is kept, logs included
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// HTTP port of the master; its actors listen 2000 above (0: any free ports)
    #[arg(long, value_name = "PORT", default_value_t = 5050)]
    pub(crate) master_port: u16,
    /// HTTP port of the first agent, the next ones follow; their actors listen 2000 above
    #[arg(long, value_name = "PORT", default_value_t = 5051)]
    pub(crate) agent_port: u16,
    /// HTTP port of the service scheduler; its actors listen 2000 above
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) services_port: u16,
    /// What every agent offers, for example "cpus=8;mem=4096;disk=1000;ports=[31000-32000]"; by
    /// default at least 4 cpus each, and what else an agent finds divided between them
    #[arg(long, value_name = "RESOURCES")]
    pub(crate) resources: Option<String>,
    /// What the processes log, to files in their directories
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
}

/// Runs one task somewhere in the cluster, as its own framework. What it writes to stdout and
/// stderr appears here; Ctrl-C kills it. Exits with the task's code, 128 + n if signal n ended it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    #[arg(long, default_value = "0.1", value_parser = scalar)]
    pub(crate) cpus: protocol::Scalar,
    /// In MB
    #[arg(long, default_value = "64", value_parser = scalar)]
    pub(crate) mem: protocol::Scalar,
    /// In MB
    #[arg(long, default_value = "0", value_parser = scalar)]
    pub(crate) disk: protocol::Scalar,
    /// The task's name; by default that of the program
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// An environment variable, any number of times
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Unix user to run as; by default the one who types this
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The role whose share it counts against
    #[arg(long, default_value = "*")]
    pub(crate) role: String,
    /// Give the command to /bin/sh -c instead of executing it
    #[arg(long)]
    pub(crate) shell: bool,
    /// What to run
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// Create an app from a Marathon app definition
    Create {
        /// JSON file, or - for stdin
        file: String,
    },
    /// List the apps
    List,
    /// Show one app and its instances
    Show { id: String },
    /// Change the number of instances
    Scale {
        id: String,
        instances: u32,
        /// Even while another change is being carried out
        #[arg(long)]
        force: bool,
    },
    /// Replace every instance by a new one
    Restart {
        id: String,
        /// Even while another change is being carried out
        #[arg(long)]
        force: bool,
    },
    /// Delete an app with all its instances
    Delete {
        id: String,
        /// Even while another change is being carried out
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Explain {
    /// Why a framework is or is not getting offers now, and what became of the last ones
    Framework {
        /// `meseta frameworks` lists them
        id: String,
    },
    /// Where a role stands among its siblings, and what it waits for
    Role {
        /// `meseta roles` lists them
        name: String,
    },
    /// Why instances of an app run or wait
    App {
        /// `meseta app list` lists them
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Let a running task have more or less from now on: all that it is to have, not the difference
    Resize(Resize),
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("amounts").required(true).multiple(true).args(["cpus", "mem"])))]
pub(crate) struct Resize {
    /// The task's id
    pub(crate) task: String,
    /// Its framework, if tasks of several have this id
    #[arg(long, value_name = "ID")]
    pub(crate) framework: Option<String>,
    #[arg(long, value_parser = scalar)]
    pub(crate) cpus: Option<protocol::Scalar>,
    /// In MB
    #[arg(long, value_parser = scalar)]
    pub(crate) mem: Option<protocol::Scalar>,
}

#[derive(Debug, Args)]
pub(crate) struct Tasks {
    /// Also those that have ended and are remembered
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Only those of this framework
    #[arg(long, value_name = "ID")]
    pub(crate) framework: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The task's id, or as much of its beginning as is unique
    pub(crate) task: String,
    /// Go on printing until the task ends
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// What it wrote to stderr instead of stdout
    #[arg(long)]
    pub(crate) stderr: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on printing what happens, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only events of these types
    #[arg(
        long, value_name = "TYPE,..", value_delimiter = ',',
        value_parser = clap::builder::PossibleValuesParser::new(protocol::events::types::ALL)
    )]
    pub(crate) types: Vec<String>,
    /// Whose events
    #[arg(long, value_name = "WHOSE", default_value = "master")]
    pub(crate) source: EventSource,
}

/// Who keeps an event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EventSource {
    /// Agents, frameworks, offers, tasks
    Master,
    /// Apps and their instances
    Services,
}

#[derive(Debug, Args)]
#[command(after_long_help = boot::exit::HELP, after_help = "\
Examples:
  meseta send allocator@127.0.0.1:7050 GetRoles
  meseta send frameworks@127.0.0.1:7050 GetTasks '{\"completed\": true}'")]
pub(crate) struct Send {
    /// name@host:port
    pub(crate) address: String,
    /// The message's name; `meseta describe` lists them
    pub(crate) message: String,
    /// Its body, as JSON
    #[arg(default_value = "{}")]
    pub(crate) body: String,
    /// Do not wait for an answer
    #[arg(long)]
    pub(crate) tell: bool,
}

fn scalar(text: &str) -> Result<protocol::Scalar, String> {
    let number: Option<f64> = text.parse().ok().filter(|n: &f64| *n >= 0.0);
    number
        .and_then(protocol::Scalar::from_f64)
        .ok_or_else(|| "expected a number of zero or more".to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_command_of_run_belongs_to_it() {
        let cli = Cli::try_parse_from(["meseta", "run", "-e", "A=b=c", "--", "sh", "-c", "exit 3"]);
        let Command::Run(run) = cli.unwrap().command else { panic!("not run") };
        assert_eq!(run.command, ["sh", "-c", "exit 3"]);
        assert_eq!(run.env, [("A".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn an_unknown_event_type_is_refused_with_the_known_ones() {
        let error = Cli::try_parse_from(["meseta", "events", "--types", "nope"]).unwrap_err();
        assert!(error.to_string().contains("task_updated"));
    }
}
