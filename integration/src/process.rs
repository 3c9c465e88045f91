//! One process of a cluster: started, ended in several ways, started again as it was.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use boot::Ready;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lines::Lines;
use crate::within;

/// How long a process may take to serve: it is not optimised, and others may be starting too.
const READY: Duration = Duration::from_secs(30);
/// How long it may take to end when it was asked to.
const END: Duration = Duration::from_secs(20);
/// How much of a log a failure shows.
const LAST_LINES: usize = 40;

/// A process with the command that made it.
pub struct Process {
    name: String,
    dir: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
    ready: Option<Ready>,
}

impl Process {
    /// Not started yet. Its log is `<dir>/log`.
    pub fn new(name: &str, dir: &Path, program: PathBuf, arguments: Vec<String>) -> Self {
        std::fs::create_dir_all(dir).expect("a test's directory can be made");
        let (name, dir) = (name.to_owned(), dir.to_path_buf());
        Self { name, dir, program, arguments, child: None, ready: None }
    }

    /// What it is called in the test's directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its configuration and log are, and what it keeps.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts it and waits until it says that it serves.
    pub fn start(&mut self) -> &mut Self {
        let lines = Lines::of(self.launch());
        match lines.find(READY, Ready::parse) {
            Ok(ready) => self.ready = Some(ready),
            Err(_) => panic!("{} does not serve:\n{}", self.name, self.last_of_log()),
        }
        self
    }

    /// Starts it without waiting; its stdout is given back.
    pub fn launch(&mut self) -> std::process::ChildStdout {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.log_path());
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log can be opened"))
            // Signals to the test's group are not for it.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        let stdout = child.stdout.take().expect("stdout is piped");
        self.child = Some(child);
        stdout
    }

    /// Where it serves. It must have been started.
    pub fn ready(&self) -> &Ready {
        self.ready.as_ref().unwrap_or_else(|| panic!("{} has not been started", self.name))
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().map(|child| child.id().cast_signed())
    }

    /// Its HTTP edge, `host:port`.
    pub fn http(&self) -> &str {
        &self.ready().http
    }

    /// The address of one of its actors.
    pub fn actor(&self, name: &str) -> String {
        format!("{name}@{}", self.ready().actors)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => true,
            Some(_) => {
                self.child = None;
                false
            }
            None => false,
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("an own child can be killed");
            child.wait().expect("an own child can be waited for");
        }
    }

    /// SIGTERM, and waits until it has ended: how, and how long it took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        self.end_by(Signal::SIGTERM)
    }

    /// Ctrl-C, and waits until it has ended: how, and how long it took.
    pub fn interrupt(&mut self) -> (ExitStatus, Duration) {
        self.end_by(Signal::SIGINT)
    }

    fn end_by(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal(signal);
        (self.wait(END), started.elapsed())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().unwrap_or_else(|| panic!("{} does not run", self.name));
        kill(Pid::from_raw(pid), signal).expect("an own child can be signalled");
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let child = self.child.as_mut().unwrap_or_else(|| panic!("{} does not run", self.name));
        let status = within(limit, "the end of the process", || {
            child.try_wait().expect("an own child can be waited for").ok_or("it still runs")
        });
        self.child = None;
        status
    }

    /// SIGSTOP: it stands still, its connections open.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// `kill -9` if it runs, and starts it again with the same configuration.
    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The end of its log, for a failure.
    pub fn last_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The exit code as a shell would have it.
pub(crate) fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
