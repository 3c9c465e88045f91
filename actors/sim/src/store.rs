//! The registrar and its store: durable, fenced by the epoch, and now and then silent about what
//! became of a write.

use std::collections::BTreeMap;

use protocol::id::{Epoch, FrameworkId};
use protocol::maintenance::Maintenance;
use protocol::registrar::{
    AgentRecord, AgentStanding, Registry, RegistryOperation, RegistrySnapshot,
};
use protocol::{Failure, FailureKind};

use crate::event::Event;
use crate::hop::{Actor, Question, What, Wish};
use crate::kernel::Kernel;
use crate::master::Master;

/// What survives every master.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) registry: Registry,
    /// Of the last election: whoever writes under another one is refused.
    pub(crate) epoch: Epoch,
}

impl Master {
    /// Sends a question to the store. Questions of one master arrive in order.
    pub(crate) fn ask_store(&mut self, kernel: &mut Kernel, question: Question) {
        let slow = kernel.chance(0.05);
        let delay = if slow { kernel.between(5, 400) } else { kernel.between(1, 8) };
        let at = self.in_order_to_store(kernel.now + delay);
        kernel.at(at, Event::Store { life: self.life, question: Box::new(question) });
    }
}

impl Store {
    /// Does what is asked, and says so to the master if that life of it is still there.
    pub(crate) fn handle(
        &mut self,
        kernel: &mut Kernel,
        question: Question,
        master: Option<&mut Master>,
    ) {
        let Question { from, epoch, wish } = question;
        let fenced = epoch != self.epoch;
        let silent = kernel.misfortune(kernel.options.faults.unknown_outcome);
        let lost = silent && kernel.chance(0.5);
        let refusal = Failure::new(FailureKind::NotLeader, "another epoch");
        let result = match &wish {
            _ if fenced => Err(refusal),
            Wish::Record { operations, .. } | Wish::Commit { operations, .. } if !lost => {
                operations.iter().for_each(|operation| self.apply(operation));
                Ok(())
            }
            _ => Ok(()),
        };
        let silence = Failure::new(FailureKind::ActorDied, "the registrar restarts");
        let result = if silent { Err(silence) } else { result };
        let Some(master) = master else { return };
        let snapshot = || RegistrySnapshot { epoch, registry: self.registry.clone() };
        let what = answer(from, epoch, wish, result, snapshot);
        master.hop(kernel, Actor::Registrar, from, what);
    }

    fn apply(&mut self, operation: &RegistryOperation) {
        let agents = &mut self.registry.agents;
        match operation.clone() {
            RegistryOperation::AdmitAgent { agent_id, info } => {
                let standing = AgentStanding::Admitted;
                agents.insert(agent_id, AgentRecord { info, standing });
            }
            RegistryOperation::MarkAgentUnreachable { agent_id, since } => {
                if let Some(record) = agents.get_mut(&agent_id) {
                    record.standing = AgentStanding::Unreachable { since };
                }
            }
            RegistryOperation::MarkAgentGone { agent_id, since } => {
                if let Some(record) = agents.get_mut(&agent_id) {
                    record.standing = AgentStanding::Gone { since };
                }
            }
            RegistryOperation::RemoveAgent { agent_id } => {
                agents.remove(&agent_id);
            }
            RegistryOperation::PutFramework { framework_id, record } => {
                self.registry.frameworks.insert(framework_id, record);
            }
            RegistryOperation::SetQuota { role, quota } => {
                set(&mut self.registry.quotas, role, quota);
            }
            RegistryOperation::SetWeight { role, weight } => {
                set(&mut self.registry.weights, role, weight);
            }
            RegistryOperation::PutMaintenance { maintenance } => {
                let name = Maintenance::CLUSTER.to_owned();
                self.registry.maintenance.insert(name, maintenance);
            }
        }
    }

    /// Whether the registry says that this framework has ended.
    pub(crate) fn is_removed(&self, framework_id: &FrameworkId) -> bool {
        let record = self.registry.frameworks.get(framework_id);
        record.is_some_and(|record| record.removed.is_some())
    }
}

fn set<V>(records: &mut BTreeMap<String, V>, role: String, record: Option<V>) {
    match record {
        Some(record) => drop(records.insert(role, record)),
        None => drop(records.remove(&role)),
    }
}

fn answer(
    from: Actor,
    epoch: Epoch,
    wish: Wish,
    result: Result<(), Failure>,
    snapshot: impl FnOnce() -> RegistrySnapshot,
) -> What {
    match wish {
        Wish::Load => {
            let result = result.map(|()| snapshot());
            match from {
                Actor::Frameworks => {
                    What::Frameworks(frameworks_core::Input::RegistryLoaded { epoch, result })
                }
                _ => What::Agents(agents_core::Input::RegistryLoaded { epoch, result }),
            }
        }
        Wish::Record { subject, .. } => {
            What::Frameworks(frameworks_core::Input::Recorded { epoch, subject, result })
        }
        Wish::Commit { commit, .. } => {
            What::Agents(agents_core::Input::Committed { commit, result })
        }
    }
}
