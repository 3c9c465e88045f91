//! Quotas and weights of roles, by calls and by the endpoints of old.

use protocol::frameworks::{GetRoleSettings, RoleSettings, UpdateQuotas, UpdateWeights};
use protocol::quota::Quota;
use protocol::{Failure, FailureKind};

use super::refusal::Refusal;
use crate::common::Common;
use crate::v1::convert::quota::{QuotaFault, quota_from, request_from, weights_from};
use crate::v1::wire::master::call;
use crate::v1::wire::{mesos, quota};

const FRAMEWORKS: &str = "frameworks";

/// What is set now.
pub(crate) async fn read(common: &Common) -> Result<RoleSettings, Refusal> {
    Ok(common.question(FRAMEWORKS, GetRoleSettings {}).await?)
}

/// UPDATE_QUOTA.
pub(super) async fn update_quota(common: &Common, part: &call::UpdateQuota) -> Result<(), Refusal> {
    let odd = |why: String| Refusal::BadRequest(format!("Invalid QuotaConfig: {why}"));
    let configs = part.quota_configs.iter();
    let quotas = configs.map(|config| Ok((config.role.clone(), quota_from(config)?)));
    let quotas: Result<_, QuotaFault> = quotas.collect();
    let quotas = quotas.map_err(|fault| odd(fault.to_string()))?;
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
    request: &quota::QuotaRequest,
) -> Result<(), Refusal> {
    let odd =
        |why: String| Refusal::BadRequest(format!("Failed to validate set quota request: {why}"));
    let (role, quota) = request_from(request).map_err(|fault| odd(fault.to_string()))?;
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
pub(crate) async fn remove_quota(common: &Common, role: &str, what: &str) -> Result<(), Refusal> {
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
    infos: &[mesos::WeightInfo],
) -> Result<(), Refusal> {
    let message = UpdateWeights { weights: weights_from(infos) };
    let updated: Result<(), Failure> = common.question(FRAMEWORKS, message).await;
    updated.map_err(|failure| match failure.kind {
        FailureKind::Refused => Refusal::BadRequest(format!(
            "Failed to validate update weights request JSON: {}",
            failure.message
        )),
        _ => failure.into(),
    })
}
