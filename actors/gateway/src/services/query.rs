//! Query parameters as Marathon's clients write them, and its label selectors.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web;

use super::error::Refusal;

/// The parameters of a request, in order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let pairs = web::Query::from_query(request.query_string());
        Self(pairs.map(web::Query::into_inner).unwrap_or_default())
    }

    /// The last value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `true` in any case (Python writes `True`); anything else that is there is false.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

/// `a==b,c!=d,e in (f,g),h notin (i),j`: all of these.
#[derive(Debug, PartialEq)]
pub(super) struct Selector(Vec<Term>);

#[derive(Debug, PartialEq)]
struct Term {
    key: String,
    test: Test,
}

#[derive(Debug, PartialEq)]
enum Test {
    Exists,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
}

impl Selector {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let terms: Option<Vec<Term>> = split_terms(text).into_iter().map(parse_term).collect();
        terms.map(Self).ok_or_else(|| {
            let message = format!("Can not parse label selector '{text}'");
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        })
    }

    /// Whether every term holds. All but the negations want the label to be there, and so do they.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|term| {
            labels.get(&term.key).is_some_and(|value| match &term.test {
                Test::Exists => true,
                Test::In(values) => values.contains(value),
                Test::NotIn(values) => !values.contains(value),
            })
        })
    }
}

/// Splits at the commas outside of parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let mut terms = Vec::new();
    let mut begin = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[begin..]);
    terms
}

fn parse_term(term: &str) -> Option<Term> {
    let one = |value| Some(BTreeSet::from([word(value)?]));
    if let Some((key, value)) = term.split_once("==") {
        return Some(Term { key: word(key)?, test: Test::In(one(value)?) });
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Some(Term { key: word(key)?, test: Test::NotIn(one(value)?) });
    }
    if let Some((key, values)) = term.split_once(" notin ") {
        return Some(Term { key: word(key)?, test: Test::NotIn(set(values)?) });
    }
    if let Some((key, values)) = term.split_once(" in ") {
        return Some(Term { key: word(key)?, test: Test::In(set(values)?) });
    }
    Some(Term { key: word(term)?, test: Test::Exists })
}

fn set(text: &str) -> Option<BTreeSet<String>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(word).collect()
}

/// Letters, digits, `-`, `_` and `.`; anything else behind a backslash.
fn word(text: &str) -> Option<String> {
    let mut word = String::new();
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.push(chars.next()?),
            c if c.is_ascii_alphanumeric() || "-_.".contains(c) => word.push(c),
            _ => return None,
        }
    }
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn flags_are_read_as_python_writes_them() {
        let query = Query::of(&TestRequest::with_uri("/x?a=True&b=false&c=1").to_http_request());
        assert!(query.flag("a", false) && !query.flag("b", true) && !query.flag("c", true));
        assert!(query.flag("d", true));
    }

    #[test]
    fn selectors_pick_by_label() {
        let labels = [("a", "1"), ("b-c", "x y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        for (selector, expected) in [
            ("a", true),
            ("z", false),
            ("a==1", true),
            ("a==2", false),
            ("a!=2", true),
            ("z!=2", false),
            ("a in (1,2)", true),
            ("a notin (1, 2)", false),
            ("a==1,b-c==x\\ y", true),
            ("a==1, z", false),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(&labels), expected, "{selector}");
        }
        for bad in ["", "a==", "a in 1", "a b", "==1", "a,,b"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
