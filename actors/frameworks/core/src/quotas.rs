//! Quotas that an operator sets: checked against each other and against what there is, durable, told
//! to the allocator, and given room by rescinding offers.

use std::collections::BTreeMap;

use protocol::allocator::SetQuota;
use protocol::explain::SetbackKind;
use protocol::frameworks::UpdateQuotas;
use protocol::id::{CallId, OfferId};
use protocol::quota::{Amounts, Quota, is_charged, is_within, total_guarantees, total_unmet};
use protocol::registrar::RegistryOperation;
use protocol::{Failure, FailureKind};
use serde::Serialize;

use crate::consumption::{scalars, text, without};
use crate::effect::{Answer, ToAllocator};
use crate::roles::check_roles;
use crate::state::{Term, Turn};
use crate::writes::Change;

/// A change of quotas whose form is right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct QuotaChange {
    pub(crate) call: CallId,
    message: UpdateQuotas,
}

impl Term {
    pub(crate) fn on_update_quotas(
        &mut self,
        call: CallId,
        message: UpdateQuotas,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        if let Err(failure) = check_form(&message.quotas) {
            return Some(Err(failure));
        }
        self.change(Change::Quotas(QuotaChange { call, message }), turn);
        None
    }

    /// Goes on with a change whose turn has come.
    pub(crate) fn begin_quotas(&mut self, change: QuotaChange, turn: &mut Turn<'_>) {
        if let Err(failure) = self.check_quotas(&change.message) {
            return turn.reply(change.call, Err(failure));
        }
        let quotas = change.message.quotas.iter();
        let operations = quotas.map(|(role, quota)| RegistryOperation::SetQuota {
            role: role.clone(),
            quota: self.record_of(role, quota),
        });
        self.record(operations.collect(), Change::Quotas(change), turn);
    }

    /// A role that has nothing needs no record, unless the configuration gives it something.
    fn record_of(&self, role: &str, quota: &Quota) -> Option<Quota> {
        let needed = !quota.is_default() || self.config.roles.quotas.contains_key(role);
        needed.then(|| quota.clone())
    }

    fn check_quotas(&self, message: &UpdateQuotas) -> Result<(), Failure> {
        let before = self.role_settings().quotas;
        for role in message.quotas.keys() {
            check_present(role, before.contains_key(role), message.present)?;
        }
        let mut after = before.clone();
        after.extend(message.quotas.clone());
        let odd = |fault: protocol::quota::QuotaError| Failure::refused(fault.to_string());
        let total = total_guarantees(&after).map_err(odd)?;
        if message.force {
            return Ok(());
        }
        self.check_limits(&before, &message.quotas)?;
        self.check_capacity(&total_guarantees(&before).unwrap_or_default(), &total)
    }

    /// Whoever has more than its limit would keep it: nothing that is used is taken for a limit.
    fn check_limits(
        &self,
        before: &BTreeMap<String, Quota>,
        after: &BTreeMap<String, Quota>,
    ) -> Result<(), Failure> {
        let consumption = self.consumption(false);
        for (role, quota) in after {
            let consumed = consumption.of(role);
            let old = before.get(role).map(|quota| &quota.limits);
            let lower = quota.limits.iter().filter(|(name, limit)| {
                old.and_then(|old| old.get(*name)).is_none_or(|old| *limit < old)
            });
            for (name, limit) in lower {
                if consumed.get(name).is_some_and(|consumed| consumed > limit) {
                    return Err(Failure::refused(format!(
                        "the limits '{}' of role '{role}' are already exceeded by its consumption \
                         '{}' (use 'force' flag to bypass this check)",
                        text(&quota.limits),
                        text(&consumed)
                    )));
                }
            }
        }
        Ok(())
    }

    /// Less than before may be guaranteed at any time.
    fn check_capacity(&self, before: &Amounts, after: &Amounts) -> Result<(), Failure> {
        let capacity = self.consumption(false).capacity;
        let over = without(after, &capacity);
        if over.keys().all(|name| before.get(name) >= after.get(name)) {
            return Ok(());
        }
        let what = format!(
            "total quota guarantees '{}' exceed cluster capacity '{}'",
            text(after),
            text(&capacity)
        );
        Err(Failure::new(FailureKind::Conflict, what))
    }

    pub(crate) fn on_quotas_recorded(
        &mut self,
        change: QuotaChange,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        if let Err(failure) = result {
            return turn.reply(change.call, Err(failure));
        }
        let quotas = change.message.quotas;
        // Told first: what is rescinded then goes by the new quotas.
        for (role, quota) in &quotas {
            match self.record_of(role, quota) {
                Some(record) => drop(self.settings.quotas.insert(role.clone(), record)),
                None => drop(self.settings.quotas.remove(role)),
            }
            let (role, quota) = (role.clone(), quota.clone());
            turn.allocator(ToAllocator::SetQuota(SetQuota { role, quota }));
        }
        let above_limits = self.offers_above_limits(&quotas);
        let why = (SetbackKind::OfferRescinded, "they were above a limit of the role");
        self.rescind(above_limits, why, turn);
        let in_the_way = self.offers_in_the_way();
        let why = (SetbackKind::OfferRescinded, "they make room for a guarantee of another role");
        self.rescind(in_the_way, why, turn);
        turn.reply(change.call, Ok(Answer::Done));
    }

    /// Offers without which the roles are within their limits, or as near as can be.
    fn offers_above_limits(&self, quotas: &BTreeMap<String, Quota>) -> Vec<OfferId> {
        let consumption = self.consumption(true);
        let mut found = Vec::new();
        for (role, quota) in quotas {
            let mut over = consumption.of(role);
            over.retain(|name, _| quota.limits.contains_key(name));
            let mut over = without(&over, &quota.limits);
            let within = self.offers.iter().filter(|o| is_within(&o.offer.role, role));
            for offer in within.map(|outstanding| &outstanding.offer) {
                let charged = scalars(&offer.resources).filter(|(r, _)| is_charged(r, role));
                let charged = charged.map(|(r, amount)| (r.name.clone(), amount)).collect();
                if reduce(&mut over, &charged) {
                    found.push(offer.offer_id.clone());
                }
            }
        }
        found
    }

    /// Offers of what is guaranteed to others, who lack it, and is not free: no more of them than
    /// make room.
    fn offers_in_the_way(&self) -> Vec<OfferId> {
        let quotas = self.role_settings().quotas;
        let consumption = self.consumption(true);
        let unmet = |role: &str, quota: &Quota| without(&quota.guarantees, &consumption.of(role));
        let mut short = without(&total_unmet(&quotas, unmet), &consumption.free());
        let lacking = quotas.iter().filter(|(role, quota)| !unmet(role, quota).is_empty());
        let lacking: Vec<_> = lacking.map(|(role, _)| role).collect();
        let lacks = |role: &str| lacking.iter().any(|above| is_within(role, above));
        let mut found = Vec::new();
        for offer in self.offers.iter().map(|outstanding| &outstanding.offer) {
            if short.is_empty() {
                break;
            }
            let free = scalars(&offer.resources).filter(|(r, _)| r.reservations.is_empty());
            let free = free.map(|(r, amount)| (r.name.clone(), amount)).collect();
            if !lacks(&offer.role) && reduce(&mut short, &free) {
                found.push(offer.offer_id.clone());
            }
        }
        found
    }
}

/// Takes amounts off what is too much or too little; false if they are of something else.
fn reduce(amounts: &mut Amounts, by: &Amounts) -> bool {
    let helps = by.keys().any(|name| amounts.contains_key(name));
    *amounts = without(amounts, by);
    helps
}

fn check_form(quotas: &BTreeMap<String, Quota>) -> Result<(), Failure> {
    for (role, quota) in quotas {
        check_roles(std::slice::from_ref(role))?;
        let odd = |fault| Failure::refused(format!("quota of role '{role}': {fault}"));
        quota.validate().map_err(odd)?;
    }
    Ok(())
}

fn check_present(role: &str, is: bool, should: Option<bool>) -> Result<(), Failure> {
    match (is, should) {
        (true, Some(false)) => Err(Failure::new(
            FailureKind::AlreadyExists,
            format!("Cannot set quota for role '{role}' which already has quota"),
        )),
        (false, Some(true)) => {
            let text = format!("Role '{role}' has no quota set");
            Err(Failure::new(FailureKind::NotFound, text))
        }
        _ => Ok(()),
    }
}
