//! What a task must be: each way to be TASK_ERROR, over HTTP.

use serde_json::{Value, json};

use crate::client::{Framework, launch, task};
use crate::stage::Stage;

fn cpus(amount: Value) -> Value {
    json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": amount } })
}

fn executor(more: &Value) -> Value {
    let mut executor = json!({ "executor_id": { "value": "e" }, "type": "CUSTOM",
        "command": { "value": "run" } });
    executor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "command": null, "executor": executor })
}

fn variable(variable: Value) -> Value {
    let environment = json!({ "variables": [variable] });
    json!({ "command": { "value": "true", "environment": environment } })
}

/// The status of a task that is launched like this on the next offer.
async fn status_of(framework: &mut Framework, more: Value) -> Value {
    let offer = framework.offer().await;
    framework.accept(&offer, json!([launch(&[more])])).await;
    framework.status().await
}

/// Each is TASK_ERROR and says so.
async fn are_errors(cases: &[(Value, &str)]) {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    for (more, why) in cases {
        let status = status_of(&mut framework, more.clone()).await;
        assert_eq!(status["state"], "TASK_ERROR", "{more}: {status}");
        assert_eq!(
            (&status["reason"], &status["source"], status.get("uuid")),
            (&json!("REASON_TASK_INVALID"), &json!("SOURCE_MASTER"), None)
        );
        let said = status["message"].as_str().unwrap();
        assert!(said.contains(why), "{more}: {said}");
    }
}

#[actix_rt::test]
async fn ids_have_the_form_of_file_names() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let long = "x".repeat(256);
    for id in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\u{7f}", &long] {
        let task = json!({ "task_id": { "value": id } });
        let status = status_of(&mut framework, task).await;
        assert_eq!(status["state"], "TASK_ERROR", "{id:?}: {status}");
        assert!(status["message"].as_str().unwrap().starts_with("task id is not valid"));
        let other = status_of(&mut framework, executor(&json!({ "executor_id": { "value": id } })));
        let status = other.await;
        let said = status["message"].as_str().unwrap();
        assert!(said.starts_with("executor id is not valid"), "{id:?}: {said}");
    }
    let longest = json!({ "task_id": { "value": &long[1..] } });
    assert_eq!(status_of(&mut framework, longest).await["state"], "TASK_RUNNING");
}

#[actix_rt::test]
async fn resources_that_cannot_be_are_errors() {
    let ports = |begin: u64, end: u64| json!({ "begin": begin, "end": end });
    let ranges = |ranges: Value| json!({ "resources": [{ "name": "ports", "type": "RANGES", "ranges": { "range": ranges } }] });
    let only = |resource: Value| json!({ "resources": [resource] });
    let set = json!({ "name": "racks", "type": "SET", "set": { "item": ["a", "a"] } });
    let volume = json!({ "name": "disk", "type": "SCALAR", "scalar": { "value": 1 }, "role": "*",
        "disk": { "persistence": { "id": "v" } } });
    are_errors(&[
        (json!({ "resources": [] }), "task uses no resources"),
        (only(cpus(json!(0))), "task uses no resources"),
        (only(cpus(json!(-1))), "must be a quantity, not -1"),
        (only(cpus(json!("NaN"))), "must be a quantity, not NaN"),
        (only(cpus(json!("Infinity"))), "must be a quantity, not inf"),
        (only(cpus(json!(9))), "is more than available: "),
        (only(json!({ "name": "gpus", "type": "SCALAR", "scalar": { "value": 0.5 } })), "whole"),
        (only(json!({ "name": "cpus", "type": "SCALAR" })), "resources[0].scalar' must be set"),
        (only(json!({ "name": "a", "type": "TEXT" })), "type' must be SCALAR, RANGES or SET"),
        (ranges(json!([ports(5, 4)])), "range[0].end' must not be less than 'begin'"),
        (ranges(json!([ports(31000, 31005), ports(31005, 31006)])), "must not overlap"),
        (ranges(json!([ports(1, 2)])), "is more than available: "),
        (only(set), "must not name an item twice"),
        (only(volume), "disk.volume' must be set"),
    ])
    .await;
}

#[actix_rt::test]
async fn what_is_to_be_run_is_one_thing_that_can_be_run() {
    are_errors(&[
        (json!({ "command": null }), "task has neither a command nor an executor"),
        (
            json!({ "executor": executor(&json!({}))["executor"] }),
            "task has both a command and an executor",
        ),
        (json!({ "command": {} }), "command has nothing to execute"),
        (json!({ "command": { "shell": false, "arguments": [] } }), "nothing to execute"),
        (executor(&json!({ "type": "DEFAULT" })), "executor.type' is not supported yet"),
        (executor(&json!({ "command": null })), "executor.command' must be set"),
        (executor(&json!({ "command": {} })), "command has nothing to execute"),
        (executor(&json!({ "container": { "type": "MESOS" } })), "container' is not supported"),
        (
            executor(&json!({ "resources": [cpus(json!(7.6))] })),
            "required by task and its executor is more than available",
        ),
        (
            executor(&json!({ "shutdown_grace_period": { "nanoseconds": -1 } })),
            "shutdown_grace_period' must not be negative",
        ),
        (variable(json!({ "name": "A" })), "variables[0].value' must be set"),
        (variable(json!({ "name": "A", "type": "UNKNOWN" })), "must be VALUE or SECRET"),
        (
            variable(json!({ "name": "A", "type": "SECRET", "secret": { "type": "VALUE" } })),
            "secret' is not supported yet",
        ),
    ])
    .await;
}

#[actix_rt::test]
async fn what_is_not_done_yet_is_named_rather_than_left_out() {
    let forever = json!({ "nanoseconds": -1 });
    are_errors(&[
        (json!({ "container": { "type": "DOCKER" } }), "container' is not supported yet"),
        (json!({ "health_check": {} }), "health_check' is not supported yet"),
        (json!({ "check": {} }), "check' is not supported yet"),
        (json!({ "discovery": { "visibility": "CLUSTER" } }), "discovery' is not supported yet"),
        (json!({ "max_completion_time": forever }), "max_completion_time' is not supported yet"),
        (json!({ "limits": { "cpus": { "value": 1 } } }), "limits' is not supported yet"),
        (json!({ "kill_policy": { "grace_period": forever } }), "must not be negative"),
        (json!({ "agent_id": { "value": "S2" } }), "task is for agent S2, while the offers are of"),
    ])
    .await;
}

#[actix_rt::test]
async fn an_id_is_taken_while_a_task_has_it_even_if_nobody_can_see_the_task() {
    let agents = [(crate::stage::AGENT, "cpus=1;mem=64"), ("S2", "cpus=1;mem=64")];
    let stage = Stage::start_with(&agents).await;
    let mut framework = stage.client().subscribe().await;
    let offers = framework.offers(2).await;
    let [here, there] = [crate::stage::AGENT, "S2"]
        .map(|agent| offers.iter().find(|offer| offer["agent_id"]["value"] == agent).unwrap());
    let twice = launch(&[json!({}), json!({})]);
    framework.accept(here, json!([twice])).await;
    let mut said = Vec::new();
    for _ in 0..2 {
        let status = framework.status().await;
        said.push((status["state"].clone(), status["message"].clone()));
    }
    said.sort_by_key(|(state, _)| state.to_string());
    assert_eq!(said[0], (json!("TASK_ERROR"), json!("Task has duplicate ID: t")));
    assert_eq!(said[1].0, "TASK_RUNNING");
    stage.leave(protocol::frameworks::AgentLossCause::Unreachable);
    assert_eq!(framework.status().await["state"], "TASK_LOST");
    let twin = task(&json!({ "agent_id": { "value": "S2" } }));
    framework.accept(there, json!([launch(&[twin])])).await;
    let status = framework.status().await;
    assert_eq!(status["message"], "Task has duplicate ID: t");
}

#[actix_rt::test]
async fn an_executor_is_described_the_same_way_while_it_runs() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let with = |id: &str, more: Value| {
        let mut task = executor(&more);
        task["task_id"] = json!({ "value": id });
        task
    };
    let first = status_of(&mut framework, with("t1", json!({}))).await;
    assert_eq!(first["state"], "TASK_RUNNING");
    assert_eq!(status_of(&mut framework, with("t2", json!({}))).await["state"], "TASK_RUNNING");
    let other = with("t3", json!({ "command": { "value": "another" } }));
    let status = status_of(&mut framework, other).await;
    assert_eq!(
        status["message"],
        "executor `e` runs already on this agent with another description"
    );
}

#[actix_rt::test]
async fn amounts_below_a_thousandth_are_nothing_and_no_mistake() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let mem = json!({ "name": "mem", "type": "SCALAR", "scalar": { "value": 1 } });
    let tiny = json!({ "resources": [cpus(json!(0.00001)), mem] });
    assert_eq!(status_of(&mut framework, tiny).await["state"], "TASK_RUNNING");
}
