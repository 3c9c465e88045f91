//! Offer constraints.

use protocol::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, RoleConstraints, Selector,
};
use thiserror::Error;

use crate::v1::wire::scheduler as wire;
use wire::attribute_constraint::predicate::{
    Exists, NotExists, TextEquals, TextMatches, TextNotEquals, TextNotMatches,
};
use wire::attribute_constraint::selector::PseudoattributeType;
use wire::offer_constraints::role_constraints::Group;

/// Why a constraint has no counterpart. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "Offer constraints are not valid: A role {role} has an invalid 'AttributeConstraint': {fault}"
)]
pub struct ConstraintError {
    role: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error(
        "Exactly one of 'AttributeConstraint::Selector::name' or \
         'AttributeConstraint::Selector::pseudoattribute_type' must be set"
    )]
    Selector,
    #[error("Unknown pseudoattribute type")]
    Pseudoattribute,
    /// None is set that this version knows, or more than one.
    #[error("Unknown predicate type")]
    Predicate,
}

/// What a framework asks of the agents that it is offered. Whether expressions can be used and roles
/// are its own is for the actors to say.
///
/// # Errors
/// If a constraint does not have exactly one selector and one predicate.
pub fn constraints_from(
    constraints: &wire::OfferConstraints,
) -> Result<OfferConstraints, ConstraintError> {
    let roles = constraints.role_constraints.iter().map(|(role, constraints)| {
        let groups = constraints.groups.iter().map(group_from).collect::<Result<_, _>>();
        let groups = groups.map_err(|fault| ConstraintError { role: role.clone(), fault })?;
        Ok((role.clone(), RoleConstraints { groups }))
    });
    Ok(OfferConstraints { roles: roles.collect::<Result<_, _>>()? })
}

fn group_from(group: &Group) -> Result<Vec<AttributeConstraint>, Fault> {
    group.attribute_constraints.iter().map(constraint_from).collect()
}

fn constraint_from(constraint: &wire::AttributeConstraint) -> Result<AttributeConstraint, Fault> {
    let selector = selector_from(&constraint.selector)?;
    Ok(AttributeConstraint { selector, predicate: predicate_from(&constraint.predicate)? })
}

fn selector_from(selector: &wire::attribute_constraint::Selector) -> Result<Selector, Fault> {
    match (&selector.attribute_name, selector.pseudoattribute_type) {
        (Some(name), None) => Ok(Selector::Attribute(name.clone())),
        (None, Some(_)) => match selector.pseudoattribute_type() {
            PseudoattributeType::Hostname => Ok(Selector::Hostname),
            PseudoattributeType::Region => Ok(Selector::Region),
            PseudoattributeType::Zone => Ok(Selector::Zone),
            PseudoattributeType::Unknown => Err(Fault::Pseudoattribute),
        },
        (Some(_), Some(_)) | (None, None) => Err(Fault::Selector),
    }
}

fn predicate_from(wire: &wire::attribute_constraint::Predicate) -> Result<Predicate, Fault> {
    let equals = wire.text_equals.as_ref().map(|it| Predicate::TextEquals(it.value.clone()));
    let not_equals = wire.text_not_equals.as_ref();
    let not_equals = not_equals.map(|it| Predicate::TextNotEquals(it.value.clone()));
    let matches = wire.text_matches.as_ref().map(|it| Predicate::TextMatches(it.regex.clone()));
    let not_matches = wire.text_not_matches.as_ref();
    let not_matches = not_matches.map(|it| Predicate::TextNotMatches(it.regex.clone()));
    let exists = wire.exists.as_ref().map(|_| Predicate::Exists);
    let not_exists = wire.not_exists.as_ref().map(|_| Predicate::NotExists);
    let all = [exists, not_exists, equals, not_equals, matches, not_matches];
    let mut given = all.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(predicate), None) => Ok(predicate),
        _ => Err(Fault::Predicate),
    }
}

/// As operators read them.
#[must_use]
pub fn constraints_to(constraints: &OfferConstraints) -> wire::OfferConstraints {
    let group = |group: &Vec<AttributeConstraint>| Group {
        attribute_constraints: group.iter().map(constraint_to).collect(),
    };
    let role = |(role, constraints): (&String, &RoleConstraints)| {
        let groups = constraints.groups.iter().map(group).collect();
        (role.clone(), wire::offer_constraints::RoleConstraints { groups })
    };
    wire::OfferConstraints { role_constraints: constraints.roles.iter().map(role).collect() }
}

fn constraint_to(constraint: &AttributeConstraint) -> wire::AttributeConstraint {
    wire::AttributeConstraint {
        selector: selector_to(&constraint.selector),
        predicate: predicate_to(&constraint.predicate),
    }
}

fn selector_to(selector: &Selector) -> wire::attribute_constraint::Selector {
    let mut wire = wire::attribute_constraint::Selector::default();
    match selector {
        Selector::Attribute(name) => wire.attribute_name = Some(name.clone()),
        Selector::Hostname => wire.set_pseudoattribute_type(PseudoattributeType::Hostname),
        Selector::Region => wire.set_pseudoattribute_type(PseudoattributeType::Region),
        Selector::Zone => wire.set_pseudoattribute_type(PseudoattributeType::Zone),
    }
    wire
}

fn predicate_to(predicate: &Predicate) -> wire::attribute_constraint::Predicate {
    let mut wire = wire::attribute_constraint::Predicate::default();
    match predicate.clone() {
        Predicate::Exists => wire.exists = Some(Exists {}),
        Predicate::NotExists => wire.not_exists = Some(NotExists {}),
        Predicate::TextEquals(value) => wire.text_equals = Some(TextEquals { value }),
        Predicate::TextNotEquals(value) => wire.text_not_equals = Some(TextNotEquals { value }),
        Predicate::TextMatches(regex) => wire.text_matches = Some(TextMatches { regex }),
        Predicate::TextNotMatches(regex) => wire.text_not_matches = Some(TextNotMatches { regex }),
    }
    wire
}
