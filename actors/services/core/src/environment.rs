//! The task that an instance becomes, with the environment that Marathon's tasks have.

use std::collections::BTreeMap;

use protocol::framework::Offer;
use protocol::services::{App, AppSpec};
use protocol::task::{CommandInfo, KillPolicy, Label, TaskInfo};
use protocol::{Scalar, TaskId};

use crate::placement::Share;

/// A label that is longer than this (name or value) does not become a variable, as in Marathon.
const MAX_LABEL_VARIABLE: usize = 512;

/// The task of one run of an instance of `app`.
pub(crate) fn task(app: &App, task_id: &TaskId, offer: &Offer, share: &Share) -> TaskInfo {
    let spec = &app.spec;
    let label =
        |(key, value): (&String, &String)| Label { key: key.clone(), value: Some(value.clone()) };
    TaskInfo {
        task_id: task_id.clone(),
        name: task_name(&spec.id),
        agent_id: offer.agent_id.clone(),
        resources: share.resources.clone(),
        command: Some(CommandInfo {
            value: spec.cmd.clone().or_else(|| spec.args.first().cloned()),
            shell: spec.cmd.is_some(),
            arguments: spec.args.clone(),
            environment: environment(app, task_id, &offer.hostname, &share.ports),
            user: spec.user.clone(),
            uris: spec.fetch.clone(),
        }),
        executor: None,
        kill_policy: kill_policy(spec),
        labels: spec.labels.iter().map(label).collect(),
        data: None,
    }
}

/// How instances of the app are asked to end.
pub(crate) fn kill_policy(spec: &AppSpec) -> Option<KillPolicy> {
    spec.kill_grace_ms.map(|grace_ms| KillPolicy { grace_ms: Some(grace_ms) })
}

/// The path from its end, as in DNS: `/shop/web` is `web.shop`.
fn task_name(app_id: &str) -> String {
    app_id.trim_matches('/').rsplit('/').collect::<Vec<_>>().join(".")
}

/// The app's own variables win.
fn environment(app: &App, task_id: &TaskId, host: &str, ports: &[u16]) -> BTreeMap<String, String> {
    let mut env = context(app, task_id);
    env.extend(port_variables(&app.spec, ports));
    env.insert("HOST".to_owned(), host.to_owned());
    env.extend(app.spec.env.clone());
    env
}

fn context(app: &App, task_id: &TaskId) -> BTreeMap<String, String> {
    let spec = &app.spec;
    let decimal = |scalar: Scalar| format!("{:?}", scalar.as_f64());
    let mut env: BTreeMap<String, String> = [
        ("MESOS_TASK_ID", task_id.to_string()),
        ("MARATHON_APP_ID", spec.id.clone()),
        ("MARATHON_APP_VERSION", app.version.to_iso()),
        ("MARATHON_APP_RESOURCE_CPUS", decimal(spec.cpus)),
        ("MARATHON_APP_RESOURCE_MEM", decimal(spec.mem)),
        ("MARATHON_APP_RESOURCE_DISK", decimal(spec.disk)),
        ("MARATHON_APP_RESOURCE_GPUS", "0".to_owned()),
        ("MARATHON_APP_ENFORCE_GROUP_ROLE", "FALSE".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut names = Vec::new();
    for (key, value) in &spec.labels {
        if key.len() < MAX_LABEL_VARIABLE && value.len() < MAX_LABEL_VARIABLE {
            let name = variable_name(key);
            env.insert(format!("MARATHON_APP_LABEL_{name}"), value.clone());
            names.push(name);
        }
    }
    env.insert("MARATHON_APP_LABELS".to_owned(), names.join(" "));
    env
}

fn variable_name(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    key.chars().map(plain).collect()
}

fn port_variables(spec: &AppSpec, ports: &[u16]) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (i, (port, definition)) in ports.iter().zip(&spec.ports).enumerate() {
        let declared = if definition.port == 0 { *port } else { definition.port };
        env.push((format!("PORT{i}"), port.to_string()));
        env.push((format!("PORT_{declared}"), port.to_string()));
        if let Some(name) = &definition.name {
            env.push((format!("PORT_{}", name.to_uppercase()), port.to_string()));
        }
    }
    if let Some(first) = ports.first() {
        env.push(("PORT".to_owned(), first.to_string()));
        let all: Vec<String> = ports.iter().map(u16::to_string).collect();
        env.push(("PORTS".to_owned(), all.join(",")));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Resources, Time};

    fn task_of(spec: serde_json::Value) -> TaskInfo {
        let mut json = serde_json::json!({
            "id": "/shop/web", "instances": 1, "cpus": 0.5, "mem": 64, "disk": 0,
            "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
        });
        json.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let app = App {
            spec: serde_json::from_value(json).unwrap(),
            version: Time::from_millis(1_700_000_000_123),
            last_scaling_at: Time(0),
            last_config_change_at: Time(0),
        };
        let offer = Offer {
            offer_id: "o".into(),
            framework_id: "f".into(),
            agent_id: "S0".into(),
            hostname: "node1".into(),
            http: String::new(),
            role: "*".into(),
            resources: Resources::EMPTY,
            attributes: BTreeMap::new(),
            executor_ids: vec![],
            unavailability: None,
            domain: None,
        };
        let share = Share { resources: Resources::EMPTY, ports: vec![31_000, 31_001] };
        task(&app, &"web.1".into(), &offer, &share)
    }

    #[test]
    fn tasks_find_their_place_in_their_environment() {
        let task = task_of(serde_json::json!({
            "cmd": "serve", "env": { "HOST": "mine", "A": "b" }, "labels": { "a-b": "c" },
            "ports": [{ "port": 80, "name": "http" }, { "port": 0 }],
        }));
        let env = task.command.unwrap().environment;
        for (name, value) in [
            ("PORT", "31000"),
            ("PORT0", "31000"),
            ("PORT1", "31001"),
            ("PORTS", "31000,31001"),
            ("PORT_80", "31000"),
            ("PORT_HTTP", "31000"),
            ("PORT_31001", "31001"),
            ("HOST", "mine"),
            ("A", "b"),
            ("MESOS_TASK_ID", "web.1"),
            ("MARATHON_APP_ID", "/shop/web"),
            ("MARATHON_APP_VERSION", "2023-11-14T22:13:20.123Z"),
            ("MARATHON_APP_RESOURCE_CPUS", "0.5"),
            ("MARATHON_APP_RESOURCE_MEM", "64.0"),
            ("MARATHON_APP_LABELS", "A_B"),
            ("MARATHON_APP_LABEL_A_B", "c"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
    }

    #[test]
    fn a_command_goes_to_the_shell_and_arguments_do_not() {
        let shell = task_of(serde_json::json!({ "cmd": "a | b" })).command.unwrap();
        assert_eq!((shell.shell, shell.value.as_deref()), (true, Some("a | b")));
        let argv = task_of(serde_json::json!({ "args": ["ls", "-l"] })).command.unwrap();
        assert_eq!((argv.shell, argv.value.as_deref()), (false, Some("ls")));
        assert_eq!(argv.arguments, ["ls", "-l"]);
    }

    #[test]
    fn tasks_are_named_from_the_end_of_the_path() {
        let task = task_of(serde_json::json!({ "cmd": "x", "kill_grace_ms": 10_000 }));
        assert_eq!(task.name, "web.shop");
        assert_eq!(task.kill_policy, Some(KillPolicy { grace_ms: Some(10_000) }));
    }
}
