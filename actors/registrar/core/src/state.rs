//! Where this host stands, and what a leader holds.

use std::collections::VecDeque;

use protocol::elector::Leadership;
use protocol::registrar::{Registry, RegistryOperation};
use protocol::{CallId, Epoch};
use serde_json::json;

/// The registrar of one host.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) leadership: Leadership,
    pub(crate) role: Role,
}

/// How far this host is in leading.
///
/// ```text
/// Standby ──elected──► Loading ──records read──► Leading
///    ▲                    │                         │
///    └────── deposed ─────┴─────────────────────────┘
/// ```
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Standby,
    Loading { epoch: Epoch },
    Leading(Box<Term>),
}

/// A leader's registry.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) epoch: Epoch,
    /// As it is durable.
    pub(crate) durable: Registry,
    /// The commit that is under way.
    pub(crate) under_way: Option<Batch>,
    /// What was asked since, oldest first.
    pub(crate) queue: VecDeque<Wish>,
}

/// Operations that are answered together, because they were asked together.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) call: CallId,
    pub(crate) operations: Vec<RegistryOperation>,
}

/// Wishes that are committed together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) wishes: Vec<Wish>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// A standby.
    pub fn new() -> Self {
        Self { leadership: Leadership { leader: None, leading: false }, role: Role::Standby }
    }

    /// The durable registry, on a leader that has loaded it.
    pub fn registry(&self) -> Option<&Registry> {
        match &self.role {
            Role::Leading(term) => Some(&term.durable),
            _ => None,
        }
    }

    /// The epoch that this host leads or begins to lead under.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Standby => None,
            Role::Loading { epoch } => Some(*epoch),
            Role::Leading(term) => Some(term.epoch),
        }
    }

    /// What is held, for people.
    pub fn inspect(&self) -> serde_json::Value {
        let role = match &self.role {
            Role::Standby => "standby",
            Role::Loading { .. } => "loading",
            Role::Leading(_) => "leading",
        };
        let mut state = json!({ "role": role, "epoch": self.epoch() });
        if let Role::Leading(term) = &self.role {
            state["agents"] = term.durable.agents.len().into();
            state["frameworks"] = term.durable.frameworks.len().into();
            state["committing"] = term.under_way.as_ref().map_or(0, |b| b.wishes.len()).into();
            state["queued"] = term.queue.len().into();
        }
        state
    }
}
