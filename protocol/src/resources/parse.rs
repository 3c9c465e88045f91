//! The short text form used in configuration and on the command line:
//! `cpus=4;mem=1024;ports=[31000-32000];racks={a,b}` (`:` may stand for `=`). What is reserved for a
//! role from the start names it: `cpus(web/eu)=2`.

use std::collections::BTreeMap;

use super::{Ranges, Reservation, Resource, Resources, Scalar, Value};
use crate::role::{RoleError, check_role};

/// Where the text went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("`{0}`: expected name=value, for example cpus=4;mem=1024;ports=[31000-32000]")]
    Shape(String),
    #[error("`{0}` is not a quantity: expected a number of zero or more")]
    Quantity(String),
    #[error("`{0}` is not an interval: expected begin-end with begin <= end")]
    Interval(String),
    #[error("`{0}`: expected name(role), for example cpus(web)=4")]
    Reserved(String),
    #[error(transparent)]
    Role(#[from] RoleError),
}

impl Resources {
    /// Parses the text form; blanks around the parts are ignored.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self::parse_parts(text)?.into())
    }

    /// [`Self::parse`], part by part, so that an amount of zero is seen to be stated.
    pub fn parse_parts(text: &str) -> Result<Vec<Resource>, ParseError> {
        text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(parse_one).collect()
    }
}

fn parse_one(part: &str) -> Result<Resource, ParseError> {
    let shape = || ParseError::Shape(part.to_owned());
    let (name, value) = part.split_once(['=', ':']).ok_or_else(shape)?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || value.is_empty() {
        return Err(shape());
    }
    let value = if let Some(inner) = value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
        let intervals: Result<Vec<_>, _> = items(inner).map(parse_interval).collect();
        Value::Ranges(Ranges::from(intervals?))
    } else if let Some(inner) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
        Value::Set(items(inner).map(str::to_owned).collect())
    } else {
        Value::Scalar(parse_scalar(value)?)
    };
    let (name, reservations) = parse_name(name)?;
    Ok(Resource { reservations, ..Resource::new(name, value) })
}

/// `cpus`, or `cpus(role)` for what is reserved by the agent's configuration.
fn parse_name(text: &str) -> Result<(&str, Vec<Reservation>), ParseError> {
    let Some((name, role)) = text.split_once('(') else { return Ok((text, Vec::new())) };
    let reserved = || ParseError::Reserved(text.to_owned());
    let role = role.strip_suffix(')').map(str::trim).ok_or_else(reserved)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(reserved());
    }
    check_role(role)?;
    let (principal, labels) = (None, BTreeMap::new());
    let reservation = Reservation { role: role.to_owned(), dynamic: false, principal, labels };
    Ok((name, if role == "*" { Vec::new() } else { vec![reservation] }))
}

fn items(inner: &str) -> impl Iterator<Item = &str> {
    inner.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn parse_scalar(text: &str) -> Result<Scalar, ParseError> {
    text.parse::<f64>()
        .ok()
        .and_then(Scalar::from_f64)
        .filter(|s| *s >= Scalar::ZERO)
        .ok_or_else(|| ParseError::Quantity(text.to_owned()))
}

fn parse_interval(text: &str) -> Result<(u64, u64), ParseError> {
    let error = || ParseError::Interval(text.to_owned());
    let (begin, end) = text.split_once('-').ok_or_else(error)?;
    let (begin, end) = (begin.trim().parse(), end.trim().parse());
    match (begin, end) {
        (Ok(begin), Ok(end)) if begin <= end => Ok((begin, end)),
        _ => Err(error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_reads_back_as_it_prints() {
        let text = "cpus=4;cpus(web/eu)=2;mem=1024.5;ports=[31000-32000,33000-33001];racks={a,b}";
        let parsed = Resources::parse(text).unwrap();
        assert_eq!(
            parsed.iter().filter_map(Resource::reserved_role).collect::<Vec<_>>(),
            ["web/eu"]
        );
        assert_eq!(Resources::parse(&parsed.to_string()).unwrap(), parsed);
        assert_eq!(parsed.ranges("ports").len(), 1003);
    }

    #[test]
    fn what_is_reserved_for_everyone_is_unreserved_and_zero_is_stated() {
        let parse = |text| Resources::parse(text).unwrap();
        assert_eq!(parse("cpus(*)=4"), parse("cpus=4"));
        let parts = Resources::parse_parts("disk=0;gpus(web)=0").unwrap();
        assert_eq!(
            parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(),
            ["disk", "gpus"]
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, want) in [
            ("cpus", "name=value"),
            ("cpus=x", "quantity"),
            ("cpus=-1", "quantity"),
            ("ports=[5-1]", "interval"),
            ("cpus(web=1", "name(role)"),
            ("(web)=1", "name(role)"),
            ("cpus(a b)=1", "role `a b` is not valid"),
        ] {
            assert!(Resources::parse(text).unwrap_err().to_string().contains(want), "{text}");
        }
    }
}
