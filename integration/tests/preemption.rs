//! Whoever has a better claim gets it under full load after one grace: the holder is told by an
//! inverse offer, and the fewest tasks that will do are killed when the grace is over, unless enough
//! has ended by then or nobody needs it any more.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use integration::framework::{cpus_and_mem, sleeper};
use integration::{Cluster, Framework, http};
use serde_json::{Value, json};

/// Long enough for what a story does within it, on a busy machine.
const GRACE: Duration = Duration::from_secs(5);
/// An event may come this late there.
const LATE: Duration = Duration::from_secs(60);
/// The holder's tasks: all that there is.
const HELD: [(&str, f64, f64); 6] = [
    ("small-1", 1.0, 64.0),
    ("small-2", 1.0, 64.0),
    ("large", 3.0, 192.0),
    ("small-3", 1.0, 64.0),
    ("small-4", 1.0, 64.0),
    ("small-5", 1.0, 64.0),
];

/// A cluster that is full of a framework's tasks.
struct Stage {
    cluster: Cluster,
    began: Instant,
    holder: Framework,
}

impl Stage {
    fn full(name: &str, policy: &str) -> Self {
        let allocation = format!(
            "policy = {policy:?}\npreempt_grace_ms = {}\npriorities = {{ high = 10, low = -10 }}",
            GRACE.as_millis()
        );
        let cluster = Cluster::builder(name).resources("cpus=8;mem=512;disk=0");
        let cluster = cluster.allocation(&allocation).start();
        let began = Instant::now();
        let mut holder = Framework::subscribe(cluster.masters[0].http(), began, "holder", "low");
        let (_, offer) = holder.offer();
        let agent_id = &offer["agent_id"];
        let tasks = HELD.map(|(id, cpus, mem)| sleeper(id, agent_id, cpus, mem));
        holder.launch(&offer, &tasks);
        for (id, ..) in HELD {
            holder.wait(id, "TASK_RUNNING");
        }
        Self { cluster, began, holder }
    }

    fn join(&self, name: &str, role: &str) -> Framework {
        Framework::subscribe(self.cluster.masters[0].http(), self.began, name, role)
    }

    /// The operator guarantees a role three cpus.
    fn guarantee(&self, role: &str) -> Instant {
        let guarantees = json!({ "cpus": { "value": 3 }, "mem": { "value": 192 } });
        let config = json!({ "role": role, "guarantees": guarantees });
        let part = json!({ "quota_configs": [config] });
        let call = json!({ "type": "UPDATE_QUOTA", "update_quota": part });
        eprintln!("operator -> {call}");
        let asked = Instant::now();
        let master = self.cluster.masters[0].http();
        let answer = http::request(master, "POST", "/api/v1", Some(&call)).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        asked
    }

    /// What the holder is asked for, within no more than the grace.
    fn asked(&mut self) -> Value {
        let (at, offers) = self.holder.next("INVERSE_OFFERS");
        let came = SystemTime::now() - at.elapsed();
        let offers = offers["inverse_offers"].as_array().unwrap().clone();
        assert_eq!(offers.len(), 1, "{offers:?}");
        let start = offers[0]["unavailability"]["start"]["nanoseconds"].as_u64().unwrap();
        let start = UNIX_EPOCH + Duration::from_nanos(start);
        let fair = start <= came + GRACE && came < start + LATE;
        assert!(fair, "it came at {came:?} and is to be there by {start:?}");
        offers[0].clone()
    }

    /// Those of the holder's tasks that have ended, when nothing happens any more.
    fn ended(&mut self) -> Vec<&'static str> {
        self.holder.listen(GRACE + Duration::from_secs(2));
        let runs = self.holder.tasks_in("TASK_RUNNING");
        HELD.map(|(id, ..)| id).into_iter().filter(|id| !runs.contains(id)).collect()
    }

    fn killed_by_the_master(&self) -> Vec<&'static str> {
        let reason = |id: &&str| self.holder.status(id)["reason"] == "REASON_CONTAINER_PREEMPTED";
        HELD.map(|(id, ..)| id).into_iter().filter(reason).collect()
    }
}

/// Uses what it is offered.
fn launch(framework: &mut Framework, offer: &Value) {
    let [cpus, mem] = cpus_and_mem(offer);
    framework.launch(offer, &[sleeper("claimed", &offer["agent_id"], cpus, mem)]);
    framework.wait("claimed", "TASK_RUNNING");
}

#[test]
fn a_guarantee_is_met_after_one_grace_and_no_more_than_needed_is_killed() {
    let mut stage = Stage::full("preemption-quota", "drf");
    let mut claimant = stage.join("claimant", "guaranteed");
    let asked = stage.guarantee("guaranteed");
    assert_eq!(cpus_and_mem(&stage.asked()), [3.0, 192.0]);

    let (offered, offer) = claimant.offer();
    assert_eq!(cpus_and_mem(&offer), [3.0, 192.0]);
    let took = offered.duration_since(asked);
    eprintln!("the guarantee is offered {took:?} after it was given, with a grace of {GRACE:?}");
    assert!(took >= GRACE, "{took:?}");
    launch(&mut claimant, &offer);

    let status = stage.holder.wait("large", "TASK_KILLED");
    assert_eq!(status["message"].as_str().map(|it| it.contains("role guaranteed")), Some(true));
    assert_eq!(stage.ended(), ["large"], "one is enough");
    assert_eq!(stage.killed_by_the_master(), ["large"]);
}

#[test]
fn whoever_ends_enough_within_the_grace_loses_nothing_else() {
    let mut stage = Stage::full("preemption-yield", "drf");
    let mut claimant = stage.join("claimant", "guaranteed");
    stage.guarantee("guaranteed");
    let inverse = stage.asked();
    for id in ["small-1", "small-3", "small-5"] {
        stage.holder.kill(id);
    }
    let (_, void) = stage.holder.next("RESCIND_INVERSE_OFFER");
    assert_eq!(void["inverse_offer_id"], inverse["id"], "nothing more is wanted");
    // It comes in pieces, as the tasks end; together they are what was guaranteed.
    let mut offered = [0.0, 0.0];
    while offered != [3.0, 192.0] {
        let (_, offer) = claimant.offer();
        let piece = cpus_and_mem(&offer);
        offered = [offered[0] + piece[0], offered[1] + piece[1]];
        assert!(offered[0] <= 3.0, "{offered:?}");
    }
    assert_eq!(stage.ended(), ["small-1", "small-3", "small-5"]);
    assert!(stage.killed_by_the_master().is_empty());
}

#[test]
fn nothing_is_killed_for_a_claimant_that_has_left() {
    let mut stage = Stage::full("preemption-leave", "drf");
    let claimant = stage.join("claimant", "guaranteed");
    stage.guarantee("guaranteed");
    let inverse = stage.asked();
    let left = Instant::now();
    claimant.call("TEARDOWN", &Value::Null);
    let (at, void) = stage.holder.next("RESCIND_INVERSE_OFFER");
    assert_eq!(void["inverse_offer_id"], inverse["id"]);
    let took = at.duration_since(left);
    eprintln!("the inverse offer is rescinded {took:?} after the claimant left");
    assert!(stage.ended().is_empty());
}

#[test]
fn a_request_for_a_higher_priority_is_met_after_one_grace() {
    let mut stage = Stage::full("preemption-priority", "priority");
    let mut claimant = stage.join("claimant", "high");
    let asked = Instant::now();
    let wish = [integration::framework::scalar("cpus", 1.0)];
    claimant.call("REQUEST", &json!({ "requests": [{ "resources": wish }] }));
    assert_eq!(cpus_and_mem(&stage.asked()), [1.0, 0.0]);

    let (offered, offer) = claimant.offer();
    let took = offered.duration_since(asked);
    eprintln!("what was requested is offered after {took:?}, with a grace of {GRACE:?}");
    assert!(took >= GRACE, "{took:?}");
    assert_eq!(cpus_and_mem(&offer), [1.0, 64.0], "a whole task had to go");
    launch(&mut claimant, &offer);
    assert_eq!(stage.ended(), ["small-1"], "the smallest that will do");
    assert_eq!(stage.killed_by_the_master(), ["small-1"]);
}
