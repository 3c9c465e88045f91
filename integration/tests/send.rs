//! `meseta send` reaches every actor of every host, and says what was wrong when it does not.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::collections::BTreeMap;
use std::process::Stdio;

use integration::{Answer, Cluster, Meseta, eventually, ports};

/// The hosts that an executor's task makes one of.
fn hosts_with_a_running_task(cluster: &Cluster) -> Vec<String> {
    let agent = cluster.agents[0].actor("host");
    eventually("the executor's host is connected to the agent's", || {
        let found = cluster.meseta().send(&agent, "ListConnections", "{}")?;
        let peers = found["connections"].as_array().cloned().unwrap_or_default();
        let peers: Vec<String> =
            peers.iter().filter_map(|c| c["peer"].as_str().map(str::to_owned)).collect();
        let roles = cluster.masters.iter().map(|m| m.ready().actors.to_string());
        let roles: Vec<String> = roles.collect();
        let of_executors: Vec<String> = peers
            .into_iter()
            .filter(|peer| !roles.contains(peer) && !peer.ends_with(":0"))
            .collect();
        if of_executors.is_empty() { Err(found.to_string()) } else { Ok(of_executors) }
    })
}

#[test]
fn every_actor_of_every_host_answers() {
    let cluster = Cluster::builder("send-all").services().start();
    let meseta = cluster.meseta();
    let mut task = meseta.command(&["run", "--", "sleep", "1000"]);
    let mut task = task.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut hosts = hosts_with_a_running_task(&cluster);
    let roles = [&cluster.masters[0], &cluster.agents[0], cluster.services()];
    hosts.extend(roles.iter().map(|role| role.ready().actors.to_string()));

    let mut names: Vec<String> = Vec::new();
    for host in &hosts {
        let actors = meseta.json(&["actors", host]).unwrap();
        for actor in actors["actors"].as_array().unwrap() {
            let address = actor["address"].as_str().unwrap();
            names.push(address.split('@').next().unwrap().to_owned());
            let described = meseta.send(address, "Describe", "{}").unwrap();
            assert!(described["messages"].is_array(), "{address}: {described}");
            let inspected = meseta.send(address, "Inspect", "{}").unwrap();
            assert_eq!(inspected["address"], address);
            let stats = meseta.send(address, "Stats", "{}").unwrap();
            assert!(stats["handled"].is_u64(), "{address}: {stats}");
            for command in ["describe", "inspect", "stats"] {
                let shown = meseta.run(&[command, address]);
                assert_eq!(shown.code, 0, "{shown:?}");
            }
        }
    }
    task.kill().unwrap();
    task.wait().unwrap();
    for expected in [
        "elector",
        "registrar",
        "frameworks",
        "agents",
        "allocator",
        "events",
        "agent",
        "isolator",
        "monitor",
        "updates",
        "executor",
        "services",
        "host",
    ] {
        assert!(names.iter().any(|name| name == expected), "no {expected} among {names:?}");
    }
}

/// Exit code and what the one line must contain.
#[track_caller]
fn fails(meseta: &Meseta, arguments: &[&str], code: i32, says: &[&str]) -> Answer {
    let answer = meseta.run(&[&["send"], arguments].concat());
    assert_eq!(answer.code, code, "{answer:?}");
    assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    assert_eq!(answer.stdout, "", "{answer:?}");
    for text in says {
        assert!(answer.stderr.contains(text), "no `{text}` in {answer:?}");
    }
    answer
}

#[test]
fn each_mistake_has_its_own_line_and_exit_code() {
    let cluster = Cluster::builder("send-wrong").start();
    let meseta = cluster.meseta();
    let allocator = cluster.masters[0].actor("allocator");
    let host = cluster.masters[0].ready().actors.to_string();
    let free = ports::free();
    let mut codes = BTreeMap::new();
    let mut note = |answer: Answer| {
        let before = codes.insert(answer.code, answer.stderr.clone());
        assert_eq!(before, None, "two mistakes with the code {}", answer.code);
    };

    note(fails(&meseta, &["allocator", "GetRoles"], 67, &["allocator", "name@host:port"]));
    note(fails(
        &meseta,
        &[&allocator, "GetRoles", "{\"a\": oops}"],
        65,
        &["line 1, column 7", "near"],
    ));
    let misspelt = format!("alocator@{host}");
    note(fails(&meseta, &[&misspelt, "GetRoles"], 69, &["alocator", "allocator"]));
    note(fails(&meseta, &[&allocator, "GetRole"], 70, &["GetRole", "did you mean `GetRoles`"]));
    note(fails(&meseta, &[&allocator, "RemoveFramework"], 66, &["framework_id"]));
    let nobody = format!("allocator@127.0.0.1:{free}");
    note(fails(&meseta, &[&nobody, "GetRoles"], 68, &[&free.to_string()]));

    let registrar = cluster.masters[0].actor("registrar");
    let stale = r#"{"epoch": 0, "operations": []}"#;
    let refused = meseta.run(&["send", &registrar, "ApplyOperations", stale]);
    assert!([73, 74].contains(&refused.code), "{refused:?}");
    note(refused);

    let stranger = Meseta::new("another", &host, "");
    note(fails(&stranger, &[&allocator, "GetRoles"], 75, &["another"]));

    cluster.masters[0].pause();
    let slow = fails(&meseta, &[&allocator, "GetRoles", "--timeout", "700ms"], 72, &["700ms"]);
    cluster.masters[0].resume();
    note(slow);
}

#[test]
fn a_tell_is_checked_before_it_is_sent() {
    let cluster = Cluster::builder("send-tell").start();
    let meseta = cluster.meseta();
    let events = cluster.masters[0].actor("events");
    let report = r#"{"kind": "task_added", "data": {"from": "a story"}}"#;
    let told = meseta.run(&["send", "--tell", &events, "Report", report]);
    assert_eq!(told.code, 0, "{told:?}");
    let seen = meseta.run(&["events", "--types", "task_added"]);
    assert!(seen.stdout.contains("a story"), "{seen:?}");
    fails(&meseta, &["--tell", &events, "Raport", "{}"], 70, &["did you mean `Report`"]);
}
