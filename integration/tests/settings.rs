//! What operators set for roles survives the leader's end.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use integration::{Cluster, eventually, http};
use serde_json::{Value, json};

fn call(master: &str, call: &Value) -> Result<http::Response, String> {
    let answer = http::request(master, "POST", "/api/v1", Some(call));
    answer.map_err(|error| format!("{error:#}"))
}

/// What is set, as one of the masters has it.
fn settings(master: &str) -> Result<(Value, Value), String> {
    let quotas = call(master, &json!({ "type": "GET_QUOTA" }))?;
    let weights = call(master, &json!({ "type": "GET_WEIGHTS" }))?;
    if (quotas.status, weights.status) != (200, 200) {
        return Err(format!("{quotas:?} {weights:?}"));
    }
    let (quotas, weights) = (quotas.json(), weights.json());
    Ok((quotas["get_quota"]["status"]["configs"].clone(), weights["get_weights"].clone()))
}

fn cpus(amount: f64) -> Value {
    json!({ "cpus": { "value": amount } })
}

/// Sets a quota and a weight, kills the leader, and waits for what the next one says.
fn survives(mut cluster: Cluster, restart: bool) {
    let leader = cluster.leader().unwrap();
    let http = cluster.masters[leader].http().to_owned();
    let config = json!({ "role": "eng/web", "guarantees": cpus(0.5), "limits": cpus(1.5) });
    let part = json!({ "quota_configs": [config], "force": true });
    let quota = json!({ "type": "UPDATE_QUOTA", "update_quota": part });
    let infos = json!([{ "role": "eng", "weight": 2.5 }]);
    let weight = json!({ "type": "UPDATE_WEIGHTS", "update_weights": { "weight_infos": infos } });
    for change in [quota, weight] {
        let answer = call(&http, &change).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let before = settings(&http).unwrap();
    assert_eq!(before.0, json!([config]));

    cluster.masters[leader].kill();
    if restart {
        cluster.masters[leader].start();
    }
    let after = eventually("a leader has what was set", || {
        let leader = cluster.leader()?;
        settings(cluster.masters[leader].http())
    });
    assert_eq!(after, before);
    // The allocator of the new leader has been told.
    eventually("the allocator knows the role's quota", || {
        let leader = cluster.leader()?;
        let roles = http::get(cluster.masters[leader].http(), "/roles");
        let roles = roles.map_err(|error| format!("{error:#}"))?.json();
        let role = roles["roles"].as_array().into_iter().flatten().find(|r| r["name"] == "eng/web");
        let limit = role.map(|role| role["quota"]["limit"]["cpus"].clone());
        if limit == Some(json!(1.5)) { Ok(()) } else { Err(roles.to_string()) }
    });
}

#[test]
fn a_master_that_was_killed_and_started_again_has_what_was_set() {
    survives(Cluster::builder("settings").start(), true);
}

#[test]
fn the_next_leader_has_what_was_set_with_the_one_that_was_killed() {
    survives(Cluster::builder("settings-etcd").masters(3).etcd().start(), false);
}
