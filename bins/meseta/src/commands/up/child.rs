//! One process of the cluster.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use boot::Ready;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;

use crate::commands::up::plan::Command;
use crate::error::CliError;
use crate::output;

/// How long a process may take to say that it serves.
const READY: Duration = Duration::from_secs(20);
/// How long it may take to end after it was asked: longer than the grace of tasks.
const END: Duration = Duration::from_secs(15);
/// How many of the log's last lines are shown when a process ends by itself.
const LAST_LINES: usize = 5;

pub(crate) struct Child {
    command: Command,
    process: tokio::process::Child,
    /// Kept open: a process that writes to a closed pipe is killed by it.
    stdout: BufReader<ChildStdout>,
    /// A second SIGTERM would end it at once, and not in good order.
    asked_to_end: bool,
}

impl Child {
    /// Starts it, in a process group of its own so that Ctrl-C reaches it through us, in order.
    pub(crate) fn start(command: Command) -> Result<Self, CliError> {
        let failed = |what: &str, error: std::io::Error| {
            CliError::Failed(format!("cannot start {}: {what}: {error}", command.name))
        };
        if let Some(dir) = command.log.parent() {
            std::fs::create_dir_all(dir).map_err(|e| failed(&dir.display().to_string(), e))?;
        }
        let log = File::options().create(true).append(true).open(&command.log);
        let log = log.map_err(|e| failed(&command.log.display().to_string(), e))?;
        let mut process = tokio::process::Command::new(&command.program)
            .args(&command.arguments)
            // One file cannot be the configuration of every role.
            .env_remove("MESETA_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(&command.program.display().to_string(), e))?;
        let stdout = process.stdout.take().expect("stdout is piped");
        Ok(Self { command, process, stdout: BufReader::new(stdout), asked_to_end: false })
    }

    /// Waits until it says that it serves, and where.
    pub(crate) async fn ready(&mut self) -> Result<Ready, CliError> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = tokio::time::timeout(READY, self.stdout.read_line(&mut line)).await;
            match read {
                Ok(Ok(n)) if n > 0 => match Ready::parse(&line) {
                    Some(ready) => return Ok(ready),
                    None => continue,
                },
                Ok(_) => {
                    // Its stdout is closed; it has ended or is about to.
                    let _ = tokio::time::timeout(END, self.process.wait()).await;
                    return Err(self.ended().unwrap_or_else(|| self.failure("closed its stdout")));
                }
                Err(_) => {
                    let seconds = READY.as_secs();
                    return Err(self.failure(&format!("did not serve within {seconds}s")));
                }
            }
        }
    }

    /// If it has ended by itself: that, and what it said last.
    pub(crate) fn ended(&mut self) -> Option<CliError> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(self.failure(&format!("ended ({status})")))
    }

    fn failure(&self, what: &str) -> CliError {
        let log = std::fs::read_to_string(&self.command.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        let (name, file) = (&self.command.name, self.command.log.display());
        CliError::Failed(format!("{name} {what}; the end of {file}:\n  {last}"))
    }

    /// Asks it to end, and returns at once.
    pub(crate) fn ask_to_end(&mut self) {
        if let (Some(pid), false) = (self.process.id(), self.asked_to_end) {
            self.asked_to_end = true;
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
        }
    }

    /// Ends it, if need be by force.
    pub(crate) async fn end(&mut self) {
        self.ask_to_end();
        if tokio::time::timeout(END, self.process.wait()).await.is_err() {
            let (name, seconds) = (&self.command.name, END.as_secs());
            output::note(format_args!("meseta: {name} did not end within {seconds}s, killing it"));
            // Fails only if it has ended after all.
            let _ = self.process.kill().await;
        }
    }
}
