//! What a newcomer does first: `make up`, an app, instances that die and come back, scaling, Ctrl-C.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::{Lines, Meseta, Process, binaries, eventually, http, ports, processes, within};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Twice as long as `meseta up` itself waits until everything serves.
const PATIENCE: Duration = Duration::from_secs(60);

/// `meseta up`, and where its edges are.
struct Up {
    process: Process,
    data: PathBuf,
    services: String,
    meseta: Meseta,
}

impl Up {
    fn start(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("meseta-up-{name}-{}", std::process::id()));
        let data = dir.join("data");
        let (master, services) = (ports::free_with_actors(), ports::free_with_actors());
        let agent = ports::free_with_actors();
        let arguments = [
            "up".to_owned(),
            format!("--data={}", data.display()),
            format!("--master-port={master}"),
            format!("--agent-port={agent}"),
            format!("--services-port={services}"),
            "--log=debug".to_owned(),
        ];
        let process = Process::new("up", &dir, binaries::path("meseta"), arguments.to_vec());
        let masters = format!("127.0.0.1:{}", master + 2000);
        let schedulers = format!("127.0.0.1:{}", services + 2000);
        let meseta = Meseta::new("meseta", &masters, &schedulers);
        let mut up = Self { process, data, services: format!("127.0.0.1:{services}"), meseta };
        up.run();
        up
    }

    /// Starts it, be it for the first time or again.
    fn run(&mut self) {
        let process = &mut self.process;
        let lines = Lines::of(process.launch());
        let is_up = |line: &str| line.contains(" is up after ").then(|| line.to_owned());
        let up = lines.find(PATIENCE, is_up);
        let up = up.unwrap_or_else(|_| panic!("it did not come up: {}", process.last_of_log()));
        eprintln!("{up}");
    }

    fn api(&self, method: &str, path: &str, body: Option<&Value>) -> http::Response {
        http::request(&self.services, method, path, body).unwrap()
    }

    /// The instances that run, by id, with their port; exactly `count`.
    fn running(&self, count: usize) -> Result<Vec<(String, u16)>, String> {
        let answer = self.api("GET", "/v2/apps/web-app/tasks", None);
        let tasks = answer.json()["tasks"].as_array().cloned().unwrap_or_default();
        let running: Vec<(String, u16)> = tasks
            .iter()
            .filter(|task| task["state"] == "TASK_RUNNING")
            .filter_map(|task| {
                let port = u16::try_from(task["ports"][0].as_u64()?).ok()?;
                Some((task["id"].as_str()?.to_owned(), port))
            })
            .collect();
        let exact = running.len() == count && tasks.len() == count;
        if exact { Ok(running) } else { Err(answer.body) }
    }

    /// The processes of the app's instances: those that run in a sandbox and are no executor.
    fn instances(&self) -> Vec<processes::Found> {
        let all = processes::that_mention(&self.data);
        let server = |p: &processes::Found| p.command.contains("http.server");
        all.into_iter().filter(server).collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["master/log", "agent-1/log", "services/log"] {
                let text = std::fs::read_to_string(self.data.join(log)).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let last = lines[lines.len().saturating_sub(60)..].join("\n");
                eprintln!("--- the end of {log}:\n{last}");
            }
        }
        self.process.kill();
        processes::kill_all_that_mention(&self.data);
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(self.process.dir());
        }
    }
}

fn example() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("config/examples/web-app.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn answers(port: u16) -> Result<(), String> {
    let answer = http::get(&format!("127.0.0.1:{port}"), "/os-release");
    let answer = answer.map_err(|error| format!("{error:#}"))?;
    let fetched = answer.status == 200 && answer.body.contains("NAME=");
    if fetched { Ok(()) } else { Err(format!("{answer:?}")) }
}

/// The directories of the cgroups that a process is in, below the agent's own.
fn cgroups_of(pid: i32) -> BTreeSet<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let of_agents = paths.filter(|path| path.contains("/meseta/"));
    of_agents.map(|path| PathBuf::from(path.trim_start_matches('/'))).collect()
}

fn exists_in_some_hierarchy(group: &Path) -> bool {
    let mount = Path::new("/sys/fs/cgroup");
    let hierarchies = std::fs::read_dir(mount).into_iter().flatten().flatten();
    mount.join(group).exists() || hierarchies.into_iter().any(|h| h.path().join(group).exists())
}

#[test]
fn an_app_runs_heals_scales_and_leaves_nothing() {
    let mut up = Up::start("app");
    let created = up.api("POST", "/v2/apps", Some(&example()));
    assert_eq!(created.status, 201, "{created:?}");

    let two = eventually("two instances run", || up.running(2));
    for (_, port) in &two {
        eventually("an instance answers HTTP with the file that was fetched", || answers(*port));
    }

    let victim = up.instances().remove(0);
    kill(Pid::from_raw(victim.pid), Signal::SIGKILL).unwrap();
    let healed = eventually("the killed instance is replaced", || {
        let now = up.running(2)?;
        if now != two { Ok(now) } else { Err(format!("still {now:?}")) }
    });
    for (_, port) in &healed {
        eventually("the replacement answers", || answers(*port));
    }

    for count in [5, 1] {
        let scaled = up.api("PUT", "/v2/apps/web-app", Some(&json!({ "instances": count })));
        assert_eq!(scaled.status, 200, "{scaled:?}");
        eventually("the app is scaled", || up.running(count));
    }

    let groups = cgroups_of(up.instances().remove(0).pid);
    let deleted = up.api("DELETE", "/v2/apps/web-app", None);
    assert_eq!(deleted.status, 200, "{deleted:?}");
    eventually("the app is gone, and its processes with it", || {
        let (status, left) = (up.api("GET", "/v2/apps/web-app", None).status, up.instances());
        if status == 404 && left.is_empty() { Ok(()) } else { Err(format!("{status} {left:?}")) }
    });

    let (status, took) = up.process.interrupt();
    assert!(status.success(), "{status:?}: {}", up.process.last_of_log());
    eprintln!("ended after {took:?}");
    assert_eq!(processes::that_mention(&up.data), [], "processes are left");
    for group in groups {
        // The container's group, and the one of the agent that it is in.
        let agent = group.parent().unwrap();
        assert!(!exists_in_some_hierarchy(&group) && !exists_in_some_hierarchy(agent), "{group:?}");
    }
}

#[test]
fn ctrl_c_ends_the_tasks_that_still_run_and_the_next_start_brings_them_back() {
    let mut up = Up::start("ctrl-c");
    let created = up.meseta.run_with(&["app", "create", "-"], &example().to_string());
    assert_eq!(created.code, 0, "{created:?}");
    eventually("two instances run", || up.running(2));
    let groups = cgroups_of(up.instances().remove(0).pid);
    let (status, took) = up.process.interrupt();
    assert!(status.success(), "{status:?}: {}", up.process.last_of_log());
    assert!(took < Duration::from_secs(15), "it took {took:?}");
    assert_eq!(processes::that_mention(&up.data), [], "processes are left");
    assert!(groups.iter().all(|group| !exists_in_some_hierarchy(group)), "{groups:?} are left");

    up.run();
    eventually("the app is there after the next start", || up.running(2));
    // Killed, it would leave its cgroups for the next start to clear.
    let (status, _) = up.process.interrupt();
    assert!(status.success(), "{status:?}: {}", up.process.last_of_log());
}

#[test]
fn kill_9_takes_the_roles_with_it() {
    let mut up = Up::start("kill");
    up.process.kill();
    within(Duration::from_secs(20), "every process ended by itself", || {
        let left = processes::that_mention(&up.data);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_changes_it() {
    let port = ports::free_with_actors();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let data = std::env::temp_dir().join(format!("meseta-up-taken-{}", std::process::id()));
    let data = data.display().to_string();
    let meseta = Meseta::new("meseta", "", "");
    let answer = meseta.run(&["up", "--data", &data, "--master-port", &port.to_string()]);
    assert_eq!(answer.code, 64, "{answer:?}");
    assert!(answer.stderr.contains(&port.to_string()), "{answer:?}");
    assert!(answer.stderr.contains("--master-port"), "{answer:?}");
}
