//! What `updates` wants done, in this order.

use protocol::frameworks::ForwardUpdate;
use protocol::updates::{PendingUpdateList, UpdateConfirmed};
use protocol::{Address, CallId, Failure, Time};
use serde::Serialize;

use crate::input::Timer;
use crate::record::Record;

/// What `updates` wants done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Effect {
    /// Append this record; tell by `Input::Durable` when it is on disk. Numbers grow by one.
    Append {
        sequence: u64,
        record: Record,
    },
    /// Tell the master's `frameworks`.
    Forward {
        to: Address,
        message: ForwardUpdate,
    },
    /// Answer an ask.
    Reply {
        call: CallId,
        reply: Reply,
    },
    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
}

/// The answer to an ask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Reply {
    /// To `Queue`: it is safe.
    Queued,
    /// To `Confirm`.
    Confirmed(UpdateConfirmed),
    /// To `GetPending`.
    Pending(PendingUpdateList),
    /// The message makes no sense.
    Refused(Failure),
}
