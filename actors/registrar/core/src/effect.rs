//! Everything that the registrar can want done. Performed in order.

use protocol::registrar::RegistrySnapshot;
use protocol::{CallId, Epoch, Failure, Time};
use serde::Serialize;

use crate::input::Timer;

/// One record to be written, or to be gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordWrite {
    pub key: String,
    /// Absent: the record goes.
    pub value: Option<Vec<u8>>,
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Answer {
    /// It is durable.
    Applied,
    Registry(RegistrySnapshot),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Read all records from the store; the answer is `Input::Loaded`.
    Load {
        epoch: Epoch,
    },
    /// Write these under this epoch, all or none; the answer is `Input::Committed`.
    Commit {
        epoch: Epoch,
        writes: Vec<RecordWrite>,
    },
    Reply {
        call: CallId,
        result: Result<Answer, Failure>,
    },
    /// End this incarnation: what is held cannot be believed any longer.
    Fail(String),
    SetTimer {
        timer: Timer,
        at: Time,
    },
}
