//! A framework on pymesos, unmodified from PyPI, runs on a real cluster.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use integration::{Builder, Cluster, Lines, Process, eventually, http, python};
use serde_json::{Value, json};

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

    nothing_is_left(&cluster, &master);
}

/// Neither on this master nor on an agent.
fn nothing_is_left(cluster: &Cluster, master: &str) {
    eventually("nothing of the framework is left", || {
        let found = http::get(master, "/api/v1/meseta/frameworks").map_err(|e| e.to_string())?;
        let tasks = cluster.tasks(false)?;
        let frameworks = found.json()["frameworks"].as_array().cloned().unwrap_or_default();
        if frameworks.is_empty() && tasks.is_empty() { Ok(()) } else { Err(found.body) }
    });
    eventually("no executor is left", || {
        let all = cluster.all_processes();
        let left: Vec<_> = all.into_iter().filter(|p| p.command.contains("executor.py")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

/// Tasks that end by themselves, and tasks that are killed in the end.
const BRIEF: usize = 190;
const LASTING: usize = 10;
/// The framework gives up by itself before.
const PATIENCE: Duration = Duration::from_secs(120);

/// The framework that keeps account of its tasks, with an executor of its own.
struct Framework {
    process: Process,
    said: Option<Lines>,
    began: Instant,
}

impl Framework {
    fn new(cluster: &Cluster) -> Self {
        let dir = cluster.dir().join("framework");
        let masters: Vec<_> = cluster.masters.iter().map(Process::http).collect();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/pymesos_framework.py");
        let journal = dir.join("journal").display().to_string();
        let (brief, lasting) = (BRIEF.to_string(), LASTING.to_string());
        let arguments = [script, &masters.join(","), &journal, &brief, &lasting];
        let arguments = arguments.map(str::to_owned).to_vec();
        let process = Process::new("framework", &dir, python::pymesos().into(), arguments);
        Self { process, said: None, began: Instant::now() }
    }

    fn start(&mut self) {
        self.said = Some(Lines::of(self.process.launch()));
    }

    /// What it says of a step when it comes to it. All that it says is printed.
    fn step(&self, name: &str) -> Value {
        let found = self.said.as_ref().unwrap().find(PATIENCE, |line| {
            eprintln!("{:>9.3} s  {line}", self.began.elapsed().as_secs_f64());
            serde_json::from_str::<Value>(line).unwrap().get(name).cloned()
        });
        found.unwrap_or_else(|said| panic!("no {name}: {said:?}\n{}", self.process.last_of_log()))
    }

    /// Every piece of work was done by exactly one task, which took its course once.
    fn balances(&self) -> Value {
        let account = self.step("account");
        let courses = &account["courses"];
        assert_eq!(courses["TASK_RUNNING TASK_FINISHED"], BRIEF, "{account}");
        assert_eq!(courses["TASK_RUNNING TASK_KILLED"], LASTING, "{account}");
        // What was launched by a call that nobody took is lost, has never run, and was replaced.
        let others = courses.as_object().unwrap().keys();
        let others: Vec<_> = others.filter(|course| !course.starts_with("TASK_RUNNING ")).collect();
        assert!(others.iter().all(|course| *course == "TASK_LOST"), "{account}");
        assert_eq!(account["launched"], BRIEF + LASTING, "{account}");
        for nothing in ["twice", "unaccounted", "wanted", "faults"] {
            assert_eq!(account[nothing], json!([]), "{account}");
        }
        assert_eq!(account["agents"], 3);
        assert_eq!(account["implicit"], json!({ "TASK_RUNNING": LASTING }));
        // It is not partition-aware: what nobody knows is TASK_LOST to it.
        assert_eq!(account["explicit"], json!(["TASK_LOST", "TASK_RUNNING"]));
        self.step("torn_down");
        account
    }
}

/// Three agents on which not all of it fits at once.
fn small_agents(name: &str) -> Builder {
    python::pymesos();
    Cluster::builder(name).agents(3).resources("cpus=2;mem=1024")
}

#[test]
fn a_pymesos_framework_whose_scheduler_is_killed_loses_no_task_and_runs_none_twice() {
    let cluster = small_agents("pymesos-200").start();
    let mut framework = Framework::new(&cluster);
    framework.start();
    let id = framework.step("subscribed")["framework_id"].clone();
    let half = framework.step("half");
    assert_ne!(half["live"], 0, "{half}");
    framework.process.kill();

    framework.start();
    let subscribed = framework.step("subscribed");
    assert_eq!(subscribed["framework_id"], id);
    assert_ne!(subscribed["doubtful"], 0, "it must ask what became of its tasks: {subscribed}");
    framework.balances();
    nothing_is_left(&cluster, cluster.masters[0].http());
}

#[test]
fn a_pymesos_framework_whose_master_is_killed_loses_no_task_and_runs_none_twice() {
    let mut cluster = small_agents("pymesos-leader").etcd().masters(2).lease_ttl_ms(3000).start();
    let old = eventually("somebody leads", || cluster.leader());
    let mut framework = Framework::new(&cluster);
    framework.start();
    framework.step("half");
    // pymesos takes some seconds to try again, in which executors have nothing to say: what they
    // say next, on a connection that was idle, must come through too.
    cluster.masters[old].kill();

    let account = framework.balances();
    assert_ne!(account["subscriptions"], 1, "{account}");
    nothing_is_left(&cluster, cluster.masters[1 - old].http());
}
