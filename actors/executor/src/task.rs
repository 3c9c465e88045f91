//! One task's process: its start, its end, and being killed in between.

use std::future;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use isolator::{Identity, IsolatorError, Output, Place, Program, Watch, spawn};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use protocol::task::{CommandInfo, TaskInfo, Termination};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::environment;
use crate::settings::Settings;

/// Between SIGTERM and SIGKILL unless somebody says otherwise. As in Mesos.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(3);

/// Wishes that the task may end, each with its grace. Unbounded, as one is a few bytes and comes
/// from a message of the agent.
pub(crate) type Kills = mpsc::UnboundedReceiver<Duration>;

/// Starts a task's process in the container. It runs when this returns.
pub(crate) fn start(settings: &Settings, task: &TaskInfo) -> Result<Watch, IsolatorError> {
    let command = task.command.clone().unwrap_or_default();
    let identity = identity(settings, &command)?;
    let environment = environment::of_task(settings, task, identity.as_ref());
    let (path, arguments) = command_line(&command);
    let program = Program {
        path: &path,
        arguments: &arguments,
        environment: &environment,
        directory: Path::new(&settings.join.sandbox),
    };
    let place = Place {
        cgroup_files: &settings.join.cgroup_files,
        rlimits: settings.join.rlimits.clone(),
        identity: identity.as_ref(),
    };
    // The isolator has made the sandbox's files ours; tasks append to the same ones.
    let output = Output { stdout: Stdio::inherit(), stderr: Stdio::inherit() };
    Watch::open(spawn(&program, &place, output)?)
}

/// The task's own user if it has one, where tasks run as their users at all.
fn identity(settings: &Settings, command: &CommandInfo) -> Result<Option<Identity>, IsolatorError> {
    let Some(default) = &settings.join.user else { return Ok(None) };
    Identity::of(command.user.as_ref().unwrap_or(default)).map(Some)
}

/// The program and the whole argument vector of a command.
fn command_line(command: &CommandInfo) -> (String, Vec<String>) {
    let value = command.value.clone();
    if command.shell {
        let script = value.unwrap_or_default();
        return ("/bin/sh".into(), vec!["sh".into(), "-c".into(), script]);
    }
    let path = value.or_else(|| command.arguments.first().cloned()).unwrap_or_default();
    match command.arguments.is_empty() {
        true => (path.clone(), vec![path]),
        false => (path, command.arguments.clone()),
    }
}

/// Waits until the process ends, hastening it as `kills` wants; how it ended and whether it was
/// told to.
pub(crate) async fn attend(watch: &Watch, mut kills: Kills) -> (Option<Termination>, bool) {
    let mut deadline: Option<Instant> = None;
    let mut killed = false;
    let ended = watch.ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            termination = &mut ended => return (termination, killed),
            Some(grace) = kills.recv() => {
                if !killed {
                    signal(watch, Signal::SIGTERM);
                    // One that is stopped could not even hear it.
                    signal(watch, Signal::SIGCONT);
                }
                killed = true;
                // A later wish can only shorten the time that is left.
                let end = Instant::now() + grace;
                deadline = Some(deadline.map_or(end, |earlier| earlier.min(end)));
            }
            () = until(deadline) => {
                signal(watch, Signal::SIGKILL);
                deadline = None;
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => future::pending().await,
    }
}

/// To the whole process group. Its leader is not reaped yet, so the number is still the group's.
fn signal(watch: &Watch, signal: Signal) {
    if let Err(errno) = killpg(Pid::from_raw(watch.pid()), signal) {
        tracing::debug!(pid = watch.pid(), %signal, %errno, "not signalled");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_shell_script_or_an_argument_vector() {
        let command = |value: Option<&str>, shell, arguments: &[&str]| {
            let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
            let value = value.map(str::to_owned);
            command_line(&CommandInfo { value, shell, arguments, ..CommandInfo::default() })
        };
        let line = |path: &str, arguments: &[&str]| {
            (path.to_owned(), arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(command(Some("a; b"), true, &[]), line("/bin/sh", &["sh", "-c", "a; b"]));
        assert_eq!(command(Some("/bin/ls"), false, &["ls", "-l"]), line("/bin/ls", &["ls", "-l"]));
        assert_eq!(command(Some("ls"), false, &[]), line("ls", &["ls"]));
        assert_eq!(command(None, false, &["ls", "-l"]), line("ls", &["ls", "-l"]));
    }
}
