//! Machines that are down for maintenance: their agents are shut down, and turned away.

use protocol::agents::{AgentState, RegisterAgent, SetDownMachines};
use protocol::framework::AgentInfo;
use protocol::frameworks::AgentLossCause;
use protocol::{AgentId, Failure, FailureKind, Time};

use crate::departure::Loss;
use crate::effect::Effect;
use crate::membership::Event;
use crate::term::Term;
use crate::work::{Change, Request};

impl Term {
    /// Remembers which are down; true if that is the word of this term.
    pub(crate) fn note_down_machines(&mut self, message: SetDownMachines) -> bool {
        let ours = message.epoch == self.epoch;
        if ours {
            self.down = message.machines;
        }
        ours
    }

    /// Shuts down what is known of agents there.
    pub(crate) fn clear_down_machines(&mut self, now: Time, out: &mut Vec<Effect>) {
        let there = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.state != AgentState::Gone && self.is_down(&agent.info));
        let there: Vec<_> = there.map(|(id, _)| id.clone()).collect();
        for agent_id in there {
            self.request(now, agent_id, Request::ShutDown, out);
        }
    }

    fn is_down(&self, agent: &AgentInfo) -> bool {
        self.down.iter().any(|machine| machine.has(agent))
    }

    /// Goes on with a shutdown while nothing is under way for the agent.
    pub(crate) fn begin_shutdown(&mut self, agent_id: AgentId, out: &mut Vec<Effect>) {
        let there = self.agents.get(&agent_id);
        let there = there.filter(|agent| agent.state != AgentState::Gone);
        if there.is_some_and(|agent| self.is_down(&agent.info)) {
            self.commit(agent_id, Change::Remove { call: None }, out);
        }
    }

    /// The registry has forgotten it. If it can hear it registers, and is turned away: that ends
    /// what it runs.
    pub(crate) fn shut_down(&mut self, id: &AgentId, out: &mut Vec<Effect>) {
        let Some(agent) = self.agents.get(id).cloned() else { return };
        self.lose(id, Event::SaidGoodbye, Loss::of(AgentLossCause::Removed), out);
        self.ask_to_register(id, &agent, out);
    }

    /// Why nobody registers from there now. Who has been an agent is none any more: it ends what it
    /// runs. Without an id it may ask again until the machine is up.
    pub(crate) fn turned_away(&self, message: &RegisterAgent) -> Option<Failure> {
        if !self.is_down(&message.info) {
            return None;
        }
        let text = "the machine is down for maintenance; its agent registers when it is up again";
        let was_agent = message.agent_id.is_some();
        let kind = if was_agent { FailureKind::NotFound } else { FailureKind::Conflict };
        Some(Failure::new(kind, text))
    }
}
