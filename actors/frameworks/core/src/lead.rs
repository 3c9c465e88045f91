//! Leadership: standby, recovering from the registry, leading; and back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::Failure;
use protocol::Time;
use protocol::elector::Leadership;
use protocol::frameworks::RoleSettings;
use protocol::id::{Epoch, FrameworkId};
use protocol::maintenance::Maintenance;
use protocol::registrar::{AgentStanding, FrameworkRecord, Registry, RegistrySnapshot};
use protocol::shared::Tracked;

use crate::agents::{Agent, Standing};
use crate::config::Config;
use crate::counters::Counters;
use crate::effect::{Effect, Timer};
use crate::framework::{Framework, FrameworkState};
use crate::inverse::InverseBook;
use crate::ledger::Ledger;
use crate::offers::OfferBook;
use crate::operations::Operations;
use crate::preempt::Claims;
use crate::questions::Questions;
use crate::resize::Resizes;
use crate::schedulers::Schedulers;
use crate::setbacks::Setbacks;
use crate::state::{Ids, Role, State, Term, Turn};
use crate::views::Views;

/// Between two attempts to read the registry: the registrar is on this host and loads it within
/// a few round trips to the store.
pub(crate) const RETRY_REGISTRY: Duration = Duration::from_millis(200);

impl State {
    pub(crate) fn on_leader_changed(
        &mut self,
        leadership: Leadership,
        run: String,
        turn: &mut Turn<'_>,
    ) {
        let epoch = leadership.leader.as_ref().map(|l| l.epoch).filter(|_| leadership.leading);
        self.leadership = leadership;
        if epoch.is_some() && epoch == self.epoch() {
            return;
        }
        self.step_down(turn);
        if let Some(epoch) = epoch {
            self.role = Role::Recovering { epoch, run };
            self.load_registry(turn);
        }
    }

    pub(crate) fn is_recovering(&self) -> bool {
        matches!(self.role, Role::Recovering { .. })
    }

    pub(crate) fn load_registry(&self, turn: &mut Turn<'_>) {
        if let Role::Recovering { epoch, .. } = self.role {
            turn.out.push(Effect::LoadRegistry { epoch });
        }
    }

    pub(crate) fn on_registry_loaded(
        &mut self,
        epoch: Epoch,
        result: Result<RegistrySnapshot, Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Role::Recovering { epoch: mine, run } = &self.role else { return };
        if *mine != epoch {
            return;
        }
        match result {
            Ok(snapshot) if snapshot.epoch == epoch => {
                let run = run.clone();
                let mut term = Term::new(self.config.clone(), epoch, Ids::new(run), self.rounds);
                term.recover_registry(snapshot.registry, turn);
                self.role = Role::Leading(Box::new(term));
            }
            Ok(_) | Err(_) => turn.set(Timer::LoadRegistry, turn.now + RETRY_REGISTRY),
        }
    }

    fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Standby => None,
            Role::Recovering { epoch, .. } => Some(*epoch),
            Role::Leading(term) => Some(term.epoch),
        }
    }

    /// Forgets the term: whoever waits is told where to go, and nothing fires later.
    fn step_down(&mut self, turn: &mut Turn<'_>) {
        let role = std::mem::replace(&mut self.role, Role::Standby);
        let Role::Leading(term) = role else { return };
        self.rounds = term.round;
        let writing = term.writes.values().flat_map(|write| write.calls());
        for call in writing.chain(term.questions.calls()).chain(term.resizes.calls()) {
            turn.reply(call, Err(self.leadership.not_leader()));
        }
        for framework in term.frameworks.values() {
            match &framework.scheduler {
                Some(s) => turn.out.push(Effect::UnlinkScheduler(s.address.clone())),
                None => turn.cancel(Timer::Failover(framework.id.clone())),
            }
        }
        for timer in term.resizes.timers() {
            turn.cancel(timer);
        }
        turn.cancel(Timer::OffersExpire);
        turn.cancel(Timer::ResetAllocator);
        turn.cancel(Timer::LoadRegistry);
        turn.cancel(Timer::Claims);
    }
}

impl Term {
    pub(crate) fn new(config: Config, epoch: Epoch, ids: Ids, round: u64) -> Self {
        Self {
            config,
            epoch,
            ids,
            round,
            frameworks: Tracked::default(),
            schedulers: Schedulers::default(),
            removed: BTreeSet::new(),
            completed: VecDeque::new(),
            agents: Tracked::default(),
            offers: OfferBook::default(),
            inverse: InverseBook::default(),
            claims: Claims::default(),
            maintenance: Maintenance::default(),
            ledger: Ledger::default(),
            questions: Questions::default(),
            settings: RoleSettings::default(),
            operations: Operations::default(),
            writes: BTreeMap::new(),
            setbacks: Setbacks::default(),
            resizes: Resizes::default(),
            counters: Counters::default(),
            views: Views::default(),
        }
    }

    fn recover_registry(&mut self, registry: Registry, turn: &mut Turn<'_>) {
        let mut maintenance = registry.maintenance;
        self.maintenance = maintenance.remove(Maintenance::CLUSTER).unwrap_or_default();
        for (id, record) in registry.agents {
            let standing = match record.standing {
                AgentStanding::Admitted => Standing::Recovered,
                AgentStanding::Unreachable { since } => Standing::Unreachable { since },
                AgentStanding::Gone { since } => Standing::Gone { since },
            };
            self.agents.insert(id, Agent::new(standing));
        }
        self.settings = RoleSettings { quotas: registry.quotas, weights: registry.weights };
        for (id, record) in registry.frameworks {
            self.recover_record(id, record, turn);
        }
        self.reset_allocator(turn);
    }

    fn recover_record(&mut self, id: FrameworkId, record: FrameworkRecord, turn: &mut Turn<'_>) {
        if record.removed.is_some() {
            self.removed.insert(id);
            return;
        }
        let mut framework = Framework::new(record.info, id.clone(), record.registered);
        framework.recorded = true;
        self.frameworks.insert(id.clone(), framework);
        self.start_failover_timer(&id, turn);
    }

    /// Gives a framework without a scheduler its time to come back.
    pub(crate) fn start_failover_timer(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let timeout = Duration::from_millis(framework.info.failover_timeout_ms);
        let at: Time = match framework.state {
            FrameworkState::Recovered => turn.now + timeout.max(self.config.recovery_grace),
            _ => turn.now + timeout,
        };
        framework.removed_at = Some(at);
        turn.set(Timer::Failover(id.clone()), at);
    }
}
