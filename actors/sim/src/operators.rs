//! Operators, who change what agents have in the way of everybody: reservations and volumes.

use frameworks_core as frameworks;
use protocol::frameworks::OperateOnAgent;
use protocol::operation::ResourceOperation;
use protocol::resources::{Resource, Resources, Scalar};

use crate::hop::Actor;
use crate::kernel::Kernel;
use crate::master::Caller;
use crate::names;
use crate::scheduler::ROLES;
use crate::wishes::{KEPT, as_volume, bag, held_for};
use crate::world::World;

impl World {
    /// One of them wants something of an agent that the master knows; whether it can be had is for
    /// the master to say.
    pub(crate) fn operate(&mut self) {
        let Some(master) = &mut self.master else { return };
        let Some(term) = master.frameworks.term() else { return };
        let known: Vec<_> = term
            .agents()
            .filter_map(|(id, agent)| Some((id.clone(), agent.info()?.resources.clone())))
            .collect();
        if known.is_empty() {
            return;
        }
        let (agent_id, resources) = known[self.kernel.pick(known.len())].clone();
        let id = format!("operator.v{}", self.events);
        let Some(operation) = pick_change(&mut self.kernel, &resources, &id) else { return };
        let call = master.call(Actor::Frameworks, Caller::Operator);
        let request =
            frameworks::Request::Operate(OperateOnAgent { agent_id, operation, principal: None });
        let from = names::local("gateway");
        let input = frameworks::Input::Asked { call, from, request };
        master.step_frameworks(&mut self.kernel, input);
    }
}

/// Something new, or the end of something that was made before, by whomever.
fn pick_change(kernel: &mut Kernel, total: &Resources, id: &str) -> Option<ResourceOperation> {
    let volume = total.iter().find(|r| r.disk.is_some()).cloned();
    let held: Vec<_> =
        total.iter().filter(|r| r.disk.is_none() && !r.reservations.is_empty()).cloned().collect();
    let disk = held.iter().find(|r| r.name == "disk").cloned();
    match (kernel.pick(7), volume, disk) {
        (0, Some(volume), _) => Some(ResourceOperation::Destroy { volumes: one(volume) }),
        (1, Some(volume), _) => Some(ResourceOperation::ShrinkVolume {
            volume,
            subtract: Scalar::from_milli([1000, 5000, 1_000_000][kernel.pick(3)]),
        }),
        (2, Some(volume), _) => {
            let mut addition = volume.without_disk();
            addition.value = bag("disk=5").iter().next()?.value.clone();
            Some(ResourceOperation::GrowVolume { volume, addition })
        }
        (0..=3, _, Some(disk)) => {
            Some(ResourceOperation::Create { volumes: as_volume(&one(disk), id) })
        }
        (4, ..) if !held.is_empty() => {
            let resources = one(held[kernel.pick(held.len())].clone());
            Some(ResourceOperation::Unreserve { resources })
        }
        (5, ..) if !held.is_empty() => {
            let source = one(held[kernel.pick(held.len())].clone());
            let resources = held_for(ROLES[kernel.pick(ROLES.len())], &source);
            Some(ResourceOperation::Reserve { resources, source })
        }
        _ => reserve(kernel, total),
    }
}

fn reserve(kernel: &mut Kernel, total: &Resources) -> Option<ResourceOperation> {
    let wanted = bag(["cpus=0.5", "disk=100", "disk=50", "cpus=0.25;disk=10"][kernel.pick(4)]);
    if !total.contains(&(&wanted + &bag(KEPT))) {
        return None;
    }
    let role = ROLES[kernel.pick(ROLES.len())];
    let resources = held_for(role, &wanted);
    Some(ResourceOperation::Reserve { resources, source: Resources::EMPTY })
}

fn one(resource: Resource) -> Resources {
    std::iter::once(resource).collect()
}
