//! Inverse offers: who has been asked to leave an agent, or to give something of it back, and what
//! they have said to that.
//!
//! Those for maintenance are the allocator's wish, and it hears the answer; those that want something
//! back announce what is taken when their time has come, whatever is said to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::allocator::AnswerInverseOffer;
use protocol::framework::{Filters, InverseAllocation, InverseOffer, Unavailability, Wanted};
use protocol::frameworks::{AnswerInverseOffers, SendInverseOffers};
use protocol::id::{AgentId, FrameworkId, Generation, OfferId};
use protocol::maintenance::{InverseAnswer, InverseOfferStatus};
use protocol::scheduler::{InverseOffers, RescindInverseOffers};
use protocol::shared::Tracked;
use protocol::{Address, Failure, Time};
use serde::Serialize;

use crate::effect::{ToAllocator, ToScheduler};
use crate::maintenance::answer_of;
use crate::offers::{capped, unlist};
use crate::state::{Term, Turn};

/// An inverse offer that is not answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Asked {
    /// Shared with those who have it in view.
    pub(crate) offer: Arc<InverseOffer>,
    /// The registration of the agent that it is about.
    generation: Generation,
    at: Time,
}

/// All that are not answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct InverseBook {
    pub(crate) offers: Tracked<OfferId, Asked>,
    by_framework: BTreeMap<FrameworkId, BTreeSet<OfferId>>,
    by_agent: BTreeMap<AgentId, BTreeSet<OfferId>>,
    /// What was said to those for maintenance, until they are void.
    answers: BTreeMap<AgentId, BTreeMap<FrameworkId, (InverseAnswer, Time)>>,
}

impl InverseBook {
    fn insert(&mut self, offer: InverseOffer, generation: Generation, at: Time) {
        let id = offer.offer_id.clone();
        self.by_framework.entry(offer.framework_id.clone()).or_default().insert(id.clone());
        self.by_agent.entry(offer.agent_id.clone()).or_default().insert(id.clone());
        self.offers.insert(id, Asked { offer: Arc::new(offer), generation, at });
    }

    fn remove(&mut self, id: &OfferId) -> Option<Asked> {
        let asked = self.offers.remove(id)?;
        unlist(&mut self.by_framework, &asked.offer.framework_id, id);
        unlist(&mut self.by_agent, &asked.offer.agent_id, id);
        Some(asked)
    }

    fn on_agent(&self, agent_id: &AgentId) -> impl Iterator<Item = &Asked> {
        self.by_agent.get(agent_id).into_iter().flatten().filter_map(|id| self.offers.get(id))
    }

    fn of_framework(&self, id: &FrameworkId) -> Vec<OfferId> {
        self.by_framework.get(id).into_iter().flatten().cloned().collect()
    }

    /// Of those who were asked to leave an agent.
    pub(crate) fn statuses(&self, agent_id: &AgentId) -> Vec<InverseOfferStatus> {
        let status = |framework_id: &FrameworkId, answer, at| InverseOfferStatus {
            framework_id: framework_id.clone(),
            answer,
            at,
        };
        let open = self.on_agent(agent_id).filter(|asked| asked.offer.wanted.is_none());
        let open =
            open.map(|asked| status(&asked.offer.framework_id, InverseAnswer::Unknown, asked.at));
        let answers = self.answers.get(agent_id).into_iter().flatten();
        open.chain(answers.map(|(id, (answer, at))| status(id, *answer, *at))).collect()
    }

    /// Whether every index names exactly those that are there.
    pub(crate) fn indexes_are_exact(&self) -> bool {
        let listed = |index: Vec<&BTreeSet<OfferId>>| -> usize {
            index.into_iter().map(BTreeSet::len).sum()
        };
        let has = |set: Option<&BTreeSet<OfferId>>, id| set.is_some_and(|s| s.contains(id));
        listed(self.by_framework.values().collect()) == self.offers.len()
            && listed(self.by_agent.values().collect()) == self.offers.len()
            && self.offers.iter().all(|(id, asked)| {
                has(self.by_framework.get(&asked.offer.framework_id), id)
                    && has(self.by_agent.get(&asked.offer.agent_id), id)
            })
    }
}

impl Term {
    /// The allocator wants these frameworks to leave agents that are going to be away.
    pub(crate) fn on_inverse_allocations(
        &mut self,
        message: SendInverseOffers,
        turn: &mut Turn<'_>,
    ) {
        if message.round != self.round {
            return;
        }
        let mut asked: BTreeMap<FrameworkId, Vec<InverseOffer>> = BTreeMap::new();
        for wish in message.inverse_offers {
            if let Some(offer) = self.ask_to_leave(&wish, turn) {
                asked.entry(wish.framework_id).or_default().push(offer);
            }
        }
        for (framework_id, offers) in asked {
            self.send_inverse_offers(framework_id, offers, turn);
        }
    }

    /// Makes an inverse offer of it, unless it is out of date or is outstanding: an allocator that
    /// was reset asks anew.
    fn ask_to_leave(
        &mut self,
        wish: &InverseAllocation,
        turn: &mut Turn<'_>,
    ) -> Option<InverseOffer> {
        let InverseAllocation { framework_id, agent_id, generation, unavailability } = wish;
        if self.generation(agent_id) != Some(*generation) {
            return None;
        }
        if !self.frameworks.get(framework_id).is_some_and(|framework| framework.is_active()) {
            self.answer_for(framework_id, agent_id, *generation, turn);
            return None;
        }
        let same = |offer: &InverseOffer| {
            offer.framework_id == *framework_id
                && offer.wanted.is_none()
                && offer.unavailability == *unavailability
        };
        if self.inverse.on_agent(agent_id).any(|asked| same(&asked.offer)) {
            return None;
        }
        self.make_inverse_offer(framework_id, agent_id, *unavailability, None, turn.now)
    }

    /// Enters an inverse offer; `None` if the agent is not here.
    pub(crate) fn make_inverse_offer(
        &mut self,
        framework_id: &FrameworkId,
        agent_id: &AgentId,
        unavailability: Unavailability,
        wanted: Option<Wanted>,
        now: Time,
    ) -> Option<InverseOffer> {
        let agent = self.agents.get(agent_id)?;
        let (generation, info) = (agent.here()?, agent.info.as_ref()?);
        let offer = InverseOffer {
            offer_id: self.ids.next_offer(),
            framework_id: framework_id.clone(),
            agent_id: agent_id.clone(),
            hostname: info.hostname.clone(),
            http: info.http.clone(),
            unavailability,
            wanted,
        };
        self.inverse.insert(offer.clone(), generation, now);
        Some(offer)
    }

    pub(crate) fn send_inverse_offers(
        &self,
        framework_id: FrameworkId,
        inverse_offers: Vec<InverseOffer>,
        turn: &mut Turn<'_>,
    ) {
        let message = InverseOffers { framework_id: framework_id.clone(), inverse_offers };
        self.tell(&framework_id, ToScheduler::Inverse(message), turn);
    }

    /// Nobody has answered, and nobody will: the allocator may ask again.
    fn answer_for(
        &self,
        framework_id: &FrameworkId,
        agent_id: &AgentId,
        generation: Generation,
        turn: &mut Turn<'_>,
    ) {
        turn.allocator(ToAllocator::AnswerInverse(AnswerInverseOffer {
            agent_id: agent_id.clone(),
            generation,
            framework_id: framework_id.clone(),
            accepted: false,
            filters: Some(Filters::NONE),
        }));
    }

    /// Unknown ones among them do not keep the others from being answered.
    pub(crate) fn on_answer_inverse_offers(
        &mut self,
        from: &Address,
        message: &AnswerInverseOffers,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let id = &message.framework_id;
        self.caller(id, from)?;
        let mut unknown = Vec::new();
        for offer_id in &message.offer_ids {
            let mine = self.inverse.offers.get(offer_id);
            match mine.is_some_and(|asked| asked.offer.framework_id == *id) {
                true => self.take_answer(offer_id, message, turn),
                false => unknown.push(offer_id.as_str()),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let text = format!("inverse offers are no longer valid: {}", unknown.join(", "));
        Err(Failure::refused(text))
    }

    fn take_answer(
        &mut self,
        offer_id: &OfferId,
        message: &AnswerInverseOffers,
        turn: &mut Turn<'_>,
    ) {
        let Some(asked) = self.inverse.remove(offer_id) else { return };
        // What is wanted back is not the allocator's affair any more.
        if asked.offer.wanted.is_some() {
            return;
        }
        let (agent_id, framework_id) = (&asked.offer.agent_id, &asked.offer.framework_id);
        let answers = self.inverse.answers.entry(agent_id.clone()).or_default();
        answers.insert(framework_id.clone(), (answer_of(message.accepted), turn.now));
        turn.allocator(ToAllocator::AnswerInverse(AnswerInverseOffer {
            agent_id: agent_id.clone(),
            generation: asked.generation,
            framework_id: framework_id.clone(),
            accepted: message.accepted,
            filters: Some(capped(message.filters)),
        }));
    }

    /// Voids all that were sent to a framework; `tell` hears of it. If it comes back it is asked
    /// again.
    pub(crate) fn rescind_inverse_of(
        &mut self,
        id: &FrameworkId,
        tell: Option<&Address>,
        turn: &mut Turn<'_>,
    ) {
        let offer_ids = self.inverse.of_framework(id);
        if offer_ids.is_empty() {
            return;
        }
        for offer_id in &offer_ids {
            let Some(asked) = self.inverse.remove(offer_id) else { continue };
            if asked.offer.wanted.is_none() {
                self.answer_for(id, &asked.offer.agent_id, asked.generation, turn);
            }
        }
        if let Some(scheduler) = tell {
            let message = RescindInverseOffers { framework_id: id.clone(), offer_ids };
            turn.scheduler(scheduler, ToScheduler::RescindInverse(message));
        }
    }

    /// Voids all about an agent that is lost, or has registered anew.
    pub(crate) fn rescind_inverse_on(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let ids: Vec<_> =
            self.inverse.on_agent(agent_id).map(|asked| asked.offer.offer_id.clone()).collect();
        self.inverse.answers.remove(agent_id);
        self.void_inverse(ids, turn);
    }

    /// Voids those that ask to leave an agent, and what was said to them: it is to be away at
    /// another time, or not at all.
    pub(crate) fn rescind_departure(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let asked = self.inverse.on_agent(agent_id).map(|asked| &asked.offer);
        let leaving = asked.filter(|offer| offer.wanted.is_none());
        let ids = leaving.map(|offer| offer.offer_id.clone()).collect();
        self.inverse.answers.remove(agent_id);
        self.void_inverse(ids, turn);
    }

    pub(crate) fn forget_answers_of(&mut self, id: &FrameworkId) {
        for answers in self.inverse.answers.values_mut() {
            answers.remove(id);
        }
    }

    /// Voids these and says so.
    pub(crate) fn void_inverse(&mut self, ids: Vec<OfferId>, turn: &mut Turn<'_>) {
        let mut by_framework: BTreeMap<FrameworkId, Vec<OfferId>> = BTreeMap::new();
        for id in ids {
            if let Some(asked) = self.inverse.remove(&id) {
                by_framework.entry(asked.offer.framework_id.clone()).or_default().push(id);
            }
        }
        for (framework_id, offer_ids) in by_framework {
            let message = RescindInverseOffers { framework_id: framework_id.clone(), offer_ids };
            self.tell(&framework_id, ToScheduler::RescindInverse(message), turn);
        }
    }
}
