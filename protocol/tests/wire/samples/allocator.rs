//! To `allocator`.

use std::collections::BTreeMap;

use protocol::Scalar;
use protocol::allocator::*;
use protocol::explain::{ExplainRole, RoleMember, RoleStanding};
use protocol::framework::{AgentInfo, Domain, Filters, FrameworkInfo, OfferFilters};

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("allocator", samples);
    frameworks(&mut to);
    agents(&mut to);
    changes_of_agents(&mut to);
    quotas(&mut to);
    let role = RoleSummary {
        role: "eng/web".into(),
        weight: 2.5,
        frameworks: vec![framework_id()],
        allocated: resources(),
        dominant_share: 0.375,
        dominant_resource: Some("cpus".into()),
        quota: quota(),
        consumed: one("cpus", Scalar::from_milli(1500)),
    };
    let roles = RoleList {
        policy: "drf".into(),
        roles: vec![role],
        total: one("cpus", Scalar::from_milli(4000)),
        free: one("cpus", Scalar::from_milli(2500)),
    };
    to.ask(&GetRoles {}, &roles);
    let why = FrameworkExplanation {
        framework_id: framework_id(),
        active: true,
        roles: vec![explanation()],
        recent: vec![rejection()],
    };
    to.ask(&ExplainFramework { framework_id: framework_id() }, &why);
    to.ask(&ExplainRole { role: "eng/web".into() }, &standing());
}

fn standing() -> RoleStanding {
    RoleStanding {
        role: "eng/web".into(),
        verdict: Verdict::Limit,
        summary: "the limit of role eng is used up".into(),
        policy: "drf".into(),
        parent: Some("eng".into()),
        children: vec!["eng/web/blue".into()],
        weight: 2.5,
        priority: 300,
        allocated: resources(),
        dominant_share: 0.375,
        dominant_resource: Some("cpus".into()),
        quota: quota(),
        consumed: one("cpus", Scalar::from_milli(1500)),
        lacks: one("cpus", Scalar::from_milli(500)),
        limited_by: Some("eng".into()),
        wants: true,
        ahead: vec!["eng/db".into()],
        behind: vec![".".into()],
        frameworks: vec![RoleMember { framework_id: framework_id(), why: explanation() }],
    }
}

pub(super) fn explanation() -> RoleExplanation {
    RoleExplanation {
        role: "eng/web".into(),
        verdict: Verdict::Filter,
        summary: "it has refused what is free on 3 of 4 agents".into(),
        allocated: resources(),
        dominant_share: 0.375,
        ahead: 2,
        agents: BTreeMap::from([(Verdict::Filter, 3), (Verdict::NothingFree, 1)]),
    }
}

pub(super) fn rejection() -> Rejection {
    Rejection {
        at: NOW,
        agent_id: agent_id(),
        role: "eng/web".into(),
        resources: resources(),
        until: NOW,
    }
}

fn particular_framework() -> FrameworkInfo {
    let minimum = vec![one("cpus", Scalar::from_milli(500))];
    let filters = OfferFilters { min_allocatable: Some(minimum) };
    FrameworkInfo { offer_filters: one("eng/web", filters), ..framework() }
}

fn quotas(to: &mut To<'_>) {
    to.tell(&SetQuota { role: "eng/web".into(), quota: quota() })
        .tell(&SetWeight { role: "eng/web".into(), weight: Some(2.5) })
        .tell(&RequestResources {
            framework_id: framework_id(),
            role: "eng/web".into(),
            resources: resources(),
        });
}

fn changes_of_agents(to: &mut To<'_>) {
    let domain = Some(Domain { region: "europe".into(), zone: "europe-1".into() });
    let holder = Holder { framework_id: framework_id(), role: "eng/web".into() };
    to.tell(&UpdateAgent {
        agent_id: agent_id(),
        generation: GENERATION,
        info: AgentInfo { domain, ..agent_info() },
    })
    .tell(&SetAgentActive { agent_id: agent_id(), generation: GENERATION, active: true })
    .tell(&SetUnavailability {
        agent_id: agent_id(),
        generation: GENERATION,
        unavailability: Some(unavailability()),
    })
    .tell(&AnswerInverseOffer {
        agent_id: agent_id(),
        generation: GENERATION,
        framework_id: framework_id(),
        accepted: true,
        filters: Some(Filters { refuse_ms: 5000 }),
    })
    .tell(&ConvertResources {
        agent_id: agent_id(),
        generation: GENERATION,
        holder: Some(holder.clone()),
        consumed: resources(),
        produced: shared(),
    })
    .tell(&ShareResources {
        agent_id: agent_id(),
        generation: GENERATION,
        holder: holder.clone(),
        resources: shared(),
    })
    .tell(&GrowHolding {
        agent_id: agent_id(),
        generation: GENERATION,
        holder,
        resources: resources(),
    });
}

fn frameworks(to: &mut To<'_>) {
    to.tell(&ResetAllocator { epoch: EPOCH, round: 3 })
        .tell(&AddFramework {
            framework_id: framework_id(),
            info: particular_framework(),
            suppressed_roles: vec!["*".into()],
            active: true,
            offer_constraints: Some(constraints()),
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
