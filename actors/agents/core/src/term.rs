//! One term of leadership: the agents, and what is being committed about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::agents::{AgentList, AgentState, AgentSummary, AgentsView};
use protocol::frameworks::AgentsRecovered;
use protocol::maintenance::MachineId;
use protocol::metrics::Counts;
use protocol::registrar::RegistrySnapshot;
use protocol::shared::{SharedList, Tracked};
use protocol::{
    AgentId, CallId, Epoch, Failure, FailureKind, Generation, HostAddr, Incarnation, Time,
};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::config::Config;
use crate::effect::{Effect, Reply};
use crate::input::{CommitId, Input, Timer};
use crate::life::Departed;
use crate::removals::Removals;
use crate::work::{Request, Work};

/// What a leader keeps for one epoch.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    /// Prefix of the ids given out in this term.
    pub(crate) run: String,
    pub(crate) next_agent: u64,
    pub(crate) counters: Counters,
    /// What has happened since this master leads.
    pub(crate) tally: Counts,
    pub(crate) agents: Tracked<AgentId, Agent>,
    /// What others may read at leisure.
    pub(crate) view: SharedList<AgentSummary>,
    /// The agent that was last registered at (or, of the registry, recorded for) each host.
    pub(crate) hosts: BTreeMap<HostAddr, AgentId>,
    /// Ids given to agents that came without one, so that asking again gives the same.
    pub(crate) promised: BTreeMap<(HostAddr, Incarnation), AgentId>,
    /// At most one commit for each agent, with what waits for it.
    pub(crate) works: BTreeMap<AgentId, Work>,
    pub(crate) commits: BTreeMap<CommitId, AgentId>,
    pub(crate) removals: Removals,
    pub(crate) departed: Departed,
    /// Machines that are down for maintenance.
    pub(crate) down: BTreeSet<MachineId>,
}

/// What must not start again when a term does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commit: u64,
    pub(crate) generation: Generation,
}

impl Counters {
    /// Generations go on from the time in milliseconds, so that they also grow when this actor was
    /// restarted and has forgotten how far they were.
    pub(crate) fn resume(self, now: Time) -> Self {
        Self { generation: self.generation.max(Generation(now.as_millis())), ..self }
    }
}

/// The failure for an id that nobody has.
pub(crate) fn no_such_agent(agent_id: &AgentId) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no agent {agent_id}"))
}

impl Term {
    /// The term that begins with this registry.
    pub(crate) fn new(
        config: Config,
        counters: Counters,
        tally: Counts,
        now: Time,
        snapshot: RegistrySnapshot,
    ) -> Self {
        let records = snapshot.registry.agents.into_iter();
        let agents: Tracked<_, _> =
            records.map(|(id, record)| (id, Agent::recovered(record))).collect();
        let expected = agents.iter().filter(|(_, agent)| agent.is_expected());
        let hosts = expected.map(|(id, agent)| (agent.info.host.clone(), id.clone())).collect();
        Self {
            config,
            epoch: snapshot.epoch,
            // The epoch alone would repeat when the store is begun anew.
            run: format!("{:x}-{}", now.as_millis() / 1000, snapshot.epoch),
            next_agent: 0,
            counters,
            tally,
            agents,
            view: SharedList::default(),
            hosts,
            promised: BTreeMap::new(),
            works: BTreeMap::new(),
            commits: BTreeMap::new(),
            removals: Removals::default(),
            departed: Departed::default(),
            down: BTreeSet::new(),
        }
    }

    /// What `frameworks` hears first.
    pub(crate) fn introduction(&self) -> AgentsRecovered {
        let recovered = self.agents.iter().filter(|(_, a)| a.state == AgentState::Recovered);
        let agents = recovered.map(|(id, _)| id.clone()).collect();
        AgentsRecovered { epoch: self.epoch, agents }
    }

    /// Begins to expect the agents of the registry.
    pub(crate) fn serve(&mut self, now: Time, out: &mut Vec<Effect>) {
        let recovered = self.introduction().agents;
        for agent_id in recovered {
            self.expect_back(now, &agent_id, out);
        }
        self.clear_down_machines(now, out);
    }

    /// Takes one input of a serving leader.
    pub(crate) fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::RegisterAgent { call, message } => self.on_register(now, call, message, out),
            Input::Pong(message) => self.on_pong(now, &message),
            Input::UnregisterAgent { call, message } => self.on_unregister(now, call, message, out),
            Input::MarkAgentGone { call, message } => self.on_mark_gone(now, call, message, out),
            Input::RouteLaunch(message) => self.on_route_launch(message, out),
            Input::RouteKill(message) => self.on_route_kill(message, out),
            Input::RouteAcknowledgement(message) => self.on_route_acknowledgement(message, out),
            Input::RouteShutdownFramework(message) => self.on_route_shutdown(&message, out),
            Input::RouteShutdownExecutor(message) => self.on_route_executor(message, out),
            Input::RouteMessage(message) => self.on_route_message(message, out),
            Input::RouteUpdateFramework(message) => self.on_route_update(&message, out),
            Input::RouteResize(message) => self.on_route_resize(message, out),
            Input::RouteOperation(message) => self.on_route_operation(message, out),
            Input::RouteOperationAcknowledgement(message) => {
                self.on_route_operation_acknowledgement(message, out);
            }
            Input::GetAgents { call } => self.on_get_agents(call, out),
            Input::ViewAgents { call } => self.on_view_agents(call, out),
            Input::GetAgent { call, message } => self.on_get_agent(call, &message.agent_id, out),
            Input::Committed { commit, result } => self.on_committed(now, commit, result, out),
            Input::AgentExited { actor } => self.on_agent_exited(now, &actor, out),
            Input::TimerFired(Timer::Ping(id)) => self.on_ping_timer(now, &id, out),
            Input::TimerFired(Timer::Reregister(id)) => self.on_reregister_timer(now, &id, out),
            Input::TimerFired(Timer::Remove) => self.on_remove_timer(now, out),
            // About leadership: taken by `State::step`.
            Input::LeaderChanged(_)
            | Input::SetDownMachines(_)
            | Input::RegistryLoaded { .. }
            | Input::Introduced { .. }
            | Input::FrameworksExited
            | Input::TimerFired(Timer::Load | Timer::Introduce) => {}
        }
    }

    fn on_get_agents(&self, call: CallId, out: &mut Vec<Effect>) {
        let agents = self.agents.iter().map(|(id, agent)| agent.summary(id)).collect();
        out.push(Effect::Reply { call, result: Ok(Reply::Agents(AgentList { agents })) });
    }

    /// Costs as much as has changed since the last who asked.
    fn on_view_agents(&mut self, call: CallId, out: &mut Vec<Effect>) {
        let show = |id: &AgentId, agent: &Agent| Arc::new(agent.summary(id));
        self.agents.update(&mut self.view, show, |agent, id| agent.agent_id.cmp(id));
        let view = AgentsView { agents: self.view.clone() };
        out.push(Effect::Reply { call, result: Ok(Reply::View(view)) });
    }

    fn on_get_agent(&self, call: CallId, agent_id: &AgentId, out: &mut Vec<Effect>) {
        let agent = self.agents.get(agent_id).map(|agent| agent.summary(agent_id));
        let result = agent.map(Box::new).map(Reply::Agent).ok_or_else(|| no_such_agent(agent_id));
        out.push(Effect::Reply { call, result });
    }

    /// Ends: whoever waits is refused with `why`; links and timers are let go.
    pub(crate) fn end(self, why: &Failure, out: &mut Vec<Effect>) {
        let calls = self.works.into_values().flat_map(Work::into_calls);
        out.extend(calls.map(|call| Effect::Reply { call, result: Err(why.clone()) }));
        for (agent_id, agent) in self.agents {
            if agent.state == AgentState::Active {
                out.push(Effect::Unlink(agent.address()));
            }
            if agent.is_expected() {
                out.push(Effect::CancelTimer { timer: Timer::Ping(agent_id.clone()) });
                out.push(Effect::CancelTimer { timer: Timer::Reregister(agent_id) });
            }
        }
        out.push(Effect::CancelTimer { timer: Timer::Remove });
        out.push(Effect::CancelTimer { timer: Timer::Introduce });
    }

    /// A request about an agent: at once, or after what is being committed about it.
    pub(crate) fn request(
        &mut self,
        now: Time,
        agent_id: AgentId,
        request: Request,
        out: &mut Vec<Effect>,
    ) {
        if let Some(work) = self.works.get_mut(&agent_id) {
            return work.wait(request, out);
        }
        match request {
            Request::Register { call, message } => self.register(agent_id, call, message, out),
            Request::Unregister { call, incarnation } => {
                self.unregister(agent_id, call, incarnation, out);
            }
            Request::MarkGone { call } => self.mark_gone(now, agent_id, call, out),
            Request::ShutDown => self.begin_shutdown(agent_id, out),
        }
    }

    /// What is held, for people.
    pub(crate) fn inspect(&self) -> Value {
        let agents: BTreeMap<_, _> = self
            .agents
            .iter()
            .map(|(id, agent)| {
                let kills = agent.kills.len();
                let view = json!({
                    "state": agent.state, "host": agent.info.host, "generation": agent.generation,
                    "last_pong": agent.last_pong, "missed_pings": agent.missed,
                    "remembered_kills": kills, "waits_to_be_unreachable": agent.queued.is_some(),
                });
                (id.as_str(), view)
            })
            .collect();
        json!({
            "epoch": self.epoch, "run": self.run, "generation": self.counters.generation,
            "commits_under_way": self.commits.len(), "agents": agents,
        })
    }
}
