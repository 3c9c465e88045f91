//! Subscriptions: new frameworks, resubscriptions and failovers; and the loss of a scheduler.

use std::collections::BTreeSet;

use protocol::agents::RouteUpdateFramework;
use protocol::allocator::{AddFramework, SetFrameworkActive};
use protocol::constraints::OfferConstraints;
use protocol::events::types;
use protocol::framework::FrameworkInfo;
use protocol::frameworks::{FrameworkSubscribed, SubscribeFramework};
use protocol::id::{CallId, FrameworkId};
use protocol::registrar::FrameworkRecord;
use protocol::scheduler::FrameworkError;
use protocol::{Address, Failure, Time};
use serde::Serialize;

use crate::authority::may_register;
use crate::effect::{Answer, Effect, Timer, ToAgents, ToAllocator, ToScheduler};
use crate::framework::{Framework, FrameworkEvent, FrameworkState, Scheduler};
use crate::report;
use crate::roles::{check_wishes, complete_roles};
use crate::state::{Term, Turn};
use crate::writes::Change;

/// A subscription whose form is right: roles are well-formed and not empty, suppressed and
/// constrained roles are among them, constraints and filters can be used, and it has an id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Subscription {
    pub(crate) call: CallId,
    /// When it was first recorded.
    registered: Time,
    pub(crate) id: FrameworkId,
    info: FrameworkInfo,
    suppressed: BTreeSet<String>,
    constraints: Option<OfferConstraints>,
    scheduler: Scheduler,
}

impl Subscription {
    /// Who is going to get the offers.
    pub(crate) fn scheduler(&self) -> &Address {
        &self.scheduler.address
    }

    /// Whom it is for.
    pub(crate) fn framework(&self) -> &FrameworkId {
        &self.id
    }
}

impl Term {
    pub(crate) fn on_subscribe(
        &mut self,
        call: CallId,
        from: &Address,
        message: SubscribeFramework,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        match self.validated(call, from, message, turn.now) {
            Ok(subscription) => {
                self.change(Change::Subscribe(Box::new(subscription)), turn);
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    fn validated(
        &mut self,
        call: CallId,
        from: &Address,
        message: SubscribeFramework,
        now: Time,
    ) -> Result<Subscription, Failure> {
        let SubscribeFramework { mut info, suppressed_roles, scheduler, offer_constraints } =
            message;
        complete_roles(&mut info);
        check_wishes(&info, &suppressed_roles, offer_constraints.as_ref())?;
        // Not `Forbidden`: a scheduler is told on its stream.
        may_register(&self.config.acls, &info).map_err(|no| Failure::refused(no.to_string()))?;
        let address = scheduler.unwrap_or_else(|| from.clone());
        let given = info.id.take().filter(|id| !id.as_str().is_empty());
        let id = match given {
            Some(id) => {
                id.check().map_err(|e| Failure::refused(format!("bad framework id: {e}")))?;
                id
            }
            // One that comes again (its answer was lost, or late) makes no second framework.
            None => match self.schedulers.first_of(&address) {
                Some(id) => id.clone(),
                None => self.ids.next_framework(),
            },
        };
        info.id = Some(id.clone());
        let suppressed = suppressed_roles.into_iter().collect();
        let scheduler = Scheduler { address, subscriber: from.clone() };
        let constraints = offer_constraints;
        Ok(Subscription { call, registered: now, id, info, suppressed, constraints, scheduler })
    }

    /// Goes on with a subscription whose turn has come.
    pub(crate) fn begin_subscription(&mut self, mut new: Subscription, turn: &mut Turn<'_>) {
        if let Err(failure) = self.merge(&mut new) {
            return turn.reply(new.call, Err(failure));
        }
        let known = self.frameworks.get(&new.id);
        if known.is_some_and(|known| known.recorded && known.info == new.info) {
            return self.complete_subscription(new, turn);
        }
        new.registered = known.map_or(turn.now, |known| known.registered);
        let record =
            FrameworkRecord { info: new.info.clone(), registered: new.registered, removed: None };
        self.record_framework(record, Change::Subscribe(Box::new(new)), turn);
    }

    /// What may not change: the principal is refused; user and checkpoint keep their first values.
    fn merge(&self, new: &mut Subscription) -> Result<(), Failure> {
        if self.removed.contains(&new.id) {
            return Err(Failure::refused("Framework has been removed"));
        }
        let Some(known) = self.frameworks.get(&new.id) else { return Ok(()) };
        if known.info.principal != new.info.principal {
            return Err(Failure::refused("Changing framework's principal is not allowed."));
        }
        new.info.user.clone_from(&known.info.user);
        new.info.checkpoint = known.info.checkpoint;
        Ok(())
    }

    pub(crate) fn on_subscription_recorded(
        &mut self,
        subscription: Subscription,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        match result {
            Ok(()) => self.complete_subscription(subscription, turn),
            Err(failure) => turn.reply(subscription.call, Err(failure)),
        }
    }

    /// The registry has it: the scheduler takes over.
    fn complete_subscription(&mut self, new: Subscription, turn: &mut Turn<'_>) {
        let id = new.id.clone();
        let is_new = !self.frameworks.contains_key(&id);
        self.retire_scheduler(&id, &new.scheduler.address, turn);
        if is_new {
            let framework = Framework::new(new.info.clone(), id.clone(), new.registered);
            self.frameworks.insert(id.clone(), framework);
        }
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        let changed = !is_new && framework.info != new.info;
        framework.recorded = true;
        framework.removed_at = None;
        framework.info = new.info;
        framework.suppressed = new.suppressed;
        framework.constraints = new.constraints;
        framework.drop_wishes();
        framework.scheduler = Some(new.scheduler.clone());
        self.schedulers.add(&new.scheduler.address, &id);
        let before = self.advance(&id, FrameworkEvent::Subscribed);
        if !is_new && before != Some(FrameworkState::Active) {
            turn.cancel(Timer::Failover(id.clone()));
        }
        turn.out.push(Effect::LinkScheduler(new.scheduler.address));
        let subscribed = FrameworkSubscribed { framework_id: id.clone(), epoch: self.epoch };
        turn.reply(new.call, Ok(Answer::Subscribed(subscribed)));
        self.introduce_framework(&id, turn);
        if changed {
            self.spread_info(&id, turn);
        }
        let kind = if is_new { types::FRAMEWORK_ADDED } else { types::FRAMEWORK_UPDATED };
        turn.emit(report::framework(kind, &self.frameworks[&id]));
    }

    /// Ends what an earlier subscription of this framework began.
    fn retire_scheduler(&mut self, id: &FrameworkId, next: &Address, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(old) = framework.scheduler.take() else { return };
        self.schedulers.remove(&old.address, id);
        if old.address == *next {
            self.rescind_all_of(id, Some(&old.address), turn);
            return;
        }
        let text = "Framework failed over".to_owned();
        let error = FrameworkError { framework_id: id.clone(), message: text };
        turn.scheduler(&old.address, ToScheduler::Error(error));
        self.unlink(&old.address, turn);
        self.rescind_all_of(id, None, turn);
    }

    /// Unlinks a scheduler unless another framework has the same.
    pub(crate) fn unlink(&self, scheduler: &Address, turn: &mut Turn<'_>) {
        if self.schedulers.of(scheduler).next().is_none() {
            turn.out.push(Effect::UnlinkScheduler(scheduler.clone()));
        }
    }

    /// Tells the allocator of a framework as it is now.
    pub(crate) fn introduce_framework(&self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get(id) else { return };
        turn.allocator(ToAllocator::AddFramework(AddFramework {
            framework_id: id.clone(),
            info: framework.info.clone(),
            suppressed_roles: framework.suppressed.iter().cloned().collect(),
            active: framework.is_active(),
            offer_constraints: framework.constraints.clone(),
        }));
        self.repeat_wishes(framework, turn);
    }

    /// Agents that run something of the framework keep its record.
    pub(crate) fn spread_info(&self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let agents = self.ledger.agents_of(id);
        if !agents.is_empty() {
            let framework = self.frameworks[id].info.clone();
            turn.agents(ToAgents::UpdateFramework(RouteUpdateFramework { framework, agents }));
        }
    }

    pub(crate) fn on_scheduler_exited(&mut self, scheduler: &Address, turn: &mut Turn<'_>) {
        let ids: Vec<_> = self.schedulers.of(scheduler).cloned().collect();
        for id in ids {
            self.disconnect(&id, turn);
        }
    }

    fn disconnect(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        if self.advance(id, FrameworkEvent::SchedulerLost).is_none() {
            return;
        }
        if let Some(framework) = self.frameworks.get_mut(id) {
            if let Some(scheduler) = framework.scheduler.take() {
                self.schedulers.remove(&scheduler.address, id);
            }
            turn.emit(report::framework(types::FRAMEWORK_UPDATED, framework));
        }
        turn.allocator(ToAllocator::SetActive(SetFrameworkActive {
            framework_id: id.clone(),
            active: false,
        }));
        self.rescind_all_of(id, None, turn);
        self.start_failover_timer(id, turn);
    }
}
