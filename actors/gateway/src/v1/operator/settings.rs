//! Quotas and weights of roles, by calls and by the endpoints of old.

use std::collections::BTreeMap;

use protocol::access::Action;
use protocol::frameworks::{GetRoleSettings, RoleSettings, UpdateQuotas, UpdateWeights};
use protocol::quota::Quota;
use protocol::{Failure, FailureKind};

use super::refusal::Refusal;
use crate::access::Caller;
use crate::common::Common;
use crate::v1::convert::quota::{QuotaFault, quota_from, request_from, weights_from};
use crate::v1::wire::master::call;
use crate::v1::wire::{mesos, quota};

const FRAMEWORKS: &str = "frameworks";

/// What is set now, of roles that the caller may see.
pub(crate) async fn read(common: &Common, caller: &Caller) -> Result<RoleSettings, Refusal> {
    let mut settings = common.question(FRAMEWORKS, GetRoleSettings {}).await?;
    settings.quotas.retain(|role, _| caller.can(Action::GetQuotas, Some(role)));
    settings.weights.retain(|role, _| caller.can(Action::ViewRoles, Some(role)));
    Ok(settings)
}

/// Whether the caller may do it to each of these roles.
fn may<'a>(
    caller: &Caller,
    action: Action,
    roles: impl IntoIterator<Item = &'a String>,
) -> Result<(), Failure> {
    roles.into_iter().try_for_each(|role| caller.may(action, Some(role)))
}

/// UPDATE_QUOTA.
pub(super) async fn update_quota(
    common: &Common,
    caller: &Caller,
    part: &call::UpdateQuota,
) -> Result<(), Refusal> {
    let odd = |why: String| Refusal::BadRequest(format!("Invalid QuotaConfig: {why}"));
    let configs = part.quota_configs.iter();
    let quotas = configs.map(|config| Ok((config.role.clone(), quota_from(config)?)));
    let quotas: Result<BTreeMap<_, _>, QuotaFault> = quotas.collect();
    let quotas = quotas.map_err(|fault| odd(fault.to_string()))?;
    may(caller, Action::UpdateQuotas, quotas.keys())?;
    let message = UpdateQuotas { quotas, force: part.force(), present: None };
    let updated: Result<(), Failure> = common.question(FRAMEWORKS, message).await;
    updated.map_err(|failure| match failure.kind {
        FailureKind::Refused => odd(failure.message),
        FailureKind::Conflict => {
            odd(format!("{} (use 'force' flag to bypass this check)", failure.message))
        }
        _ => failure.into(),
    })
}

/// SET_QUOTA, and POST to `/quota`: for roles that have none.
pub(crate) async fn set_quota(
    common: &Common,
    caller: &Caller,
    request: &quota::QuotaRequest,
) -> Result<(), Refusal> {
    let odd =
        |why: String| Refusal::BadRequest(format!("Failed to validate set quota request: {why}"));
    let (role, quota) = request_from(request).map_err(|fault| odd(fault.to_string()))?;
    may(caller, Action::UpdateQuotas, [&role])?;
    let quotas = [(role, quota)].into();
    let message = UpdateQuotas { quotas, force: request.force(), present: Some(false) };
    let set: Result<(), Failure> = common.question(FRAMEWORKS, message).await;
    set.map_err(|failure| match failure.kind {
        FailureKind::Refused | FailureKind::AlreadyExists => odd(failure.message),
        FailureKind::Conflict => Refusal::Conflict(format!(
            "Quota guarantees overcommit the cluster (use 'force' to bypass this check): {}",
            failure.message
        )),
        _ => failure.into(),
    })
}

/// REMOVE_QUOTA, and DELETE of `/quota/<role>`. `what` is what is said to have failed.
pub(crate) async fn remove_quota(
    common: &Common,
    caller: &Caller,
    role: &str,
    what: &str,
) -> Result<(), Refusal> {
    caller.may(Action::UpdateQuotas, Some(role))?;
    let quotas = [(role.to_owned(), Quota::default())].into();
    let message = UpdateQuotas { quotas, force: false, present: Some(true) };
    let removed: Result<(), Failure> = common.question(FRAMEWORKS, message).await;
    removed.map_err(|failure| match failure.kind {
        FailureKind::Refused | FailureKind::NotFound => {
            Refusal::BadRequest(format!("{what}: {}", failure.message))
        }
        _ => failure.into(),
    })
}

/// UPDATE_WEIGHTS, and PUT to `/weights`.
pub(crate) async fn update_weights(
    common: &Common,
    caller: &Caller,
    infos: &[mesos::WeightInfo],
) -> Result<(), Refusal> {
    let weights = weights_from(infos);
    may(caller, Action::UpdateWeights, weights.keys())?;
    let message = UpdateWeights { weights };
    let updated: Result<(), Failure> = common.question(FRAMEWORKS, message).await;
    updated.map_err(|failure| match failure.kind {
        FailureKind::Refused => Refusal::BadRequest(format!(
            "Failed to validate update weights request JSON: {}",
            failure.message
        )),
        _ => failure.into(),
    })
}
