//! Inverse offers: whoever holds something on an agent that is going to be away is asked to leave,
//! once, and again when the filter of the answer lapses.

use std::time::Duration;

use protocol::Time;
use protocol::allocator::{AnswerInverseOffer, SetUnavailability};
use protocol::framework::{Filters, InverseAllocation};
use protocol::frameworks::SendInverseOffers;
use protocol::id::FrameworkId;

use crate::effect::Effect;
use crate::model::{Agent, Client};
use crate::slab::Slot;
use crate::state::State;

impl State {
    pub(crate) fn on_set_unavailability(&mut self, fact: &SetUnavailability) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        let agent = &mut self.book.agents[at];
        if agent.unavailability != fact.unavailability {
            agent.unavailability = fact.unavailability;
            agent.asked.clear();
            match fact.unavailability {
                Some(_) => self.unavailable.insert(at),
                None => self.unavailable.remove(&at),
            };
            self.work.leaving.insert(at);
        }
    }

    pub(crate) fn on_answer_inverse_offer(&mut self, now: Time, fact: &AnswerInverseOffer) {
        let Some(at) = self.registration(&fact.agent_id, fact.generation) else { return };
        if let Some(asked) = self.book.agents[at].asked.get_mut(&fact.framework_id) {
            let wish = fact.filters.map(|filters| filters.refuse_ms.min(Filters::MAX_REFUSE_MS));
            *asked = wish.map(|ms| now + Duration::from_millis(ms));
        }
    }

    /// Looks again at the agents of which somebody may have to be asked again.
    pub(crate) fn note_leaving(&mut self) {
        self.work.leaving.extend(&self.unavailable);
    }

    /// The filters of a framework's answers are void: it may be asked again.
    pub(crate) fn forget_answers(&mut self, framework: &FrameworkId) {
        for at in &self.unavailable {
            let asked = &mut self.book.agents[*at].asked;
            if asked.get(framework).is_some_and(Option::is_some) {
                asked.remove(framework);
                self.work.leaving.insert(*at);
            }
        }
    }

    /// Asks whoever is to be asked.
    pub(crate) fn invert(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(term) = self.term else { return };
        let mut inverse_offers = Vec::new();
        for at in std::mem::take(&mut self.work.leaving) {
            self.ask_to_leave(now, at, &mut inverse_offers);
        }
        if !inverse_offers.is_empty() {
            out.push(Effect::Invert(SendInverseOffers { round: term.round, inverse_offers }));
        }
    }

    fn ask_to_leave(&mut self, now: Time, at: Slot<Agent>, found: &mut Vec<InverseAllocation>) {
        let Some(unavailability) = self.book.agents[at].unavailability else { return };
        let holders = self.book.agents[at].holdings.keys();
        let framework =
            |client: &Client| &self.book.frameworks[self.book.clients[*client].framework];
        let active = holders.map(framework).filter(|framework| framework.active);
        let ids: Vec<_> = active.map(|framework| framework.id.clone()).collect();
        let agent = &mut self.book.agents[at];
        for framework_id in ids {
            let due = agent.asked.get(&framework_id);
            if due.is_some_and(|until| until.is_none_or(|until| now < until)) {
                continue;
            }
            agent.asked.insert(framework_id.clone(), None);
            found.push(InverseAllocation {
                framework_id,
                agent_id: agent.id.clone(),
                generation: agent.generation,
                unavailability,
            });
        }
    }
}
