//! What the log says: of the agent's standing with the master, and of errors.

use agent_core::Registration;
use protocol::{Failure, FailureKind, HostAddr};

/// The master that the agent is registered with.
pub(crate) fn standing(registration: &Registration) -> Option<HostAddr> {
    match registration {
        Registration::Registered { master, .. } => Some(master.host.clone()),
        _ => None,
    }
}

/// What has become of the registration since.
pub(crate) fn registration(before: Option<HostAddr>, registration: &Registration) {
    match registration {
        Registration::Registered { master, generation, .. } if before.is_none() => {
            tracing::info!(master = %master.host, %generation, "registered");
        }
        Registration::Refused { why, .. } if before.is_some() => {
            tracing::error!(why, "the master does not want this agent any more");
        }
        Registration::Leaving { why, .. } if before.is_some() => {
            tracing::warn!(why, "the master has forgotten this agent, which ends what it runs");
        }
        Registration::Registering { master, .. } if before.is_some() => {
            tracing::warn!(master = %master.host, "registering anew");
        }
        _ => {}
    }
}

/// A leader that is not there, or not ready, is in the nature of things; anything else is news.
pub(crate) fn not_registered(failure: &Failure, attempt: u64) {
    use FailureKind::{LinkDown, NotLeader, Overloaded, Timeout};
    match failure.kind {
        LinkDown | NotLeader | Overloaded | Timeout => {
            tracing::debug!(%failure, attempt, "not registered yet");
        }
        _ => tracing::warn!(%failure, attempt, "the master does not register this agent"),
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
