//! What must hold at every moment, and what must come about once faults are over.

use std::collections::BTreeMap;

use frameworks_core as frameworks;
use protocol::Resources;
use protocol::agents::AgentState;
use protocol::operation::original;

use crate::agent::{Agent, total};
use crate::event::Peer;
use crate::hop::{Actor, MasterTimer};
use crate::master::Master;
use crate::scheduler::Scheduler;
use crate::world::World;

impl World {
    /// After each step of one of the master's actors.
    pub(crate) fn check_master(&self, stepped: Actor) -> Result<(), String> {
        let Some(master) = &self.master else { return Ok(()) };
        let context = |what: &str, why: String| format!("{what}: {why}");
        match stepped {
            Actor::Frameworks => {
                master.frameworks.check().map_err(|e| context("frameworks", e.to_string()))?;
                master.check_what_agents_have()?;
            }
            Actor::Agents => master.agents.check().map_err(|e| context("agents", e))?,
            Actor::Allocator => master.check_allocator()?,
            _ => {}
        }
        if stepped != Actor::Agents {
            master.ledger_agrees_with_allocator()?;
        }
        if stepped != Actor::Allocator {
            master.frameworks_agrees_with_agents()?;
        }
        Ok(())
    }

    /// No machine runs more than it has, no task runs on two, and operations neither make nor lose
    /// anything.
    pub(crate) fn check_agents(&self) -> Result<(), String> {
        let mut places = BTreeMap::new();
        for agent in &self.agents {
            if original(&agent.resources()) != total() {
                let (index, has) = (agent.index, agent.resources());
                return Err(format!("operations have made {has} of what agent {index} has"));
            }
            let mut free = agent.resources();
            for (name, resources) in agent.running() {
                if let Some(other) = places.insert(name, agent.index) {
                    return Err(format!(
                        "task {name:?} runs on agents {other} and {}",
                        agent.index
                    ));
                }
                // What is left of a removed framework is being shut down, and is not counted.
                if !self.store.is_removed(&name.0) {
                    free = take(agent.index, &free, resources)?;
                }
            }
            for (key, executor) in &agent.disk.executors {
                if !self.store.is_removed(&key.0) {
                    free = take(agent.index, &free, &executor.executor.resources)?;
                }
            }
        }
        Ok(())
    }

    /// What the master believes an agent to have, if that is not what it has.
    fn resources_differ(&self, agent: &Agent) -> Option<String> {
        let term = self.master.as_ref()?.frameworks.term()?;
        let (_, known) = term.agents().find(|(id, _)| agent.disk.agent_id.as_ref() == Some(*id))?;
        let believed = &known.info()?.resources;
        let has = agent.resources();
        (*believed != has)
            .then(|| format!("agent {} has {has}, the master believes {believed}", agent.index))
    }

    // --- eventually ----------------------------------------------------------------------------

    /// What keeps the world from working after the faults: everybody is connected, and every
    /// scheduler has been offered something and got a task to run.
    pub(crate) fn missing_to_work(&self) -> Option<String> {
        let Some(master) = &self.master else { return Some("nobody leads".into()) };
        if master.frameworks.term().is_none() || !master.agents.is_serving() {
            return Some("the leader does not serve".into());
        }
        let down = self.kernel.net.peers().into_iter().find(|peer| !self.is_up(*peer));
        if let Some(peer) = down {
            return Some(format!("{peer:?} is down"));
        }
        let standings = master.agents.standings();
        for agent in &self.agents {
            let id = agent.disk.agent_id.as_ref();
            let active = id.and_then(|id| standings.get(id)).map(|(state, _)| *state);
            if active != Some(AgentState::Active) {
                return Some(format!("agent {} is {active:?}", agent.index));
            }
        }
        self.schedulers.iter().find_map(Scheduler::missing_to_work)
    }

    /// What keeps the world from resting after all tasks were to end.
    pub(crate) fn missing_to_rest(&self) -> Option<String> {
        for agent in &self.agents {
            if let Some((name, _)) = agent.running().next() {
                return Some(format!("{name:?} runs on agent {}", agent.index));
            }
            if agent.pending() > 0 {
                return Some(format!("agent {} has unacknowledged updates", agent.index));
            }
            if !agent.disk.operations.is_empty() {
                return Some(format!("agent {} has unacknowledged operations", agent.index));
            }
            if let Some(missing) = self.resources_differ(agent) {
                return Some(missing);
            }
            if !agent.disk.executors.is_empty() {
                return Some(format!("agent {} has executors", agent.index));
            }
        }
        if let Some(missing) = self.schedulers.iter().find_map(Scheduler::missing_to_rest) {
            return Some(missing);
        }
        match &self.master {
            Some(master) => master.missing_to_rest(),
            None => Some("nobody leads".into()),
        }
    }
}

fn take(index: usize, free: &Resources, held: &Resources) -> Result<Resources, String> {
    free.checked_use(held).map_err(|shortage| format!("agent {index} runs too much: {shortage}"))
}

impl Scheduler {
    fn missing_to_work(&self) -> Option<String> {
        use protocol::task::TaskState::{Finished, Running};
        if !self.connected {
            return Some(format!("scheduler {} is not subscribed", self.index));
        }
        let probe = self.probe.as_ref().and_then(|id| self.tasks.get(id));
        match probe.map(|known| known.state) {
            Some(Running | Finished) => None,
            state => Some(format!("the probe of scheduler {} is {state:?}", self.index)),
        }
    }

    fn missing_to_rest(&self) -> Option<String> {
        let open = self.tasks.iter().find(|(_, known)| !known.is_over());
        open.map(|(id, known)| format!("scheduler {}: {id} is {}", self.index, known.state))
    }
}

impl Master {
    /// Whatever operations are on their way, the master believes no agent to have more or less than
    /// its machine.
    fn check_what_agents_have(&self) -> Result<(), String> {
        let Some(term) = self.frameworks.term() else { return Ok(()) };
        let known = term.agents().filter_map(|(id, agent)| Some((id, &agent.info()?.resources)));
        let whole = total();
        // Most have what they began with, which is quickly seen.
        match known.into_iter().find(|(_, has)| **has != whole && original(has) != whole) {
            None => Ok(()),
            Some((id, has)) => Err(format!("the master believes agent {id} to have {has}")),
        }
    }

    fn check_allocator(&self) -> Result<(), String> {
        self.allocator.check().map_err(|e| format!("allocator: {e}"))?;
        let counters = self.allocator.counters();
        match (counters.anomalies, counters.overlooked) {
            (0, 0) => Ok(()),
            _ => Err(format!("allocator: a fact or an offer was wrong: {counters:?}")),
        }
    }

    /// When nothing is on its way between them, the allocator and the ledger count the same on
    /// every agent that is here.
    fn ledger_agrees_with_allocator(&self) -> Result<(), String> {
        let resetting = MasterTimer::Frameworks(frameworks::Timer::ResetAllocator);
        let Some(term) = self.frameworks.term() else { return Ok(()) };
        let same_term = self.allocator.epoch() == Some(self.epoch);
        let quiet = self.is_quiet_between(Actor::Frameworks, Actor::Allocator);
        if !same_term || !quiet || self.is_set(&resetting) {
            return Ok(());
        }
        let mut known = self.allocator.holdings();
        for (agent_id, agent) in term.agents() {
            let frameworks::Standing::Here { generation } = agent.standing() else { continue };
            let held = known.remove(agent_id);
            let wanted = Some((generation, term.allocated(agent_id)));
            if held != wanted {
                return Err(format!(
                    "agent {agent_id}: the allocator has {held:?}, the ledger {wanted:?}"
                ));
            }
        }
        match known.keys().next() {
            Some(agent_id) => Err(format!("agent {agent_id}: not here, and in the allocator")),
            None => Ok(()),
        }
    }

    /// When nothing is on its way between them, both know the same agents to be here.
    fn frameworks_agrees_with_agents(&self) -> Result<(), String> {
        let Some(term) = self.frameworks.term() else { return Ok(()) };
        let quiet = self.is_quiet_between(Actor::Frameworks, Actor::Agents);
        if !quiet || !self.agents.is_serving() || !self.leading {
            return Ok(());
        }
        let active = self.agents.standings().into_iter().filter_map(|(id, (state, generation))| {
            (state == AgentState::Active).then_some((id, generation))
        });
        let here = term.agents().filter_map(|(id, agent)| match agent.standing() {
            frameworks::Standing::Here { generation } => Some((id.clone(), generation)),
            _ => None,
        });
        let (active, here): (BTreeMap<_, _>, BTreeMap<_, _>) = (active.collect(), here.collect());
        if active == here {
            Ok(())
        } else {
            Err(format!("agents says that {active:?} are active, frameworks that {here:?} are"))
        }
    }

    fn missing_to_rest(&self) -> Option<String> {
        let Some(term) = self.frameworks.term() else { return Some("nobody serves".into()) };
        let entry = term.tasks().next();
        if let Some((key, entry)) = entry {
            return Some(format!("{key:?} is in the ledger as {}", entry.task().state));
        }
        let open = self.frameworks.summary().operations;
        if open > 0 {
            return Some(format!("{open} operations are open"));
        }
        let mut held = self.allocator.holdings().into_iter();
        let stuck = held.find(|(_, (_, held))| {
            // What is offered is nobody's until it is used.
            let offered: Resources = held.values().sum();
            !total().contains(&original(&offered))
        });
        stuck.map(|(id, held)| format!("agent {id} is held as {held:?}"))
    }
}

/// So that a reader finds who is meant.
impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(index) => write!(f, "agent {index}"),
            Self::Scheduler(index) => write!(f, "scheduler {index}"),
        }
    }
}
