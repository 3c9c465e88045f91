//! Where this host stands, and what a leader keeps.

use protocol::Epoch;
use protocol::elector::Leadership;
use protocol::metrics::Counts;
use serde_json::{Value, json};

use crate::config::Config;
use crate::effect::Effect;
use crate::input::Timer;
use crate::tally;
use crate::term::{Counters, Term};

/// The agents manager of one host.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) config: Config,
    /// As `elector` said last.
    pub(crate) leadership: Leadership,
    pub(crate) role: Role,
    pub(crate) counters: Counters,
    /// Of a term that begins, or begins again because `frameworks` was restarted.
    pub(crate) tally: Counts,
}

/// How far this host is in leading.
///
/// ```text
/// Standby ──elected──► Loading ──registry──► Introducing ──frameworks took it──► Leading
///    ▲                   ▲                        │                                 │
///    └──── deposed ──────┴───── frameworks ended ─┴─────────────────────────────────┘
/// ```
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Another host leads, or nobody.
    Standby,
    /// Elected; the registry is asked for.
    Loading { epoch: Epoch },
    /// The registry is here; `frameworks` is to take the list of agents first.
    Introducing(Box<Term>),
    /// Serving.
    Leading(Box<Term>),
}

impl State {
    /// A standby.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            leadership: Leadership { leader: None, leading: false },
            role: Role::Standby,
            counters: Counters::default(),
            tally: tally::empty(),
        }
    }

    /// Who leads, as far as this host knows.
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// Whether agents are served.
    pub fn is_serving(&self) -> bool {
        matches!(self.role, Role::Leading(_))
    }

    /// The term that this host leads, whether it serves already or not.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Standby => None,
            Role::Loading { epoch } => Some(*epoch),
            Role::Introducing(term) | Role::Leading(term) => Some(term.epoch),
        }
    }

    pub(crate) fn term(&self) -> Option<&Term> {
        match &self.role {
            Role::Introducing(term) | Role::Leading(term) => Some(term),
            _ => None,
        }
    }

    /// Becomes a standby: whoever waits is told why, nothing is left running.
    pub(crate) fn end_term(&mut self, why: &protocol::Failure, out: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.role, Role::Standby) {
            Role::Standby => {}
            Role::Loading { .. } => out.push(Effect::CancelTimer { timer: Timer::Load }),
            Role::Introducing(term) | Role::Leading(term) => {
                self.counters = term.counters;
                self.tally = term.tally.clone();
                term.end(why, out);
            }
        }
    }

    /// What is held, for people.
    pub fn inspect(&self) -> Value {
        let role = match &self.role {
            Role::Standby => "standby",
            Role::Loading { .. } => "loading",
            Role::Introducing(_) => "introducing",
            Role::Leading(_) => "leading",
        };
        let mut state =
            json!({ "role": role, "leadership": self.leadership, "config": self.config });
        if let Some(term) = self.term() {
            state["term"] = term.inspect();
        }
        state
    }
}
