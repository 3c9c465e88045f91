//! Which containment this machine gets: cgroups where they can be had, else processes alone.

use std::sync::Arc;

use nix::unistd::geteuid;

use crate::cgroup::Cgroups;
use crate::config::{Isolation, IsolatorConfig};
use crate::containment::Containment;
use crate::error::{IsolatorError, chain};
use crate::processes::Processes;

/// The containment that the configuration asks for, and that can be had.
pub fn choose(config: &IsolatorConfig) -> Result<(Arc<dyn Containment>, String), IsolatorError> {
    let processes = || Arc::new(Processes::new(&config.cgroup_root));
    if config.isolation == Isolation::Processes {
        let chosen = processes();
        let text = chosen.describe();
        return Ok((chosen, text));
    }
    match cgroups(config) {
        Ok(chosen) => {
            let text = chosen.describe();
            Ok((Arc::new(chosen), text))
        }
        Err(error) if config.isolation == Isolation::Auto => {
            let chosen = processes();
            let text = format!("no cgroups ({}): {}", chain(&error), chosen.describe());
            Ok((chosen, text))
        }
        Err(error) => Err(error),
    }
}

fn cgroups(config: &IsolatorConfig) -> Result<Cgroups, IsolatorError> {
    // A delegated subtree is writable for others, too; the kernel's own answer decides.
    Cgroups::open(config).map_err(|error| match error {
        IsolatorError::File { .. } if !geteuid().is_root() => IsolatorError::NotRoot,
        error => error,
    })
}
