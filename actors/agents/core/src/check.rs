//! What must hold after every step, each with its sentence.

use std::collections::{BTreeMap, BTreeSet};

use protocol::agents::AgentState;
use protocol::{AgentId, CallId, Generation};

use crate::agent::Agent;
use crate::state::State;
use crate::term::Term;

impl State {
    /// Whether the state makes sense. For simulations, tests and a look from outside.
    pub fn check(&self) -> Result<(), String> {
        self.term().map_or(Ok(()), Term::check)
    }

    /// Where every known agent stands; empty on a standby.
    pub fn standings(&self) -> BTreeMap<AgentId, (AgentState, Generation)> {
        let agents = self.term().into_iter().flat_map(|term| &term.agents);
        agents.map(|(id, agent)| (id.clone(), (agent.state, agent.generation))).collect()
    }

    /// The asks that are not answered yet.
    pub fn waiting_calls(&self) -> BTreeSet<CallId> {
        let works = self.term().into_iter().flat_map(|term| term.works.values());
        works.flat_map(crate::work::Work::calls).collect()
    }
}

impl Term {
    fn check(&self) -> Result<(), String> {
        self.check_agents()?;
        self.check_generations()?;
        self.check_hosts()?;
        self.check_works()?;
        self.check_removals()
    }

    fn check_agents(&self) -> Result<(), String> {
        for (id, agent) in &self.agents {
            agent.check().map_err(|why| format!("agent {id}: {why}"))?;
        }
        Ok(())
    }

    fn check_generations(&self) -> Result<(), String> {
        let mut seen = BTreeMap::new();
        for (id, agent) in self.agents.iter().filter(|(_, a)| a.life.is_some()) {
            if agent.generation > self.counters.generation {
                return Err(format!("agent {id}: its generation was never given out"));
            }
            if let Some(other) = seen.insert(agent.generation, id) {
                return Err(format!("agents {other} and {id} have the same generation"));
            }
        }
        Ok(())
    }

    fn check_hosts(&self) -> Result<(), String> {
        for (id, agent) in self.agents.iter().filter(|(_, a)| a.state == AgentState::Active) {
            if self.hosts.get(&agent.info.host) != Some(id) {
                return Err(format!("agent {id}: active, and its host has another agent"));
            }
        }
        match self.hosts.iter().find(|(_, id)| !self.agents.contains_key(*id)) {
            Some((host, id)) => Err(format!("host {host} has agent {id}, which is not known")),
            None => Ok(()),
        }
    }

    fn check_works(&self) -> Result<(), String> {
        let mut calls = BTreeSet::new();
        for (id, work) in &self.works {
            if self.commits.get(&work.commit) != Some(id) {
                return Err(format!("agent {id}: waits for a commit that is not under way"));
            }
            if let Some(call) = work.calls().find(|call| !calls.insert(*call)) {
                return Err(format!("call {call} would be answered twice"));
            }
        }
        if self.commits.len() == self.works.len() {
            Ok(())
        } else {
            Err("a commit is under way that no agent waits for".to_owned())
        }
    }

    fn check_removals(&self) -> Result<(), String> {
        let queued =
            self.agents.iter().filter_map(|(id, a)| a.queued.map(|q| (q.since, id.clone())));
        if queued.collect::<BTreeSet<_>>() == self.removals.queue {
            Ok(())
        } else {
            Err("the queue of removals is not that of the agents that wait in it".to_owned())
        }
    }
}

impl Agent {
    fn check(&self) -> Result<(), &'static str> {
        let registered = self.life.is_some() && self.registered.is_some();
        match self.state {
            AgentState::Active | AgentState::Disconnected if !registered => {
                Err("active or disconnected without a registration")
            }
            AgentState::Recovered if registered => Err("recovered, and registered in this term"),
            AgentState::Active | AgentState::Gone if !self.kills.is_empty() => {
                Err("kills are remembered for an agent that is there, or gone for ever")
            }
            AgentState::Unreachable | AgentState::Gone if self.queued.is_some() => {
                Err("waits to be given up, and was")
            }
            AgentState::Unknown => Err("in no state"),
            _ if self.answered > self.sequence => Err("answered a ping that was not sent"),
            _ => Ok(()),
        }
    }
}
