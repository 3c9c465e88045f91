//! Which offers can be used together, and what becomes of them and of what was to be done.

use protocol::task::Reason;
use serde_json::{Value, json};

use crate::client::{Framework, accept, launch};
use crate::stage::{AGENT, LOST, Stage};

/// What `name` of an offer amounts to, whatever it is reserved for.
fn amount(offer: &Value, name: &str) -> f64 {
    let resources = offer["resources"].as_array().unwrap().iter();
    let named = resources.filter(|resource| resource["name"] == name);
    named.map(|resource| resource["scalar"]["value"].as_f64().unwrap()).sum()
}

fn roles(roles: &[&str]) -> Value {
    json!({ "roles": roles, "capabilities": [{ "type": "MULTI_ROLE" }] })
}

/// Nothing was done with these offers, for this reason, and what they were of comes again.
async fn nothing_is_done(framework: &mut Framework, offers: &[Value], why: &str, again: usize) {
    let reserve = json!({ "type": "RESERVE", "id": { "value": "o" }, "reserve": {} });
    let call = accept(offers, json!([launch(&[json!({})]), reserve]));
    let reason = framework.reason("ACCEPT", call).await.unwrap();
    assert!(reason.starts_with(why), "{reason}");
    let status = framework.status().await;
    assert_eq!(
        (&status["state"], &status["reason"], status.get("uuid")),
        (&json!("TASK_LOST"), &json!("REASON_INVALID_OFFERS"), None)
    );
    assert_eq!(status["message"], format!("Task launched with invalid offers: {reason}"));
    let event = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    assert_eq!(event["update_operation_status"]["status"]["state"], "OPERATION_ERROR");
    framework.offers(again).await;
}

#[actix_rt::test]
async fn an_offer_is_used_once_and_by_whom_it_was_made_to() {
    let stage = Stage::start().await;
    let mut other = stage.client().subscribe().await;
    let foreign = other.offer().await;
    let mut framework = stage.client().subscribe().await;
    nothing_is_done(&mut framework, &[], "No offers specified", 0).await;
    let why = format!("Offer {} is no longer valid", foreign["id"]["value"].as_str().unwrap());
    nothing_is_done(&mut framework, std::slice::from_ref(&foreign), &why, 0).await;
    other.tell("TEARDOWN", Value::Null).await;
    let offer = framework.offer().await;
    let why = format!("Duplicate offer {}", offer["id"]["value"].as_str().unwrap());
    nothing_is_done(&mut framework, &[offer.clone(), offer.clone()], &why, 1).await;
    let why = format!("Offer {} is no longer valid", offer["id"]["value"].as_str().unwrap());
    nothing_is_done(&mut framework, &[offer], &why, 0).await;
}

#[actix_rt::test]
async fn offers_of_several_agents_are_not_used_together() {
    let stage = Stage::start_with(&[(AGENT, "cpus=1;mem=64"), ("S2", "cpus=1;mem=64")]).await;
    let mut framework = stage.client().subscribe().await;
    let offers = framework.offers(2).await;
    let why = "Aggregated offers must belong to one single agent";
    nothing_is_done(&mut framework, &offers, why, 2).await;
}

#[actix_rt::test]
async fn offers_for_several_roles_are_not_used_together() {
    let resources = "cpus(a)=2;mem(a)=64;cpus(b)=2;mem(b)=64";
    let stage = Stage::start_with(&[(AGENT, resources)]).await;
    let mut framework = stage.client().subscribe_with(roles(&["a", "b"])).await;
    let offers = framework.offers(2).await;
    assert_ne!(offers[0]["allocation_info"], offers[1]["allocation_info"]);
    let why = "Aggregated offers must be allocated to the same role";
    nothing_is_done(&mut framework, &offers, why, 2).await;
}

#[actix_rt::test]
async fn offers_of_one_agent_are_used_as_one() {
    let stage = Stage::start_with(&[(AGENT, "cpus=8;mem=1024")]).await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let rest = framework.offer().await;
    framework.tell("KILL", json!({ "task_id": { "value": "t" } })).await;
    assert_eq!(framework.status().await["state"], "TASK_KILLED");
    // What the task had is free before anybody has acknowledged its end.
    let freed = framework.offer().await;
    assert_eq!((amount(&rest, "cpus"), amount(&freed, "cpus")), (7.5, 0.5));
    let all = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 8 } });
    let task = json!({ "task_id": { "value": "u" }, "resources": [all] });
    framework.tell("ACCEPT", accept(&[rest, freed], json!([launch(&[task])]))).await;
    assert_eq!(framework.status().await["state"], "TASK_RUNNING");
}

#[actix_rt::test]
async fn an_accept_that_launches_nothing_is_a_decline() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    for operations in [json!([]), json!([launch(&[])])] {
        let offer = framework.offer().await;
        framework.accept(&offer, operations).await;
    }
    assert_eq!(amount(&framework.offer().await, "cpus"), 8.0);
}

#[actix_rt::test]
async fn what_is_not_done_of_an_accept_is_named_by_its_place_and_the_rest_is_done() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe_with(roles(&["dev"])).await;
    let offer = framework.offer().await;
    let cpus = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 99 },
        "role": "dev", "reservation": {} });
    let operations = json!([
        launch(&[json!({ "check": {} }), json!({ "task_id": { "value": "good" } })]),
        { "type": "RESERVE", "reserve": { "resources": [cpus] } },
        { "type": "CREATE" },
        { "type": "RESERVE", "id": { "value": "named" }, "reserve": { "resources": [cpus] } },
    ]);
    let reason = framework.reason("ACCEPT", accept(&[offer], operations)).await.unwrap();
    let parts: Vec<&str> = reason.split("; ").collect();
    assert!(parts[0].starts_with("operations[1]: RESERVE: the offers do not have"), "{reason}");
    assert_eq!(*parts.last().unwrap(), "operations[2]: 'operations[2].create' must be set");
    assert_eq!(framework.status().await["state"], "TASK_ERROR");
    let event = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    let told = &event["update_operation_status"]["status"];
    assert_eq!(told["operation_id"]["value"], "named");
    assert_eq!(framework.status().await["task_id"]["value"], "good");
}

#[actix_rt::test]
async fn a_launch_that_does_not_reach_its_agent_is_dropped() {
    for (reason, said) in [
        (Reason::AgentDisconnected, "REASON_AGENT_DISCONNECTED"),
        (Reason::AgentRemoved, "REASON_AGENT_REMOVED"),
    ] {
        let stage = Stage::start().await;
        let more = json!({ "capabilities": [{ "type": "PARTITION_AWARE" }] });
        let mut framework = stage.client().subscribe_with(more).await;
        let offer = framework.offer().await;
        let task = json!({ "task_id": { "value": LOST } });
        framework.accept(&offer, json!([launch(&[task])])).await;
        stage.routed("launch nothing").await;
        stage.undeliverable(&framework.id, reason);
        let status = framework.status().await;
        assert_eq!((&status["state"], &status["reason"]), (&json!("TASK_DROPPED"), &json!(said)));
    }
}
