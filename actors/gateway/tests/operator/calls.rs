//! Each call that is answered, in both encodings.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::stage::Stage;

#[actix_rt::test]
async fn a_master_tells_of_itself() {
    let stage = Stage::new().await;
    assert_eq!(stage.read("GET_HEALTH").await, json!({ "healthy": true }));
    let version = stage.read("GET_VERSION").await;
    assert_eq!(version, json!({ "version_info": { "version": gateway::v1::MESOS_VERSION } }));
    let flags = stage.read("GET_FLAGS").await;
    assert_eq!(flags["flags"][0], json!({ "name": "agents.ping_ms", "value": "5" }));
    assert_eq!(stage.read("GET_LOGGING_LEVEL").await, json!({ "level": 0 }));
    let master = stage.read("GET_MASTER").await;
    assert_eq!(master["master_info"]["pid"], "master@10.0.0.1:5050");
    assert_eq!(master["master_info"]["address"]["ip"], "10.0.0.1");
    assert_eq!(master["master_info"]["domain"], domain("master"));
    assert!(master["elected_time"].as_f64() >= master["start_time"].as_f64(), "{master}");
}

/// As both APIs have it.
pub(crate) fn domain(zone: &str) -> Value {
    json!({ "fault_domain": { "region": { "name": "europe" }, "zone": { "name": zone } } })
}

#[actix_rt::test]
async fn agents_have_what_is_allocated_and_offered() {
    let stage = Stage::new().await;
    let agents = stage.read("GET_AGENTS").await;
    let agent = &agents["agents"][0];
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1);
    assert_eq!(agent["agent_info"]["id"]["value"], "a1");
    assert_eq!(agent["agent_info"]["port"], 5051);
    assert_eq!(agent["agent_info"]["domain"], domain("a1"));
    assert_eq!((&agent["active"], &agent["pid"]), (&json!(true), &json!("slave(1)@10.0.0.3:5051")));
    assert_eq!(agent["registered_time"]["nanoseconds"], 1_500_000_000_u64);
    assert_eq!(amount(&agent["total_resources"], "cpus"), 8.0);
    assert_eq!(amount(&agent["allocated_resources"], "cpus"), 2.0);
    assert_eq!(amount(&agent["offered_resources"], "mem"), 256.0);
    assert_eq!(agent["offered_resources"][0]["allocation_info"]["role"], "eng");
    assert_eq!(agents["recovered_agents"][0]["id"]["value"], "a2");
}

fn amount(resources: &Value, name: &str) -> f64 {
    let resources = resources.as_array().unwrap();
    resources.iter().find(|r| r["name"] == name).unwrap()["scalar"]["value"].as_f64().unwrap()
}

#[actix_rt::test]
async fn frameworks_have_their_offers() {
    let stage = Stage::new().await;
    let frameworks = stage.read("GET_FRAMEWORKS").await;
    let framework = &frameworks["frameworks"][0];
    assert_eq!(framework["framework_info"]["id"]["value"], "f1");
    assert_eq!(framework["framework_info"]["name"], "pi");
    assert_eq!(framework["active"], true);
    assert_eq!(framework["recovered"], false);
    assert_eq!(framework["offers"][0]["id"]["value"], "o1");
    assert_eq!(framework["offers"][0]["domain"], domain("a1"));
    assert_eq!(amount(&framework["allocated_resources"], "mem"), 160.0);
    let inverse = &framework["inverse_offers"][0];
    assert_eq!(inverse["unavailability"], json!({ "start": { "nanoseconds": 7_000_000_000_u64 } }));
    assert_eq!(amount(&inverse["resources"], "mem"), 64.0);
    let group = &framework["offer_constraints"]["role_constraints"]["eng"]["groups"][0];
    let constraint = &group["attribute_constraints"][0];
    assert_eq!(constraint["selector"], json!({ "pseudoattribute_type": "HOSTNAME" }));
    assert_eq!(constraint["predicate"], json!({ "text_matches": { "regex": "a[0-9]" } }));
    let completed = &frameworks["completed_frameworks"][0];
    assert_eq!(completed["framework_info"]["id"]["value"], "f0");
    assert_eq!(completed["unregistered_time"]["nanoseconds"], 4_000_000_000_u64);
    assert_eq!(amount(&framework["offered_resources"], "cpus"), 2.0);
}

#[actix_rt::test]
async fn tasks_are_apart_by_whether_they_run_are_lost_from_sight_or_have_ended() {
    let stage = Stage::new().await;
    let tasks = stage.read("GET_TASKS").await;
    for (list, id, state) in [
        ("tasks", "t1", "TASK_RUNNING"),
        ("unreachable_tasks", "t2", "TASK_UNREACHABLE"),
        ("completed_tasks", "t3", "TASK_FINISHED"),
    ] {
        assert_eq!(tasks[list].as_array().unwrap().len(), 1, "{list}");
        assert_eq!(tasks[list][0]["task_id"]["value"], id);
        assert_eq!(tasks[list][0]["state"], state);
    }
    let status = &tasks["unreachable_tasks"][0]["statuses"][0];
    assert_eq!(status["unreachable_time"], json!({ "nanoseconds": 2_500_000_000_u64 }));
    let task = &tasks["tasks"][0];
    assert_eq!(task["statuses"][0].get("unreachable_time"), None);
    assert_eq!(task["executor_id"], Value::Null, "a command task");
    assert_eq!(task["labels"]["labels"][0], json!({ "key": "k", "value": "v" }));
    assert_eq!(task["statuses"][0]["container_status"]["container_id"]["value"], "c1");
}

#[actix_rt::test]
async fn the_state_is_all_of_it() {
    let stage = Stage::new().await;
    let state = stage.read("GET_STATE").await;
    for (part, kind) in [
        ("get_agents", "GET_AGENTS"),
        ("get_frameworks", "GET_FRAMEWORKS"),
        ("get_tasks", "GET_TASKS"),
        ("get_executors", "GET_EXECUTORS"),
    ] {
        assert_eq!(state[part], stage.read(kind).await);
    }
    let executor = &state["get_executors"]["executors"][0];
    assert_eq!(executor["executor_info"]["executor_id"]["value"], "e1");
    assert_eq!(executor["agent_id"]["value"], "a1");
    assert_eq!(stage.read("GET_OPERATIONS").await, json!({}));
}

#[actix_rt::test]
async fn what_the_allocator_knows_is_asked_of_it() {
    let stage = Stage::new().await;
    assert_eq!(stage.read("GET_ROLES").await, json!({}));
    stage.world.host.stop_actor("allocator").await;
    let (status, text) = stage.call(&json!({ "type": "GET_ROLES" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
    stage.read("GET_STATE").await;
}

#[actix_rt::test]
async fn metrics_have_the_names_of_mesos() {
    let stage = Stage::new().await;
    let metrics = stage.read("GET_METRICS").await;
    let metrics = metrics["metrics"].as_array().unwrap();
    let value = |name: &str| metrics.iter().find(|m| m["name"] == name).unwrap()["value"].clone();
    for (name, expected) in [
        ("master/elected", 1.0),
        ("master/slaves_active", 1.0),
        ("master/frameworks_active", 1.0),
        ("master/tasks_running", 1.0),
        ("master/tasks_unreachable", 1.0),
        ("master/outstanding_offers", 1.0),
        ("master/cpus_total", 8.0),
        ("master/cpus_percent", 0.25),
        ("master/gpus_revocable_used", 0.0),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
}

#[actix_rt::test]
async fn a_framework_is_torn_down_and_an_agent_marked_gone() {
    let stage = Stage::new().await;
    let teardown =
        |id| json!({ "type": "TEARDOWN", "teardown": { "framework_id": { "value": id } } });
    let done = (StatusCode::OK, String::new());
    assert_eq!(stage.call(&teardown("f1")).await, done);
    let unknown = "No framework found with specified ID".to_owned();
    assert_eq!(stage.call(&teardown("f2")).await, (StatusCode::BAD_REQUEST, unknown));
    let gone = |id| json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": { "agent_id": { "value": id } } });
    for _ in 0..2 {
        assert_eq!(stage.call(&gone("a1")).await, done, "also again");
    }
    let busy = "something else is being decided".to_owned();
    assert_eq!(stage.call(&gone("a2")).await, (StatusCode::SERVICE_UNAVAILABLE, busy));
    let unknown = "there is no such agent".to_owned();
    assert_eq!(stage.call(&gone("a9")).await, (StatusCode::NOT_FOUND, unknown));
}
