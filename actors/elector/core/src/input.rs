//! Everything that can happen to a candidate.

use protocol::{CallId, Epoch, HostAddr};
use serde::{Deserialize, Serialize};

/// What a candidate tells about itself; the value in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where its actors are.
    pub host: HostAddr,
    /// Where its HTTP edge is, `host:port`.
    pub http: String,
}

/// Who leads according to the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub epoch: Epoch,
    /// Absent if what it wrote about itself cannot be read.
    pub candidate: Option<Candidate>,
}

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// It is time to be a candidate again.
    Campaign,
}

/// A message, news of the election, or a timer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Input {
    /// The actor begins.
    Started,
    GetLeader {
        call: CallId,
    },
    Resign {
        call: CallId,
    },
    /// The candidacy has succeeded.
    Elected {
        epoch: Epoch,
    },
    /// The candidacy has ended without success.
    CampaignFailed {
        why: String,
    },
    /// A term of this host is over, for whatever cause.
    TermEnded {
        epoch: Epoch,
        why: String,
    },
    /// The store sees somebody, or nobody, lead.
    Observed(Option<Seen>),
    TimerFired(Timer),
}
