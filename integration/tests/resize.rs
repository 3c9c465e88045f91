//! A task that runs gets more memory and uses it, less, and never what is not there: as root, with
//! the files of its cgroup.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::fs;
use std::path::PathBuf;

use integration::{Cluster, Meseta, cgroups, eventually, http};
use serde_json::{Value, json};

const MB: u64 = 1 << 20;

/// Fills 20 MB at once, and 150 MB when it is told.
const GROWS: &str = "python3 -u -c \"
import os, time
small = bytearray(20 << 20)
while not os.path.exists('more'): time.sleep(0.05)
large = bytearray(b'x') * (150 << 20)
open('filled', 'w').close()
time.sleep(1000)
\"";

fn task(cluster: &Cluster) -> Result<Value, String> {
    let tasks = cluster.tasks(false)?;
    let running = tasks.iter().find(|task| task["state"] == "TASK_RUNNING");
    running.cloned().ok_or_else(|| format!("{tasks:?}"))
}

fn sandbox(cluster: &Cluster, meseta: &Meseta, task: &Value) -> PathBuf {
    let state = meseta.send(&cluster.agents[0].actor("agent"), "GetAgentState", "{}").unwrap();
    let executors = state["executors"].as_array().unwrap();
    let of_task = executors.iter().find(|executor| {
        executor["tasks"].as_array().is_some_and(|tasks| tasks.contains(&task["task_id"]))
    });
    of_task.unwrap()["sandbox"].as_str().unwrap().into()
}

/// The memory and cpu limits that the kernel has for the one container of the agent.
fn limits(cluster: &Cluster) -> Result<(u64, u64), String> {
    let (mut memory, mut cpu) = (None, None);
    for dir in cgroups::below(&cluster.cgroup("agent-1")) {
        let number = |file: &str| {
            let text = fs::read_to_string(dir.join(file)).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        // Those of the agent itself have no limit of ours.
        if dir.join("cgroup.procs").metadata().is_ok_and(|_| is_container(&dir)) {
            let limit = || number("memory.limit_in_bytes").or_else(|| number("memory.max"));
            memory = memory.or_else(limit);
            let shares = || number("cpu.shares").map(|shares| shares * 100 / 1024);
            cpu = cpu.or_else(shares).or_else(|| number("cpu.weight"));
        }
    }
    memory.zip(cpu).ok_or_else(|| "the container has no cgroup".to_owned())
}

fn is_container(dir: &std::path::Path) -> bool {
    // A container's has no other below it.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    !entries.into_iter().any(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
}

#[test]
fn a_task_grows_into_memory_that_it_then_uses_and_what_is_refused_changes_nothing() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can limit memory by cgroups");
        return;
    }
    let cluster = Cluster::builder("resize").services().resources("cpus=4;mem=1024").start();
    let meseta = cluster.meseta();
    let app = json!({ "id": "/grows", "cmd": GROWS, "cpus": 0.5, "mem": 64 });
    assert_eq!(meseta.run_with(&["app", "create", "-"], &app.to_string()).code, 0);
    let running = eventually("it runs", || task(&cluster));
    let id = running["task_id"].as_str().unwrap().to_owned();
    assert_eq!(limits(&cluster).unwrap(), (64 * MB, 50));

    let grown = meseta.run(&["task", "resize", &id, "--cpus", "2", "--mem", "256"]);
    assert_eq!(grown.code, 0, "{grown:?}");
    assert!(grown.stdout.contains("cpus:2;mem:256"), "{grown:?}");
    assert_eq!(limits(&cluster).unwrap(), (256 * MB, 200));
    let resources = &task(&cluster).unwrap()["resources"];
    assert!(resources.to_string().contains("256"), "{resources}");

    fs::write(sandbox(&cluster, &meseta, &running).join("more"), "").unwrap();
    let filled = sandbox(&cluster, &meseta, &running).join("filled");
    eventually("it uses what it was given", || {
        if filled.exists() {
            Ok(())
        } else {
            Err(task(&cluster).map_or_else(|e| e, |t| t.to_string()))
        }
    });

    let too_small = meseta.run(&["task", "resize", &id, "--mem", "64"]);
    assert_eq!(too_small.code, 73, "{too_small:?}");
    assert!(too_small.stderr.contains("in use"), "{too_small:?}");
    let too_large = meseta.run(&["task", "resize", &id, "--cpus", "100"]);
    assert_eq!(too_large.code, 73, "{too_large:?}");
    assert!(too_large.stderr.contains("not used"), "{too_large:?}");
    assert_eq!(limits(&cluster).unwrap(), (256 * MB, 200));
    let same = task(&cluster).unwrap();
    assert_eq!((&same["task_id"], &same["resources"]), (&running["task_id"], resources));

    over_http(&cluster, &running);
    assert_eq!(limits(&cluster).unwrap(), (200 * MB, 100));
    let state = meseta.send(&cluster.masters[0].actor("frameworks"), "Inspect", "{}").unwrap();
    assert_eq!(state["state"]["violation"], Value::Null, "{state}");
}

/// The operator's call: shrinks to what is still enough.
fn over_http(cluster: &Cluster, task: &Value) {
    let master = cluster.masters[0].ready().http.clone();
    let path = format!("/api/v1/tasks/{}/resize", task["task_id"].as_str().unwrap());
    let json = [("content-type", "application/json")];
    let send = |path: &str, body: Value| {
        let answer =
            http::send(&master.to_string(), "POST", path, &json, body.to_string().as_bytes());
        answer.unwrap()
    };
    let wish = json!({ "framework_id": task["framework_id"], "cpus": 1, "mem": 200 });
    let answer = send(&path, wish);
    assert_eq!(answer.status, 200, "{answer:?}");
    let wrong = send(&path, json!({ "framework_id": task["framework_id"], "gpus": 1 }));
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let nowhere = json!({ "framework_id": task["framework_id"], "cpus": 1 });
    assert_eq!(send("/api/v1/tasks/none/resize", nowhere).status, 404);
}
