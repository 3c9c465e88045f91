//! What follows when an agent's admission is durable.

use protocol::agents::{AgentState, RegisterAgent};
use protocol::frameworks::AgentJoined;
use protocol::{AgentId, CallId, Failure, FailureKind, HostAddr, Time};

use crate::agent::{Agent, address_at};
use crate::effect::{Effect, Reply, ToFrameworks};
use crate::input::Timer;
use crate::life::Life;
use crate::membership::{Event, transition};
use crate::report;
use crate::term::Term;
use crate::work::refuse;

impl Term {
    /// The agent is active from here on. `frameworks` hears of it before the agent is answered, so
    /// that nothing the agent says after the answer is about an unknown agent.
    pub(crate) fn admitted(
        &mut self,
        now: Time,
        agent_id: &AgentId,
        call: CallId,
        message: RegisterAgent,
        out: &mut Vec<Effect>,
    ) {
        let before = self.agents.get(agent_id).map(|agent| agent.state);
        let Ok(Some(state)) = transition(before, Event::Registered) else {
            let why = "the agent's standing changed while it was admitted; ask again";
            return refuse(call, Failure::new(FailureKind::Conflict, why), out);
        };
        self.tally.count(match before {
            Some(_) => "slave_reregistrations",
            None => "slave_registrations",
        });
        self.settle_host(now, agent_id, &message.info.host, out);
        self.cancel_removal(agent_id);
        self.enter(now, agent_id, state, &message);
        self.departed.forget(agent_id);

        let Some(agent) = self.agents.get_mut(agent_id) else { return };
        let kills = std::mem::take(&mut agent.kills);
        let Some(agent) = self.agents.get(agent_id) else { return };
        let (address, generation) = (agent.address(), agent.generation);
        out.push(Effect::Link(address.clone()));
        out.push(Effect::CancelTimer { timer: Timer::Reregister(agent_id.clone()) });
        let timer = Timer::Ping(agent_id.clone());
        out.push(Effect::SetTimer { timer, at: now + self.config.ping_interval });
        let reply = self.registered(agent_id, agent);
        out.push(Effect::Emit(report::added(agent_id, agent)));
        out.push(Effect::ToFrameworks(ToFrameworks::Joined(Box::new(AgentJoined {
            agent_id: agent_id.clone(),
            generation,
            info: message.info,
            tasks: message.tasks,
            executors: message.executors,
            frameworks: message.frameworks,
            operations: message.operations,
        }))));
        out.push(Effect::Reply { call, result: Ok(Reply::Registered(reply)) });
        self.resend_kills(&address, kills, out);
    }

    /// Writes the registration down under the next generation; what was remembered stays.
    fn enter(&mut self, now: Time, id: &AgentId, state: AgentState, message: &RegisterAgent) {
        self.counters.generation = self.counters.generation.next();
        if !self.agents.contains_key(id) {
            self.agents.insert(id.clone(), Agent::new(message.info.clone(), state));
        }
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.info = message.info.clone();
        agent.state = state;
        agent.life = Some(Life::of(message));
        agent.generation = self.counters.generation;
        agent.registered = Some(now);
        agent.answered = agent.sequence;
        agent.missed = 0;
    }

    /// Makes the agent the one at `host`: it leaves the host where it was, and whoever was
    /// registered here cannot be any longer, since the address is taken.
    fn settle_host(&mut self, now: Time, id: &AgentId, host: &HostAddr, out: &mut Vec<Effect>) {
        if let Some(agent) = self.agents.get(id) {
            let (was_at, active) = (agent.info.host.clone(), agent.state == AgentState::Active);
            if was_at != *host {
                self.leave_host(id, &was_at);
                if active {
                    out.push(Effect::Unlink(address_at(&was_at)));
                }
            }
        }
        let displaced = self.hosts.insert(host.clone(), id.clone()).filter(|other| other != id);
        if let Some(other) = displaced {
            self.link_broke(now, &other, out);
            self.expire(now, &other, true, out);
        }
    }

    /// Forgets that the agent is the one at `host`, unless another took its place.
    pub(crate) fn leave_host(&mut self, agent_id: &AgentId, host: &HostAddr) {
        if self.hosts.get(host) == Some(agent_id) {
            self.hosts.remove(host);
        }
    }
}
