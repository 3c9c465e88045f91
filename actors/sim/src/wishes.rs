//! What a modelled scheduler makes of the resources it is offered: reservations and volumes.

use frameworks_core::Request;
use protocol::framework::{Offer, Operation, OperationStatus};
use protocol::frameworks::AcknowledgeOperation;
use protocol::operation::ResourceOperation;
use protocol::resources::{Disk, Reservation, Resource, Resources};

use crate::kernel::Kernel;
use crate::scheduler::Scheduler;

/// Of an agent's four cpus, so many stay for everybody.
pub(crate) const KEPT: &str = "cpus=2";

/// These, reserved for a role.
pub(crate) fn held_for(role: &str, wanted: &Resources) -> Resources {
    let layer = Reservation {
        role: role.to_owned(),
        dynamic: true,
        principal: None,
        labels: std::collections::BTreeMap::new(),
    };
    let reserve = |r: &Resource| Resource { reservations: vec![layer.clone()], ..r.clone() };
    wanted.iter().map(reserve).collect()
}

/// This disk, as a volume of that name.
pub(crate) fn as_volume(disk: &Resources, id: &str) -> Resources {
    let persistent =
        Disk { persistence_id: id.to_owned(), container_path: "data".to_owned(), principal: None };
    let volume = |r: &Resource| Resource { disk: Some(persistent.clone()), ..r.clone() };
    disk.iter().map(volume).collect()
}

pub(crate) fn bag(text: &str) -> Resources {
    Resources::parse(text).expect("resources that are written out")
}

impl Scheduler {
    /// An operation on what is offered, and what it leaves of it.
    pub(crate) fn wish(
        &mut self,
        kernel: &mut Kernel,
        offer: &Offer,
        available: &mut Resources,
    ) -> Option<Operation> {
        let operation = self.pick_operation(kernel, offer, available)?;
        self.operations += 1;
        let id = format!("s{}.o{}", self.index, self.operations);
        let operation_id = kernel.chance(0.5).then(|| id.as_str().into());
        Some(Operation::Apply { operation_id, operation: Box::new(operation) })
    }

    /// Undoes what was done before, more often than not; now and then one that cannot be.
    fn pick_operation(
        &self,
        kernel: &mut Kernel,
        offer: &Offer,
        available: &mut Resources,
    ) -> Option<ResourceOperation> {
        let mine = available.filter(|r| r.reserved_role() == Some(offer.role.as_str()));
        let volumes = mine.filter(|r| r.disk.is_some());
        // A shared volume is used for a while.
        if !volumes.is_empty() && (volumes.shared().next().is_none() || kernel.chance(0.5)) {
            available.remove_all(&volumes);
            return Some(ResourceOperation::Destroy { volumes });
        }
        let disk = mine.filter(|r| r.name == "disk" && r.disk.is_none());
        if !disk.is_empty() && kernel.chance(0.6) {
            available.remove_all(&disk);
            let id = format!("s{}.v{}", self.index, self.operations);
            let shared = kernel.chance(0.5);
            let kind = |r: &Resource| Resource { shared, ..r.clone() };
            let volumes = as_volume(&disk, &id).iter().map(kind).collect();
            return Some(ResourceOperation::Create { volumes });
        }
        let mine = mine.filter(|r| r.disk.is_none());
        if !mine.is_empty() && kernel.chance(0.6) {
            available.remove_all(&mine);
            return Some(ResourceOperation::Unreserve { resources: mine });
        }
        let text = ["cpus=0.5", "disk=100", "cpus=0.25;disk=10"][kernel.pick(3)];
        let wanted = bag(text);
        let enough = available.contains(&(&wanted + &bag(KEPT)));
        if !enough && !kernel.chance(0.03) {
            return None;
        }
        available.remove_all(&wanted);
        let resources = held_for(&offer.role, &wanted);
        Some(ResourceOperation::Reserve { resources, source: Resources::EMPTY })
    }

    pub(crate) fn on_operation(&mut self, kernel: &mut Kernel, status: OperationStatus) {
        let OperationStatus { operation_id, agent_id, update_id, .. } = status;
        if let (Some(operation_id), Some(agent_id), Some(update_id), Some(framework_id)) =
            (operation_id, agent_id, update_id, self.framework_id.clone())
        {
            let message = AcknowledgeOperation { framework_id, agent_id, operation_id, update_id };
            self.call(kernel, Request::AcknowledgeOperation(message));
        }
    }
}
