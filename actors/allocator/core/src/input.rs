//! What the core is told: the facts, the questions, and the timers it asked for.

use protocol::CallId;
use protocol::allocator::{
    AddAgent, AddFramework, AnswerInverseOffer, ConvertResources, ExplainFramework, GrowHolding,
    RecoverResources, RemoveAgent, RemoveFramework, RequestResources, ResetAllocator, ReviveRoles,
    SetAgentActive, SetFrameworkActive, SetQuota, SetUnavailability, SetWeight, ShareResources,
    SuppressRoles, UpdateAgent,
};
use protocol::explain::ExplainRole;
use serde::Serialize;

/// Something that happened. Facts are in the order in which `frameworks` told them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    ResetAllocator(ResetAllocator),
    AddFramework(AddFramework),
    SetFrameworkActive(SetFrameworkActive),
    RemoveFramework(RemoveFramework),
    AddAgent(AddAgent),
    UpdateAgent(UpdateAgent),
    SetAgentActive(SetAgentActive),
    SetUnavailability(SetUnavailability),
    AnswerInverseOffer(AnswerInverseOffer),
    RemoveAgent(RemoveAgent),
    RecoverResources(RecoverResources),
    ShareResources(ShareResources),
    ReviveRoles(ReviveRoles),
    SuppressRoles(SuppressRoles),
    SetQuota(SetQuota),
    SetWeight(SetWeight),
    RequestResources(RequestResources),
    /// Answered by `Effect::Reply`.
    ConvertResources {
        call: CallId,
        fact: ConvertResources,
    },
    /// Answered by `Effect::Reply`.
    GrowHolding {
        call: CallId,
        fact: GrowHolding,
    },
    /// Answered by `Effect::Reply`.
    GetRoles {
        call: CallId,
    },
    /// Answered by `Effect::Reply`.
    ExplainFramework {
        call: CallId,
        question: ExplainFramework,
    },
    /// Answered by `Effect::Reply`.
    ExplainRole {
        call: CallId,
        question: ExplainRole,
    },
    TimerFired(Timer),
}

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// Changes have been collected for a moment: offer what they freed.
    Pass,
    /// The next filter lapses.
    Filters,
    /// Look at everything that is free, in case a change was overlooked.
    FullPass,
    /// Look whether somebody has a better claim to what others use.
    Preempt,
}
