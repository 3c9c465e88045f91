//! What there is to say of each framework: `master/frameworks/<name>/<id>/…`. What has never happened
//! is left out: there may be ten thousand of them. A removed framework has no metrics.

use std::collections::BTreeMap;
use std::fmt::Write;

use protocol::frameworks::FrameworkView;
use protocol::id::FrameworkId;
use protocol::task::TaskState;

use super::Metrics;
use crate::master::cluster::Cluster;

pub(super) fn each(cluster: &Cluster, metrics: &mut Metrics) {
    let mut states: BTreeMap<&FrameworkId, BTreeMap<TaskState, u64>> = BTreeMap::new();
    for task in cluster.tasks().chain(cluster.unreachable_tasks()) {
        let counts = states.entry(&task.framework_id).or_default();
        *counts.entry(task.state).or_default() += 1;
    }
    let counts: BTreeMap<_, _> =
        cluster.counts().map(|counts| (&counts.framework_id, &counts.counts)).collect();
    for framework in cluster.frameworks() {
        let id = &framework.framework_id;
        let prefix = prefix(framework);
        metrics.insert(format!("{prefix}/subscribed"), f64::from(u8::from(framework.active)));
        for role in &framework.info.roles {
            let suppressed = framework.suppressed_roles.contains(role);
            let name = format!("{prefix}/roles/{role}/suppressed");
            metrics.insert(name, f64::from(u8::from(suppressed)));
        }
        for (state, tasks) in states.get(id).into_iter().flatten() {
            let name = state.as_str().to_lowercase();
            metrics.insert(format!("{prefix}/tasks/active/{name}"), *tasks as f64);
        }
        for (name, times) in counts.get(id).into_iter().flat_map(|counts| counts.iter()) {
            metrics.insert(format!("{prefix}/{name}"), *times as f64);
        }
    }
}

fn prefix(framework: &FrameworkView) -> String {
    let name = encoded(&framework.info.name);
    format!("master/frameworks/{name}/{}", framework.framework_id)
}

/// A name as part of a metric's: percent-encoded, dots too, as in Mesos.
fn encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pretend_to_be_a_path() {
        assert_eq!(encoded("my spark/2.0"), "my%20spark%2F2%2E0");
        assert_eq!(encoded("é_-~A9"), "%C3%A9_-~A9");
    }
}
