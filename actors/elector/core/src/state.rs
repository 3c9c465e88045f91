//! Where this host stands in the election.

use protocol::elector::{Leader, Leadership};
use protocol::{CallId, Epoch};
use serde_json::{Value, json};

use crate::input::{Candidate, Seen};

/// The elector of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(crate) me: Candidate,
    pub(crate) standing: Standing,
    /// The newest that the store has shown.
    pub(crate) seen: Option<Seen>,
    /// The last term of this host, or zero. What is seen of it or of earlier ones is history.
    pub(crate) last_term: Epoch,
    /// What was published last; `None` before anything was.
    pub(crate) published: Option<Leadership>,
    pub(crate) last_failure: Option<String>,
}

/// ```text
/// Idle ──timer──► Candidate ──elected──► Leading ──resign──► Resigning
///   ▲                 │                     │                    │
///   └──── failed ─────┴──── term ended ─────┴─── term ended ─────┘
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// No candidate until the timer fires.
    Idle,
    Candidate,
    Leading {
        epoch: Epoch,
        /// The store has shown this term, so that showing another one is news.
        seen: bool,
    },
    /// Has stopped to act as the leader; the store is being told.
    Resigning {
        epoch: Epoch,
        calls: Vec<CallId>,
    },
}

impl State {
    /// Nobody's follower yet.
    pub fn new(me: Candidate) -> Self {
        Self {
            me,
            standing: Standing::Idle,
            seen: None,
            last_term: Epoch(0),
            published: None,
            last_failure: None,
        }
    }

    /// Who leads, as far as this host knows.
    pub fn leadership(&self) -> Leadership {
        if let Standing::Leading { epoch, .. } = self.standing {
            return Leadership { leader: Some(leader(&self.me, epoch)), leading: true };
        }
        let other = self.seen.as_ref().filter(|seen| seen.epoch > self.last_term);
        let other = other.and_then(|seen| {
            seen.candidate.as_ref().map(|candidate| leader(candidate, seen.epoch))
        });
        // A candidate that reads its own name is about to hear of its election.
        let other = other.filter(|leader| leader.host != self.me.host);
        Leadership { leader: other, leading: false }
    }

    /// What is held, for people.
    pub fn inspect(&self) -> Value {
        let standing = match self.standing {
            Standing::Idle => "idle",
            Standing::Candidate => "candidate",
            Standing::Leading { .. } => "leading",
            Standing::Resigning { .. } => "resigning",
        };
        json!({
            "standing": standing, "leadership": self.leadership(), "last_term": self.last_term,
            "last_failure": self.last_failure,
        })
    }

    /// What must hold after every step.
    pub fn check(&self) -> Result<(), String> {
        if self.published.as_ref().is_some_and(|published| *published != self.leadership()) {
            return Err("followers were told something else".to_owned());
        }
        match &self.standing {
            Standing::Leading { epoch, .. } | Standing::Resigning { epoch, .. }
                if *epoch != self.last_term =>
            {
                Err("leads a term that is not its last".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn leader(candidate: &Candidate, epoch: Epoch) -> Leader {
    Leader { host: candidate.host.clone(), http: candidate.http.clone(), epoch }
}
