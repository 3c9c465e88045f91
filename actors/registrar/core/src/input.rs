//! Everything that can happen to the registrar.

use std::collections::BTreeMap;

use protocol::elector::Leadership;
use protocol::registrar::ApplyOperations;
use protocol::{CallId, Epoch};
use serde::Serialize;

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Committed {
    /// It is durable.
    Done,
    /// The epoch is not current any longer; nothing was done.
    Deposed,
    /// The store says no; nothing was done.
    Refused(String),
    /// It may or may not have been done.
    Unknown(String),
}

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The registry could not be read; try again.
    Load,
    /// It is time to forget old records.
    Prune,
}

/// A message, the result of an earlier effect, or a timer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    LeaderChanged(Leadership),
    Apply {
        call: CallId,
        request: ApplyOperations,
    },
    GetRegistry {
        call: CallId,
    },
    /// Answers `Effect::Load`: every record of the store, or why they cannot be read.
    Loaded {
        epoch: Epoch,
        result: Result<BTreeMap<String, Vec<u8>>, String>,
    },
    /// Answers `Effect::Commit`.
    Committed {
        epoch: Epoch,
        result: Committed,
    },
    TimerFired(Timer),
}
