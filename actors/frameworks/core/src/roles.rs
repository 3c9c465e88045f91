//! Roles: what may be one, and a framework's wish for offers or none.

use protocol::Address;
use protocol::Failure;
use protocol::allocator::{ReviveRoles, SuppressRoles};
use protocol::constraints::OfferConstraints;
use protocol::framework::{Capability, FrameworkInfo};
use protocol::frameworks::{ReviveOffers, SuppressOffers};
use protocol::id::FrameworkId;
use protocol::role::check_role;

use crate::effect::ToAllocator;
use crate::state::{Term, Turn};

/// A framework that names no role means the default one, unless it has learned to have none.
pub(crate) fn complete_roles(info: &mut FrameworkInfo) {
    if info.roles.is_empty() && !info.capabilities.contains(&Capability::MultiRole) {
        info.roles.push("*".to_owned());
    }
}

/// Each may be one, and none is given twice.
pub(crate) fn check_roles(roles: &[String]) -> Result<(), Failure> {
    for (i, role) in roles.iter().enumerate() {
        if roles[..i].contains(role) {
            return Err(Failure::refused(format!("role `{role}` is given twice")));
        }
        check_role(role).map_err(|fault| Failure::refused(fault.to_string()))?;
    }
    Ok(())
}

/// Whether a framework can be as it introduces itself, and its wishes for offers be kept.
pub(crate) fn check_wishes(
    info: &FrameworkInfo,
    suppressed: &[String],
    constraints: Option<&OfferConstraints>,
) -> Result<(), Failure> {
    check_roles(&info.roles)?;
    let mut filters = info.offer_filters.values();
    filters
        .try_for_each(|filters| filters.validate())
        .map_err(|fault| Failure::refused(fault.to_string()))?;
    check_subset(suppressed, &info.roles)?;
    let Some(constraints) = constraints else { return Ok(()) };
    if let Some(role) = constraints.roles.keys().find(|role| !info.roles.contains(role)) {
        return Err(Failure::refused(format!(
            "Offer constraints specify `role_constraints` for a role '{role}' not contained in the \
             set of roles"
        )));
    }
    let invalid = |fault| Failure::refused(format!("Offer constraints are not valid: {fault}"));
    constraints.validate().map_err(invalid)
}

/// Whether all of `named` are among a framework's roles.
pub(crate) fn check_subset(named: &[String], roles: &[String]) -> Result<(), Failure> {
    match named.iter().find(|role| !roles.contains(role)) {
        None => Ok(()),
        Some(role) => Err(Failure::refused(format!(
            "role `{role}` is not one of the framework's: {}",
            roles.join(", ")
        ))),
    }
}

impl Term {
    pub(crate) fn on_revive(
        &mut self,
        from: &Address,
        message: ReviveOffers,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let ReviveOffers { framework_id, roles } = message;
        for role in self.meant(&framework_id, from, &roles)? {
            if let Some(framework) = self.frameworks.get_mut(&framework_id) {
                framework.suppressed.remove(&role);
            }
        }
        turn.allocator(ToAllocator::Revive(ReviveRoles { framework_id, roles }));
        Ok(())
    }

    pub(crate) fn on_suppress(
        &mut self,
        from: &Address,
        message: SuppressOffers,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let SuppressOffers { framework_id, roles } = message;
        let meant = self.meant(&framework_id, from, &roles)?;
        if let Some(framework) = self.frameworks.get_mut(&framework_id) {
            framework.suppressed.extend(meant);
        }
        turn.allocator(ToAllocator::Suppress(SuppressRoles { framework_id, roles }));
        Ok(())
    }

    /// The roles that a call means: those named, or all; an unknown one voids the call.
    fn meant(
        &self,
        id: &FrameworkId,
        from: &Address,
        named: &[String],
    ) -> Result<Vec<String>, Failure> {
        let framework = self.caller(id, from)?;
        check_subset(named, &framework.info.roles)?;
        Ok(if named.is_empty() { framework.info.roles.clone() } else { named.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_and_repeated_roles_are_refused() {
        let check = |roles: &[&str]| {
            check_roles(&roles.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>())
        };
        for good in [&["*"][..], &["eng/dev", "ops"], &["web-1"]] {
            check(good).unwrap();
        }
        for bad in [&[""][..], &["a//b"], &["a/."], &["-a"], &["a b"], &["a/*"], &["x", "x"]] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
