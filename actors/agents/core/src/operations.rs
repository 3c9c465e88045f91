//! The way of operations to agents: what changes is what the agent is known to have, too.

use protocol::agent::{ApplyOperation, OperationAcknowledged};
use protocol::agents::{RouteOperation, RouteOperationAcknowledgement};
use protocol::frameworks::OperationUndeliverable;

use crate::effect::{Effect, ToAgent, ToFrameworks};
use crate::term::Term;

impl Term {
    pub(crate) fn on_route_operation(&mut self, message: RouteOperation, out: &mut Vec<Effect>) {
        let RouteOperation { agent_id, generation, operation } = message;
        if let Some((_, why)) = self.undeliverable(&agent_id, generation) {
            let undeliverable = OperationUndeliverable {
                agent_id,
                conversion_id: operation.conversion_id,
                message: why.to_owned(),
            };
            return out.push(Effect::ToFrameworks(ToFrameworks::NotOperated(undeliverable)));
        }
        if let Some(agent) = self.agents.get_mut(&agent_id) {
            agent.info.resources.remove_all(&operation.conversion.consumed);
            agent.info.resources.add_all(&operation.conversion.produced);
        }
        let apply = ApplyOperation { epoch: self.epoch, generation, operation };
        self.tell(&agent_id, ToAgent::Operate(Box::new(apply)), out);
    }

    /// Dropped while the agent is away: it reports again, and is answered again.
    pub(crate) fn on_route_operation_acknowledgement(
        &self,
        message: RouteOperationAcknowledgement,
        out: &mut Vec<Effect>,
    ) {
        let RouteOperationAcknowledgement { agent_id, update_id, generation } = message;
        let acknowledged = OperationAcknowledged { update_id, generation };
        self.tell(&agent_id, ToAgent::OperationAcknowledged(acknowledged), out);
    }
}
