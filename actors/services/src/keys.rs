//! What is durable, as keys and values of the store. Values are JSON, so that an operator can read
//! them with the store's own tools.
//!
//! | key | value |
//! |---|---|
//! | `framework` | the framework's id |
//! | `apps/<path>` | the app and its deployments |
//! | `versions/<path>@<microseconds>` | one version of it |
//! | `failures/<path>` | how an instance of it last failed |
//! | `instances/<task id>` | an instance |

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use services_core::{Records, Write};

const FRAMEWORK: &str = "framework";
const APPS: &str = "apps";
const VERSIONS: &str = "versions";
const FAILURES: &str = "failures";
const INSTANCES: &str = "instances/";

/// A record that cannot be read: of a newer release, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("the record `{key}` in the store cannot be read")]
pub(crate) struct Unreadable {
    key: String,
    #[source]
    source: serde_json::Error,
}

/// The write as the store takes it. App ids begin with a slash.
pub(crate) fn encode(write: &Write) -> store::Write {
    match write {
        Write::PutFramework(id) => put(FRAMEWORK.to_owned(), id),
        Write::DeleteFramework => store::Write::delete(FRAMEWORK),
        Write::PutApp(record) => put(format!("{APPS}{}", record.app.spec.id), record),
        Write::DeleteApp { id } => store::Write::delete(format!("{APPS}{id}")),
        Write::PutVersion(app) => put(version_key(&app.spec.id, app.version), app),
        Write::DeleteVersion { id, version } => store::Write::delete(version_key(id, *version)),
        Write::PutInstance(instance) => put(format!("{INSTANCES}{}", instance.task_id), instance),
        Write::DeleteInstance(task_id) => store::Write::delete(format!("{INSTANCES}{task_id}")),
        Write::PutFailure { app_id, failure } => put(format!("{FAILURES}{app_id}"), failure),
        Write::DeleteFailure { app_id } => store::Write::delete(format!("{FAILURES}{app_id}")),
    }
}

fn version_key(id: &str, version: protocol::Time) -> String {
    format!("{VERSIONS}{id}@{}", version.0)
}

fn put(key: String, value: &impl Serialize) -> store::Write {
    let value =
        serde_json::to_vec(value).expect("records are text, numbers and maps with text keys");
    store::Write::put(key, value)
}

/// Everything that is in the store; what has a key of another kind is left alone.
pub(crate) fn decode(found: &BTreeMap<String, Vec<u8>>) -> Result<Records, Unreadable> {
    let mut records = Records::default();
    for (key, value) in found {
        if key == FRAMEWORK {
            records.framework_id = Some(read(key, value)?);
        } else if is_of(key, APPS) {
            records.apps.push(read(key, value)?);
        } else if is_of(key, VERSIONS) {
            records.versions.push(read(key, value)?);
        } else if is_of(key, FAILURES) {
            let app_id = key[FAILURES.len()..].to_owned();
            records.failures.insert(app_id, read(key, value)?);
        } else if key.starts_with(INSTANCES) {
            records.instances.push(read(key, value)?);
        }
    }
    Ok(records)
}

fn is_of(key: &str, kind: &str) -> bool {
    key.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'))
}

fn read<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value).map_err(|source| Unreadable { key: key.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use protocol::services::{App, AppSpec, Instance, InstanceFailure};
    use protocol::task::TaskState;
    use protocol::{FrameworkId, Time};
    use services_core::AppRecord;
    use store::Change;

    use super::*;

    fn app() -> App {
        let spec: AppSpec = serde_json::from_value(serde_json::json!({
            "id": "/shop/web", "cmd": "x", "instances": 1, "cpus": 0.5, "mem": 64, "disk": 0,
            "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
        }))
        .unwrap();
        let at = Time(1_700_000_000_000_000);
        App { spec, version: at, last_scaling_at: at, last_config_change_at: at }
    }

    fn instance() -> Instance {
        Instance {
            task_id: "t".into(),
            app_id: "/shop/web".into(),
            version: app().version,
            state: TaskState::Running,
            agent_id: "S0".into(),
            host: "h".into(),
            ports: vec![31_000],
            staged_at: Time(5),
            started_at: Some(Time(6)),
            healthy: None,
            killing: true,
        }
    }

    fn failure() -> InstanceFailure {
        InstanceFailure {
            task_id: "t".into(),
            host: "h".into(),
            state: TaskState::Failed,
            message: "no".into(),
            timestamp: Time(7),
            version: app().version,
            agent_id: None,
        }
    }

    fn stored(writes: &[Write]) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for write in writes.iter().map(encode) {
            match write.change {
                Change::Put(value) => drop(found.insert(write.key, value)),
                Change::Delete => drop(found.remove(&write.key)),
            }
        }
        found
    }

    #[test]
    fn what_is_written_is_read_back() {
        let records = Records {
            framework_id: Some(FrameworkId::from("F")),
            apps: vec![AppRecord { app: app(), deployments: vec![] }],
            versions: vec![app()],
            instances: vec![instance()],
            failures: [("/shop/web".to_owned(), failure())].into(),
        };
        let puts = [
            Write::PutFramework("F".into()),
            Write::PutApp(records.apps[0].clone()),
            Write::PutVersion(app()),
            Write::PutInstance(instance()),
            Write::PutFailure { app_id: "/shop/web".into(), failure: failure() },
        ];
        assert_eq!(decode(&stored(&puts)).unwrap(), records);
    }

    #[test]
    fn what_is_deleted_is_what_was_written() {
        let (id, version) = ("/shop/web".to_owned(), app().version);
        let writes = [
            Write::PutFramework("F".into()),
            Write::PutApp(AppRecord { app: app(), deployments: vec![] }),
            Write::PutVersion(app()),
            Write::PutInstance(instance()),
            Write::PutFailure { app_id: id.clone(), failure: failure() },
            Write::DeleteFramework,
            Write::DeleteApp { id: id.clone() },
            Write::DeleteVersion { id: id.clone(), version },
            Write::DeleteInstance("t".into()),
            Write::DeleteFailure { app_id: id },
        ];
        assert!(stored(&writes).is_empty());
    }

    #[test]
    fn a_damaged_record_is_named() {
        let found = BTreeMap::from([("apps/web".to_owned(), b"{".to_vec())]);
        assert!(decode(&found).unwrap_err().to_string().contains("`apps/web`"));
        let other = BTreeMap::from([("jobs/x".to_owned(), b"{".to_vec())]);
        assert_eq!(decode(&other).unwrap(), Records::default(), "another's");
    }
}
