//! Each way to be refused, in the order in which they are looked at.

use gateway::v1::MediaType;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Answer, Client, call, status, update};
use crate::stage::Stage;

fn answer(status: u16, text: &str) -> Answer {
    (StatusCode::from_u16(status).unwrap(), text.to_owned())
}

fn invalid(text: &str) -> Answer {
    answer(400, &format!("Failed to validate Executor::Call: {text}"))
}

#[actix_rt::test]
async fn what_is_wrong_with_a_request_is_said_in_the_words_of_mesos() {
    let stage = Stage::new().await;
    let client = stage.client();
    let get = client.request(Method::GET).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");
    let post = || client.request(Method::POST);
    let typed = |name: &'static str| post().header("Content-Type", name);
    let cases = [
        (post(), answer(400, "Expecting 'Content-Type' to be present")),
        (
            typed("application/json; charset=utf-8"),
            answer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf"),
        ),
        (
            typed("application/x-protobuf").body("\u{7}"),
            answer(400, "Failed to parse body into Call protobuf"),
        ),
        (
            typed("application/json").body("{}"),
            invalid("Not initialized: executor_id, framework_id"),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(Client::answer(request).await, expected);
    }
    let (status, text) = Client::answer(typed("application/json").body("{")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("Failed to parse body into JSON: "), "{text}");
    let (status, text) = Client::answer(typed("application/json").body("[]")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("Failed to convert JSON into Call protobuf: "), "{text}");
}

#[actix_rt::test]
async fn a_call_that_does_not_say_what_its_type_needs_is_refused() {
    let stage = Stage::new().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut status = status("t1", "TASK_RUNNING", 1);
        change(&mut status);
        call("UPDATE", json!({ "status": status }))
    };
    let invalid_source = "Received Call from executor e of framework f with invalid source, \
                          expecting 'SOURCE_EXECUTOR'";
    let cases = [
        (call("NONSENSE", Value::Null), "Expecting 'type' to be present"),
        (call("SUBSCRIBE", Value::Null), "Expecting 'subscribe' to be present"),
        (call("UPDATE", Value::Null), "Expecting 'update' to be present"),
        (call("MESSAGE", Value::Null), "Expecting 'message' to be present"),
        (call("MESSAGE", json!({})), "Not initialized: message.data"),
        (with(&|status| status["uuid"] = Value::Null), "Expecting 'uuid' to be present"),
        (with(&|status| status["uuid"] = json!("AQI=")), "Not a valid UUID"),
        (
            with(&|status| status["executor_id"] = json!({ "value": "x" })),
            "ExecutorID in Call: e does not match ExecutorID in TaskStatus: x",
        ),
        (with(&|status| status["source"] = Value::Null), invalid_source),
        (with(&|status| status["source"] = json!("SOURCE_AGENT")), invalid_source),
        (
            with(&|status| status["state"] = json!("TASK_STAGING")),
            "Received TASK_STAGING from executor e of framework f which is not allowed",
        ),
    ];
    for (call, text) in cases {
        assert_eq!(stage.client().call(&call).await, invalid(text), "{call}");
    }
}

#[actix_rt::test]
async fn only_a_subscription_looks_at_what_the_client_accepts() {
    let stage = Stage::new().await;
    let client = stage.client();
    let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
    let post = |call: &Value| client.post(call, MediaType::Json).header("Accept", "text/html");
    // Before the framework is looked for.
    let subscribe = post(&call("SUBSCRIBE", json!({})));
    assert_eq!(Client::answer(subscribe).await, answer(406, text));
    let message = post(&call("MESSAGE", json!({ "data": "" })));
    assert_eq!(Client::answer(message).await, answer(400, "Framework cannot be found"));
}

#[actix_rt::test]
async fn a_heartbeat_is_accepted_from_anybody() {
    let stage = Stage::new().await;
    stage.client().tell(&call("HEARTBEAT", Value::Null)).await;
}

#[actix_rt::test]
async fn an_executor_is_looked_for_before_what_it_says_is_looked_at() {
    let stage = Stage::new().await;
    let client = stage.client();
    let calls = [
        call("SUBSCRIBE", json!({})),
        update("t1", "TASK_RUNNING", 1),
        call("MESSAGE", json!({ "data": "" })),
        call("UNKNOWN", Value::Null),
    ];
    for call in &calls {
        assert_eq!(client.call(call).await, answer(400, "Framework cannot be found"), "{call}");
    }
    stage.run(&["t1"]).await;
    for call in &calls {
        let mut call = call.clone();
        call["executor_id"]["value"] = json!("other");
        assert_eq!(client.call(&call).await, answer(400, "Executor cannot be found"), "{call}");
    }
    for call in &calls[1..] {
        assert_eq!(client.call(call).await, answer(403, "Executor is not subscribed"), "{call}");
    }
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(1).await, ["SUBSCRIBED"]);
    assert_eq!(client.call(&calls[3]).await, answer(501, "Received 'UNKNOWN' call"));
}

#[actix_rt::test]
async fn without_an_agent_it_is_to_be_tried_again() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    stage.host.stop_actor("agent").await;
    let expected = answer(503, "Agent has not finished recovery");
    for call in [call("SUBSCRIBE", json!({})), update("t1", "TASK_RUNNING", 1)] {
        assert_eq!(stage.client().call(&call).await, expected, "{call}");
    }
}

#[actix_rt::test]
async fn the_api_is_also_where_libprocess_has_it() {
    let stage = Stage::new().await;
    let client = stage.client().at("/slave(1)/api/v1/executor");
    client.tell(&call("HEARTBEAT", Value::Null)).await;
    let client = stage.client().at("/slave%281%29/api/v1/executor");
    client.tell(&call("HEARTBEAT", Value::Null)).await;
}
