//! What a framework asks of the agents that it is offered, before it is offered them.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By role: the agents whose resources may be offered. A role that is not named has no constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferConstraints {
    #[serde(default)]
    pub roles: BTreeMap<String, RoleConstraints>,
}

/// One of the groups has to hold, each with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleConstraints {
    pub groups: Vec<Vec<AttributeConstraint>>,
}

/// Something that is to be true of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeConstraint {
    pub selector: Selector,
    pub predicate: Predicate,
}

/// What of an agent is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// The attribute of this name.
    Attribute(String),
    Hostname,
    /// Of its domain.
    Region,
    /// Of its domain.
    Zone,
}

/// What is asked of it. Those about text hold for what is there and is not text, as in Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    Exists,
    NotExists,
    TextEquals(String),
    /// Holds for what is not there.
    TextNotEquals(String),
    /// The regular expression matches the whole text.
    TextMatches(String),
    /// Holds for what is not there.
    TextNotMatches(String),
}

/// The memory of one compiled expression. Enough for alternatives of some hundred names; what
/// needs more is somebody's mistake, and is paid for on every agent. Matching takes time linear in
/// the text, whatever the expression.
const EXPRESSION_BYTES: usize = 64 * 1024;

/// Why constraints cannot be used. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    #[error(
        "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role {0}"
    )]
    NoGroup(String),
    #[error(
        "'OfferConstraints::RoleConstraints::groups' for role {0} contains an empty \
         RoleConstraints::Group"
    )]
    EmptyGroup(String),
    #[error("A role {role} has an invalid 'AttributeConstraint': {why}")]
    Expression { role: String, why: ExpressionError },
}

/// Why a regular expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("Failed to construct regex from pattern '{expression}': {why}")]
    Malformed { expression: String, why: String },
    #[error(
        "Regex '{expression}' is too complex: compiled it is larger than {EXPRESSION_BYTES} bytes"
    )]
    TooLarge { expression: String },
}

impl OfferConstraints {
    /// Whether every role has a group, every group a constraint, and every expression can be used;
    /// the first that is not so.
    ///
    /// # Errors
    /// Says what, with Mesos' text.
    pub fn validate(&self) -> Result<(), ConstraintError> {
        for (role, constraints) in &self.roles {
            if constraints.groups.is_empty() {
                return Err(ConstraintError::NoGroup(role.clone()));
            }
            for group in &constraints.groups {
                if group.is_empty() {
                    return Err(ConstraintError::EmptyGroup(role.clone()));
                }
                group
                    .iter()
                    .try_for_each(|constraint| constraint.predicate.validate())
                    .map_err(|why| ConstraintError::Expression { role: role.clone(), why })?;
            }
        }
        Ok(())
    }
}

impl Predicate {
    fn validate(&self) -> Result<(), ExpressionError> {
        match self {
            Self::TextMatches(expression) | Self::TextNotMatches(expression) => {
                whole_text(expression).map(drop)
            }
            Self::Exists | Self::NotExists | Self::TextEquals(_) | Self::TextNotEquals(_) => Ok(()),
        }
    }
}

/// An expression for all of a text.
///
/// # Errors
/// If it is none, or would take too much memory.
pub fn whole_text(expression: &str) -> Result<Regex, ExpressionError> {
    // By itself first: `a)(b` would be one within the brackets.
    let bounded = |text: &str| RegexBuilder::new(text).size_limit(EXPRESSION_BYTES).build();
    bounded(expression).and_then(|_| bounded(&format!("^(?:{expression})$"))).map_err(|error| {
        let expression = expression.to_owned();
        match error {
            regex::Error::CompiledTooBig(_) => ExpressionError::TooLarge { expression },
            other => {
                // The lines before the last one point into the expression.
                let text = other.to_string();
                let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                ExpressionError::Malformed { expression, why: why.to_owned() }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(groups: Vec<Vec<AttributeConstraint>>) -> OfferConstraints {
        OfferConstraints { roles: [("r".to_owned(), RoleConstraints { groups })].into() }
    }

    fn matching(expression: &str) -> AttributeConstraint {
        let predicate = Predicate::TextNotMatches(expression.to_owned());
        AttributeConstraint { selector: Selector::Hostname, predicate }
    }

    #[test]
    fn constraints_without_any_are_refused() {
        let fault = |groups| constraints(groups).validate().unwrap_err().to_string();
        assert!(fault(vec![]).ends_with("has an empty 'RoleConstraints::groups' for role r"));
        assert!(fault(vec![vec![matching("a")], vec![]]).ends_with("empty RoleConstraints::Group"));
        assert_eq!(constraints(vec![vec![matching("node-[0-9]+")]]).validate(), Ok(()));
    }

    #[test]
    fn an_expression_that_is_wrong_or_too_large_is_refused_in_one_line() {
        for (expression, said) in [
            ("(", "Failed to construct regex from pattern '(': unclosed group"),
            ("a)(b", "pattern 'a)(b': unopened group"),
            ("(((a{100}){100}){100})", "is too complex"),
        ] {
            let fault = constraints(vec![vec![matching(expression)]]).validate().unwrap_err();
            let text = fault.to_string();
            assert!(text.starts_with("A role r has an invalid 'AttributeConstraint': "), "{text}");
            assert!(text.contains(said) && !text.contains('\n'), "{text}");
        }
    }
}
