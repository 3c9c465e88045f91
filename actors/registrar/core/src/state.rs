//! Where the registrar stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::elector::Leadership;
use protocol::registrar::{AgentStanding, Registry};
use protocol::{CallId, Epoch};
use serde_json::{Value, json};

use crate::batch::{Batch, Limits, Request};
use crate::size::Size;

/// The registrar of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(crate) limits: Limits,
    /// As `elector` said last.
    pub(crate) leadership: Leadership,
    pub(crate) role: Role,
}

/// ```text
/// Standby ──elected──► Loading ──read──► Leading ──the store says deposed──► Deposed
///    ▲                    │                 │                                   │
///    └──── not leading ───┴─────────────────┴───────────────────────────────────┘
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    Standby,
    /// The registry is being read; whoever asks for it waits.
    Loading {
        epoch: Epoch,
        readers: Vec<CallId>,
    },
    Leading(Box<Term>),
    /// The store has refused a commit of this term; the elector has not said so yet.
    Deposed {
        epoch: Epoch,
    },
}

/// A term in which the registry is served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) epoch: Epoch,
    /// As it is durable.
    pub(crate) registry: Registry,
    /// Under way.
    pub(crate) batch: Option<Batch>,
    pub(crate) queue: VecDeque<Request>,
    pub(crate) commits: u64,
    pub(crate) size: Size,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// A standby, with the limits of the store.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A standby whose commits take less.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            leadership: Leadership { leader: None, leading: false },
            role: Role::Standby,
        }
    }

    /// The term that this host leads, as far as the elector has said.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Standby => None,
            Role::Loading { epoch, .. } | Role::Deposed { epoch } => Some(*epoch),
            Role::Leading(term) => Some(term.epoch),
        }
    }

    /// The registry as it is durable, once it is loaded.
    pub fn registry(&self) -> Option<&Registry> {
        match &self.role {
            Role::Leading(term) => Some(&term.registry),
            _ => None,
        }
    }

    /// What is counted, by full names; nothing while this host does not lead.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let Role::Leading(term) = &self.role else { return BTreeMap::new() };
        let under_way = term.batch.as_ref().map_or(0, |batch| batch.calls.len());
        let queued = term.queue.len() + under_way;
        [
            ("registrar/queued_operations", queued),
            ("registrar/registry_size_bytes", term.size.total()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value as f64))
        .collect()
    }

    /// What must hold after every step.
    pub fn check(&self) -> Result<(), String> {
        let Role::Leading(term) = &self.role else { return Ok(()) };
        if term.batch.is_none() && !term.queue.is_empty() {
            return Err("requests wait for no commit".to_owned());
        }
        if term.batch.as_ref().is_some_and(|batch| batch.writes.is_empty()) {
            return Err("a commit of nothing is under way".to_owned());
        }
        let mut calls = BTreeSet::new();
        let batch = term.batch.iter().flat_map(|batch| &batch.calls);
        match batch.chain(term.queue.iter().map(|r| &r.call)).find(|call| !calls.insert(**call)) {
            Some(call) => Err(format!("call {call} would be answered twice")),
            None => Ok(()),
        }
    }

    /// What is held, for people.
    pub fn inspect(&self) -> Value {
        let (role, term) = match &self.role {
            Role::Standby => ("standby", None),
            Role::Loading { .. } => ("loading", None),
            Role::Leading(term) => ("leading", Some(term)),
            Role::Deposed { .. } => ("deposed", None),
        };
        let mut state = json!({ "role": role, "epoch": self.epoch(), "limits": self.limits });
        if let Some(term) = term {
            let agents = term.registry.agents.values();
            let admitted = agents.filter(|agent| agent.standing == AgentStanding::Admitted).count();
            let frameworks = term.registry.frameworks.values();
            let living = frameworks.filter(|framework| framework.removed.is_none()).count();
            state["agents"] = json!({ "admitted": admitted, "known": term.registry.agents.len() });
            state["frameworks"] =
                json!({ "living": living, "known": term.registry.frameworks.len() });
            state["quotas"] = term.registry.quotas.len().into();
            state["weights"] = term.registry.weights.len().into();
            state["commits"] = term.commits.into();
            state["requests_waiting"] = term.queue.len().into();
        }
        state
    }
}
