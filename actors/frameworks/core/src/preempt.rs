//! Taking back, on the allocator's word, what others have a better claim to.
//!
//! Offers go at once. What tasks use is asked for by an inverse offer, and taken when the grace is
//! over: by killing as few tasks as will do, and executors only if all tasks of a framework there do
//! not suffice. Whatever the framework gives back meanwhile, for whatever reason, counts; so does
//! what is dying already. Both sides count alike, so that the allocator asks again for exactly what
//! has not come.
//!
//! What was asked for before the allocator was reset is taken only if the allocator, which has
//! forgotten it, asks again; it does not wait longer for that.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Time;
use protocol::agents::RouteShutdownExecutor;
use protocol::explain::SetbackKind;
use protocol::framework::{Reclaim, Unavailability, Wanted, Withdrawal};
use protocol::frameworks::{ReclaimResources, WithdrawReclaims};
use protocol::id::{AgentId, FrameworkId, OfferId};
use protocol::resources::{Resource, Resources, Value};
use protocol::task::{Reason, TaskState, TaskStatus};
use serde::Serialize;

use crate::agents::Share;
use crate::effect::{Timer, ToAgents};
use crate::ledger::{Entry, ExecutorKey, TaskKey};
use crate::state::{Term, Turn};
use crate::victims::{Amounts, add, amounts, fewest, plain, take};

/// How long after the grace what is killed is waited for. Less than the allocator waits before it
/// asks again, so that nothing is counted twice.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where something is taken back from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    agent_id: AgentId,
    framework_id: FrameworkId,
    role: String,
}

/// What is taken back from one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Claim {
    /// What has not come yet.
    left: Amounts,
    /// The end of the grace; or, from then on, of the patience.
    until: Time,
    for_role: String,
    /// Of the allocator that asked for it.
    round: u64,
    /// How the framework was told.
    inverse: Option<OfferId>,
    /// The grace is over.
    taken: bool,
}

/// Everything that is being taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Claims(BTreeMap<Place, Vec<Claim>>);

impl Claims {
    /// The inverse offers of claims that `drop` accepts, which are forgotten.
    fn forget(&mut self, drop: impl Fn(&Place, &Claim) -> bool) -> Vec<OfferId> {
        let mut void = Vec::new();
        self.0.retain(|place, claims| {
            void.extend(remove(claims, |claim| drop(place, claim)));
            !claims.is_empty()
        });
        void
    }

    /// As [`Self::forget`], of one place.
    fn forget_at(&mut self, place: &Place, drop: impl Fn(&Claim) -> bool) -> Vec<OfferId> {
        let Some(claims) = self.0.get_mut(place) else { return Vec::new() };
        let void = remove(claims, drop);
        if claims.is_empty() {
            self.0.remove(place);
        }
        void
    }

    /// Nothing there is settled, and nothing is left of what is.
    pub(crate) fn are_open(&self) -> bool {
        self.0
            .values()
            .all(|claims| !claims.is_empty() && claims.iter().all(|claim| !claim.left.is_empty()))
    }
}

impl Term {
    pub(crate) fn on_reclaim(&mut self, message: ReclaimResources, turn: &mut Turn<'_>) {
        if message.round != self.round {
            return;
        }
        for reclaim in message.reclaims {
            if self.generation(&reclaim.agent_id) == Some(reclaim.generation) {
                self.claim(reclaim, turn);
            }
        }
        self.arm_claims(turn);
    }

    fn claim(&mut self, reclaim: Reclaim, turn: &mut Turn<'_>) {
        let Reclaim { framework_id, role, agent_id, resources, for_role, grace_ms, .. } = reclaim;
        let place = Place { agent_id, framework_id, role };
        let left = amounts(&resources);
        if left.is_empty() {
            return;
        }
        let claims = self.claims.0.entry(place.clone()).or_default();
        let before = |claim: &&mut Claim| claim.round != self.round && claim.for_role == for_role;
        match claims.iter_mut().find(before) {
            Some(claim) => (claim.left, claim.round) = (left, self.round),
            None => claims.push(Claim {
                left,
                until: turn.now + Duration::from_millis(grace_ms),
                for_role,
                round: self.round,
                inverse: None,
                taken: false,
            }),
        }
        self.rescind_claimed(&place, turn);
        self.announce_claims(&place, turn);
    }

    /// Whoever was to have it needs it no more.
    pub(crate) fn on_withdraw(&mut self, message: WithdrawReclaims, turn: &mut Turn<'_>) {
        if message.round != self.round {
            return;
        }
        for withdrawal in message.withdrawals {
            if self.generation(&withdrawal.agent_id) == Some(withdrawal.generation) {
                let Withdrawal { framework_id, role, agent_id, for_role, .. } = withdrawal;
                let there = Place { agent_id, framework_id, role };
                let void = self.claims.forget_at(&there, |claim| claim.for_role == for_role);
                self.void_inverse(void, turn);
            }
        }
    }

    /// The offers there go at once, until enough has come back.
    fn rescind_claimed(&mut self, place: &Place, turn: &mut Turn<'_>) {
        let offers = self.offers.on_agent(&place.agent_id).map(|it| &it.offer);
        let mine = offers.filter(|o| o.framework_id == place.framework_id && o.role == place.role);
        let ids: Vec<_> = mine.map(|offer| offer.offer_id.clone()).collect();
        for id in ids {
            if self.claims.0.contains_key(place) {
                let why =
                    (SetbackKind::OfferRescinded, "others have a better claim to what is in them");
                self.rescind(vec![id], why, turn);
            }
        }
    }

    /// Asks the scheduler for what is left, if it has not been asked.
    fn announce_claims(&mut self, place: &Place, turn: &mut Turn<'_>) {
        let claims = self.claims.0.get(place).into_iter().flatten().enumerate();
        let untold = claims.filter(|(_, claim)| claim.inverse.is_none() && !claim.taken);
        let untold: Vec<_> =
            untold.map(|(at, claim)| (at, claim.until, bag(&claim.left))).collect();
        let mut offers = Vec::new();
        for (at, start, resources) in untold {
            let unavailability = Unavailability { start, duration_ms: None };
            let wanted = Some(Wanted { role: place.role.clone(), resources });
            let (framework_id, agent_id) = (&place.framework_id, &place.agent_id);
            let offer =
                self.make_inverse_offer(framework_id, agent_id, unavailability, wanted, turn.now);
            let claim = self.claims.0.get_mut(place).and_then(|claims| claims.get_mut(at));
            if let (Some(offer), Some(claim)) = (offer, claim) {
                claim.inverse = Some(offer.offer_id.clone());
                offers.push(offer);
            }
        }
        if !offers.is_empty() {
            self.send_inverse_offers(place.framework_id.clone(), offers, turn);
        }
    }

    /// Something has come back; it counts for what was asked for first.
    pub(crate) fn count_returned(&mut self, share: &Share, turn: &mut Turn<'_>) {
        if self.claims.0.is_empty() {
            return;
        }
        let place = Place {
            agent_id: share.agent_id.clone(),
            framework_id: share.framework_id.clone(),
            role: share.role.clone(),
        };
        let Some(claims) = self.claims.0.get_mut(&place) else { return };
        let mut came = amounts(&share.resources);
        for claim in claims {
            let counted = take(&mut claim.left, &came);
            take(&mut came, &counted);
        }
        let settled = self.claims.forget_at(&place, |claim| claim.left.is_empty());
        self.void_inverse(settled, turn);
    }

    /// An agent that is lost, or has registered anew, has other holdings.
    pub(crate) fn forget_claims_on(&mut self, agent_id: &AgentId) {
        self.claims.forget(|place, _| place.agent_id == *agent_id);
    }

    pub(crate) fn forget_claims_of(&mut self, framework_id: &FrameworkId) {
        self.claims.forget(|place, _| place.framework_id == *framework_id);
    }

    /// The allocator forgets what it has asked for, and counts what is dying as held.
    pub(crate) fn forget_taken(&mut self) {
        self.claims.forget(|_, claim| claim.taken);
    }

    pub(crate) fn on_claims_due(&mut self, turn: &mut Turn<'_>) {
        let (now, round) = (turn.now, self.round);
        let over = |claim: &Claim| claim.until <= now && (claim.taken || claim.round != round);
        let mut void = self.claims.forget(|_, claim| over(claim));
        let mut due = Vec::new();
        for (place, claims) in &mut self.claims.0 {
            for claim in claims.iter_mut().filter(|claim| claim.until <= now) {
                claim.taken = true;
                claim.until = now + PATIENCE;
                void.extend(claim.inverse.take());
                due.push((place.clone(), claim.for_role.clone()));
            }
        }
        self.void_inverse(void, turn);
        for (place, for_role) in due {
            self.take_from(&place, &for_role, turn);
        }
        self.arm_claims(turn);
    }

    fn arm_claims(&self, turn: &mut Turn<'_>) {
        if let Some(at) = self.claims.0.values().flatten().map(|claim| claim.until).min() {
            turn.set(Timer::Claims, at);
        }
    }

    /// The grace is over: kills what has to end, less what is dying.
    fn take_from(&mut self, place: &Place, for_role: &str, turn: &mut Turn<'_>) {
        let mut need = Amounts::new();
        for claim in self.claims.0.get(place).into_iter().flatten().filter(|claim| claim.taken) {
            add(&mut need, &claim.left);
        }
        let (dying, living): (Vec<_>, Vec<_>) =
            self.tasks_at(place).partition(|(_, entry)| is_dying(entry));
        for (_, entry) in dying {
            take(&mut need, &plain(&entry.task.resources));
        }
        let held: Vec<_> = living.iter().map(|(_, entry)| plain(&entry.task.resources)).collect();
        let chosen = fewest(&held, &need);
        chosen.iter().for_each(|at| drop(take(&mut need, &held[*at])));
        let keys: Vec<TaskKey> = chosen.into_iter().map(|at| living[at].0.clone()).collect();
        for key in keys {
            self.preempt(&key, for_role, turn);
        }
        if !need.is_empty() {
            self.take_executors(place, for_role, &need, turn);
        }
    }

    fn tasks_at<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = (TaskKey, &'a Entry)> {
        let keys = self.ledger.on_agent(&place.agent_id).into_iter();
        let entries = keys.filter_map(|key| self.ledger.get(&key).map(|entry| (key, entry)));
        entries.filter(|(_, entry)| {
            let task = &entry.task;
            entry.holds() && task.framework_id == place.framework_id && task.role == place.role
        })
    }

    fn preempt(&mut self, key: &TaskKey, for_role: &str, turn: &mut Turn<'_>) {
        let Some(entry) = self.ledger.get_mut(key) else { return };
        entry.preempted_for = Some(for_role.to_owned());
        self.route_kill(key, None, turn);
    }

    /// What executors hold beside their tasks comes back only with them.
    fn take_executors(
        &mut self,
        place: &Place,
        for_role: &str,
        need: &Amounts,
        turn: &mut Turn<'_>,
    ) {
        let there: Vec<_> = self
            .ledger
            .executors_on(&place.agent_id)
            .filter(|(key, it)| key.framework_id == place.framework_id && it.role == place.role)
            .map(|(key, executor)| (key.clone(), plain(&executor.info.resources)))
            .collect();
        let held: Vec<_> = there.iter().map(|(_, held)| held.clone()).collect();
        for at in fewest(&held, need) {
            self.preempt_executor(place, &there[at].0, for_role, turn);
        }
    }

    fn preempt_executor(
        &mut self,
        place: &Place,
        executor: &ExecutorKey,
        for_role: &str,
        turn: &mut Turn<'_>,
    ) {
        let of_it = |entry: &Entry| entry.task.executor_id == executor.executor_id;
        let tasks = self.tasks_at(place).filter(|(_, entry)| of_it(entry));
        let keys: Vec<_> = tasks.map(|(key, _)| key).collect();
        for key in keys {
            if let Some(entry) = self.ledger.get_mut(&key) {
                entry.preempted_for = Some(for_role.to_owned());
            }
        }
        turn.agents(ToAgents::ShutdownExecutor(RouteShutdownExecutor {
            agent_id: executor.agent_id.clone(),
            framework_id: executor.framework_id.clone(),
            executor_id: executor.executor_id.clone(),
        }));
    }

    /// A report that a task is killed says who wanted that.
    pub(crate) fn explain_preemption(&self, key: &TaskKey, status: &mut TaskStatus) {
        let ending = matches!(status.state, TaskState::Killing | TaskState::Killed);
        let entry = self.ledger.get(key).filter(|_| ending);
        let Some(role) = entry.and_then(|entry| entry.preempted_for.as_ref()) else { return };
        status.reason = Some(Reason::ContainerPreempted);
        let before = std::mem::take(&mut status.message);
        status.message = format!("preempted for role {role}");
        if !before.is_empty() {
            status.message += &format!(": {before}");
        }
    }
}

/// The inverse offers of the claims that go.
fn remove(claims: &mut Vec<Claim>, goes: impl Fn(&Claim) -> bool) -> Vec<OfferId> {
    claims.extract_if(.., |claim| goes(claim)).filter_map(|claim| claim.inverse).collect()
}

/// Whether it has been told to end.
fn is_dying(entry: &Entry) -> bool {
    entry.preempted_for.is_some() || entry.task.state == TaskState::Killing
}

fn bag(amounts: &Amounts) -> Resources {
    let scalar = |(name, amount): (&String, _)| Resource::new(name.clone(), Value::Scalar(amount));
    amounts.iter().map(|(name, amount)| scalar((name, *amount))).collect()
}
