//! A framework on pymesos, unmodified from PyPI, runs on a real cluster.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::process::{Command, Output, Stdio};

use integration::{Cluster, eventually, http, python};
use serde_json::Value;

/// What the scheduler says of its steps, in order.
fn steps(output: &Output) -> Vec<(String, Value)> {
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter_map(|line| line.as_object().and_then(|step| step.clone().into_iter().next()))
        .collect()
}

fn scheduler(master: &str, short: u32, long: u32) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/pymesos_scheduler.py");
    let mut command = Command::new(python::pymesos());
    command.args([script, master, &short.to_string(), &long.to_string()]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\n{:?}", steps(&output));
    output
}

#[test]
fn a_pymesos_scheduler_launches_kills_reconciles_fails_over_and_leaves_nothing() {
    let cluster = Cluster::builder("pymesos").agents(2).start();
    let master = cluster.masters[0].ready().http.clone();
    let steps = steps(&scheduler(&master, 12, 6));
    let step = |name: &str| &steps.iter().find(|(step, _)| step == name).unwrap().1;

    assert_eq!(step("subscribed")["version"], "1.11.0");
    assert_eq!((&step("ran")["finished"], &step("ran")["running"]), (&12.into(), &6.into()));
    assert_eq!(step("killed")["states"].as_array().unwrap().last().unwrap(), "TASK_KILLED");
    assert_eq!(step("reconciled")["known"], "TASK_RUNNING");
    // It is not partition-aware: what came later is TASK_LOST to it.
    assert_eq!(step("reconciled")["unknown"], "TASK_LOST");
    assert_eq!(step("reconciled_all")["states"], serde_json::json!(["TASK_RUNNING"]));
    assert_eq!(step("failed_over")["same"], true);
    assert_eq!(step("failed_over")["states"], serde_json::json!(["TASK_RUNNING"]));
    assert_eq!(step("taken_over")["told"], serde_json::json!(["Framework failed over"]));
    assert_eq!(steps.last().unwrap().0, "torn_down");

    eventually("nothing of the framework is left", || {
        let found = http::get(&master, "/api/v1/meseta/frameworks").map_err(|e| e.to_string())?;
        let tasks = cluster.tasks(false)?;
        let frameworks = found.json()["frameworks"].as_array().cloned().unwrap_or_default();
        if frameworks.is_empty() && tasks.is_empty() { Ok(()) } else { Err(found.body) }
    });
}
