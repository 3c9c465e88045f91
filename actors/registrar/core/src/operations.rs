//! What each operation does to the registry. All are idempotent.

use protocol::framework::AgentInfo;
use protocol::maintenance::Maintenance;
use protocol::quota::Quota;
use protocol::registrar::{AgentRecord, AgentStanding, FrameworkRecord, RegistryOperation};
use protocol::{AgentId, Failure, FailureKind, FrameworkId, Time};

use crate::draft::View;

/// Applies one operation, or says why it cannot be.
pub(crate) fn apply(view: &mut View<'_>, operation: RegistryOperation) -> Result<(), Failure> {
    match operation {
        RegistryOperation::AdmitAgent { agent_id, info } => admit(view, agent_id, info),
        RegistryOperation::MarkAgentUnreachable { agent_id, since } => {
            mark_unreachable(view, agent_id, since)
        }
        RegistryOperation::MarkAgentGone { agent_id, since } => mark_gone(view, agent_id, since),
        RegistryOperation::RemoveAgent { agent_id } => remove(view, agent_id),
        RegistryOperation::PutFramework { framework_id, record } => {
            put_framework(view, framework_id, record)
        }
        RegistryOperation::SetQuota { role, quota } => set_quota(view, role, quota),
        RegistryOperation::SetWeight { role, weight } => set_weight(view, role, weight),
        RegistryOperation::PutMaintenance { maintenance } => {
            view.own.maintenance.insert(Maintenance::CLUSTER.to_owned(), Some(maintenance));
            Ok(())
        }
    }
}

fn no_agent(agent_id: &AgentId) -> Failure {
    Failure::new(FailureKind::NotFound, format!("the registry has no agent {agent_id}"))
}

fn admit(view: &mut View<'_>, agent_id: AgentId, info: AgentInfo) -> Result<(), Failure> {
    let standing = view.agent(&agent_id).map(|record| record.standing);
    if let Some(AgentStanding::Gone { .. }) = standing {
        return Err(Failure::refused(format!(
            "agent {agent_id} was marked gone; its id is never admitted again"
        )));
    }
    let record = AgentRecord { info, standing: AgentStanding::Admitted };
    view.own.agents.insert(agent_id, Some(record));
    Ok(())
}

/// One that is unreachable keeps its time; one that is gone stays gone.
fn mark_unreachable(view: &mut View<'_>, agent_id: AgentId, since: Time) -> Result<(), Failure> {
    let record = view.agent(&agent_id).ok_or_else(|| no_agent(&agent_id))?;
    if record.standing == AgentStanding::Admitted {
        let standing = AgentStanding::Unreachable { since };
        let record = AgentRecord { standing, ..record.clone() };
        view.own.agents.insert(agent_id, Some(record));
    }
    Ok(())
}

fn mark_gone(view: &mut View<'_>, agent_id: AgentId, since: Time) -> Result<(), Failure> {
    let record = view.agent(&agent_id).ok_or_else(|| no_agent(&agent_id))?;
    if !matches!(record.standing, AgentStanding::Gone { .. }) {
        let record = AgentRecord { standing: AgentStanding::Gone { since }, ..record.clone() };
        view.own.agents.insert(agent_id, Some(record));
    }
    Ok(())
}

/// The record of one that is gone stays: it is what keeps the id from coming back.
fn remove(view: &mut View<'_>, agent_id: AgentId) -> Result<(), Failure> {
    let standing = view.agent(&agent_id).map(|record| record.standing);
    if let Some(AgentStanding::Admitted | AgentStanding::Unreachable { .. }) = standing {
        view.own.agents.insert(agent_id, None);
    }
    Ok(())
}

fn put_framework(
    view: &mut View<'_>,
    framework_id: FrameworkId,
    record: FrameworkRecord,
) -> Result<(), Failure> {
    let before = view.framework(&framework_id);
    let ended = before.is_some_and(|before| before.removed.is_some());
    if ended && record.removed.is_none() {
        return Err(Failure::refused(format!(
            "framework {framework_id} has ended; its id is never used again"
        )));
    }
    if !ended {
        view.own.frameworks.insert(framework_id, Some(record));
    }
    Ok(())
}

fn set_quota(view: &mut View<'_>, role: String, quota: Option<Quota>) -> Result<(), Failure> {
    if let Some(Err(fault)) = quota.as_ref().map(Quota::validate) {
        return Err(Failure::refused(format!(
            "the quota of role `{role}` makes no sense: {fault}"
        )));
    }
    view.own.quotas.insert(role, quota);
    Ok(())
}

fn set_weight(view: &mut View<'_>, role: String, weight: Option<f64>) -> Result<(), Failure> {
    if let Some(weight) = weight.filter(|weight| !weight.is_finite() || *weight <= 0.0) {
        return Err(Failure::refused(format!(
            "the weight of role `{role}` is {weight}, expected a number greater than 0"
        )));
    }
    view.own.weights.insert(role, weight);
    Ok(())
}
