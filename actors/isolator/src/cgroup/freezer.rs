//! Freezer: everything in a container stops at once, so that nothing escapes being killed by
//! forking faster than one can read the list of processes.

use std::thread;
use std::time::{Duration, Instant};

use crate::cgroup::{Controller, Group, Version, file};
use crate::error::IsolatorError;
use crate::limits::{Limits, Sample};

const V1_STATE: &str = "freezer.state";
const V2_FREEZE: &str = "cgroup.freeze";
const V2_EVENTS: &str = "cgroup.events";

/// How long freezing may take. A process in an uninterruptible wait cannot be frozen; it cannot
/// fork either, so killing goes on without.
const PATIENCE: Duration = Duration::from_millis(200);
/// Version 1 tells nobody when everything stands still, so it is looked at, in both versions.
const POLL: Duration = Duration::from_millis(1);

/// The `freezer` controller of version 1; part of the core in version 2.
pub(crate) struct Freezer;

impl Controller for Freezer {
    fn name(&self) -> &'static str {
        "freezer"
    }

    fn describe(&self) -> String {
        "freezer".into()
    }

    fn apply(&self, _group: &Group, _limits: &Limits) -> Result<(), IsolatorError> {
        Ok(())
    }

    fn sample(&self, _group: &Group, _sample: &mut Sample) -> Result<(), IsolatorError> {
        Ok(())
    }
}

/// Stops everything in the cgroup; returns when it stands still or patience has run out.
pub(crate) fn freeze(group: &Group) -> Result<(), IsolatorError> {
    let start = Instant::now();
    set(group, true)?;
    while !is_frozen(group)? && start.elapsed() < PATIENCE {
        thread::sleep(POLL);
    }
    Ok(())
}

/// Lets everything in the cgroup run again (and thereby die of what it was sent).
pub(crate) fn thaw(group: &Group) -> Result<(), IsolatorError> {
    set(group, false)
}

fn set(group: &Group, frozen: bool) -> Result<(), IsolatorError> {
    match (group.version, frozen) {
        (Version::V1, true) => file::write_if_there(&group.file(V1_STATE), "FROZEN"),
        (Version::V1, false) => file::write_if_there(&group.file(V1_STATE), "THAWED"),
        (Version::V2, frozen) => file::write_if_there(&group.file(V2_FREEZE), i32::from(frozen)),
    }
}

fn is_frozen(group: &Group) -> Result<bool, IsolatorError> {
    Ok(match group.version {
        Version::V1 => file::read(&group.file(V1_STATE))?.is_none_or(|s| s.trim() == "FROZEN"),
        Version::V2 => file::read_keyed(&group.file(V2_EVENTS), "frozen")?.is_none_or(|n| n == 1),
    })
}
