//! `meseta run`: one task, its output and its exit code, as if it had been run here.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use integration::{Cluster, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// More than the 64 MB that a task of these stories has: `tail` keeps what has no line end.
const HOG: &str = "head -c 300000000 /dev/zero | tail";

#[test]
fn a_task_speaks_and_ends_as_if_it_ran_here() {
    let cluster = Cluster::builder("run").start();
    let meseta = cluster.meseta();

    let spoke = meseta.run(&["run", "--", "sh", "-c", "echo hi; exit 3"]);
    assert_eq!((spoke.code, spoke.stdout.as_str()), (3, "hi\n"), "{spoke:?}");

    let both = meseta.run(&["run", "--", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((both.code, both.stdout.as_str()), (0, "out\n"), "{both:?}");
    assert_eq!(both.stderr, "err\n");

    let told = meseta.run(&["run", "--shell", "-e", "WHO=you", "--", "echo $WHO; pwd"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.starts_with("you\n"), "{told:?}");
    assert!(told.stdout.contains(&cluster.dir().display().to_string()), "not in its sandbox");

    let long = meseta.run(&["run", "--shell", "--", "seq 1 200000"]);
    assert_eq!(long.stdout.lines().count(), 200_000, "not all of a long output came");

    let missing = meseta.run(&["run", "--", "/no/such/program"]);
    assert_ne!(missing.code, 0, "{missing:?}");

    eventually("no task and no framework is left", || {
        let (tasks, frameworks) = (cluster.tasks(false)?, meseta.json(&["frameworks"])?);
        let none = tasks.is_empty() && frameworks["frameworks"] == serde_json::json!([]);
        if none { Ok(()) } else { Err(format!("{tasks:?} {frameworks}")) }
    });
}

#[test]
fn ctrl_c_kills_the_task() {
    let cluster = Cluster::builder("run-ctrl-c").start();
    let mut command = cluster.meseta().command(&["run", "--", "sleep", "1000"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the task runs", || {
        let tasks = cluster.tasks(false)?;
        let running = tasks.iter().any(|task| task["state"] == "TASK_RUNNING");
        if running { Ok(()) } else { Err(format!("{tasks:?}")) }
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(128 + 15), "{status:?}");
    eventually("its process is gone", || {
        let all = cluster.all_processes();
        let left: Vec<_> = all.into_iter().filter(|p| p.command.contains("sleep")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

#[test]
fn a_task_that_no_agent_can_hold_is_given_up_with_the_reason() {
    let cluster = Cluster::builder("run-too-large").start();
    let started = Instant::now();
    let meseta = cluster.meseta();
    let answer = meseta.run(&["run", "--cpus", "1000", "--timeout", "2s", "--", "true"]);
    assert_eq!(answer.code, 72, "{answer:?}");
    assert!(answer.stderr.contains("no offer was large enough"), "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_task_over_its_memory_limit_ends_with_that_reason_and_its_neighbour_does_not() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can limit memory by cgroups");
        return;
    }
    let cluster = Cluster::builder("run-oom").isolation("cgroups").start();
    let meseta = cluster.meseta();
    let mut neighbour = meseta.command(&["run", "--shell", "--", "sleep 5; echo unharmed"]);
    let neighbour = neighbour.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the neighbour runs", || {
        let tasks = cluster.tasks(false)?;
        let running = tasks.iter().any(|task| task["state"] == "TASK_RUNNING");
        if running { Ok(()) } else { Err(format!("{tasks:?}")) }
    });

    let hog = meseta.run(&["run", "--mem", "64", "--shell", "--", HOG]);
    assert_ne!(hog.code, 0, "{hog:?}");
    assert!(hog.stderr.contains("REASON_CONTAINER_LIMITATION_MEMORY"), "{hog:?}");

    let neighbour = neighbour.wait_with_output().unwrap();
    assert!(neighbour.status.success(), "{neighbour:?}");
    assert_eq!(String::from_utf8_lossy(&neighbour.stdout), "unharmed\n");
}
