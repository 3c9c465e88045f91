//! The command line day by day: apps, logs and events that are followed, lists for programs.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::process::{Child, Stdio};
use std::time::Duration;

use integration::{Cluster, Lines, Meseta, eventually};
use serde_json::{Value, json};

/// How long any line may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command that goes on, and the lines that it prints.
struct Followed {
    child: Child,
    lines: Lines,
}

impl Followed {
    fn start(meseta: &Meseta, arguments: &[&str]) -> Self {
        let mut command = meseta.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line that has this in it.
    #[track_caller]
    fn line_with(&self, text: &str) -> String {
        let found = self.lines.find(PATIENCE, |line| line.contains(text).then(|| line.to_owned()));
        found.unwrap_or_else(|seen| panic!("no line with `{text}` came; seen: {seen:#?}"))
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shown(meseta: &Meseta, id: &str) -> Result<Value, String> {
    meseta.json(&["app", "show", id])
}

fn runs(meseta: &Meseta, id: &str, count: u64) -> Result<Vec<String>, String> {
    let app = shown(meseta, id)?;
    let tasks = app["tasks"].as_array().cloned().unwrap_or_default();
    let quiet = app["deployments"] == json!([]);
    if quiet && app["tasksRunning"] == count && tasks.len() as u64 == count {
        Ok(tasks.iter().filter_map(|task| task["id"].as_str().map(str::to_owned)).collect())
    } else {
        Err(app.to_string())
    }
}

#[test]
fn an_app_lives_through_every_command() {
    let cluster = Cluster::builder("apps").services().start();
    let meseta = cluster.meseta();
    let sleeper =
        json!({ "id": "/team/sleeper", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32 }).to_string();

    assert_eq!(meseta.run_with(&["app", "create", "-"], &sleeper).code, 0);
    let first = eventually("one instance runs", || runs(&meseta, "/team/sleeper", 1));
    let again = meseta.run_with(&["app", "create", "-"], &sleeper);
    assert_eq!(again.code, 78, "{again:?}");

    assert_eq!(meseta.run(&["app", "scale", "team/sleeper", "3"]).code, 0);
    eventually("three instances run", || runs(&meseta, "team/sleeper", 3));
    assert_eq!(meseta.run(&["app", "restart", "team/sleeper"]).code, 0);
    eventually("three other instances run", || {
        let now = runs(&meseta, "team/sleeper", 3)?;
        if now.iter().any(|id| first.contains(id)) { Err(format!("{now:?}")) } else { Ok(()) }
    });
    let table = meseta.run(&["app", "list"]);
    assert!(table.stdout.contains("/team/sleeper") && table.stdout.contains("sleep 1000"));
    assert!(meseta.run(&["app", "show", "team/sleeper"]).stdout.contains("3 running of 3"));

    assert_eq!(meseta.run(&["app", "delete", "team/sleeper"]).code, 0);
    eventually("the app is gone", || match shown(&meseta, "team/sleeper") {
        Err(_) => Ok(()),
        Ok(app) => Err(app.to_string()),
    });
    assert_eq!(meseta.run(&["app", "show", "team/sleeper"]).code, 77);
    assert_eq!(meseta.run(&["app", "scale", "team/sleeper", "2"]).code, 77);
}

#[test]
fn a_bad_definition_is_refused_with_its_fields_and_changes_nothing() {
    let cluster = Cluster::builder("bad-apps").services().start();
    let meseta = cluster.meseta();
    let create = |text: &str| meseta.run_with(&["app", "create", "-"], text);
    for (definition, code, says) in [
        ("{\"id\": ", 65, "line 1"),
        ("{\"cmd\": \"true\"}", 66, "/id"),
        ("{\"id\": \"a\", \"cmd\": \"true\", \"cpus\": -1}", 66, "/cpus"),
        ("{\"id\": \"a\", \"cmd\": \"true\", \"instances\": \"two\"}", 66, "/instances"),
        ("{\"id\": \"A b\", \"cmd\": \"true\"}", 66, "/id"),
    ] {
        let answer = create(definition);
        assert_eq!(answer.code, code, "{definition}: {answer:?}");
        assert!(answer.stderr.contains(says), "{definition}: {answer:?}");
        assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    }
    assert_eq!(create("").code, 65);
    assert_eq!(meseta.run(&["app", "create", "/no/such/file.json"]).code, 64);
    assert_eq!(meseta.json(&["app", "list"]).unwrap()["apps"], json!([]));
}

#[test]
fn logs_and_events_are_followed_while_they_happen() {
    let cluster = Cluster::builder("follow").services().start();
    let meseta = cluster.meseta();
    let of_master = Followed::start(&meseta, &["events", "-f", "--types", "task_updated"]);
    let of_services = Followed::start(
        &meseta,
        &["events", "-f", "--source", "services", "-o", "json", "--types", "app_created"],
    );
    let talker = json!({
        "id": "talker", "cpus": 0.1, "mem": 32,
        "cmd": "echo begins; while [ ! -e over ]; do sleep 0.05; done; echo ends; sleep 1000",
    });
    assert_eq!(meseta.run_with(&["app", "create", "-"], &talker.to_string()).code, 0);
    of_master.line_with("TASK_RUNNING");
    let created: Value = serde_json::from_str(&of_services.line_with("talker")).unwrap();
    assert_eq!(created["type"], "app_created");

    let logs = Followed::start(&meseta, &["logs", "-f", "talker"]);
    logs.line_with("begins");
    let sandbox = cluster.tasks(false).unwrap()[0]["task_id"].as_str().unwrap().to_owned();
    let state = cluster.agents[0].actor("agent");
    let state = meseta.send(&state, "GetAgentState", "{}").unwrap();
    let of_task = state["executors"].as_array().unwrap().iter().find(|executor| {
        executor["tasks"].as_array().is_some_and(|tasks| tasks.contains(&json!(sandbox)))
    });
    let dir = of_task.unwrap()["sandbox"].as_str().unwrap();
    std::fs::write(std::path::Path::new(dir).join("over"), "").unwrap();
    logs.line_with("ends");

    assert_eq!(meseta.run(&["app", "delete", "talker"]).code, 0);
    of_master.line_with("TASK_KILLED");
    let mut logs = logs;
    let ended = eventually("following ends with the task", || {
        logs.child.try_wait().unwrap().ok_or("it goes on")
    });
    assert!(ended.success());

    let unknown = meseta.run(&["logs", "no-such-task"]);
    assert_eq!(unknown.code, 77, "{unknown:?}");
    let past = meseta.run(&["logs", &sandbox]);
    assert_eq!(past.stdout, "begins\nends\n", "{past:?}");
}

#[test]
fn every_list_is_there_for_people_and_for_programs() {
    let cluster = Cluster::builder("lists").services().start();
    let meseta = cluster.meseta();
    for (command, column) in [
        ("agents", "AGENT"),
        ("frameworks", "FRAMEWORK"),
        ("tasks", "TASK"),
        ("offers", "OFFER"),
        ("roles", "ROLE"),
        ("actors", "ACTOR"),
    ] {
        let table = meseta.run(&[command]);
        assert_eq!(table.code, 0, "{table:?}");
        assert!(table.stdout.starts_with(column), "{table:?}");
        assert!(!table.stdout.contains('\u{1b}'), "colours in a pipe: {table:?}");
        let data = meseta.json(&[command]).unwrap();
        assert!(data[command].is_array(), "{command}: {data}");
    }
    let nobody = Meseta::new(cluster.name(), "127.0.0.1:1", "127.0.0.1:1");
    let lost = nobody.run(&["agents"]);
    assert_eq!(lost.code, 68, "{lost:?}");
    assert!(lost.stderr.contains("--master") && lost.stderr.contains("meseta up"), "{lost:?}");
}
