//! Everything that a candidate can want done. Performed in order.

use protocol::elector::{LeaderChanged, Leadership};
use protocol::{CallId, Epoch, Failure, Time};
use serde::Serialize;

use crate::input::Timer;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Be a candidate; the result is `Input::Elected` or `Input::CampaignFailed`.
    Campaign,
    /// Be a candidate no longer; no result is expected.
    Withdraw,
    /// Give up this term; `Input::TermEnded` follows when it is done.
    Resign {
        epoch: Epoch,
    },
    /// Tell everybody who follows.
    Publish(LeaderChanged),
    /// Answer an ask.
    Reply {
        call: CallId,
        result: Result<Reply, Failure>,
    },
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
pub enum Reply {
    Leadership(Leadership),
    /// Leadership is given up, or never was.
    Resigned,
}
