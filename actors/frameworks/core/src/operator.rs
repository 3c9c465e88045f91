//! An operator's changes of an agent's resources: of what nobody uses, also if it is offered. Offers
//! of it are rescinded; the allocator has the last word, since it may be offering it at this moment.

use protocol::allocator::ConvertResources;
use protocol::explain::SetbackKind;
use protocol::frameworks::OperateOnAgent;
use protocol::id::{AgentId, CallId, Generation, OfferId};
use protocol::operation::{AgentOperation, Conversion, ResourceOperation};
use protocol::resources::{Resource, Resources};
use protocol::{Failure, FailureKind};
use serde::Serialize;

use crate::agents::Agent;
use crate::authority::may_operate;
use crate::conversion::Ground;
use crate::effect::{AllocatorQuestion, Answer};
use crate::questions::Purpose;
use crate::state::{Term, Turn};

/// An operation that waits for the allocator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Wish {
    pub(crate) call: CallId,
    agent_id: AgentId,
    generation: Generation,
    operation: ResourceOperation,
    principal: Option<String>,
}

impl Term {
    pub(crate) fn on_operate(
        &mut self,
        call: CallId,
        message: OperateOnAgent,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        let OperateOnAgent { agent_id, operation, principal } = message;
        let Some(generation) = self.generation(&agent_id) else {
            let text = "No agent found with specified ID";
            return Some(Err(Failure::new(FailureKind::NotFound, text)));
        };
        let conversion = match self.check_wish(&agent_id, &operation, principal.as_deref()) {
            Ok(conversion) => conversion,
            Err(failure) => return Some(Err(failure)),
        };
        self.rescind_what_helps(&agent_id, &conversion.consumed, turn);
        let message = AllocatorQuestion::Convert(ConvertResources {
            agent_id: agent_id.clone(),
            generation,
            holder: None,
            consumed: conversion.consumed,
            produced: conversion.produced,
        });
        let wish = Wish { call, agent_id, generation, operation, principal };
        self.ask_allocator(message, Purpose::Operate(Box::new(wish)), turn);
        None
    }

    /// What it amounts to, if that can be had at the cost of offers.
    fn check_wish(
        &self,
        agent_id: &AgentId,
        operation: &ResourceOperation,
        principal: Option<&str>,
    ) -> Result<Conversion, Failure> {
        let conflict = |text: String| Failure::new(FailureKind::Conflict, text);
        self.check_room_for_operations().map_err(conflict)?;
        let agent = self.agents.get(agent_id);
        let (Some(agent), Some(info)) = (agent, agent.and_then(|agent| agent.info.as_ref())) else {
            return Err(Failure::new(FailureKind::NotFound, "No agent found with specified ID"));
        };
        let ground = Ground { framework: None, principal, role: None, total: &info.resources };
        let conversion = ground
            .conversion(operation)
            .map_err(|invalid| Failure::refused(invalid.to_string()))?;
        may_operate(&self.config.acls, principal, operation)?;
        if let ResourceOperation::Destroy { volumes } = operation {
            check_volumes(agent, &info.resources, volumes)?;
        }
        match agent.unused().checked_sub(&conversion.consumed) {
            Ok(_) => Ok(conversion),
            Err(shortage) => Err(conflict(format!("Insufficient resources: {shortage}"))),
        }
    }

    /// Voids offers until enough is neither offered nor used; those that would not help stay.
    fn rescind_what_helps(&mut self, agent_id: &AgentId, wanted: &Resources, turn: &mut Turn<'_>) {
        let Some(agent) = self.agents.get(agent_id) else { return };
        let Some(info) = &agent.info else { return };
        let mut free = info.resources.clone();
        free.remove_all(&agent.used);
        free.remove_all(&agent.offered);
        let mut ids: Vec<OfferId> = Vec::new();
        for offer in self.offers.on_agent(agent_id).map(|outstanding| &outstanding.offer) {
            let shares = wanted.first_shared_with(&offer.resources).is_some();
            if free.contains(wanted) && !shares {
                continue;
            }
            if has_some_of(&offer.resources, wanted) {
                free.add_all(&offer.resources);
                ids.push(offer.offer_id.clone());
            }
        }
        let why = (SetbackKind::OfferRescinded, "an operator needs what was offered");
        self.rescind(ids, why, turn);
    }

    /// Goes on when the allocator has answered.
    pub(crate) fn on_wish_answered(
        &mut self,
        wish: Wish,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Wish { call, agent_id, generation, operation, principal } = wish;
        let conflict = |text: String| Err(Failure::new(FailureKind::Conflict, text));
        if let Err(failure) = result {
            return turn.reply(call, conflict(failure.message));
        }
        if self.generation(&agent_id) != Some(generation) {
            // The allocator was told of the agent anew, with what it has now.
            return turn.reply(call, conflict("the agent has registered anew".to_owned()));
        }
        match self.check_wish(&agent_id, &operation, principal.as_deref()) {
            Ok(conversion) => {
                let operation = AgentOperation {
                    conversion_id: self.ids.next_conversion(),
                    framework_id: None,
                    operation_id: None,
                    operation,
                    conversion,
                };
                self.send_operation(&agent_id, generation, operation, turn);
                turn.reply(call, Ok(Answer::Done));
            }
            Err(failure) => {
                // Another operation came between: what the allocator has changed is to be undone.
                turn.reply(call, conflict(failure.message));
                self.distrust_allocator(turn);
            }
        }
    }
}

/// A volume that is not there, or that somebody uses, is a mistake of the call, as in Mesos.
fn check_volumes(agent: &Agent, total: &Resources, volumes: &Resources) -> Result<(), Failure> {
    if !total.contains(volumes) {
        return Err(Failure::refused(format!("Persistent volumes not found: {volumes}")));
    }
    let shared = volumes.first_shared_with(&agent.used).is_some();
    if shared || !agent.unused().contains(volumes) {
        return Err(Failure::refused(format!("Persistent volumes in use: {volumes}")));
    }
    Ok(())
}

/// Whether taking `bag` back brings `wanted` nearer.
fn has_some_of(bag: &Resources, wanted: &Resources) -> bool {
    let like = |mine: &Resource, other: &Resource| {
        mine.name == other.name
            && mine.reservations == other.reservations
            && mine.disk == other.disk
            && mine.revocable == other.revocable
    };
    bag.iter().any(|mine| wanted.iter().any(|other| like(mine, other)))
}
