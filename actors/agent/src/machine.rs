//! What the agent is told of the machine that it runs on.

use std::path::{Path, PathBuf};

use protocol::Resources;

/// Changes with every boot of the kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the agent is told of the machine that it runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// What the kernel calls it.
    pub hostname: String,
    pub boot_id: String,
    /// What it offers to frameworks.
    pub resources: Resources,
    /// Where the agent's HTTP edge is, `host:port`.
    pub http: String,
}

/// Why nothing is known of the machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error("failed to read `{BOOT_ID}`, by which a reboot is noticed")]
    BootId(#[source] std::io::Error),
    #[error("the kernel does not say what the machine is called")]
    Hostname(#[source] nix::Error),
    #[error("failed to find the agent's own program, beside which `meseta-executor` would be")]
    Executor(#[source] std::io::Error),
    #[error("failed to make the path of `{}` absolute", path.display())]
    WorkDir {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Machine {
    /// This machine, offering `resources`.
    pub fn detect(resources: Resources, http: String) -> Result<Self, MachineError> {
        let boot_id = std::fs::read_to_string(BOOT_ID).map_err(MachineError::BootId)?;
        let hostname = nix::unistd::gethostname().map_err(MachineError::Hostname)?;
        Ok(Self {
            hostname: hostname.to_string_lossy().into_owned(),
            boot_id: boot_id.trim().to_owned(),
            resources,
            http,
        })
    }
}

/// The program that runs command tasks, if the configuration does not name one.
pub(crate) fn executor_beside_us() -> Result<PathBuf, MachineError> {
    let own = std::env::current_exe().map_err(MachineError::Executor)?;
    Ok(own.with_file_name("meseta-executor"))
}

/// Sandboxes are named to processes that run elsewhere.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, MachineError> {
    std::path::absolute(path)
        .map_err(|source| MachineError::WorkDir { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_a_boot_id() {
        let machine = Machine::detect(Resources::EMPTY, String::new()).unwrap();
        assert!(!machine.hostname.is_empty());
        assert_eq!(machine.boot_id.len(), 36, "{}", machine.boot_id);
    }
}
