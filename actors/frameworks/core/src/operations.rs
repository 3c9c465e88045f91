//! Operations on agents' resources: reservations and volumes, from the call to the acknowledgement.
//!
//! An operation counts as done here when it is sent: the resources are what it makes of them, for
//! the allocator too, and launches that count on it travel behind it. An agent that comes back says
//! what it has, which replaces all of that; what it has not done is OPERATION_DROPPED then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::agents::{RouteOperation, RouteOperationAcknowledgement};
use protocol::allocator::ConvertResources;
use protocol::explain::SetbackKind;
use protocol::framework::{OperationState, OperationStatus};
use protocol::frameworks::{
    AcknowledgeOperation, AgentLossCause, ForwardOperation, OperationUndeliverable,
};
use protocol::id::{AgentId, ConversionId, FrameworkId, Generation, OperationId, UpdateId};
use protocol::operation::{
    AgentOperation, Conversion, OperationReport, OperationView, ResourceOperation,
};
use protocol::resources::Resources;
use protocol::scheduler::UpdateOperation;
use protocol::{Address, Failure};
use serde::Serialize;

use crate::accept::Bundle;
use crate::authority::may_operate;
use crate::conversion::Ground;
use crate::effect::{ToAgents, ToAllocator, ToScheduler};
use crate::offers::Outstanding;
use crate::state::{Term, Turn};

/// Operations that are on their way or not acknowledged. A scheduler acknowledges within moments;
/// more than this means that one never does, and every one of them is on some agent's disk.
const MAX_OPEN: usize = 10_000;

/// The operations that are on their way, or whose outcome was not acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Operations {
    open: BTreeMap<ConversionId, Arc<OperationView>>,
    by_agent: BTreeMap<AgentId, BTreeSet<ConversionId>>,
}

impl Operations {
    fn insert(&mut self, agent_id: AgentId, report: OperationReport) {
        let id = report.operation.conversion_id.clone();
        self.remove(&id);
        self.by_agent.entry(agent_id.clone()).or_default().insert(id.clone());
        self.open.insert(id, Arc::new(OperationView { agent_id, report }));
    }

    fn remove(&mut self, id: &ConversionId) -> Option<Arc<OperationView>> {
        let view = self.open.remove(id)?;
        if let Some(ids) = self.by_agent.get_mut(&view.agent_id) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_agent.remove(&view.agent_id);
            }
        }
        Some(view)
    }

    fn on_agent(&self, agent_id: &AgentId) -> Vec<ConversionId> {
        self.by_agent.get(agent_id).into_iter().flatten().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<OperationView>> {
        self.open.values()
    }

    /// The newest of that name of a framework.
    pub(crate) fn named(&self, id: &FrameworkId, name: &OperationId) -> Option<&OperationView> {
        let named = |view: &&Arc<OperationView>| {
            let operation = &view.report.operation;
            operation.framework_id.as_ref() == Some(id)
                && operation.operation_id.as_ref() == Some(name)
        };
        self.open.values().rev().find(named).map(AsRef::as_ref)
    }

    /// Whether the index names exactly those that are there.
    pub(crate) fn index_is_exact(&self) -> bool {
        let indexed: usize = self.by_agent.values().map(BTreeSet::len).sum();
        let found = |(id, view): (&ConversionId, &Arc<OperationView>)| {
            self.by_agent.get(&view.agent_id).is_some_and(|ids| ids.contains(id))
        };
        indexed == self.open.len() && self.open.iter().all(found)
    }
}

impl Term {
    // --- from accepts --------------------------------------------------------------------------

    /// Does an operation of an accept at once, or says why not.
    pub(crate) fn convert(
        &mut self,
        bundle: &mut Bundle,
        operation_id: Option<OperationId>,
        operation: ResourceOperation,
        turn: &mut Turn<'_>,
    ) -> Result<(), String> {
        let conversion = self.check_operation(bundle, &operation)?;
        self.rescind_shared(&bundle.agent_id, &conversion.consumed, turn);
        bundle.convert(&operation, &conversion);
        turn.allocator(ToAllocator::Convert(ConvertResources {
            agent_id: bundle.agent_id.clone(),
            generation: bundle.generation,
            holder: Some(bundle.holder()),
            consumed: conversion.consumed.clone(),
            produced: conversion.produced.clone(),
        }));
        let operation = AgentOperation {
            conversion_id: self.ids.next_conversion(),
            framework_id: Some(bundle.framework_id.clone()),
            operation_id,
            operation,
            conversion,
        };
        self.send_operation(&bundle.agent_id, bundle.generation, operation, turn);
        Ok(())
    }

    fn check_operation(
        &self,
        bundle: &Bundle,
        operation: &ResourceOperation,
    ) -> Result<Conversion, String> {
        self.check_room_for_operations()?;
        let agent = self.agents.get(&bundle.agent_id).ok_or("the agent is not there")?;
        let info = agent.info.as_ref().ok_or("the agent is not there")?;
        let framework = self.frameworks.get(&bundle.framework_id).map(|f| &f.info);
        let principal = framework.and_then(|info| info.principal.as_deref());
        let role = Some(bundle.role.as_str());
        let ground = Ground { framework, principal, role, total: &info.resources };
        let conversion = ground.conversion(operation).map_err(|invalid| invalid.to_string())?;
        may_operate(&self.config.acls, principal, operation).map_err(|no| no.to_string())?;
        if let Some(volume) = conversion.consumed.first_shared_with(&agent.used) {
            return Err(format!("{volume} is shared, and a task uses it"));
        }
        let rest = bundle
            .rest
            .checked_sub(&conversion.consumed)
            .map_err(|shortage| format!("the offers do not have what it needs: {shortage}"))?;
        match conversion.consumed.first_shared_with(&rest) {
            None => Ok(conversion),
            Some(volume) => {
                Err(format!("{volume} is shared, and more than one of the offers has it"))
            }
        }
    }

    /// Offers of a shared volume that is going to be another are void.
    fn rescind_shared(&mut self, agent_id: &AgentId, consumed: &Resources, turn: &mut Turn<'_>) {
        if consumed.shared().next().is_none() {
            return;
        }
        let have_it =
            |offer: &&Outstanding| consumed.first_shared_with(&offer.offer.resources).is_some();
        let offers = self.offers.on_agent(agent_id).filter(have_it);
        let ids = offers.map(|outstanding| outstanding.offer.offer_id.clone()).collect();
        let why = (SetbackKind::OfferRescinded, "the shared volume in them is destroyed");
        self.rescind(ids, why, turn);
    }

    pub(crate) fn check_room_for_operations(&self) -> Result<(), String> {
        if self.operations.len() < MAX_OPEN {
            return Ok(());
        }
        Err("too many operations are on their way or not acknowledged; try again later".to_owned())
    }

    /// The agent has what the operation makes of its resources from here on.
    pub(crate) fn send_operation(
        &mut self,
        agent_id: &AgentId,
        generation: Generation,
        operation: AgentOperation,
        turn: &mut Turn<'_>,
    ) {
        let agent = self.agents.get_mut_unseen(agent_id);
        if let Some(info) = agent.and_then(|agent| agent.info.as_mut()) {
            info.resources.remove_all(&operation.conversion.consumed);
            info.resources.add_all(&operation.conversion.produced);
        }
        let mut status =
            OperationStatus::new(operation.operation_id.clone(), OperationState::Pending);
        status.agent_id = Some(agent_id.clone());
        let report = OperationReport { operation: operation.clone(), status };
        self.operations.insert(agent_id.clone(), report);
        let agent_id = agent_id.clone();
        turn.agents(ToAgents::Operate(RouteOperation { agent_id, generation, operation }));
    }

    // --- from agents ---------------------------------------------------------------------------

    /// What nobody waits for is acknowledged here.
    pub(crate) fn on_forward_operation(&mut self, message: ForwardOperation, turn: &mut Turn<'_>) {
        let ForwardOperation { agent_id, mut report } = message;
        self.counters.count("messages_operation_status_update");
        let Some(generation) = self.generation(&agent_id) else {
            return self.counters.count("invalid_operation_status_updates");
        };
        self.counters.count("valid_operation_status_updates");
        self.count_end(&report);
        let owner = report.operation.framework_id.clone();
        let owner = owner.filter(|id| self.frameworks.contains_key(id));
        let (Some(framework_id), Some(_)) = (owner, &report.operation.operation_id) else {
            self.operations.remove(&report.operation.conversion_id);
            if let Some(update_id) = report.status.update_id {
                acknowledge_to(agent_id, generation, update_id, turn);
            }
            return;
        };
        report.status.agent_id = Some(agent_id.clone());
        let status = report.status.clone();
        self.operations.insert(agent_id, report);
        self.tell_operation(&framework_id, status, turn);
    }

    pub(crate) fn on_operation_undeliverable(
        &mut self,
        message: &OperationUndeliverable,
        turn: &mut Turn<'_>,
    ) {
        self.end_operation(&message.conversion_id, OperationState::Dropped, &message.message, turn);
    }

    /// Forgets an operation of which no more is to come from its agent.
    fn end_operation(
        &mut self,
        id: &ConversionId,
        state: OperationState,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        if let Some(view) = self.operations.remove(id) {
            self.count_loss(&view, state);
            self.pronounce_operation(&view, state, why, turn);
        }
    }

    /// An agent has said how an operation stands: if it is news that it has ended, that counts.
    fn count_end(&mut self, report: &OperationReport) {
        let known = self.operations.open.get(&report.operation.conversion_id);
        if known.is_some_and(|view| !view.report.status.state.is_terminal()) {
            let name = report.operation.operation.name();
            self.counters.operation_end(Some(name), report.status.state);
        }
    }

    /// Nothing is to be heard of an operation any more.
    fn count_loss(&mut self, view: &OperationView, state: OperationState) {
        if !view.report.status.state.is_terminal() {
            let name = view.report.operation.operation.name();
            self.counters.operation_end(Some(name), state);
        }
    }

    /// The master's word; nobody repeats or acknowledges it.
    fn pronounce_operation(
        &self,
        view: &OperationView,
        state: OperationState,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        let AgentOperation { framework_id, operation_id, .. } = &view.report.operation;
        let (Some(framework_id), Some(_)) = (framework_id, operation_id) else { return };
        let mut status = OperationStatus::new(operation_id.clone(), state);
        why.clone_into(&mut status.message);
        status.agent_id = Some(view.agent_id.clone());
        self.tell_operation(framework_id, status, turn);
    }

    pub(crate) fn tell_operation(
        &self,
        framework_id: &FrameworkId,
        status: OperationStatus,
        turn: &mut Turn<'_>,
    ) {
        let message = UpdateOperation { framework_id: framework_id.clone(), status };
        self.tell(framework_id, ToScheduler::Operation(message), turn);
    }

    /// An agent has registered: what it does not report was not done, or is acknowledged.
    pub(crate) fn settle_operations(
        &mut self,
        agent_id: &AgentId,
        reports: Vec<OperationReport>,
        turn: &mut Turn<'_>,
    ) {
        let known = self.operations.on_agent(agent_id);
        let reported: BTreeSet<_> =
            reports.iter().map(|report| report.operation.conversion_id.clone()).collect();
        for id in known.iter().filter(|id| !reported.contains(*id)) {
            let Some(view) = self.operations.remove(id) else { continue };
            if !view.report.status.state.is_terminal() {
                let why = "The operation did not reach the agent";
                self.count_loss(&view, OperationState::Dropped);
                self.pronounce_operation(&view, OperationState::Dropped, why, turn);
            }
        }
        for mut report in reports {
            report.status.agent_id = Some(agent_id.clone());
            self.count_end(&report);
            self.operations.insert(agent_id.clone(), report);
        }
    }

    /// An agent is lost: for a while, or for ever.
    pub(crate) fn lose_operations(
        &mut self,
        agent_id: &AgentId,
        cause: AgentLossCause,
        turn: &mut Turn<'_>,
    ) {
        for id in self.operations.on_agent(agent_id) {
            match cause {
                AgentLossCause::Disconnected => {}
                AgentLossCause::Unreachable => {
                    let Some(view) = self.operations.open.get(&id).cloned() else { continue };
                    let state = OperationState::Unreachable;
                    self.pronounce_operation(&view, state, "Agent is unreachable", turn);
                }
                AgentLossCause::Removed => {
                    let state = OperationState::Dropped;
                    self.end_operation(&id, state, "Agent has left", turn);
                }
                AgentLossCause::Gone => {
                    let state = OperationState::GoneByOperator;
                    self.end_operation(&id, state, "Agent was marked gone by an operator", turn);
                }
            }
        }
    }

    // --- acknowledgements ----------------------------------------------------------------------

    pub(crate) fn on_acknowledge_operation(
        &mut self,
        from: &Address,
        message: AcknowledgeOperation,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let AcknowledgeOperation { framework_id, agent_id, operation_id, update_id } = message;
        self.caller(&framework_id, from)?;
        let generation = self.here(&agent_id)?;
        let known = self.operations.named(&framework_id, &operation_id);
        let meant = known.filter(|view| view.report.status.update_id.as_ref() == Some(&update_id));
        if let Some(id) = meant.map(|view| view.report.operation.conversion_id.clone()) {
            self.operations.remove(&id);
        }
        acknowledge_to(agent_id, generation, update_id, turn);
        Ok(())
    }
}

fn acknowledge_to(
    agent_id: AgentId,
    generation: Generation,
    update_id: UpdateId,
    turn: &mut Turn<'_>,
) {
    let generation = Some(generation);
    let message = RouteOperationAcknowledgement { agent_id, update_id, generation };
    turn.agents(ToAgents::AcknowledgeOperation(message));
}
