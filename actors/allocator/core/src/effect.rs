//! What the core wants done.

use protocol::allocator::{FrameworkExplanation, RoleList};
use protocol::explain::RoleStanding;
use protocol::frameworks::{
    OfferAllocations, ReclaimResources, SendInverseOffers, WithdrawReclaims,
};
use protocol::{CallId, Time};
use serde::Serialize;

use crate::input::Timer;

/// To be performed in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Tell it to whoever told the facts.
    Offer(OfferAllocations),
    /// Tell it to whoever told the facts.
    Invert(SendInverseOffers),
    /// Tell it to whoever told the facts.
    Reclaim(ReclaimResources),
    /// Tell it to whoever told the facts.
    Withdraw(WithdrawReclaims),
    /// Answer a question.
    Reply {
        call: CallId,
        answer: Answer,
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

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Answer {
    Roles(RoleList),
    Explanation(FrameworkExplanation),
    Role(Box<RoleStanding>),
    /// It is as was asked.
    Done,
    /// It is not, and why.
    Refused(String),
    /// What was asked after is not there.
    Unknown(String),
}
