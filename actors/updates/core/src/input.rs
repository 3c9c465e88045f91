//! What can happen to `updates`.

use protocol::CallId;
use protocol::updates::{ConfirmUpdate, ForgetFramework, QueueUpdate, SetMaster};
use serde::Serialize;

use crate::record::StreamKey;

/// What can happen to `updates`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Input {
    /// `agent` has an update to keep.
    Queue { call: CallId, message: QueueUpdate },
    /// The scheduler has acknowledged an update.
    Confirm { call: CallId, message: ConfirmUpdate },
    /// There is another master, or none.
    SetMaster(SetMaster),
    /// A framework was torn down.
    ForgetFramework(ForgetFramework),
    /// Somebody asks what is unacknowledged.
    GetPending { call: CallId },
    /// Every record up to and including this number is on disk.
    Durable { sequence: u64 },
    /// Time is up.
    TimerFired(Timer),
}

/// What can time out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The head of this queue has been forwarded and not acknowledged.
    Resend(StreamKey),
}
