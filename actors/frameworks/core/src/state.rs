//! What the frameworks manager knows, and the turn in which it is changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::elector::Leadership;
use protocol::events::Report;
use protocol::frameworks::RoleSettings;
use protocol::id::{AgentId, CallId, ConversionId, Epoch, FrameworkId, OfferId};
use protocol::maintenance::Maintenance;
use protocol::shared::Tracked;
use protocol::{Address, Failure, FailureKind, Time};
use serde::Serialize;

use crate::agents::{Agent, Standing};
use crate::config::Config;
use crate::counters::Counters;
use crate::effect::{Answer, Effect, Timer, ToAgents, ToAllocator, ToScheduler};
use crate::framework::{Framework, FrameworkState};
use crate::inverse::InverseBook;
use crate::ledger::{Entry, Ledger, TaskKey};
use crate::offers::OfferBook;
use crate::operations::Operations;
use crate::preempt::Claims;
use crate::questions::Questions;
use crate::resize::Resizes;
use crate::schedulers::Schedulers;
use crate::setbacks::Setbacks;
use crate::views::Views;
use crate::violation::Violation;
use crate::writes::{Subject, Write};

/// Where this host stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Role {
    /// Another host leads, or none.
    Standby,
    /// This host leads; the registry is being read.
    Recovering { epoch: Epoch, run: String },
    /// This host leads and serves.
    Leading(Box<Term>),
}

/// The frameworks manager.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    pub(crate) config: Config,
    pub(crate) leadership: Leadership,
    pub(crate) role: Role,
    /// Resets of the allocator so far, over all terms of this process.
    pub(crate) rounds: u64,
}

/// What is known during one term of leadership. A new leader begins with the registry and hears the
/// rest from agents and schedulers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Term {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    pub(crate) ids: Ids,
    /// Of the allocator's last reset.
    pub(crate) round: u64,
    pub(crate) frameworks: Tracked<FrameworkId, Framework>,
    /// An index of `frameworks` and `writes`.
    pub(crate) schedulers: Schedulers,
    /// Ids that are never accepted again.
    pub(crate) removed: BTreeSet<FrameworkId>,
    /// Removed frameworks that are remembered, oldest first.
    pub(crate) completed: VecDeque<Framework>,
    /// Touched where what is used changes.
    pub(crate) agents: Tracked<AgentId, Agent>,
    pub(crate) offers: OfferBook,
    pub(crate) inverse: InverseBook,
    /// What operators have planned.
    pub(crate) maintenance: Maintenance,
    /// What is being taken back for others.
    pub(crate) claims: Claims,
    pub(crate) ledger: Ledger,
    /// What the allocator has been asked.
    pub(crate) questions: Questions,
    pub(crate) operations: Operations,
    /// What operators have set for roles, as the registry has it.
    pub(crate) settings: RoleSettings,
    /// Records on their way to the registry; at most one change for each subject.
    pub(crate) writes: BTreeMap<Subject, Write>,
    pub(crate) setbacks: Setbacks,
    pub(crate) resizes: Resizes,
    pub(crate) counters: Counters,
    #[serde(skip)]
    pub(crate) views: Views,
}

/// Where new ids come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ids {
    run: String,
    frameworks: u64,
    offers: u64,
    conversions: u64,
}

impl Ids {
    pub(crate) fn new(run: String) -> Self {
        Self { run, frameworks: 0, offers: 0, conversions: 0 }
    }

    pub(crate) fn next_framework(&mut self) -> FrameworkId {
        let id = FrameworkId::from(format!("{}-{:04}", self.run, self.frameworks));
        self.frameworks += 1;
        id
    }

    pub(crate) fn next_conversion(&mut self) -> ConversionId {
        let id = ConversionId::from(format!("{}-P{}", self.run, self.conversions));
        self.conversions += 1;
        id
    }

    pub(crate) fn next_offer(&mut self) -> OfferId {
        let id = OfferId::from(format!("{}-O{}", self.run, self.offers));
        self.offers += 1;
        id
    }
}

/// Counts for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub leading: bool,
    pub epoch: Option<Epoch>,
    pub frameworks: usize,
    pub active_frameworks: usize,
    pub removed_frameworks: usize,
    pub agents: usize,
    pub agents_here: usize,
    pub offers: usize,
    pub tasks: usize,
    pub records_in_flight: usize,
    pub allocator_questions: usize,
    pub operations: usize,
    /// What [`State::check`] found wrong; absent: the conservation law holds.
    pub violation: Option<String>,
}

impl State {
    /// A standby that has not heard of a leader.
    pub fn new(config: Config) -> Self {
        let leadership = Leadership { leader: None, leading: false };
        Self { config, leadership, role: Role::Standby, rounds: 0 }
    }

    /// The term, if this host leads and serves.
    pub fn term(&self) -> Option<&Term> {
        match &self.role {
            Role::Leading(term) => Some(term),
            Role::Standby | Role::Recovering { .. } => None,
        }
    }

    /// Why this host does not serve; `None` if it does.
    pub fn refusal(&self) -> Option<Failure> {
        self.term().is_none().then(|| self.leadership.not_leader())
    }

    /// The conservation law, and the agreement of every index and cache with what it is made from.
    pub fn check(&self) -> Result<(), Violation> {
        self.term().map_or(Ok(()), Term::check)
    }

    /// Counts, and whether the invariants hold.
    pub fn summary(&self) -> Summary {
        let Some(term) = self.term() else { return Summary::default() };
        Summary {
            leading: true,
            epoch: Some(term.epoch),
            frameworks: term.frameworks.len(),
            active_frameworks: term.frameworks.values().filter(|f| f.is_active()).count(),
            removed_frameworks: term.removed.len(),
            agents: term.agents.len(),
            agents_here: term.agents.values().filter(|a| a.here().is_some()).count(),
            offers: term.offers.len(),
            tasks: term.ledger.len(),
            records_in_flight: term.writes.len(),
            allocator_questions: term.questions.len(),
            operations: term.operations.len(),
            violation: term.check().err().map(|v| v.to_string()),
        }
    }
}

impl Term {
    /// All tasks that have not ended, or have and are not acknowledged.
    pub fn tasks(&self) -> impl Iterator<Item = (&TaskKey, &Entry)> {
        self.ledger.iter()
    }

    /// All agents that are known.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        self.agents.iter()
    }

    /// All frameworks that are not removed.
    pub fn frameworks(&self) -> impl Iterator<Item = (&FrameworkId, &Framework)> {
        self.frameworks.iter()
    }

    /// What is offered or used on an agent, by whom and for which role: the allocator's view of an
    /// agent that is here must agree.
    pub fn allocated(
        &self,
        agent_id: &AgentId,
    ) -> BTreeMap<(FrameworkId, String), protocol::Resources> {
        let mut sums = BTreeMap::new();
        let offered = self.offers.on_agent(agent_id).map(|offer| offer.share());
        for share in self.ledger.shares_on(agent_id).chain(offered) {
            let sum: &mut protocol::Resources =
                sums.entry((share.framework_id, share.role)).or_default();
            sum.add_all(&share.resources);
        }
        sums
    }

    /// The active framework whose scheduler speaks from `from`.
    pub(crate) fn caller(&self, id: &FrameworkId, from: &Address) -> Result<&Framework, Failure> {
        let framework = self.framework(id)?;
        match &framework.scheduler {
            Some(scheduler) if scheduler.speaks_from(from) => Ok(framework),
            Some(scheduler) => Err(Failure::refused(format!(
                "framework {id} is scheduled by {}; calls from {from} are refused",
                scheduler.address
            ))),
            None => Err(Failure::refused(format!("Framework is not subscribed: {id}"))),
        }
    }

    /// A framework that is known and not removed.
    pub(crate) fn framework(&self, id: &FrameworkId) -> Result<&Framework, Failure> {
        self.frameworks.get(id).ok_or_else(|| {
            let text = if self.removed.contains(id) {
                format!("Framework has been removed: {id}")
            } else {
                format!("Framework cannot be found: {id}")
            };
            Failure::new(FailureKind::NotFound, text)
        })
    }

    pub(crate) fn standing(&self, agent_id: &AgentId) -> Option<Standing> {
        self.agents.get(agent_id).map(|agent| agent.standing)
    }

    /// Since when an agent is unreachable, if it is.
    pub(crate) fn unreachable_since(&self, agent_id: &AgentId) -> Option<Time> {
        self.standing(agent_id)?.unreachable_since()
    }

    /// Tells a framework's scheduler, if it is connected.
    pub(crate) fn tell(&self, id: &FrameworkId, message: ToScheduler, turn: &mut Turn<'_>) {
        let scheduler = self.frameworks.get(id).and_then(|f| f.scheduler.as_ref());
        if let Some(scheduler) = scheduler {
            turn.scheduler(&scheduler.address, message);
        }
    }

    /// Moves a framework through its life; `None` if the event cannot happen now.
    pub(crate) fn advance(
        &mut self,
        id: &FrameworkId,
        event: crate::framework::FrameworkEvent,
    ) -> Option<FrameworkState> {
        let framework = self.frameworks.get_mut(id)?;
        let before = framework.state;
        framework.state = before.transition(event).ok()?;
        Some(before)
    }
}

/// One step: when it happens, and what is to be done.
pub(crate) struct Turn<'a> {
    pub(crate) now: Time,
    pub(crate) out: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    pub(crate) fn scheduler(&mut self, scheduler: &Address, message: ToScheduler) {
        self.out.push(Effect::ToScheduler { scheduler: scheduler.clone(), message });
    }

    pub(crate) fn agents(&mut self, message: ToAgents) {
        self.out.push(Effect::ToAgents(message));
    }

    pub(crate) fn allocator(&mut self, message: ToAllocator) {
        self.out.push(Effect::ToAllocator(message));
    }

    pub(crate) fn reply(&mut self, call: CallId, result: Result<Answer, Failure>) {
        self.out.push(Effect::Reply { call, result });
    }

    pub(crate) fn set(&mut self, timer: Timer, at: Time) {
        self.out.push(Effect::SetTimer { timer, at });
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.out.push(Effect::CancelTimer { timer });
    }

    pub(crate) fn emit(&mut self, report: Report) {
        self.out.push(Effect::Emit(report));
    }
}
