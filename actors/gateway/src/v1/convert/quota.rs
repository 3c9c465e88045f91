//! Quotas and weights.

use std::collections::BTreeMap;

use protocol::frameworks::RoleSettings;
use protocol::quota::{Amounts, Quota};
use protocol::resources::Scalar;
use thiserror::Error;

use crate::v1::wire::{mesos, quota};
use mesos::value::Type;

/// Why a quota has no counterpart. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum QuotaFault {
    #[error("Invalid {kind} configuration {{'{name}': {value}}}: it is not a quantity")]
    Quantity { kind: &'static str, name: String, value: f64 },
    #[error("QuotaInfo must specify a role")]
    NoRole,
    #[error("QuotaInfo with empty 'guarantee'")]
    Empty,
    #[error("QuotaInfo must not contain {0}")]
    Contains(&'static str),
    #[error("QuotaInfo must not include non-scalar resources")]
    NotScalar,
    #[error("QuotaInfo contains duplicate resource name '{0}'")]
    Twice(String),
}

/// What a role is to be guaranteed and limited to.
///
/// # Errors
/// Names the amount that cannot be one.
pub fn quota_from(config: &quota::QuotaConfig) -> Result<Quota, QuotaFault> {
    Ok(Quota {
        guarantees: amounts_from(&config.guarantees, "guarantee")?,
        limits: amounts_from(&config.limits, "limit")?,
    })
}

fn amounts_from(
    amounts: &BTreeMap<String, mesos::value::Scalar>,
    kind: &'static str,
) -> Result<Amounts, QuotaFault> {
    let each = amounts.iter().map(|(name, scalar)| {
        let odd = QuotaFault::Quantity { kind, name: name.clone(), value: scalar.value };
        Scalar::from_f64(scalar.value).map(|amount| (name.clone(), amount)).ok_or(odd)
    });
    each.collect()
}

/// The role and the quota of a request of old: what is guaranteed is also the limit.
///
/// # Errors
/// What such a request must not have.
pub fn request_from(request: &quota::QuotaRequest) -> Result<(String, Quota), QuotaFault> {
    let role = request.role.clone().ok_or(QuotaFault::NoRole)?;
    if request.guarantee.is_empty() {
        return Err(QuotaFault::Empty);
    }
    let mut amounts = Amounts::new();
    for resource in &request.guarantee {
        let (name, amount) = guarantee_from(resource)?;
        if amounts.insert(name.clone(), amount).is_some() {
            return Err(QuotaFault::Twice(name));
        }
    }
    Ok((role, Quota { guarantees: amounts.clone(), limits: amounts }))
}

fn guarantee_from(resource: &mesos::Resource) -> Result<(String, Scalar), QuotaFault> {
    let odd = [
        (!resource.reservations.is_empty(), "any ReservationInfo"),
        (resource.disk.is_some(), "DiskInfo"),
        (resource.revocable.is_some(), "RevocableInfo"),
    ];
    if let Some((_, what)) = odd.into_iter().find(|(there, _)| *there) {
        return Err(QuotaFault::Contains(what));
    }
    let scalar = resource.scalar.as_ref().filter(|_| resource.r#type() == Type::Scalar);
    let value = scalar.ok_or(QuotaFault::NotScalar)?.value;
    let name = resource.name.clone();
    match Scalar::from_f64(value) {
        Some(amount) => Ok((name, amount)),
        None => Err(QuotaFault::Quantity { kind: "guarantee", name, value }),
    }
}

/// All quotas that are set, in both forms.
#[must_use]
pub fn quotas_to(settings: &RoleSettings) -> quota::QuotaStatus {
    let config = |(role, quota): (&String, &Quota)| quota::QuotaConfig {
        role: role.clone(),
        guarantees: amounts_to(&quota.guarantees),
        limits: amounts_to(&quota.limits),
    };
    let info = |(role, quota): (&String, &Quota)| quota::QuotaInfo {
        role: Some(role.clone()),
        principal: None,
        guarantee: quota.guarantees.iter().map(guarantee_to).collect(),
    };
    quota::QuotaStatus {
        infos: settings.quotas.iter().map(info).collect(),
        configs: settings.quotas.iter().map(config).collect(),
    }
}

fn guarantee_to((name, amount): (&String, &Scalar)) -> mesos::Resource {
    mesos::Resource {
        name: name.clone(),
        r#type: Type::Scalar.into(),
        scalar: Some(mesos::value::Scalar { value: amount.as_f64() }),
        ..mesos::Resource::default()
    }
}

fn amounts_to(amounts: &Amounts) -> BTreeMap<String, mesos::value::Scalar> {
    let scalar = |amount: &Scalar| mesos::value::Scalar { value: amount.as_f64() };
    amounts.iter().map(|(name, amount)| (name.clone(), scalar(amount))).collect()
}

/// All weights that are set.
#[must_use]
pub fn weights_to(settings: &RoleSettings) -> Vec<mesos::WeightInfo> {
    let info = |(role, weight): (&String, &f64)| mesos::WeightInfo {
        weight: *weight,
        role: Some(role.clone()),
    };
    settings.weights.iter().map(info).collect()
}

/// Weights by role, of which the last one counts.
#[must_use]
pub fn weights_from(infos: &[mesos::WeightInfo]) -> BTreeMap<String, f64> {
    let role = |info: &mesos::WeightInfo| info.role.as_deref().unwrap_or("*").trim().to_owned();
    infos.iter().map(|info| (role(info), info.weight)).collect()
}
