//! Everything that can happen to the registrar.

use std::collections::BTreeMap;

use protocol::elector::Leadership;
use protocol::registrar::ApplyOperations;
use protocol::{CallId, Epoch};
use serde::Serialize;

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The registry could not be loaded; try again.
    Load,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Committed {
    /// It is durable.
    Done,
    /// Certainly nothing was done; the text says why.
    Refused(String),
    /// It may or may not have been done.
    Unknown(String),
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
    /// Answers [`crate::Effect::Load`]: the records by their keys.
    Loaded {
        epoch: Epoch,
        result: Result<BTreeMap<String, Vec<u8>>, String>,
    },
    /// Answers [`crate::Effect::Commit`].
    Committed {
        epoch: Epoch,
        result: Committed,
    },
    TimerFired(Timer),
}
