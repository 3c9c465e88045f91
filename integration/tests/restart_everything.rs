//! Every process of a cluster ends at once; started again, the apps are there.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use integration::{Cluster, eventually, http};
use serde_json::{Value, json};

fn running(cluster: &Cluster, app: &str, count: usize) -> Result<Vec<Value>, String> {
    let answer = http::get(cluster.services().http(), &format!("/v2/apps/{app}/tasks"));
    let answer = answer.map_err(|error| format!("{error:#}"))?;
    let tasks = answer.json()["tasks"].as_array().cloned().unwrap_or_default();
    let running = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING").count();
    if running == count && tasks.len() == count { Ok(tasks) } else { Err(answer.body) }
}

fn create(cluster: &Cluster, app: &str) {
    let body = json!({ "id": app, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 3 });
    let created =
        http::request(cluster.services().http(), "POST", "/v2/apps", Some(&body)).unwrap();
    assert_eq!(created.status, 201, "{created:?}");
}

#[test]
fn the_apps_come_back_after_everything_was_killed() {
    let mut cluster = Cluster::builder("restart").services().on_shutdown("keep").start();
    create(&cluster, "sleeper");
    let before = eventually("three instances run", || running(&cluster, "sleeper", 3));
    let services = cluster.services.as_mut().unwrap();
    services.kill();
    cluster.agents[0].kill();
    cluster.masters[0].kill();

    cluster.masters[0].start();
    cluster.agents[0].start();
    cluster.services.as_mut().unwrap().start();
    cluster.wait_healthy();
    let after = eventually("three instances run again", || running(&cluster, "sleeper", 3));
    let ids = |tasks: &[Value]| {
        let mut ids: Vec<String> = tasks.iter().map(|t| t["id"].to_string()).collect();
        ids.sort();
        ids
    };
    // Their processes were never touched: the same instances are adopted, not started anew.
    assert_eq!(ids(&after), ids(&before));

    let app = http::get(cluster.services().http(), "/v2/apps/sleeper").unwrap().json();
    assert_eq!(app["app"]["instances"], 3);
    assert_eq!(app["app"]["cmd"], "sleep 1000");
}

#[test]
fn the_apps_come_back_after_their_processes_were_killed_too() {
    let mut cluster = Cluster::builder("restart-all").services().on_shutdown("keep").start();
    create(&cluster, "sleeper");
    let before = eventually("three instances run", || running(&cluster, "sleeper", 3));
    cluster.services.as_mut().unwrap().kill();
    cluster.agents[0].kill();
    cluster.masters[0].kill();
    integration::processes::kill_all_that_mention(cluster.dir());

    cluster.masters[0].start();
    cluster.agents[0].start();
    cluster.services.as_mut().unwrap().start();
    let after = eventually("three new instances run", || {
        let now = running(&cluster, "sleeper", 3)?;
        let old = |task: &Value| before.iter().any(|b| b["id"] == task["id"]);
        if now.iter().any(old) { Err("an old instance is listed".to_owned()) } else { Ok(now) }
    });
    assert_eq!(after.len(), 3);
}
