//! Two masters and a real etcd: one leads, and what becomes of that when it cannot.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::{Duration, Instant};

use integration::{Cluster, eventually, http, processes, within};
use serde_json::{Value, json};

/// The lease of these stories.
const TTL: Duration = Duration::from_secs(3);
/// etcd and a new leader have this long beyond it.
const BEYOND: Duration = Duration::from_secs(1);

/// Two masters, two agents, and an app of two instances that runs.
fn cluster(name: &str) -> Cluster {
    let ttl = u64::try_from(TTL.as_millis()).unwrap();
    let builder = Cluster::builder(name).etcd().masters(2).agents(2).services().lease_ttl_ms(ttl);
    let cluster = builder.start();
    let body =
        json!({ "id": "sleeper", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2 });
    let created =
        http::request(cluster.services().http(), "POST", "/v2/apps", Some(&body)).unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    eventually("two instances run", || running(&cluster));
    cluster
}

/// The ids of the app's instances, as the service scheduler and the leading master agree on them.
fn running(cluster: &Cluster) -> Result<Vec<String>, String> {
    let tasks = cluster.tasks(false)?;
    let ids = |tasks: &[Value], id: &str| {
        let live = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING");
        let mut ids: Vec<String> = live.map(|task| task[id].to_string()).collect();
        ids.sort();
        ids
    };
    let answer = http::get(cluster.services().http(), "/v2/apps/sleeper/tasks");
    let listed = answer.map_err(|error| format!("{error:#}"))?.json();
    let listed = listed["tasks"].as_array().cloned().unwrap_or_default();
    let (of_master, of_services) = (ids(&tasks, "task_id"), ids(&listed, "id"));
    if of_master.len() == 2 && of_master == of_services {
        Ok(of_master)
    } else {
        Err(format!("master: {of_master:?}, services: {of_services:?}"))
    }
}

/// The pids of the app's processes.
fn sleepers(cluster: &Cluster) -> Vec<i32> {
    let all = processes::that_mention(cluster.dir());
    let mut pids: Vec<i32> =
        all.into_iter().filter(|p| p.command.starts_with("sleep ")).map(|p| p.pid).collect();
    pids.sort_unstable();
    pids
}

/// Whether this master leads, asked without going through any other.
fn leads(cluster: &Cluster, master: usize) -> Result<Value, String> {
    let elector = cluster.masters[master].actor("elector");
    let answer = cluster.meseta().send(&elector, "GetLeader", "{}")?;
    if answer["leading"] == true { Ok(answer) } else { Err(answer.to_string()) }
}

#[test]
fn kill_9_of_the_leader_moves_leadership_and_touches_no_task() {
    let mut cluster = cluster("failover-kill");
    let old = eventually("somebody leads", || cluster.leader());
    let other = 1 - old;
    let (tasks, pids) = (running(&cluster).unwrap(), sleepers(&cluster));
    assert_eq!(pids.len(), 2);

    let killed = Instant::now();
    cluster.masters[old].kill();
    within(TTL + BEYOND, "the other master leads", || leads(&cluster, other));
    eprintln!("leadership moved {:?} after kill -9", killed.elapsed());

    cluster.wait_healthy();
    let after = eventually("both instances are known to the new leader", || running(&cluster));
    assert_eq!(after, tasks, "the instances are other ones");
    assert_eq!(sleepers(&cluster), pids, "a process was replaced");
    eprintln!("agents, framework and tasks were back {:?} after kill -9", killed.elapsed());

    let launched = cluster.meseta().run(&["run", "--", "sh", "-c", "echo again"]);
    assert_eq!((launched.code, launched.stdout.as_str()), (0, "again\n"), "{launched:?}");

    cluster.masters[old].start();
    let follows = cluster.masters[old].actor("elector");
    let leader = cluster.masters[other].ready().actors.to_string();
    eventually("the master that was killed follows the new leader", || {
        let answer = cluster.meseta().send(&follows, "GetLeader", "{}")?;
        if answer["leader"]["host"] == leader { Ok(()) } else { Err(answer.to_string()) }
    });
    let redirected = http::get(cluster.masters[old].http(), "/state").unwrap();
    assert_eq!(redirected.status, 307, "{redirected:?}");
    let location = redirected.header("location").unwrap_or_default();
    assert!(location.contains(cluster.masters[other].http()), "{location}");
}

#[test]
fn sigterm_of_the_leader_hands_over_within_a_second() {
    let mut cluster = cluster("failover-term");
    let old = eventually("somebody leads", || cluster.leader());
    let (tasks, pids) = (running(&cluster).unwrap(), sleepers(&cluster));

    let asked = Instant::now();
    cluster.masters[old].signal(nix::sys::signal::Signal::SIGTERM);
    within(Duration::from_secs(1), "the other master leads", || leads(&cluster, 1 - old));
    eprintln!("leadership was handed over after {:?}", asked.elapsed());
    let status = cluster.masters[old].wait(Duration::from_secs(10));
    assert!(status.success(), "{status:?}");

    cluster.wait_healthy();
    let after = eventually("both instances are known to the new leader", || running(&cluster));
    assert_eq!(after, tasks);
    assert_eq!(sleepers(&cluster), pids);
}

#[test]
fn a_leader_that_stood_still_past_its_lease_steps_down_and_writes_nothing() {
    let cluster = cluster("failover-stop");
    let old = eventually("somebody leads", || cluster.leader());
    let before = leads(&cluster, old).unwrap();
    let epoch = before["leader"]["epoch"].clone();
    cluster.masters[old].pause();
    within(TTL + BEYOND, "the other master leads", || leads(&cluster, 1 - old));
    let registry = cluster.masters[1 - old].actor("registrar");
    let known = eventually("the new leader has the registry", || {
        cluster.meseta().send(&registry, "GetRegistry", "{}")
    });

    cluster.masters[old].resume();
    // What it would still like to write under its old term must be refused, from the first moment.
    let registrar = cluster.masters[old].actor("registrar");
    let stale = json!({ "epoch": epoch, "operations": [
        { "remove_agent": { "agent_id": known["registry"]["agents"].as_object().unwrap().keys().next() } },
    ]});
    let written =
        cluster.meseta().run(&["send", &registrar, "ApplyOperations", &stale.to_string()]);
    eprintln!("the stale write: {written:?}");
    assert_ne!(written.code, 0, "{written:?}");
    eventually("the old leader follows the new one, or has ended", || {
        let elector = cluster.masters[old].actor("elector");
        match cluster.meseta().send(&elector, "GetLeader", "{}") {
            Ok(answer) if answer["leading"] == true => Err(answer.to_string()),
            _ => Ok(()),
        }
    });
    let still = cluster.meseta().send(&registry, "GetRegistry", "{}").unwrap();
    assert_eq!(still["registry"]["agents"], known["registry"]["agents"], "something was written");
    assert_eq!(still["epoch"], known["epoch"]);
    leads(&cluster, 1 - old).unwrap();
}
