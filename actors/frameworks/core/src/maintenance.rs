//! Maintenance: the schedule is recorded; then the agents of its machines are known to be going away,
//! and those of machines that are down are shut down by `agents`.

use protocol::Failure;
use protocol::agents::SetDownMachines;
use protocol::allocator::SetUnavailability;
use protocol::explain::SetbackKind;
use protocol::frameworks::MaintenanceStatus;
use protocol::id::{AgentId, CallId};
use protocol::maintenance::{
    DrainingMachine, InverseAnswer, InverseOfferStatus, MachineId, Maintenance, MaintenanceError,
    MaintenanceWindow,
};
use protocol::registrar::RegistryOperation;
use serde::Serialize;

use crate::effect::{Answer, ToAgents, ToAllocator};
use crate::state::{Term, Turn};
use crate::writes::Change;

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Wish {
    Schedule(Vec<MaintenanceWindow>),
    Start(Vec<MachineId>),
    Stop(Vec<MachineId>),
}

/// A wish on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MaintenanceChange {
    pub(crate) call: CallId,
    wish: Wish,
}

impl Term {
    pub(crate) fn on_maintenance(
        &mut self,
        call: CallId,
        wish: Wish,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        self.change(Change::Maintenance(MaintenanceChange { call, wish }), turn);
        None
    }

    /// Goes on with a change whose turn has come.
    pub(crate) fn begin_maintenance(&mut self, change: MaintenanceChange, turn: &mut Turn<'_>) {
        match self.wished(&change.wish) {
            Ok(maintenance) => {
                let operation = RegistryOperation::PutMaintenance { maintenance };
                self.record(vec![operation], Change::Maintenance(change), turn);
            }
            Err(fault) => turn.reply(change.call, Err(Failure::refused(fault.to_string()))),
        }
    }

    fn wished(&self, wish: &Wish) -> Result<Maintenance, MaintenanceError> {
        match wish {
            Wish::Schedule(windows) => self.maintenance.scheduled(windows.clone()),
            Wish::Start(machines) => self.maintenance.started(machines),
            Wish::Stop(machines) => self.maintenance.stopped(machines),
        }
    }

    /// Nothing else has changed it since: one change at a time.
    pub(crate) fn on_maintenance_recorded(
        &mut self,
        change: &MaintenanceChange,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let answer = result.and_then(|()| {
            let refused = |fault: MaintenanceError| Failure::refused(fault.to_string());
            let maintenance = self.wished(&change.wish).map_err(refused)?;
            self.adopt_maintenance(maintenance, turn);
            Ok(Answer::Done)
        });
        turn.reply(change.call, answer);
    }

    /// It is durable: the agents that it concerns hear of it.
    pub(crate) fn adopt_maintenance(&mut self, maintenance: Maintenance, turn: &mut Turn<'_>) {
        self.maintenance = maintenance;
        let changed = self.agents.iter().filter(|(_, agent)| {
            let info = agent.info.as_ref();
            info.is_some_and(|it| self.maintenance.unavailability(it) != agent.unavailability)
        });
        let changed: Vec<_> = changed.map(|(id, _)| id.clone()).collect();
        for agent_id in changed {
            self.reschedule(&agent_id, turn);
        }
        self.tell_down_machines(turn);
    }

    /// What was offered without knowing is void, and whoever was asked to leave is asked anew.
    fn reschedule(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let Some(agent) = self.agents.get_mut_unseen(agent_id) else { return };
        let Some(info) = &agent.info else { return };
        agent.unavailability = self.maintenance.unavailability(info);
        let offers = self.offers.on_agent(agent_id).map(|it| it.offer.offer_id.clone()).collect();
        let why = (SetbackKind::OfferRescinded, "their agent is to be away at another time");
        self.rescind(offers, why, turn);
        self.rescind_departure(agent_id, turn);
        self.tell_unavailability(agent_id, turn);
    }

    pub(crate) fn tell_unavailability(&self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let Some(agent) = self.agents.get(agent_id) else { return };
        let Some(generation) = agent.here() else { return };
        turn.allocator(ToAllocator::SetUnavailability(SetUnavailability {
            agent_id: agent_id.clone(),
            generation,
            unavailability: agent.unavailability,
        }));
    }

    /// All of them every time, so that one that was lost does no harm.
    pub(crate) fn tell_down_machines(&self, turn: &mut Turn<'_>) {
        let machines = self.maintenance.down.clone();
        let message = SetDownMachines { epoch: self.epoch, machines };
        turn.agents(ToAgents::SetDownMachines(message));
    }

    pub(crate) fn maintenance_status(&self) -> MaintenanceStatus {
        let draining = self.maintenance.draining().map(|machine| DrainingMachine {
            machine: machine.clone(),
            statuses: self.statuses_on(machine),
        });
        MaintenanceStatus {
            draining: draining.collect(),
            down: self.maintenance.down.iter().cloned().collect(),
        }
    }

    fn statuses_on(&self, machine: &MachineId) -> Vec<InverseOfferStatus> {
        let there = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.info.as_ref().is_some_and(|info| machine.has(info)));
        there.flat_map(|(agent_id, _)| self.inverse.statuses(agent_id)).collect()
    }
}

/// What was said.
pub(crate) fn answer_of(accepted: bool) -> InverseAnswer {
    if accepted { InverseAnswer::Accept } else { InverseAnswer::Decline }
}
