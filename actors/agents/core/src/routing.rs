//! The way from `frameworks` to agents. Only active agents are told anything; what cannot be
//! delivered is answered (launches), remembered (kills) or dropped (what is repeated anyway).

use std::collections::BTreeMap;

use protocol::agent::{
    DeliverMessage, KillAgentTask, RunTasks, ShutdownAgentExecutor, ShutdownFramework,
    UpdateAcknowledged, UpdateFramework,
};
use protocol::agents::{
    AgentState, RouteAcknowledgement, RouteKill, RouteLaunch, RouteMessage, RouteShutdownExecutor,
    RouteShutdownFramework, RouteUpdateFramework,
};
use protocol::frameworks::LaunchUndeliverable;
use protocol::resize::{ReportResize, ResizeAgentTask, RouteResize};
use protocol::task::{KillPolicy, Reason};
use protocol::{Address, AgentId, FrameworkId, Generation, TaskId};

use crate::agent::Agent;
use crate::effect::{Effect, ToAgent, ToFrameworks};
use crate::term::Term;

/// Kills remembered for one agent; further ones are dropped, and asked for again by schedulers
/// that see their tasks still running.
const MAX_KILLS: usize = 10_000;

impl Term {
    /// The way to an agent that is registered and answering.
    fn active(&self, agent_id: &AgentId) -> Option<&Agent> {
        self.agents.get(agent_id).filter(|agent| agent.state == AgentState::Active)
    }

    pub(crate) fn tell(&self, agent_id: &AgentId, message: ToAgent, out: &mut Vec<Effect>) {
        if let Some(agent) = self.active(agent_id) {
            out.push(Effect::ToAgent { to: agent.address(), message });
        }
    }

    pub(crate) fn on_route_launch(&self, message: RouteLaunch, out: &mut Vec<Effect>) {
        if let Some((reason, why)) = self.undeliverable(&message.agent_id, message.generation) {
            let framework_id = message.framework.id.unwrap_or_else(|| FrameworkId::from(""));
            let undeliverable = LaunchUndeliverable {
                agent_id: message.agent_id,
                generation: message.generation,
                framework_id,
                task_ids: message.tasks.into_iter().map(|task| task.task_id).collect(),
                reason,
                message: why.to_owned(),
            };
            return out.push(Effect::ToFrameworks(ToFrameworks::Undeliverable(undeliverable)));
        }
        let run = RunTasks {
            epoch: self.epoch,
            generation: message.generation,
            framework: message.framework,
            role: message.role,
            tasks: message.tasks,
        };
        self.tell(&message.agent_id, ToAgent::Run(Box::new(run)), out);
    }

    /// Why a launch for that registration of the agent cannot be handed over, if it cannot.
    pub(crate) fn undeliverable(
        &self,
        agent_id: &AgentId,
        generation: Generation,
    ) -> Option<(Reason, &'static str)> {
        let Some(agent) = self.agents.get(agent_id) else {
            return Some((Reason::AgentUnknown, "the agent is not known"));
        };
        match agent.state {
            AgentState::Active if agent.generation == generation => None,
            AgentState::Active => Some((
                Reason::AgentReregistered,
                "the agent has registered anew since the offer was made",
            )),
            AgentState::Recovered | AgentState::Disconnected => {
                Some((Reason::AgentDisconnected, "the agent is disconnected"))
            }
            AgentState::Unreachable | AgentState::Gone | AgentState::Unknown => {
                Some((Reason::AgentRemoved, "the agent was removed"))
            }
        }
    }

    pub(crate) fn on_route_kill(&mut self, message: RouteKill, out: &mut Vec<Effect>) {
        let epoch = self.epoch;
        let Some(agent) = self.agents.get_mut_unseen(&message.agent_id) else { return };
        let RouteKill { framework_id, task_id, kill_policy, .. } = message;
        match agent.state {
            AgentState::Active => {
                let kill = KillAgentTask { epoch, framework_id, task_id, kill_policy };
                out.push(Effect::ToAgent { to: agent.address(), message: ToAgent::Kill(kill) });
            }
            AgentState::Recovered | AgentState::Disconnected | AgentState::Unreachable => {
                let key = (framework_id, task_id);
                if agent.kills.len() < MAX_KILLS || agent.kills.contains_key(&key) {
                    agent.kills.insert(key, kill_policy);
                }
            }
            AgentState::Gone | AgentState::Unknown => {}
        }
    }

    /// What was to be killed while the agent was away.
    pub(crate) fn resend_kills(
        &self,
        to: &Address,
        kills: BTreeMap<(FrameworkId, TaskId), Option<KillPolicy>>,
        out: &mut Vec<Effect>,
    ) {
        for ((framework_id, task_id), kill_policy) in kills {
            let kill = KillAgentTask { epoch: self.epoch, framework_id, task_id, kill_policy };
            out.push(Effect::ToAgent { to: to.clone(), message: ToAgent::Kill(kill) });
        }
    }

    /// Dropped while the agent is away: it sends the update again, and is answered again.
    pub(crate) fn on_route_acknowledgement(
        &self,
        message: RouteAcknowledgement,
        out: &mut Vec<Effect>,
    ) {
        let RouteAcknowledgement { agent_id, framework_id, task_id, update_id, generation } =
            message;
        let acknowledged = UpdateAcknowledged { framework_id, task_id, update_id, generation };
        self.tell(&agent_id, ToAgent::Acknowledged(acknowledged), out);
    }

    /// Dropped for agents that are away: `frameworks` sees what they still hold when they join.
    pub(crate) fn on_route_shutdown(
        &self,
        message: &RouteShutdownFramework,
        out: &mut Vec<Effect>,
    ) {
        let framework_id = message.framework_id.clone();
        let shutdown = ShutdownFramework { epoch: self.epoch, framework_id };
        for agent_id in &message.agents {
            self.tell(agent_id, ToAgent::ShutdownFramework(shutdown.clone()), out);
        }
    }

    pub(crate) fn on_route_executor(&self, message: RouteShutdownExecutor, out: &mut Vec<Effect>) {
        let RouteShutdownExecutor { agent_id, framework_id, executor_id } = message;
        let shutdown = ShutdownAgentExecutor { epoch: self.epoch, framework_id, executor_id };
        self.tell(&agent_id, ToAgent::ShutdownExecutor(shutdown), out);
    }

    pub(crate) fn on_route_message(&self, message: RouteMessage, out: &mut Vec<Effect>) {
        let RouteMessage { agent_id, framework_id, executor_id, data } = message;
        let deliver = DeliverMessage { framework_id, executor_id, data };
        self.tell(&agent_id, ToAgent::Deliver(deliver), out);
    }

    /// Not remembered: an agent that is away says what its tasks hold when it is back.
    pub(crate) fn on_route_resize(&self, message: RouteResize, out: &mut Vec<Effect>) {
        let RouteResize { agent_id, generation, framework_id, task_id, number, resources } =
            message;
        if let Some((_, why)) = self.undeliverable(&agent_id, generation) {
            let refused = Some(why.to_owned());
            let report =
                ReportResize { agent_id, generation, framework_id, task_id, number, refused };
            return out.push(Effect::ToFrameworks(ToFrameworks::Resized(report)));
        }
        let epoch = self.epoch;
        let resize =
            ResizeAgentTask { epoch, generation, framework_id, task_id, number, resources };
        self.tell(&agent_id, ToAgent::Resize(resize), out);
    }

    pub(crate) fn on_route_update(&self, message: &RouteUpdateFramework, out: &mut Vec<Effect>) {
        let update = UpdateFramework { framework: message.framework.clone() };
        for agent_id in &message.agents {
            self.tell(agent_id, ToAgent::UpdateFramework(Box::new(update.clone())), out);
        }
    }
}
