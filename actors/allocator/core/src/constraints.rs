//! Offer constraints, compiled: which agents a framework is interested in for one role.

use protocol::constraints::{
    AttributeConstraint, ExpressionError, Predicate, RoleConstraints, Selector, whole_text,
};
use protocol::framework::Attribute;
use regex::Regex;

use crate::model::Traits;

/// One of the groups has to hold.
#[derive(Debug)]
pub(crate) struct Constraints {
    groups: Vec<Vec<Test>>,
    /// What is wrong with an expression: no agent will do.
    pub(crate) fault: Option<String>,
}

#[derive(Debug)]
struct Test {
    selector: Selector,
    check: Check,
}

#[derive(Debug)]
enum Check {
    Exists,
    NotExists,
    Equals(String),
    NotEquals(String),
    Matches(Box<Regex>),
    NotMatches(Box<Regex>),
}

impl Constraints {
    pub(crate) fn new(constraints: &RoleConstraints) -> Self {
        let mut groups = Vec::new();
        for group in &constraints.groups {
            match group.iter().map(compile).collect() {
                Ok(tests) => groups.push(tests),
                Err(error) => return Self { groups: Vec::new(), fault: Some(error.to_string()) },
            }
        }
        Self { groups, fault: None }
    }

    /// Whether an agent will do.
    pub(crate) fn accept(&self, agent: &Traits) -> bool {
        self.groups.iter().any(|tests| tests.iter().all(|test| test.holds(agent)))
    }
}

fn compile(constraint: &AttributeConstraint) -> Result<Test, ExpressionError> {
    let check = match &constraint.predicate {
        Predicate::Exists => Check::Exists,
        Predicate::NotExists => Check::NotExists,
        Predicate::TextEquals(text) => Check::Equals(text.clone()),
        Predicate::TextNotEquals(text) => Check::NotEquals(text.clone()),
        Predicate::TextMatches(regex) => Check::Matches(Box::new(whole_text(regex)?)),
        Predicate::TextNotMatches(regex) => Check::NotMatches(Box::new(whole_text(regex)?)),
    };
    Ok(Test { selector: constraint.selector.clone(), check })
}

impl Test {
    fn holds(&self, agent: &Traits) -> bool {
        let domain = agent.domain.as_ref();
        let text = match &self.selector {
            Selector::Hostname => Some(agent.hostname.as_str()),
            Selector::Region => domain.map(|domain| domain.region.as_str()),
            Selector::Zone => domain.map(|domain| domain.zone.as_str()),
            Selector::Attribute(name) => match agent.attributes.get(name) {
                Some(Attribute::Text(text)) => Some(text.as_str()),
                // What is there and is not text passes every test about text.
                Some(_) => return !matches!(self.check, Check::NotExists),
                None => None,
            },
        };
        self.check.holds(text)
    }
}

impl Check {
    fn holds(&self, text: Option<&str>) -> bool {
        match self {
            Self::Exists => text.is_some(),
            Self::NotExists => text.is_none(),
            Self::Equals(wanted) => text == Some(wanted),
            Self::NotEquals(unwanted) => text != Some(unwanted),
            Self::Matches(regex) => text.is_some_and(|text| regex.is_match(text)),
            Self::NotMatches(regex) => !text.is_some_and(|text| regex.is_match(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::Scalar;

    use super::*;

    fn agent() -> Traits {
        let attributes = [
            ("rack".to_owned(), Attribute::Text("r12".into())),
            ("speed".to_owned(), Attribute::Scalar(Scalar::from_milli(2000))),
        ];
        Traits {
            hostname: "node-1".into(),
            attributes: BTreeMap::from(attributes),
            domain: None,
            gpus: false,
        }
    }

    fn holds(selector: Selector, predicate: Predicate) -> bool {
        let groups = vec![vec![AttributeConstraint { selector, predicate }]];
        Constraints::new(&RoleConstraints { groups }).accept(&agent())
    }

    fn attribute(name: &str) -> Selector {
        Selector::Attribute(name.to_owned())
    }

    #[test]
    fn every_predicate_on_text_on_what_is_not_text_and_on_what_is_not_there() {
        let predicates = [
            (Predicate::Exists, [true, true, false]),
            (Predicate::NotExists, [false, false, true]),
            (Predicate::TextEquals("r12".into()), [true, true, false]),
            (Predicate::TextEquals("r1".into()), [false, true, false]),
            (Predicate::TextNotEquals("r12".into()), [false, true, true]),
            (Predicate::TextMatches("r[0-9]+".into()), [true, true, false]),
            (Predicate::TextMatches("r[0-9]".into()), [false, true, false]),
            (Predicate::TextNotMatches("r1.*|x".into()), [false, true, true]),
        ];
        for (predicate, expected) in predicates {
            let on =
                ["rack", "speed", "none"].map(|name| holds(attribute(name), predicate.clone()));
            assert_eq!(on, expected, "{predicate:?}");
        }
    }

    #[test]
    fn a_host_has_a_name_and_perhaps_a_region() {
        assert!(holds(Selector::Hostname, Predicate::TextMatches("node-.*".into())));
        assert!(holds(Selector::Region, Predicate::NotExists));
    }

    #[test]
    fn one_group_is_enough_and_all_of_it_has_to_hold() {
        let test =
            |name: &str, predicate| AttributeConstraint { selector: attribute(name), predicate };
        let rack = test("rack", Predicate::Exists);
        let none = test("none", Predicate::Exists);
        let accepts = |groups| Constraints::new(&RoleConstraints { groups }).accept(&agent());
        assert!(accepts(vec![vec![rack.clone(), none.clone()], vec![rack.clone()]]));
        assert!(!accepts(vec![vec![rack, none]]));
    }

    #[test]
    fn an_expression_that_is_wrong_or_too_large_excludes_everything_and_says_so() {
        for regex in ["(", "a)(b", "(((a{100}){100}){100})"] {
            let groups = vec![vec![AttributeConstraint {
                selector: Selector::Hostname,
                predicate: Predicate::TextMatches(regex.into()),
            }]];
            let constraints = Constraints::new(&RoleConstraints { groups });
            assert!(constraints.fault.is_some() && !constraints.accept(&agent()), "{regex}");
        }
    }
}
