//! Offers and what is done with them.

use protocol::frameworks::AgentLossCause;
use serde_json::{Value, json};

use crate::client::{launch, task};
use crate::stage::{AGENT, Stage, UUID};

#[actix_rt::test]
async fn an_offer_has_all_that_clients_look_for() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    assert_eq!(offer["framework_id"]["value"], framework.id.as_str());
    assert_eq!((&offer["agent_id"]["value"], &offer["hostname"]), (&json!(AGENT), &json!("node")));
    let address = json!({ "hostname": "node", "ip": "127.0.0.1", "port": 5051 });
    assert_eq!(offer["url"], json!({ "scheme": "http", "address": address }));
    assert_eq!(offer["attributes"][0]["text"]["value"], "r1");
    assert_eq!(offer.get("allocation_info"), None);
    let ports = offer["resources"].as_array().unwrap().iter().find(|r| r["name"] == "ports");
    assert_eq!(ports.unwrap()["ranges"]["range"][0], json!({ "begin": 31000, "end": 31099 }));
}

#[actix_rt::test]
async fn a_task_runs_and_its_update_is_acknowledged() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let status = framework.launch("t").await;
    assert_eq!(
        (&status["state"], &status["source"]),
        (&json!("TASK_RUNNING"), &json!("SOURCE_EXECUTOR"))
    );
    assert_eq!(
        (&status["executor_id"]["value"], &status["agent_id"]["value"]),
        (&json!("t"), &json!(AGENT))
    );
    // The sixteen bytes of the UUID.
    assert_eq!(status["uuid"], "Z+VQRBCxQm+SR7toDl/gyA==");
    let acknowledge = json!({ "agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"] });
    framework.tell("ACKNOWLEDGE", acknowledge).await;
    stage.routed(&format!("acknowledge t {UUID}")).await;
    let rest = framework.offer().await;
    let cpus = rest["resources"].as_array().unwrap().iter().find(|r| r["name"] == "cpus").unwrap();
    assert_eq!(cpus["scalar"]["value"], 7.5);
}

/// The status that a task that is launched like this gets.
async fn status_of(more: Value) -> Value {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    framework.accept(&offer, json!([launch(&[more])])).await;
    framework.status().await
}

#[actix_rt::test]
async fn a_task_that_cannot_be_run_is_an_error_with_the_reason() {
    for (more, message) in [
        (
            json!({ "health_check": {} }),
            "'operations[0].launch.task_infos[0].health_check' is not supported yet",
        ),
        (json!({ "agent_id": { "value": "other" } }), "task is for agent other"),
        (json!({ "resources": [] }), "task uses no resources"),
        (json!({ "command": null }), "task has neither a command nor an executor"),
        (
            json!({ "resources": [{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 99 } }] }),
            "Total resources required by task and its executor is more than available",
        ),
        (json!({ "task_id": { "value": "a/b" } }), "task id is not valid"),
    ] {
        let status = status_of(more).await;
        assert_eq!(status["state"], "TASK_ERROR", "{status}");
        assert_eq!(status["reason"], "REASON_TASK_INVALID");
        assert_eq!(status.get("uuid"), None, "nobody waits for an acknowledgement");
        let said = status["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{said}");
    }
}

#[actix_rt::test]
async fn a_zero_of_something_is_no_reason_to_refuse_a_task() {
    let mut resources = task(&json!({}))["resources"].clone();
    let gpus = json!({ "name": "gpus", "type": "SCALAR", "scalar": { "value": 0 } });
    resources.as_array_mut().unwrap().push(gpus);
    assert_eq!(status_of(json!({ "resources": resources })).await["state"], "TASK_RUNNING");
}

#[actix_rt::test]
async fn good_tasks_go_even_if_their_siblings_do_not() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    let tasks = [
        json!({ "task_id": { "value": "bad" }, "discovery": { "visibility": "CLUSTER" } }),
        json!({ "task_id": { "value": "good" } }),
    ];
    framework.accept(&offer, json!([launch(&tasks)])).await;
    let mut states = Vec::new();
    for _ in 0..2 {
        let status = framework.status().await;
        states.push((status["task_id"]["value"].clone(), status["state"].clone()));
    }
    assert_eq!(
        states,
        [(json!("bad"), json!("TASK_ERROR")), (json!("good"), json!("TASK_RUNNING")),]
    );
}

#[actix_rt::test]
async fn offers_that_are_gone_drop_what_was_to_be_done_with_them() {
    for (aware, state) in [(false, "TASK_LOST"), (true, "TASK_DROPPED")] {
        let stage = Stage::start().await;
        let capabilities = if aware { json!([{ "type": "PARTITION_AWARE" }]) } else { json!([]) };
        let mut framework =
            stage.client().subscribe_with(json!({ "capabilities": capabilities })).await;
        let offer = framework.offer().await;
        let group = json!({ "type": "LAUNCH_GROUP", "launch_group": {
            "executor": { "executor_id": { "value": "e" } },
            "task_group": { "tasks": [task(&json!({ "task_id": { "value": "g" } }))] } } });
        let reserve = json!({ "type": "RESERVE", "id": { "value": "o" }, "reserve": {} });
        let accept = json!({
            "offer_ids": [offer["id"], { "value": "gone" }],
            "operations": [launch(&[json!({})]), group, reserve],
        });
        let reason = framework.reason("ACCEPT", accept).await.unwrap();
        assert_eq!(reason, "Offer gone is no longer valid");
        for task in ["t", "g"] {
            let status = framework.status().await;
            assert_eq!(
                (&status["state"], &status["task_id"]["value"]),
                (&json!(state), &json!(task))
            );
            assert_eq!(status["reason"], "REASON_INVALID_OFFERS");
            assert_eq!(
                status["message"],
                "Task launched with invalid offers: Offer gone is no longer valid"
            );
        }
        let event = framework.stream.next("UPDATE_OPERATION_STATUS").await;
        let status = &event["update_operation_status"]["status"];
        assert_eq!(status["operation_id"]["value"], "o");
        assert_eq!(status["state"], "OPERATION_ERROR");
    }
}

#[actix_rt::test]
async fn a_group_and_a_launch_with_an_id_are_errors_of_their_tasks() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let group = json!({ "type": "LAUNCH_GROUP", "launch_group": {
        "executor": { "executor_id": { "value": "e" } },
        "task_group": { "tasks": [task(&json!({}))] } } });
    let mut named = launch(&[json!({ "task_id": { "value": "u" } })]);
    named["id"] = json!({ "value": "o" });
    let offer = framework.offer().await;
    framework.accept(&offer, json!([group, named])).await;
    let status = framework.status().await;
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_ERROR"), &json!("REASON_TASK_GROUP_INVALID"))
    );
    let status = framework.status().await;
    assert_eq!(
        (&status["state"], &status["task_id"]["value"]),
        (&json!("TASK_ERROR"), &json!("u"))
    );
    assert_eq!(status["message"], "The `id` field cannot be set on LAUNCH operations");
}

#[actix_rt::test]
async fn offers_of_a_lost_agent_are_rescinded_one_event_each_and_its_loss_is_a_failure() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    stage.leave(AgentLossCause::Unreachable);
    let rescinded = framework.stream.next("RESCIND").await;
    assert_eq!(rescinded["rescind"], json!({ "offer_id": offer["id"] }));
    let failure = framework.stream.next("FAILURE").await;
    assert_eq!(failure["failure"], json!({ "agent_id": { "value": AGENT } }));
}
