//! What goes wrong with containers, and how a chain of causes becomes one line.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use protocol::{ContainerId, Failure};

/// Why something about a container failed.
#[derive(Debug, thiserror::Error)]
pub enum IsolatorError {
    #[error("failed to {action} `{path}`")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("no cgroup controller is mounted under `{0}`")]
    NoControllers(PathBuf),
    #[error("`cgroup_root` is `{0}`: give a relative path like `meseta/agent`")]
    BadRoot(String),
    #[error("cgroups need root")]
    NotRoot,
    #[error("there is no user `{0}` on this machine")]
    NoSuchUser(String),
    #[error("failed to look up user `{user}`")]
    UserLookup {
        user: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot run as user `{user}`: {source}")]
    UserText {
        user: String,
        #[source]
        source: std::ffi::NulError,
    },
    #[error("the process has no arguments, not even a program")]
    NoProgram,
    #[error("failed to {step} for `{program}`")]
    Spawn {
        program: String,
        step: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("`{0}` is not a limit that setrlimit has")]
    UnknownRlimit(String),
    #[error("{count} processes of container {container} survive being killed")]
    Survivors { container: ContainerId, count: usize },
    #[error("the sandbox `{0}` is not an absolute path")]
    RelativeSandbox(String),
    #[error("container id `{id}`: {why}")]
    BadId { id: ContainerId, why: protocol::id::IdError },
    #[error("container {0} is there already")]
    Exists(ContainerId),
    #[error("there is no container {0}")]
    NoSuchContainer(ContainerId),
    #[error("{} bytes of memory are in use, more than {limit}", used)]
    MemoryInUse { used: u64, limit: u64 },
    #[error(
        "the limits of a running container cannot be changed without cgroups: this agent contains \
         tasks by processes and rlimits alone"
    )]
    FixedLimits,
    #[error("destroyed while it was being launched")]
    Cancelled,
    #[error("failed to fetch: {0}")]
    Fetch(protocol::Failure),
    #[error("work on a container was abandoned: {0}")]
    Abandoned(tokio::task::JoinError),
    #[error("failed to watch process {pid}")]
    Watch {
        pid: i32,
        #[source]
        source: io::Error,
    },
}

impl IsolatorError {
    /// An I/O error with what was attempted, on what.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }
}

impl From<IsolatorError> for Failure {
    fn from(error: IsolatorError) -> Self {
        Self::refused(chain(&error))
    }
}

/// The error and everything that caused it, as one line.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let source = io::Error::from_raw_os_error(libc::EACCES);
        let error = IsolatorError::file("write", Path::new("/x/cpu.max"), source);
        assert_eq!(chain(&error), "failed to write `/x/cpu.max`: Permission denied (os error 13)");
    }
}
