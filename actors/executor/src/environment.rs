//! The environment of a task.

use std::collections::BTreeMap;

use isolator::{CONTAINER_VARIABLE, Identity, ROOT_VARIABLE};
use protocol::task::TaskInfo;

use crate::settings::Settings;

/// Where programs are found unless the task or its framework says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is about the executor and not about its tasks.
const OWN_PREFIX: &str = "MESETA_";

/// From the weakest to the strongest: the defaults, what the agent gave the executor, who and where
/// the task is, the task's own wishes, and the marks that the isolator knows it by.
pub(crate) fn of_task(
    settings: &Settings,
    task: &TaskInfo,
    identity: Option<&Identity>,
) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    let inherited = settings.environment.iter().filter(|(name, _)| !name.starts_with(OWN_PREFIX));
    environment.extend(inherited.map(|(name, value)| (name.clone(), value.clone())));
    environment.extend(of_user(identity));
    environment.extend(of_place(settings, task));
    let wanted = task.command.iter().flat_map(|command| &command.environment);
    environment.extend(wanted.map(|(name, value)| (name.clone(), value.clone())));
    for mark in [ROOT_VARIABLE, CONTAINER_VARIABLE] {
        if let Some(value) = settings.environment.get(mark) {
            environment.insert(mark.to_owned(), value.clone());
        }
    }
    environment
}

fn of_user(identity: Option<&Identity>) -> Vec<(String, String)> {
    let Some(identity) = identity else { return Vec::new() };
    let variables =
        [("USER", identity.name()), ("LOGNAME", identity.name()), ("HOME", identity.home())];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Under our names, and under those that programs written for Mesos look for.
fn of_place(settings: &Settings, task: &TaskInfo) -> Vec<(String, String)> {
    let driver = &settings.driver;
    let facts = [
        ("TASK_ID", task.task_id.as_str()),
        ("FRAMEWORK_ID", driver.framework_id.as_str()),
        ("EXECUTOR_ID", driver.executor_id.as_str()),
        ("AGENT_ID", task.agent_id.as_str()),
        ("SANDBOX", &driver.sandbox),
    ];
    let both = |(name, value): (&str, &str)| {
        ["MESETA_", "MESOS_"].map(|prefix| (format!("{prefix}{name}"), value.to_owned()))
    };
    let mut variables: Vec<_> = facts.into_iter().flat_map(both).collect();
    variables.push(("MESOS_DIRECTORY".into(), driver.sandbox.clone()));
    variables.push(("MESOS_SLAVE_ID".into(), task.agent_id.to_string()));
    variables
}
