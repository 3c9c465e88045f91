//! To `allocator`.

use protocol::Scalar;
use protocol::allocator::*;
use protocol::framework::Filters;

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("allocator", samples);
    frameworks(&mut to);
    agents(&mut to);
    let role = RoleSummary {
        role: "eng/web".into(),
        weight: 2.5,
        frameworks: vec![framework_id()],
        allocated: resources(),
        dominant_share: 0.375,
        dominant_resource: Some("cpus".into()),
    };
    let roles = RoleList {
        policy: "drf".into(),
        roles: vec![role],
        total: one("cpus", Scalar::from_milli(4000)),
        free: one("cpus", Scalar::from_milli(2500)),
    };
    to.ask(&GetRoles {}, &roles);
}

fn frameworks(to: &mut To<'_>) {
    to.tell(&ResetAllocator { epoch: EPOCH, round: 3 })
        .tell(&AddFramework {
            framework_id: framework_id(),
            info: framework(),
            suppressed_roles: vec!["*".into()],
            active: true,
        })
        .tell(&SetFrameworkActive { framework_id: framework_id(), active: true })
        .tell(&RemoveFramework { framework_id: framework_id() })
        .tell(&ReviveRoles { framework_id: framework_id(), roles: vec!["eng/web".into()] })
        .tell(&SuppressRoles { framework_id: framework_id(), roles: vec!["eng/web".into()] });
}

fn agents(to: &mut To<'_>) {
    let holding =
        Holding { framework_id: framework_id(), role: "eng/web".into(), resources: resources() };
    to.tell(&AddAgent {
        agent_id: agent_id(),
        generation: GENERATION,
        info: agent_info(),
        used: vec![holding],
    })
    .tell(&RemoveAgent { agent_id: agent_id(), generation: GENERATION })
    .tell(&RecoverResources {
        agent_id: agent_id(),
        generation: GENERATION,
        framework_id: framework_id(),
        role: "eng/web".into(),
        resources: resources(),
        filters: Some(Filters { refuse_ms: 5000 }),
    });
}
