//! How agents leave: given up, by their own word, or by an operator's.

use protocol::agent::Ping;
use protocol::agents::{AgentState, MarkAgentGone, UnregisterAgent};
use protocol::frameworks::{AgentLeft, AgentLossCause};
use protocol::{AgentId, CallId, Failure, FailureKind, Generation, Incarnation, Time};

use crate::agent::Agent;
use crate::effect::{Effect, Reply, ToAgent, ToFrameworks};
use crate::input::Timer;
use crate::membership::{Event, transition};
use crate::report;
use crate::term::{Term, no_such_agent};
use crate::work::{Change, Request, refuse};

/// How an agent is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    cause: AgentLossCause,
    /// Of one that is unreachable: since when.
    since: Option<Time>,
}

impl Loss {
    pub(crate) fn of(cause: AgentLossCause) -> Self {
        Self { cause, since: None }
    }

    fn unreachable(since: Time) -> Self {
        Self { cause: AgentLossCause::Unreachable, since: Some(since) }
    }
}

impl Term {
    pub(crate) fn on_unregister(
        &mut self,
        now: Time,
        call: CallId,
        message: UnregisterAgent,
        out: &mut Vec<Effect>,
    ) {
        self.tally.count("messages_unregister_slave");
        let request = Request::Unregister { call, incarnation: message.incarnation };
        self.request(now, message.agent_id, request, out);
    }

    /// Decides on a goodbye. One that is repeated is done already.
    pub(crate) fn unregister(
        &mut self,
        agent_id: AgentId,
        call: CallId,
        incarnation: Incarnation,
        out: &mut Vec<Effect>,
    ) {
        let Some(agent) = self.agents.get(&agent_id).filter(|a| a.state != AgentState::Gone) else {
            return out.push(Effect::Reply { call, result: Ok(Reply::Done) });
        };
        if agent.life.as_ref().is_some_and(|life| life.incarnation != incarnation) {
            let why = format!("agent {agent_id} is registered in another life");
            return refuse(call, Failure::new(FailureKind::Conflict, why), out);
        }
        self.commit(agent_id, Change::Remove { call: Some(call) }, out);
    }

    pub(crate) fn on_mark_gone(
        &mut self,
        now: Time,
        call: CallId,
        message: MarkAgentGone,
        out: &mut Vec<Effect>,
    ) {
        self.request(now, message.agent_id, Request::MarkGone { call }, out);
    }

    pub(crate) fn mark_gone(
        &mut self,
        now: Time,
        agent_id: AgentId,
        call: CallId,
        out: &mut Vec<Effect>,
    ) {
        match self.agents.get(&agent_id).map(|agent| agent.state) {
            None => refuse(call, no_such_agent(&agent_id), out),
            Some(AgentState::Gone) => {
                out.push(Effect::Reply { call, result: Ok(Reply::Done) });
            }
            Some(_) => self.commit(agent_id, Change::MarkGone { call, since: now }, out),
        }
    }

    /// The registry says unreachable.
    pub(crate) fn expired(
        &mut self,
        id: &AgentId,
        since: Time,
        displaced: bool,
        out: &mut Vec<Effect>,
    ) {
        if !self.lose(id, Event::Expired, Loss::unreachable(since), out) {
            return;
        }
        if displaced {
            self.tally.count("slave_removals/reason_registered");
        } else {
            self.tally.count("slave_removals/reason_unhealthy");
            self.tally.count("slave_unreachable_completed");
        }
    }

    /// The registry says gone.
    pub(crate) fn marked_gone(&mut self, id: &AgentId, call: CallId, out: &mut Vec<Effect>) {
        self.lose(id, Event::MarkedGone, Loss::of(AgentLossCause::Gone), out);
        out.push(Effect::Reply { call, result: Ok(Reply::Done) });
    }

    /// It said goodbye, and the registry has forgotten it.
    pub(crate) fn removed(&mut self, id: &AgentId, call: CallId, out: &mut Vec<Effect>) {
        if self.lose(id, Event::SaidGoodbye, Loss::of(AgentLossCause::Removed), out) {
            self.tally.count("slave_removals/reason_unregistered");
        }
        out.push(Effect::Reply { call, result: Ok(Reply::Done) });
    }

    /// Takes the agent out of service for good, or until it registers. False: it was not in it, and
    /// was counted when it fell out of it.
    pub(crate) fn lose(
        &mut self,
        id: &AgentId,
        event: Event,
        loss: Loss,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(agent) = self.agents.get(id) else { return false };
        let (before, in_service) = (agent.state, agent.is_expected());
        let Ok(after) = transition(Some(before), event) else { return false };
        let cause = loss.cause;
        if in_service {
            self.count_loss(before, cause);
        }
        self.cancel_removal(id);
        let Some(agent) = self.agents.get_mut(id) else { return false };
        if before == AgentState::Active {
            out.push(Effect::Unlink(agent.address()));
        }
        if cause != AgentLossCause::Unreachable {
            agent.kills.clear();
        }
        let agent = agent.clone();
        out.push(Effect::CancelTimer { timer: Timer::Ping(id.clone()) });
        out.push(Effect::CancelTimer { timer: Timer::Reregister(id.clone()) });
        let at_host = self.hosts.get(&agent.info.host) == Some(id);
        self.leave_host(id, &agent.info.host);
        self.tell_left(id, agent.generation, loss, out);
        out.push(Effect::Emit(report::removed(id, &agent, cause)));
        match after {
            Some(state) => {
                if let Some(agent) = self.agents.get_mut(id) {
                    agent.state = state;
                }
                if at_host {
                    self.ask_to_register(id, &agent, out);
                }
            }
            None => self.forget(id, agent),
        }
        in_service
    }

    /// An unreachable agent may hear this and register; one that is gone learns so when it does.
    pub(crate) fn ask_to_register(&self, id: &AgentId, agent: &Agent, out: &mut Vec<Effect>) {
        let ping = Ping {
            epoch: self.epoch,
            agent_id: id.clone(),
            sequence: agent.sequence,
            connected: false,
        };
        out.push(Effect::ToAgent { to: agent.address(), message: ToAgent::Ping(ping) });
    }

    fn forget(&mut self, id: &AgentId, agent: Agent) {
        self.agents.remove(id);
        self.promised.retain(|_, promised| promised != id);
        if let Some(life) = agent.life {
            self.departed.insert(id.clone(), life);
        }
    }

    pub(crate) fn tell_left(
        &self,
        id: &AgentId,
        generation: Generation,
        loss: Loss,
        out: &mut Vec<Effect>,
    ) {
        let Loss { cause, since } = loss;
        let left = AgentLeft { agent_id: id.clone(), generation, cause, since };
        out.push(Effect::ToFrameworks(ToFrameworks::Left(left)));
    }
}
