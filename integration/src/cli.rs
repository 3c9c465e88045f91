//! The command line as a user has it, pointed at one cluster.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::binaries;
use crate::process::code_of;

/// `meseta`, with the addresses of a cluster.
#[derive(Clone, Debug)]
pub struct Meseta {
    environment: Vec<(String, String)>,
}

/// What a run of it came to.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Stdout as JSON; panics with everything if it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Itself, if it succeeded.
    pub fn ok(self) -> Result<Self, String> {
        if self.code == 0 { Ok(self) } else { Err(format!("{self:?}")) }
    }
}

impl Meseta {
    /// For the cluster of this name with these masters and service schedulers.
    pub fn new(cluster: &str, masters: &str, services: &str) -> Self {
        let pairs = [
            ("MESETA_CLUSTER", cluster),
            ("MESETA_MASTER", masters),
            ("MESETA_SERVICES", services),
        ];
        Self { environment: pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec() }
    }

    /// A command that has not been started, for those who want to signal it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::path("meseta"));
        let environment = self.environment.iter().filter(|(_, value)| !value.is_empty());
        command.args(arguments).envs(environment.cloned()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).output().expect("meseta can be started");
        answer(&output)
    }

    /// Runs it to its end with something on stdin.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Answer {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("meseta can be started");
        let mut pipe = child.stdin.take().expect("stdin is piped");
        pipe.write_all(stdin.as_bytes()).expect("meseta reads its stdin");
        drop(pipe);
        answer(&child.wait_with_output().expect("an own child can be waited for"))
    }

    /// Runs it for its JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value, String> {
        let answer = self.run(&[arguments, &["--output", "json"]].concat()).ok()?;
        serde_json::from_str(&answer.stdout).map_err(|_| format!("not JSON: {answer:?}"))
    }

    /// Sends a message to an actor, for its JSON.
    pub fn send(&self, address: &str, message: &str, body: &str) -> Result<Value, String> {
        self.json(&["send", address, message, body])
    }

    /// The path of a file as an argument.
    pub fn path(path: &Path) -> &str {
        path.to_str().expect("a test's paths are text")
    }
}

fn answer(output: &std::process::Output) -> Answer {
    Answer {
        code: code_of(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
