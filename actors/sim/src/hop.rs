//! What passes between the actors of the master's host: messages, timers, and questions to the
//! store.

use agents_core as agents;
use allocator_core as allocator;
use frameworks_core as frameworks;
use protocol::Failure;
use protocol::frameworks::AgentsRecovered;
use protocol::id::Epoch;
use protocol::registrar::RegistryOperation;

/// The actors of the master's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    Elector,
    Registrar,
    Frameworks,
    Agents,
    Allocator,
    /// The part of the host that watches connections.
    Host,
}

/// A message between two of them.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) from: Actor,
    pub(crate) to: Actor,
    pub(crate) what: What,
}

/// What arrives.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Frameworks(frameworks::Input),
    Agents(agents::Input),
    Allocator(allocator::Input),
    /// The agents manager asks the frameworks manager.
    Introduce(AgentsRecovered),
    /// The allocator has answered a question of that life of the frameworks manager.
    Answered {
        life: u64,
        question: frameworks::QuestionId,
        result: Result<(), Failure>,
    },
}

/// Every timer of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MasterTimer {
    Frameworks(frameworks::Timer),
    Agents(agents::Timer),
    Allocator(allocator::Timer),
}

impl MasterTimer {
    /// Whose it is.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Frameworks(_) => Actor::Frameworks,
            Self::Agents(_) => Actor::Agents,
            Self::Allocator(_) => Actor::Allocator,
        }
    }
}

/// What one of the managers wants of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) from: Actor,
    pub(crate) epoch: Epoch,
    pub(crate) wish: Wish,
}

/// See [`Question`].
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Load,
    Record { subject: frameworks::Subject, operations: Vec<RegistryOperation> },
    Commit { commit: agents::CommitId, operations: Vec<RegistryOperation> },
}
