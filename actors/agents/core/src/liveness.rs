//! Whether agents answer: pings, pongs, broken connections and patience.

use protocol::agent::Ping;
use protocol::agents::{AgentState, Pong};
use protocol::frameworks::AgentLossCause;
use protocol::{Address, AgentId, Time};

use crate::AGENT;
use crate::departure::Loss;
use crate::effect::{Effect, ToAgent};
use crate::input::Timer;
use crate::membership::{Event, transition};
use crate::report;
use crate::term::Term;

impl Term {
    /// A ping is due. Agents that are expected but not registered are pinged too, with the word
    /// that they are not connected: it makes them register, also with a leader that they have not
    /// found yet.
    pub(crate) fn on_ping_timer(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let agent = self.agents.get_mut_unseen(id);
        let Some(agent) = agent.filter(|agent| agent.is_expected()) else {
            return;
        };
        if agent.state == AgentState::Active {
            let answered = agent.answered == agent.sequence;
            agent.missed = if answered { 0 } else { agent.missed + 1 };
            if agent.missed >= self.config.max_missed_pings {
                self.schedule_removal(now, id, out);
            }
        }
        self.ping(now, id, out);
    }

    /// Sends the next ping, unless another agent has taken the address, and sets the timer for the
    /// one after.
    fn ping(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let Some(agent) = self.agents.get_mut_unseen(id) else { return };
        agent.sequence += 1;
        let message = ToAgent::Ping(Ping {
            epoch: self.epoch,
            agent_id: id.clone(),
            sequence: agent.sequence,
            connected: agent.state == AgentState::Active,
        });
        if self.hosts.get(&agent.info.host) == Some(id) {
            out.push(Effect::ToAgent { to: agent.address(), message });
        }
        let timer = Timer::Ping(id.clone());
        out.push(Effect::SetTimer { timer, at: now + self.config.ping_interval });
    }

    /// An answer of the registered life of an agent. It also saves one that was about to be given
    /// up.
    pub(crate) fn on_pong(&mut self, now: Time, message: &Pong) {
        let Some(agent) = self.agents.get_mut_unseen(&message.agent_id) else { return };
        let alive = agent.state == AgentState::Active
            && agent.life.as_ref().is_some_and(|life| life.incarnation == message.incarnation)
            && message.sequence > agent.answered
            && message.sequence <= agent.sequence;
        if alive {
            agent.answered = message.sequence;
            agent.missed = 0;
            agent.last_pong = Some(now);
            self.cancel_removal(&message.agent_id);
        }
    }

    pub(crate) fn on_agent_exited(&mut self, now: Time, actor: &Address, out: &mut Vec<Effect>) {
        if actor.name() == AGENT
            && let Some(agent_id) = self.hosts.get(actor.host()).cloned()
        {
            self.link_broke(now, &agent_id, out);
        }
    }

    /// The connection to an active agent is gone. It may come back within the timeout.
    pub(crate) fn link_broke(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let Ok(Some(state)) = transition(Some(agent.state), Event::LinkBroke) else { return };
        agent.state = state;
        let generation = agent.generation;
        out.push(Effect::Unlink(agent.address()));
        out.push(Effect::Emit(report::disconnected(id, agent)));
        self.tell_left(id, generation, Loss::of(AgentLossCause::Disconnected), out);
        self.cancel_removal(id);
        self.expect_back(now, id, out);
    }

    /// From now on the agent has the timeout to register, and is asked to.
    pub(crate) fn expect_back(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let timer = Timer::Reregister(id.clone());
        out.push(Effect::SetTimer { timer, at: now + self.config.reregister_timeout });
        self.ping(now, id, out);
    }

    pub(crate) fn on_reregister_timer(&mut self, now: Time, id: &AgentId, out: &mut Vec<Effect>) {
        let away = |state| matches!(state, AgentState::Recovered | AgentState::Disconnected);
        if self.agents.get(id).is_some_and(|agent| away(agent.state)) {
            self.schedule_removal(now, id, out);
        }
    }
}
