//! What the core wants done.

use protocol::allocator::RoleList;
use protocol::frameworks::OfferAllocations;
use protocol::{CallId, Time};
use serde::Serialize;

use crate::input::Timer;

/// To be performed in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Tell it to whoever told the facts.
    Offer(OfferAllocations),
    /// Answer a question.
    Reply {
        call: CallId,
        roles: RoleList,
    },
    /// Replaces the same timer if it is set.
    SetTimer {
        timer: Timer,
        at: Time,
    },
    CancelTimer {
        timer: Timer,
    },
}
