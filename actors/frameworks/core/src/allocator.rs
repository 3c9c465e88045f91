//! The allocator's view: rebuilt from ours whenever the two may differ.

use std::time::Duration;

use protocol::allocator::{AddAgent, Holding, ResetAllocator};
use protocol::id::AgentId;

use crate::effect::{Effect, Timer, ToAllocator};
use crate::state::{Term, Turn};

/// Until a restarted allocator is told everything: long enough for its supervisor.
const RESET_DELAY: Duration = Duration::from_millis(200);

impl Term {
    /// What it decided before is void from now on, and soon it is told everything anew: not at
    /// once, so that an allocator that is wrong again and again does not keep us busy.
    pub(crate) fn distrust_allocator(&mut self, turn: &mut Turn<'_>) {
        self.begin_round(turn);
        turn.set(Timer::ResetAllocator, turn.now + RESET_DELAY);
    }

    /// Tells it everything anew. The link comes first: an allocator that ends from now on is
    /// heard to.
    pub(crate) fn reset_allocator(&mut self, turn: &mut Turn<'_>) {
        self.begin_round(turn);
        turn.out.push(Effect::LinkAllocator);
        let reset = ResetAllocator { epoch: self.epoch, round: self.round };
        turn.allocator(ToAllocator::Reset(reset));
        self.introduce_settings(turn);
        for id in self.frameworks.keys() {
            self.introduce_framework(id, turn);
        }
        let here: Vec<_> =
            self.agents.iter().filter(|(_, a)| a.here().is_some()).map(|(id, _)| id).collect();
        for agent_id in here {
            self.introduce_agent(agent_id, turn);
        }
    }

    /// What it has decided, and what it was asked, is void.
    fn begin_round(&mut self, turn: &mut Turn<'_>) {
        self.round += 1;
        self.void_questions(turn);
        self.forget_taken();
    }

    /// Tells it of an agent that is here, and of everything offered or used there.
    pub(crate) fn introduce_agent(&self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let Some(agent) = self.agents.get(agent_id) else { return };
        let (Some(generation), Some(info)) = (agent.here(), agent.info.clone()) else { return };
        let used = self
            .allocated(agent_id)
            .into_iter()
            .map(|((framework_id, role), resources)| Holding { framework_id, role, resources })
            .collect();
        turn.allocator(ToAllocator::AddAgent(AddAgent {
            agent_id: agent_id.clone(),
            generation,
            info,
            used,
        }));
        if agent.unavailability.is_some() {
            self.tell_unavailability(agent_id, turn);
        }
    }
}
