//! What the core is told: the facts, the questions, and the timers it asked for.

use protocol::CallId;
use protocol::allocator::{
    AddAgent, AddFramework, RecoverResources, RemoveAgent, RemoveFramework, ResetAllocator,
    ReviveRoles, SetFrameworkActive, SuppressRoles,
};
use serde::Serialize;

/// Something that happened. Facts are in the order in which `frameworks` told them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    ResetAllocator(ResetAllocator),
    AddFramework(AddFramework),
    SetFrameworkActive(SetFrameworkActive),
    RemoveFramework(RemoveFramework),
    AddAgent(AddAgent),
    RemoveAgent(RemoveAgent),
    RecoverResources(RecoverResources),
    ReviveRoles(ReviveRoles),
    SuppressRoles(SuppressRoles),
    /// Answered by `Effect::Reply`.
    GetRoles {
        call: CallId,
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
}
