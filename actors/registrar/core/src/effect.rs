//! Everything that the registrar can want done. Performed in order.

use protocol::registrar::RegistrySnapshot;
use protocol::{CallId, Epoch, Failure, Time};
use serde::Serialize;

use crate::input::Timer;

/// One key to write.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordWrite {
    pub key: String,
    /// Absent: the key goes.
    pub value: Option<Vec<u8>>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Read everything; the result is `Input::Loaded`.
    Load {
        epoch: Epoch,
    },
    /// Make these durable, all or none; the result is `Input::Committed`.
    Commit {
        epoch: Epoch,
        writes: Vec<RecordWrite>,
    },
    /// Answer an ask.
    Reply {
        call: CallId,
        result: Result<Answer, Failure>,
    },
    /// End this incarnation; whoever waits hears that it died.
    Fail(String),
    /// Replaces an earlier setting of the same timer.
    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
}

/// What an ask is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Answer {
    /// It is durable.
    Applied,
    Registry(RegistrySnapshot),
}
