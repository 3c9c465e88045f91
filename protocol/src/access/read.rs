//! The lists from JSON.

use serde_json::{Map, Value};

use super::{Acl, Acls, Action, Entity};

/// Why a text is no access control lists: where, and what is accepted there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("{at}: expected {expected}")]
    Unexpected { at: String, expected: &'static str },
    #[error("{at}: not known; accepted: {accepted}")]
    Unknown { at: String, accepted: String },
    #[error("{at}: missing")]
    Missing { at: String },
}

type Read<T> = Result<T, AclError>;

impl Acls {
    /// From the JSON of Mesos: `{"permissive": false, "run_tasks": [{"principals": {"values":
    /// ["a"]}, "users": {"type": "ANY"}}]}`.
    ///
    /// # Errors
    /// The first thing that is wrong. A list that is not enforced is wrong too: who wrote it counts
    /// on it.
    pub fn from_json(text: &str) -> Result<Self, AclError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| AclError::NotJson(error.to_string()))?;
        let mut acls = Self::default();
        for (key, value) in object(&value, "the file")? {
            if key == "permissive" {
                acls.permissive = value.as_bool().ok_or_else(|| AclError::Unexpected {
                    at: key.clone(),
                    expected: "true or false",
                })?;
                continue;
            }
            let action = action(key)?;
            acls.lists.insert(action, list(value, action)?);
        }
        Ok(acls)
    }
}

fn action(key: &str) -> Read<Action> {
    let known = Action::ALL.iter().find(|action| action.key() == key);
    known.copied().ok_or_else(|| {
        let mut accepted: Vec<&str> = Action::ALL.iter().map(|action| action.key()).collect();
        accepted.insert(0, "permissive");
        AclError::Unknown { at: key.to_owned(), accepted: accepted.join(", ") }
    })
}

fn list(value: &Value, action: Action) -> Read<Vec<Acl>> {
    let key = action.key();
    let expected = "a list of entries";
    let entries = value
        .as_array()
        .ok_or_else(|| AclError::Unexpected { at: key.to_owned(), expected })?
        .iter();
    entries.enumerate().map(|(i, entry)| acl(entry, action, &format!("{key}[{i}]"))).collect()
}

fn acl(value: &Value, action: Action, at: &str) -> Read<Acl> {
    let fields = object(value, at)?;
    let accepted = ["principals", action.objects()];
    check_keys(fields, &accepted, at)?;
    let part = |name: &str| {
        let at = format!("{at}.{name}");
        match fields.get(name) {
            Some(value) => entity(value, &at),
            None => Err(AclError::Missing { at }),
        }
    };
    let acl = Acl { principals: part("principals")?, objects: part(action.objects())? };
    match acl.objects {
        Entity::Some(_) if is_whole(action) => Err(AclError::Unexpected {
            at: format!("{at}.{}", action.objects()),
            expected: "the type ANY or NONE: it is all or nothing",
        }),
        _ => Ok(acl),
    }
}

/// Nobody asks about one of its objects, as in Mesos.
fn is_whole(action: Action) -> bool {
    matches!(action, Action::ViewFlags | Action::AccessMesosLogs | Action::SetLogLevel)
}

fn entity(value: &Value, at: &str) -> Read<Entity> {
    let fields = object(value, at)?;
    check_keys(fields, &["type", "values"], at)?;
    match fields.get("type").map(|kind| kind.as_str().unwrap_or_default()) {
        Some("ANY") => Ok(Entity::Any),
        Some("NONE") => Ok(Entity::None),
        None | Some("SOME") => values(fields.get("values"), &format!("{at}.values")),
        Some(_) => {
            let at = format!("{at}.type");
            Err(AclError::Unexpected { at, expected: "one of SOME, ANY, NONE" })
        }
    }
}

fn values(value: Option<&Value>, at: &str) -> Read<Entity> {
    let odd = || AclError::Unexpected { at: at.to_owned(), expected: "a list of names" };
    let list = value.and_then(Value::as_array).ok_or_else(odd)?.iter();
    let names: Option<_> = list.map(|name| name.as_str().map(str::to_owned)).collect();
    names.map(Entity::Some).ok_or_else(odd)
}

fn object<'a>(value: &'a Value, at: &str) -> Read<&'a Map<String, Value>> {
    let odd = || AclError::Unexpected { at: at.to_owned(), expected: "an object" };
    value.as_object().ok_or_else(odd)
}

fn check_keys(fields: &Map<String, Value>, accepted: &[&str], at: &str) -> Read<()> {
    match fields.keys().find(|key| !accepted.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let (at, accepted) = (format!("{at}.{key}"), accepted.join(", "));
            Err(AclError::Unknown { at, accepted })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_read_and_kept_in_order() {
        for action in Action::ALL {
            let (key, objects) = (action.key(), action.objects());
            let (last, expected) = match is_whole(*action) {
                true => (r#"{"type": "NONE"}"#, Entity::None),
                false => (r#"{"type": "SOME", "values": []}"#, Entity::Some(vec![])),
            };
            let text = format!(
                r#"{{"{key}": [
                    {{"principals": {{"values": ["a"]}}, "{objects}": {{"type": "ANY"}}}},
                    {{"principals": {{"type": "NONE"}}, "{objects}": {last}}}
                ]}}"#
            );
            let acls = Acls::from_json(&text).unwrap();
            assert!(acls.permissive);
            let first = Acl { principals: Entity::Some(vec!["a".into()]), objects: Entity::Any };
            let second = Acl { principals: Entity::None, objects: expected };
            assert_eq!(acls.lists[action], [first, second]);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, why) in [
            ("[]", "the file: expected an object"),
            (r#"{"permissive": 1}"#, "permissive: expected true or false"),
            (r#"{"run_tasks": {}}"#, "run_tasks: expected a list of entries"),
            (r#"{"run_tasks": [1]}"#, "run_tasks[0]: expected an object"),
            (r#"{"run_tasks": [{}]}"#, "run_tasks[0].principals: missing"),
            (
                r#"{"run_tasks": [{"principals": {"type": "ALL"}}]}"#,
                "run_tasks[0].principals.type: expected one of SOME, ANY, NONE",
            ),
            (
                r#"{"run_tasks": [{"principals": {"values": "a"}}]}"#,
                "run_tasks[0].principals.values: expected a list of names",
            ),
            (
                r#"{"view_flags": [{"principals": {"type": "ANY"}, "flags": {"values": ["x"]}}]}"#,
                "view_flags[0].flags: expected the type ANY or NONE: it is all or nothing",
            ),
            (
                r#"{"run_tasks": [{"principals": {"type": "ANY"}, "roles": {"type": "ANY"}}]}"#,
                "run_tasks[0].roles: not known; accepted: principals, users",
            ),
        ] {
            assert_eq!(Acls::from_json(text).unwrap_err().to_string(), why, "{text}");
        }
    }

    #[test]
    fn a_list_that_would_not_be_enforced_is_refused() {
        let fault = Acls::from_json(r#"{"register_agents": []}"#).unwrap_err().to_string();
        assert!(fault.starts_with("register_agents: not known; accepted: permissive, "), "{fault}");
        let fault = Acls::from_json("{").unwrap_err().to_string();
        assert!(fault.starts_with("not JSON: "), "{fault}");
    }
}
