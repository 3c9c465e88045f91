//! What Marathon has and this scheduler does not: asking for it is refused at its path, so that
//! nobody believes to have it. What only spells out the default is accepted.

use serde_json::Value;

use super::{Faults, Members};

const NOT_SUPPORTED: &str = "is not supported";

/// Members that are refused unless they ask for nothing.
const NAMES: [&str; 21] = [
    "acceptedResourceRoles",
    "check",
    "constraints",
    "container",
    "dependencies",
    "executor",
    "executorResources",
    "gpus",
    "healthChecks",
    "ipAddress",
    "linuxInfo",
    "networks",
    "readinessChecks",
    "residency",
    "resourceLimits",
    "secrets",
    "storeUrls",
    "taskRateLimit",
    "tty",
    "unreachableStrategy",
    "volumes",
];

/// Finds what is asked for and cannot be given. `role` is the one role there is.
pub(super) fn check(members: &Members<'_>, role: &str, faults: &mut Faults) {
    for name in NAMES {
        if members.raw(name).is_some_and(|value| !asks_for_nothing(name, value)) {
            faults.meaning(members.path_of(name), NOT_SUPPORTED);
        }
    }
    if let Some(asked) = members.get::<String>("role", faults).filter(|asked| asked != role) {
        faults.meaning(members.path_of("role"), format!("got {asked}, expected one of: [{role}]"));
    }
}

/// Empty, or the default spelled out.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    is_empty(value)
        || match name {
            "acceptedResourceRoles" => *value == serde_json::json!(["*"]),
            "container" => is_plain_container(value),
            "executor" => matches!(value.as_str(), Some("" | "//cmd")),
            "gpus" => value.as_f64() == Some(0.0),
            "networks" => is_host_network(value),
            "tty" => *value == Value::Bool(false),
            "unreachableStrategy" => is_replaced_at_once(value),
            _ => false,
        }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A container that adds nothing to what every task has.
fn is_plain_container(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.iter().all(|(name, member)| match name.as_str() {
        "type" => member == "MESOS",
        _ => is_empty(member),
    })
}

fn is_host_network(value: &Value) -> bool {
    let Some([Value::Object(network)]) = value.as_array().map(Vec::as_slice) else { return false };
    network.iter().all(|(name, member)| match name.as_str() {
        "mode" => member == "host",
        _ => is_empty(member),
    }) && network.contains_key("mode")
}

/// The one strategy that the scheduler has, and Marathon's default.
fn is_replaced_at_once(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.iter().all(|(name, member)| match name.as_str() {
        "inactiveAfterSeconds" | "expungeAfterSeconds" => member.as_f64() == Some(0.0),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(app: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let members = Members::of(app, "", &mut faults).unwrap();
        check(&members, "*", &mut faults);
        assert!(faults.shape.is_empty());
        faults.meaning.into_iter().map(|v| v.path).collect()
    }

    #[test]
    fn spelling_out_the_defaults_asks_for_nothing() {
        let app = json!({
            "healthChecks": [], "constraints": [], "dependencies": [], "secrets": {},
            "container": null, "gpus": 0, "executor": "", "role": "*", "tty": false,
            "networks": [{ "mode": "host" }], "acceptedResourceRoles": ["*"],
            "unreachableStrategy": { "inactiveAfterSeconds": 0, "expungeAfterSeconds": 0 },
        });
        assert_eq!(found(&app), Vec::<String>::new());
        let container = json!({ "container": { "type": "MESOS", "volumes": [] } });
        assert_eq!(found(&container), Vec::<String>::new());
    }

    #[test]
    fn whatever_else_is_asked_for_is_refused_at_its_path() {
        for (name, value) in [
            ("healthChecks", json!([{ "protocol": "HTTP" }])),
            ("constraints", json!([["hostname", "UNIQUE"]])),
            ("dependencies", json!(["/db"])),
            ("secrets", json!({ "a": { "source": "b" } })),
            ("container", json!({ "type": "DOCKER", "docker": { "image": "x" } })),
            ("container", json!({ "type": "DOCKER" })),
            ("gpus", json!(1)),
            ("executor", json!("/my/executor")),
            ("role", json!("other")),
            ("networks", json!([{ "mode": "container/bridge" }])),
            ("acceptedResourceRoles", json!(["slave_public"])),
            ("unreachableStrategy", json!("disabled")),
            ("unreachableStrategy", json!({ "inactiveAfterSeconds": 300 })),
            ("tty", json!(true)),
            ("residency", json!({ "taskLostBehavior": "WAIT_FOREVER" })),
        ] {
            assert_eq!(found(&json!({ name: value.clone() })), [format!("/{name}")], "{value}");
        }
    }
}
