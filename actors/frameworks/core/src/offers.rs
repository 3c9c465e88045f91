//! The book of outstanding offers, and how offers begin and end without being accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::allocator::RecoverResources;
use protocol::events::types;
use protocol::explain::SetbackKind;
use protocol::framework::{Allocation, Filters, Offer};
use protocol::frameworks::{DeclineOffers, OfferAllocations};
use protocol::id::{AgentId, FrameworkId, Generation, OfferId};
use protocol::scheduler::{RescindOffers, ResourceOffers};
use protocol::shared::Tracked;
use protocol::{Address, Failure, Time};
use serde::Serialize;

use crate::agents::Share;
use crate::effect::{Timer, ToAllocator, ToScheduler};
use crate::report;
use crate::setbacks;
use crate::state::{Term, Turn};

/// An offer that a scheduler may use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outstanding {
    /// Shared with those who have it in view.
    pub(crate) offer: Arc<Offer>,
    /// The registration of the agent that it is a promise about.
    pub(crate) generation: Generation,
    expires: Option<Time>,
}

impl Outstanding {
    pub(crate) fn share(&self) -> Share {
        Share {
            agent_id: self.offer.agent_id.clone(),
            framework_id: self.offer.framework_id.clone(),
            role: self.offer.role.clone(),
            resources: self.offer.resources.clone(),
        }
    }
}

/// All outstanding offers, and who has them, on whom, until when.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct OfferBook {
    pub(crate) offers: Tracked<OfferId, Outstanding>,
    by_framework: BTreeMap<FrameworkId, BTreeSet<OfferId>>,
    by_agent: BTreeMap<AgentId, BTreeSet<OfferId>>,
    by_expiry: BTreeSet<(Time, OfferId)>,
}

impl OfferBook {
    fn insert(&mut self, outstanding: Outstanding) {
        let offer = &outstanding.offer;
        let id = offer.offer_id.clone();
        self.by_framework.entry(offer.framework_id.clone()).or_default().insert(id.clone());
        self.by_agent.entry(offer.agent_id.clone()).or_default().insert(id.clone());
        if let Some(at) = outstanding.expires {
            self.by_expiry.insert((at, id.clone()));
        }
        self.offers.insert(id, outstanding);
    }

    fn remove(&mut self, id: &OfferId) -> Option<Outstanding> {
        let outstanding = self.offers.remove(id)?;
        unlist(&mut self.by_framework, &outstanding.offer.framework_id, id);
        unlist(&mut self.by_agent, &outstanding.offer.agent_id, id);
        if let Some(at) = outstanding.expires {
            self.by_expiry.remove(&(at, id.clone()));
        }
        Some(outstanding)
    }

    pub(crate) fn get(&self, id: &OfferId) -> Option<&Outstanding> {
        self.offers.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.offers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Outstanding> {
        self.offers.values()
    }

    pub(crate) fn on_agent(&self, agent_id: &AgentId) -> impl Iterator<Item = &Outstanding> {
        self.by_agent.get(agent_id).into_iter().flatten().filter_map(|id| self.offers.get(id))
    }

    pub(crate) fn of_framework(&self, id: &FrameworkId) -> impl Iterator<Item = &Outstanding> {
        self.by_framework.get(id).into_iter().flatten().filter_map(|id| self.offers.get(id))
    }

    /// Whether every index names exactly the offers that are there.
    pub(crate) fn indexes_are_exact(&self) -> bool {
        let framework_listed: usize = self.by_framework.values().map(BTreeSet::len).sum();
        let agent_listed: usize = self.by_agent.values().map(BTreeSet::len).sum();
        let has = |set: Option<&BTreeSet<OfferId>>, id| set.is_some_and(|s| s.contains(id));
        framework_listed == self.offers.len()
            && agent_listed == self.offers.len()
            && self.offers.iter().all(|(id, o)| {
                has(self.by_framework.get(&o.offer.framework_id), id)
                    && has(self.by_agent.get(&o.offer.agent_id), id)
                    && o.expires.is_none_or(|at| self.by_expiry.contains(&(at, id.clone())))
            })
    }
}

pub(crate) fn unlist<K: Ord>(index: &mut BTreeMap<K, BTreeSet<OfferId>>, key: &K, id: &OfferId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

impl Term {
    pub(crate) fn on_allocations(&mut self, message: OfferAllocations, turn: &mut Turn<'_>) {
        if message.round != self.round {
            return;
        }
        let mut offers: BTreeMap<FrameworkId, Vec<Offer>> = BTreeMap::new();
        for allocation in message.allocations {
            match self.offer(&allocation, turn) {
                Ok(offer) => offers.entry(allocation.framework_id).or_default().push(offer),
                Err(Unofferable::Stale) => self.return_allocation(allocation, turn),
                Err(Unofferable::Overcommitted) => {
                    self.send_offers(offers, turn);
                    return self.distrust_allocator(turn);
                }
            }
        }
        self.send_offers(offers, turn);
    }

    fn return_allocation(&mut self, allocation: Allocation, turn: &mut Turn<'_>) {
        let Allocation { framework_id, role, agent_id, generation, resources } = allocation;
        if self.generation(&agent_id) == Some(generation) {
            return self.recover(Share { agent_id, framework_id, role, resources }, None, turn);
        }
        turn.allocator(ToAllocator::Recover(RecoverResources {
            agent_id,
            generation,
            framework_id,
            role,
            resources,
            filters: None,
        }));
    }

    fn send_offers(&self, offers: BTreeMap<FrameworkId, Vec<Offer>>, turn: &mut Turn<'_>) {
        for (framework_id, offers) in offers {
            for offer in &offers {
                turn.emit(report::offer_sent(offer));
            }
            let message = ResourceOffers { framework_id: framework_id.clone(), offers };
            self.tell(&framework_id, ToScheduler::Offers(message), turn);
        }
    }

    /// Turns an allocation into an outstanding offer.
    fn offer(
        &mut self,
        allocation: &Allocation,
        turn: &mut Turn<'_>,
    ) -> Result<Offer, Unofferable> {
        let Allocation { framework_id, role, agent_id, generation, resources } = allocation;
        let wanted = self.frameworks.get(framework_id).is_some_and(|f| f.wants(role));
        let agent = self.agents.get_mut_unseen(agent_id).filter(|a| a.here() == Some(*generation));
        let (true, Some(agent), false) = (wanted, agent, resources.is_empty()) else {
            return Err(Unofferable::Stale);
        };
        let info = agent.info.as_ref().ok_or(Unofferable::Stale)?;
        if resources.shared().any(|volume| !info.resources.iter().any(|it| it == volume)) {
            // It was destroyed meanwhile.
            return Err(Unofferable::Stale);
        }
        if !agent.has_free(resources) {
            return Err(Unofferable::Overcommitted);
        }
        let executors = self.ledger.executors_on(agent_id).map(|(key, _)| key);
        let offer = Offer {
            offer_id: self.ids.next_offer(),
            framework_id: framework_id.clone(),
            agent_id: agent_id.clone(),
            hostname: info.hostname.clone(),
            http: info.http.clone(),
            role: role.clone(),
            resources: resources.clone(),
            attributes: info.attributes.clone(),
            unavailability: agent.unavailability,
            domain: info.domain.clone(),
            executor_ids: executors
                .filter(|key| key.framework_id == *framework_id)
                .map(|key| key.executor_id.clone())
                .collect(),
        };
        agent.offered.add_all(resources);
        self.book(offer.clone(), *generation, turn);
        Ok(offer)
    }

    fn book(&mut self, offer: Offer, generation: Generation, turn: &mut Turn<'_>) {
        let expires = self.config.offer_timeout.map(|timeout| turn.now + timeout);
        if let Some(at) = expires.filter(|_| self.offers.by_expiry.is_empty()) {
            turn.set(Timer::OffersExpire, at);
        }
        self.offers.insert(Outstanding { offer: Arc::new(offer), generation, expires });
    }

    /// Takes an offer out of the book: its resources are no longer offered.
    pub(crate) fn take_offer(&mut self, id: &OfferId) -> Option<Outstanding> {
        let outstanding = self.offers.remove(id)?;
        if let Some(agent) = self.agents.get_mut_unseen(&outstanding.offer.agent_id) {
            agent.offered.remove_all(&outstanding.offer.resources);
        }
        Some(outstanding)
    }

    /// Voids all offers of a framework, inverse ones as well; `tell` hears of it.
    pub(crate) fn rescind_all_of(
        &mut self,
        id: &FrameworkId,
        tell: Option<&Address>,
        turn: &mut Turn<'_>,
    ) {
        self.rescind_inverse_of(id, tell, turn);
        let ids: Vec<_> = self.offers.of_framework(id).map(|o| o.offer.offer_id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        for offer_id in &ids {
            if let Some(outstanding) = self.take_offer(offer_id) {
                self.recover(outstanding.share(), None, turn);
            }
        }
        self.counters.count_of(id, "offers/rescinded", ids.len());
        turn.emit(report::offers(types::OFFER_RESCINDED, id, &ids));
        let (kind, why) = (SetbackKind::OfferRescinded, "its scheduler subscribed anew or is gone");
        self.setbacks.note(id, setbacks::of_offers(kind, turn.now, why, &ids));
        if let Some(scheduler) = tell {
            let message = RescindOffers { framework_id: id.clone(), offer_ids: ids };
            turn.scheduler(scheduler, ToScheduler::Rescind(message));
        }
    }

    /// Voids the offers for roles that a framework no longer has.
    pub(crate) fn rescind_other_roles(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let dropped = |o: &&Outstanding| !framework.info.roles.contains(&o.offer.role);
        let offers = self.offers.of_framework(id).filter(dropped);
        let ids = offers.map(|o| o.offer.offer_id.clone()).collect();
        let why = (SetbackKind::OfferRescinded, "the framework has left the role");
        self.rescind(ids, why, turn);
    }

    /// Voids these offers: what was in them is free.
    pub(crate) fn rescind(
        &mut self,
        ids: Vec<OfferId>,
        why: (SetbackKind, &str),
        turn: &mut Turn<'_>,
    ) {
        for (framework_id, ids) in self.void(ids, true, turn) {
            self.announce_rescinded(framework_id, ids, why, turn);
        }
    }

    /// Voids all offers and claims of an agent that is lost, or has registered anew.
    pub(crate) fn rescind_all_on(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let ids = self.offers.on_agent(agent_id).map(|o| o.offer.offer_id.clone()).collect();
        let why = (SetbackKind::OfferRescinded, "their agent is gone, or has registered anew");
        for (framework_id, ids) in self.void(ids, false, turn) {
            self.announce_rescinded(framework_id, ids, why, turn);
        }
        self.forget_claims_on(agent_id);
        self.rescind_inverse_on(agent_id, turn);
    }

    pub(crate) fn on_offers_expire(&mut self, turn: &mut Turn<'_>) {
        let due = self.offers.by_expiry.iter().take_while(|(at, _)| *at <= turn.now);
        let ids = due.map(|(_, id)| id.clone()).collect();
        let why = (SetbackKind::OfferExpired, "they were neither accepted nor declined in time");
        self.rescind(ids, why, turn);
        if let Some((at, _)) = self.offers.by_expiry.first() {
            turn.set(Timer::OffersExpire, *at);
        }
    }

    fn void(
        &mut self,
        ids: Vec<OfferId>,
        recover: bool,
        turn: &mut Turn<'_>,
    ) -> BTreeMap<FrameworkId, Vec<OfferId>> {
        let mut by_framework: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for id in ids {
            let Some(outstanding) = self.take_offer(&id) else { continue };
            if recover {
                self.recover(outstanding.share(), None, turn);
            }
            by_framework.entry(outstanding.offer.framework_id.clone()).or_default().push(id);
        }
        by_framework
    }

    fn announce_rescinded(
        &mut self,
        framework_id: FrameworkId,
        offer_ids: Vec<OfferId>,
        (kind, why): (SetbackKind, &str),
        turn: &mut Turn<'_>,
    ) {
        let setback = setbacks::of_offers(kind, turn.now, why, &offer_ids);
        self.setbacks.note(&framework_id, setback);
        self.counters.count_of(&framework_id, "offers/rescinded", offer_ids.len());
        turn.emit(report::offers(types::OFFER_RESCINDED, &framework_id, &offer_ids));
        let message = RescindOffers { framework_id: framework_id.clone(), offer_ids };
        self.tell(&framework_id, ToScheduler::Rescind(message), turn);
    }

    /// Unknown offers among them do not keep the others from being declined.
    pub(crate) fn on_decline(
        &mut self,
        from: &Address,
        message: &DeclineOffers,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let id = &message.framework_id;
        self.caller(id, from)?;
        let filters = capped(message.filters);
        let (mine, unknown): (Vec<_>, Vec<_>) = message
            .offer_ids
            .iter()
            .partition(|o| self.offers.get(o).is_some_and(|o| o.offer.framework_id == *id));
        for offer_id in &mine {
            if let Some(outstanding) = self.take_offer(offer_id) {
                self.recover(outstanding.share(), Some(filters), turn);
            }
        }
        if !mine.is_empty() {
            self.counters.count_of(id, "offers/declined", mine.len());
            turn.emit(report::offers(types::OFFER_DECLINED, id, mine));
        }
        if unknown.is_empty() { Ok(()) } else { Err(no_longer_valid(unknown)) }
    }
}

/// Why an allocation does not become an offer.
enum Unofferable {
    /// What it was decided for has changed since: it goes back.
    Stale,
    /// The allocator counts something as free that is not: its view is wrong, and is rebuilt.
    Overcommitted,
}

/// Longer wishes than a year are a year.
pub(crate) fn capped(filters: Filters) -> Filters {
    Filters { refuse_ms: filters.refuse_ms.min(Filters::MAX_REFUSE_MS) }
}

fn no_longer_valid<'a>(ids: impl IntoIterator<Item = &'a OfferId>) -> Failure {
    let ids: Vec<_> = ids.into_iter().map(OfferId::as_str).collect();
    Failure::refused(format!("offers are no longer valid: {}", ids.join(", ")))
}
