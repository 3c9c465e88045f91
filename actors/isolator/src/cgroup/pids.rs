//! Pids: how many processes and threads a container may have, and how many there are.

use crate::cgroup::{Controller, Group, file};
use crate::error::IsolatorError;
use crate::limits::{Limits, Sample};

const MAX: &str = "pids.max";
const CURRENT: &str = "pids.current";

/// The `pids` controller; both versions have the same files.
pub(crate) struct Pids {
    /// 0: no limit.
    pub(crate) max: u64,
}

impl Controller for Pids {
    fn name(&self) -> &'static str {
        "pids"
    }

    fn describe(&self) -> String {
        match self.max {
            0 => "pids without limit".into(),
            max => format!("at most {max} pids"),
        }
    }

    fn apply(&self, group: &Group, _limits: &Limits) -> Result<(), IsolatorError> {
        match self.max {
            0 => file::write(&group.file(MAX), "max"),
            max => file::write(&group.file(MAX), max),
        }
    }

    fn sample(&self, group: &Group, sample: &mut Sample) -> Result<(), IsolatorError> {
        sample.processes = file::read_number(&group.file(CURRENT))?.unwrap_or(0);
        Ok(())
    }
}
