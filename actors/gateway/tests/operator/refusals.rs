//! Each way to be refused, in the order in which they are looked at.

use gateway::v1::MediaType;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};
use crate::support::leads;

fn answer(status: u16, text: &str) -> Answer {
    (StatusCode::from_u16(status).unwrap(), text.to_owned())
}

#[actix_rt::test]
async fn what_is_wrong_with_a_request_is_said_in_the_words_of_mesos() {
    let stage = Stage::new().await;
    let get = stage.request(Method::GET, "/api/v1").send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");
    let post = || stage.request(Method::POST, "/api/v1");
    let typed = |name: &'static str| post().header("Content-Type", name);
    let cases = [
        (post(), answer(400, "Expecting 'Content-Type' to be present")),
        (
            typed("text/plain"),
            answer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf"),
        ),
        (
            typed("application/x-protobuf").body("\u{7}"),
            answer(400, "Failed to parse body into Call protobuf"),
        ),
        (
            typed("application/json").body("{}"),
            answer(400, "Failed to validate master::Call: Expecting 'type' to be present"),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(Stage::answer(request).await, expected);
    }
    let (status, text) = Stage::answer(typed("application/json").body("{")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("Failed to parse body into JSON: "), "{text}");
    let (status, text) = Stage::answer(typed("application/json").body("[]")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("Failed to convert JSON into Call protobuf: "), "{text}");
}

/// Every call that has a part.
const WITH_PART: [&str; 23] = [
    "GET_METRICS",
    "SET_LOGGING_LEVEL",
    "LIST_FILES",
    "READ_FILE",
    "UPDATE_WEIGHTS",
    "RESERVE_RESOURCES",
    "UNRESERVE_RESOURCES",
    "CREATE_VOLUMES",
    "DESTROY_VOLUMES",
    "GROW_VOLUME",
    "SHRINK_VOLUME",
    "UPDATE_MAINTENANCE_SCHEDULE",
    "START_MAINTENANCE",
    "STOP_MAINTENANCE",
    "DRAIN_AGENT",
    "DEACTIVATE_AGENT",
    "REACTIVATE_AGENT",
    "UPDATE_QUOTA",
    "SET_QUOTA",
    "REMOVE_QUOTA",
    "TEARDOWN",
    "MARK_AGENT_GONE",
    "NONSENSE",
];

#[actix_rt::test]
async fn a_call_says_what_its_type_needs() {
    let stage = Stage::new().await;
    for kind in WITH_PART {
        let part = if kind == "NONSENSE" { "type".to_owned() } else { kind.to_lowercase() };
        let text = format!("Failed to validate master::Call: Expecting '{part}' to be present");
        assert_eq!(stage.call(&json!({ "type": kind })).await, answer(400, &text));
    }
    let missing =
        |fields: &str| format!("Failed to validate master::Call: Not initialized: {fields}");
    let incomplete = [
        ("TEARDOWN", "teardown.framework_id"),
        ("MARK_AGENT_GONE", "mark_agent_gone.agent_id"),
        ("LIST_FILES", "list_files.path"),
        ("READ_FILE", "read_file.path, read_file.offset"),
        ("RESERVE_RESOURCES", "reserve_resources.agent_id"),
        ("UNRESERVE_RESOURCES", "unreserve_resources.agent_id"),
        ("CREATE_VOLUMES", "create_volumes.agent_id"),
        ("DESTROY_VOLUMES", "destroy_volumes.agent_id"),
        ("GROW_VOLUME", "grow_volume.volume, grow_volume.addition"),
        ("SHRINK_VOLUME", "shrink_volume.volume, shrink_volume.subtract"),
        ("UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule.schedule"),
        ("SET_QUOTA", "set_quota.quota_request"),
        ("REMOVE_QUOTA", "remove_quota.role"),
        ("DRAIN_AGENT", "drain_agent.agent_id"),
        ("DEACTIVATE_AGENT", "deactivate_agent.agent_id"),
        ("REACTIVATE_AGENT", "reactivate_agent.agent_id"),
        ("SET_LOGGING_LEVEL", "set_logging_level.level, set_logging_level.duration"),
    ];
    for (kind, fields) in incomplete {
        let call = json!({ "type": kind, kind.to_lowercase(): {} });
        assert_eq!(stage.call(&call).await, answer(400, &missing(fields)));
    }
    let volume = json!({ "name": "disk", "type": "SCALAR", "scalar": { "value": 1 } });
    let grow =
        json!({ "type": "GROW_VOLUME", "grow_volume": { "volume": volume, "addition": volume } });
    let (status, text) = stage.call(&grow).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("Expecting 'agent_id' to be present; only agent default"), "{text}");
}

#[actix_rt::test]
async fn every_call_looks_at_what_the_client_accepts_after_the_call_itself() {
    let stage = Stage::new().await;
    let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
    let post = |call: &Value| {
        let request = stage.request(Method::POST, "/api/v1").body(call.to_string());
        request.header("Content-Type", "application/json").header("Accept", "text/html")
    };
    let id = json!({ "value": "f1" });
    let teardown = json!({ "type": "TEARDOWN", "teardown": { "framework_id": id } });
    for call in [json!({ "type": "GET_HEALTH" }), teardown] {
        assert_eq!(Stage::answer(post(&call)).await, answer(406, text));
    }
    let (status, _) = Stage::answer(post(&json!({ "type": "TEARDOWN" }))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[actix_rt::test]
async fn a_call_that_cannot_be_done_yet_is_named() {
    let stage = Stage::new().await;
    let part = json!({ "agent_id": { "value": "a1" } });
    for kind in ["DRAIN_AGENT", "DEACTIVATE_AGENT", "REACTIVATE_AGENT"] {
        let call = json!({ "type": kind, kind.to_lowercase(): part });
        let text = format!("Call {kind} is not supported yet");
        assert_eq!(stage.call(&call).await, answer(501, &text));
    }
    let unknown = json!({ "type": "UNKNOWN" });
    assert_eq!(stage.call(&unknown).await, answer(501, "Received 'UNKNOWN' call"));
}

#[actix_rt::test]
async fn the_api_is_also_where_pymesos_and_libprocess_have_it() {
    let stage = Stage::new().await;
    for path in ["/api/v1/operator", "/master/api/v1"] {
        let request = stage.request(Method::POST, path).body(r#"{"type":"GET_HEALTH"}"#);
        let request = request.header("Content-Type", "application/json");
        let healthy = r#"{"type":"GET_HEALTH","get_health":{"healthy":true}}"#;
        assert_eq!(Stage::answer(request).await, answer(200, healthy));
    }
}

#[actix_rt::test]
async fn a_master_that_does_not_lead_sends_the_client_on_before_it_looks_at_the_request() {
    let stage = Stage::new().await;
    stage.world.elect(leads(false, "10.0.0.2:5050")).await;
    let redirected = async {
        loop {
            let response = stage.request(Method::PUT, "/api/v1").send().await.unwrap();
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                return response;
            }
        }
    };
    let response = tokio::time::timeout(crate::support::SOON, redirected).await.unwrap();
    assert_eq!(response.headers()["location"], "//10.0.0.2:5050/api/v1");
}

#[actix_rt::test]
async fn a_master_that_still_reads_the_registry_says_so() {
    let stage = Stage::new().await;
    stage.recovering().await;
    let expected = answer(503, "Master has not finished recovery");
    let id = json!({ "value": "f1" });
    let teardown = json!({ "type": "TEARDOWN", "teardown": { "framework_id": id } });
    for call in [json!({ "type": "GET_TASKS" }), teardown] {
        assert_eq!(Stage::answer(stage.post(&call, MediaType::Json)).await, expected);
    }
}
