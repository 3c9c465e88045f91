//! Who registers, and whether it is news.

use protocol::agents::{AgentRegistered, AgentState, RegisterAgent};
use protocol::{AgentId, CallId, Failure, FailureKind, Time};

use crate::agent::Agent;
use crate::effect::{Effect, Reply};
use crate::life::{Freshness, Life};
use crate::term::Term;
use crate::work::{Change, Request, refuse};

/// What makes a registration impossible, whoever sends it.
fn check(message: &RegisterAgent) -> Result<(), Failure> {
    let bad = |why: String| Err(Failure::new(FailureKind::BadMessage, why));
    if let Some(Err(error)) = message.agent_id.as_ref().map(AgentId::check) {
        return bad(format!("agent_id: {error}"));
    }
    if !message.info.host.is_dialable() {
        return bad(format!("info.host: {} cannot be connected to: port 0", message.info.host));
    }
    if message.info.boot_id.is_empty() {
        return bad("info.boot_id: must not be empty".to_owned());
    }
    match message.tasks.iter().find(|task| Some(&task.agent_id) != message.agent_id.as_ref()) {
        Some(task) => bad(format!("tasks: {} is a task of agent {}", task.task_id, task.agent_id)),
        None => Ok(()),
    }
}

fn conflict(why: &str) -> Failure {
    Failure::new(FailureKind::Conflict, why)
}

fn gone(agent_id: &AgentId) -> Failure {
    Failure::refused(format!(
        "agent {agent_id} was marked gone by an operator and its id is never accepted again; \
         clear the agent's work directory to let the machine join as a new agent"
    ))
}

impl Term {
    pub(crate) fn on_register(
        &mut self,
        now: Time,
        call: CallId,
        message: Box<RegisterAgent>,
        out: &mut Vec<Effect>,
    ) {
        self.tally.count(match message.agent_id {
            Some(_) => "messages_reregister_slave",
            None => "messages_register_slave",
        });
        if let Err(failure) = check(&message) {
            return refuse(call, failure, out);
        }
        let agent_id = match &message.agent_id {
            Some(agent_id) => agent_id.clone(),
            None => self.promise(&message),
        };
        self.request(now, agent_id, Request::Register { call, message }, out);
    }

    /// The id for an agent that has none: the same for every attempt of the same process.
    fn promise(&mut self, message: &RegisterAgent) -> AgentId {
        let who = (message.info.host.clone(), message.incarnation);
        if let Some(agent_id) = self.promised.get(&who) {
            return agent_id.clone();
        }
        let agent_id = loop {
            let candidate = AgentId::from(format!("{}-S{}", self.run, self.next_agent));
            self.next_agent += 1;
            if !self.agents.contains_key(&candidate) && !self.works.contains_key(&candidate) {
                break candidate;
            }
        };
        self.promised.insert(who, agent_id.clone());
        agent_id
    }

    /// Decides on a registration while nothing is under way for the agent.
    pub(crate) fn register(
        &mut self,
        agent_id: AgentId,
        call: CallId,
        message: Box<RegisterAgent>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(failure) = self.turned_away(&message) {
            return refuse(call, failure, out);
        }
        let life = Life::of(&message);
        if self.departed.get(&agent_id).is_some_and(|l| life.freshness(l) != Freshness::New) {
            return refuse(call, conflict("this agent has said goodbye since"), out);
        }
        match self.agents.get(&agent_id) {
            Some(agent) if agent.state == AgentState::Gone => {
                refuse(call, gone(&agent_id), out);
            }
            Some(agent) => match judge(agent, &life) {
                Verdict::Admit => self.commit(agent_id, Change::Admit { call, message }, out),
                Verdict::Repeat => {
                    let reply = self.registered(&agent_id, agent);
                    out.push(Effect::Reply { call, result: Ok(Reply::Registered(reply)) });
                }
                Verdict::Refuse => {
                    let why = "a newer registration of this agent was handled before this one";
                    refuse(call, conflict(why), out);
                }
            },
            None => self.commit(agent_id, Change::Admit { call, message }, out),
        }
    }

    /// What a registered agent is answered.
    pub(crate) fn registered(&self, agent_id: &AgentId, agent: &Agent) -> AgentRegistered {
        let timeout = self.config.ping_timeout().as_millis();
        AgentRegistered {
            agent_id: agent_id.clone(),
            epoch: self.epoch,
            generation: agent.generation,
            ping_timeout_ms: u64::try_from(timeout).unwrap_or(u64::MAX),
        }
    }
}

enum Verdict {
    Admit,
    /// Answer what was answered before; change nothing.
    Repeat,
    Refuse,
}

fn judge(agent: &Agent, life: &Life) -> Verdict {
    let active = agent.state == AgentState::Active;
    let freshness = agent.life.as_ref().map_or(Freshness::New, |last| life.freshness(last));
    match freshness {
        Freshness::New => Verdict::Admit,
        Freshness::Unnumbered | Freshness::OtherBoot if !active => Verdict::Admit,
        Freshness::Unnumbered | Freshness::Duplicate if active => Verdict::Repeat,
        _ => Verdict::Refuse,
    }
}
