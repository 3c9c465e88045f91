//! What can be wrong with the ledger and the book.

use protocol::id::{AgentId, FrameworkId, OfferId};
use protocol::resources::Resources;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A resource is in two hands, or there is more in hands than the agent has.
    #[error("agent {agent} is overcommitted by {by}: {what}")]
    Overcommitted { agent: AgentId, by: String, what: String },
    #[error("agent {agent} counts {counted} as {kind}, its holders have {held}")]
    Miscounted { agent: AgentId, kind: &'static str, counted: Resources, held: Resources },
    #[error("offer {0} is outstanding while its agent is not here in its generation")]
    OfferOfAbsentAgent(OfferId),
    #[error("offer {0} is outstanding while its framework is not active")]
    OfferToInactiveFramework(OfferId),
    #[error("framework {0} is active without a scheduler, or has one while it is not")]
    SchedulerMismatch(FrameworkId),
    #[error("framework {0} is known and removed at once")]
    RemovedFrameworkKnown(FrameworkId),
    #[error("task {task} is in the ledger while its framework {framework} is not known")]
    OrphanTask { framework: FrameworkId, task: String },
    #[error("task {task} of framework {framework} is on agent {agent}, which is not known")]
    HomelessTask { framework: FrameworkId, task: String, agent: AgentId },
    #[error("an index of {0} does not name exactly what is there")]
    BrokenIndex(&'static str),
}
