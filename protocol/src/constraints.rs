//! What a framework asks of the agents that it is offered, before it is offered them.

use std::collections::BTreeMap;

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
