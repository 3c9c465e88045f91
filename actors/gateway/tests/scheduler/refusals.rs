//! What is said to a request that is not done: status and text, in the order of Mesos.

use actix_web::http::Method;
use protocol::elector::Leadership;
use protocol::framework::FrameworkInfo;
use protocol::frameworks::SubscribeFramework;
use runtime::SpawnOptions;
use serde_json::{Value, json};

use crate::client::{Client, JSON};
use crate::stage::Stage;
use crate::support::{Elector, SOON, leads};

const TEARDOWN: &str = r#"{"type":"TEARDOWN","framework_id":{"value":"nobody"}}"#;
const SUBSCRIBE: &str =
    r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"n"}}}"#;

#[actix_rt::test]
async fn a_standby_sends_every_call_to_the_leader() {
    let stage = Stage::start_as(leads(false, "10.0.0.2:5050")).await;
    let client = stage.client();
    for path in ["/api/v1/scheduler?a=b", "/master/api/v1/scheduler"] {
        for (method, body) in [(Method::POST, SUBSCRIBE), (Method::POST, "{"), (Method::GET, "")] {
            let request = client.request(method, path).body(body).header("Mesos-Stream-Id", "x");
            let mut answer = request.try_clone().unwrap().send().await.unwrap();
            while answer.status() == 503 {
                assert!(answer.text().await.unwrap().contains("No leader elected"));
                answer = request.try_clone().unwrap().send().await.unwrap();
            }
            assert_eq!(answer.status(), 307);
            assert_eq!(answer.headers()["location"], format!("//10.0.0.2:5050{path}").as_str());
        }
    }
}

#[actix_rt::test]
async fn before_the_registry_is_read_there_is_nobody_to_ask() {
    let stage = Stage::start_without_elector().await;
    stage.host.stop_actor("registrar").await;
    let leading = leads(true, "127.0.0.1:5050");
    stage.host.spawn("elector", SpawnOptions::default(), move || Elector::new(&leading)).unwrap();
    let client = stage.client();
    let answer = async || Client::answer(client.request(Method::GET, "/api/v1/scheduler")).await;
    let mut said = answer().await;
    while said.1.contains("No leader elected") {
        said = answer().await;
    }
    assert_eq!(said, (503, "Master has not finished recovery".to_owned()));
}

#[actix_rt::test]
async fn without_a_leader_every_call_may_be_tried_again() {
    let nobody = Leadership { leader: None, leading: false };
    let stage = Stage::start_as(nobody).await;
    let (status, text) = Client::answer(stage.client().post(&json!({}))).await;
    assert_eq!(status, 503);
    assert!(text.contains("No leader elected"), "{text}");
}

/// A request and what is said to it.
type Case<'a, Text> = (&'a [(&'a str, &'a str)], &'a str, u16, Text);

async fn check(client: &Client, (headers, body, status, text): Case<'_, &str>) {
    let mut request = client.request(Method::POST, "/api/v1/scheduler").body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let said = Client::answer(request).await;
    assert_eq!(said, (status, text.to_owned()), "{headers:?} {body}");
}

#[actix_rt::test]
async fn the_form_of_a_request_is_checked_from_the_outside_in() {
    let stage = Stage::start().await;
    let client = stage.client();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = client.request(method, "/api/v1/scheduler").send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
    let json: (&str, &str) = ("Content-Type", JSON);
    let invalid = |what: &str| format!("Failed to validate scheduler::Call: {what}");
    let cases: &[Case<'_, String>] = &[
        (&[], SUBSCRIBE, 400, "Expecting 'Content-Type' to be present".into()),
        (
            &[("Content-Type", "application/json; charset=utf-8")],
            SUBSCRIBE,
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf".into(),
        ),
        (
            &[("Content-Type", "application/x-protobuf")],
            "\x0b",
            400,
            "Failed to parse body into Call protobuf".into(),
        ),
        (&[json], "{}", 400, invalid("Expecting 'type' to be present")),
        (&[json], r#"{"type":"SUBSCRIBE"}"#, 400, invalid("Expecting 'subscribe' to be present")),
        (
            &[json],
            r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u"}}}"#,
            400,
            invalid("Not initialized: subscribe.framework_info.name"),
        ),
        (&[json], r#"{"type":"KILL"}"#, 400, invalid("Expecting 'framework_id' to be present")),
        (
            &[json],
            r#"{"type":"KILL","framework_id":{"value":"f"}}"#,
            400,
            invalid("Expecting 'kill' to be present"),
        ),
        (
            &[json],
            r#"{"type":"SUBSCRIBE","framework_id":{"value":"f"},"subscribe":{"framework_info":{"user":"u","name":"n"}}}"#,
            400,
            invalid("'framework_id' differs from 'subscribe.framework_info.id'"),
        ),
        (
            &[json, ("Accept", "text/html")],
            SUBSCRIBE,
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'".into(),
        ),
        (
            &[json, ("Mesos-Stream-Id", "x")],
            SUBSCRIBE,
            400,
            "Subscribe calls should not include the 'Mesos-Stream-Id' header".into(),
        ),
        // What comes first is said first, and who accepts what matters to no other call.
        (&[json, ("Accept", "text/html")], TEARDOWN, 400, "Framework cannot be found".into()),
        (
            &[json],
            r#"{"type":"UNKNOWN","framework_id":{"value":"nobody"}}"#,
            400,
            "Framework cannot be found".into(),
        ),
    ];
    for (headers, body, status, text) in cases {
        check(&client, (headers, body, *status, text)).await;
    }
    for (body, start) in [
        ("{", "Failed to parse body into JSON: "),
        ("[]", "Failed to convert JSON into Call protobuf: "),
    ] {
        let request =
            client.request(Method::POST, "/api/v1/scheduler").header("Content-Type", JSON);
        let (status, text) = Client::answer(request.body(body)).await;
        assert!(status == 400 && text.starts_with(start), "{text}");
    }
}

/// What each call must say, in the order of the calls of Mesos.
fn incomplete() -> Vec<(&'static str, Value, &'static str)> {
    let one = |list: &str| json!({ list: [{}] });
    let uuid = "Z+VQRBCxQm+SR7toDl/gyA==";
    let task = json!({ "value": "t" });
    let named = |more: Value| {
        let mut body = json!({ "operation_id": { "value": "o" } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let short = json!({ "agent_id": { "value": "a" }, "uuid": "/w==" });
    let mut of_task = short.clone();
    of_task["task_id"] = task;
    let info =
        json!({ "framework_info": { "user": "u", "name": "n", "id": { "value": "other" } } });
    vec![
        ("SUBSCRIBE", json!({}), "Not initialized: subscribe.framework_info"),
        ("ACCEPT", one("offer_ids"), "Not initialized: accept.offer_ids[0].value"),
        ("DECLINE", one("offer_ids"), "Not initialized: decline.offer_ids[0].value"),
        (
            "ACCEPT_INVERSE_OFFERS",
            one("inverse_offer_ids"),
            "Not initialized: accept_inverse_offers.inverse_offer_ids[0].value",
        ),
        (
            "DECLINE_INVERSE_OFFERS",
            one("inverse_offer_ids"),
            "Not initialized: decline_inverse_offers.inverse_offer_ids[0].value",
        ),
        ("KILL", json!({}), "Not initialized: kill.task_id"),
        ("SHUTDOWN", json!({}), "Not initialized: shutdown.executor_id, shutdown.agent_id"),
        (
            "ACKNOWLEDGE",
            json!({}),
            "Not initialized: acknowledge.agent_id, acknowledge.task_id, acknowledge.uuid",
        ),
        ("ACKNOWLEDGE", of_task, "Invalid UUID: not one of a status update"),
        (
            "ACKNOWLEDGE_OPERATION_STATUS",
            json!({}),
            "Not initialized: acknowledge_operation_status.uuid, \
             acknowledge_operation_status.operation_id",
        ),
        ("ACKNOWLEDGE_OPERATION_STATUS", named(short), "Invalid UUID: not one of a status update"),
        (
            "ACKNOWLEDGE_OPERATION_STATUS",
            named(json!({ "uuid": uuid })),
            "Expecting 'agent_id' to be present",
        ),
        ("RECONCILE", one("tasks"), "Not initialized: reconcile.tasks[0].task_id"),
        (
            "RECONCILE_OPERATIONS",
            one("operations"),
            "Not initialized: reconcile_operations.operations[0].operation_id",
        ),
        (
            "MESSAGE",
            json!({}),
            "Not initialized: message.agent_id, message.executor_id, message.data",
        ),
        (
            "REQUEST",
            json!({ "requests": [{ "resources": [{ "name": "cpus" }] }] }),
            "Not initialized: request.requests[0].resources[0].type",
        ),
        ("UPDATE_FRAMEWORK", json!({}), "Not initialized: update_framework.framework_info"),
        (
            "UPDATE_FRAMEWORK",
            info,
            "'framework_id' differs from 'update_framework.framework_info.id'",
        ),
    ]
}

#[actix_rt::test]
async fn a_call_that_does_not_say_what_its_type_needs_is_a_bad_request() {
    let stage = Stage::start().await;
    let client = stage.client();
    let call = |kind: &str| json!({ "type": kind, "framework_id": { "value": "nobody" } });
    let invalid = |what: &str| (400, format!("Failed to validate scheduler::Call: {what}"));
    for (kind, part, said) in incomplete() {
        let field = kind.to_lowercase();
        let without = Client::answer(client.post(&call(kind))).await;
        assert_eq!(without, invalid(&format!("Expecting '{field}' to be present")), "{kind}");
        let mut with = call(kind);
        with[&field] = part;
        assert_eq!(Client::answer(client.post(&with)).await, invalid(said), "{with}");
        // Whose call it is comes later.
        with["framework_id"] = Value::Null;
        assert_eq!(Client::answer(client.post(&with)).await.0, 400);
    }
    for kind in ["TEARDOWN", "REVIVE", "SUPPRESS"] {
        let said = Client::answer(client.post(&call(kind))).await;
        assert_eq!(said, (400, "Framework cannot be found".to_owned()), "{kind} has no part");
    }
}

#[actix_rt::test]
async fn a_call_needs_a_subscription_and_its_stream_id() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let call = framework.call("REVIVE", &Value::Null);
    let post = || framework.client.post(&call);
    let (status, text) = Client::answer(post()).await;
    assert_eq!(status, 400);
    assert_eq!(text, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    let (status, text) = Client::answer(post().header("Mesos-Stream-Id", "other")).await;
    assert_eq!(status, 400);
    let expected = format!(
        "The stream ID 'other' included in this request didn't match the stream ID currently \
         associated with framework ID {}",
        framework.id
    );
    assert_eq!(text, expected);
    // The case of a header's name does not matter.
    let answer = Client::answer(post().header("mesos-stream-id", &framework.stream.id)).await;
    assert_eq!(answer, (202, String::new()));
    let (status, _) = Client::answer(framework.request("UNKNOWN", &Value::Null)).await;
    assert_eq!(status, 501);

    let (client, id) = (framework.client.clone(), framework.stream.id.clone());
    drop(framework);
    let gone = async {
        loop {
            let said = Client::answer(client.post(&call).header("Mesos-Stream-Id", &id)).await;
            if said == (403, "Framework is not subscribed".to_owned()) {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap();
}

#[actix_rt::test]
async fn a_framework_of_a_driver_is_not_called_for_over_http() {
    let stage = Stage::start().await;
    let subscribe = SubscribeFramework {
        scheduler: Some(stage.host.address_of("events")),
        ..SubscribeFramework::new(FrameworkInfo::new("root", "driver"))
    };
    let frameworks = stage.host.address_of("frameworks");
    let subscribed = stage.host.ask(&frameworks, subscribe, SOON).await.unwrap();
    let id = subscribed.framework_id.to_string();
    let call = json!({ "type": "TEARDOWN", "framework_id": { "value": id } });
    let said = Client::answer(stage.client().post(&call)).await;
    assert_eq!(said, (403, "Framework is not connected via HTTP".to_owned()));
}

#[actix_rt::test]
async fn a_body_that_is_too_long_is_not_read() {
    let stage = Stage::start().await;
    let client = stage.client();
    let body = || " ".repeat(gateway::MAX_BODY + 1);
    for path in ["/api/v1/scheduler", "/api/v1"] {
        let request = client.request(Method::POST, path).header("Content-Type", JSON);
        assert_eq!(Client::answer(request.body(body())).await.0, 413, "{path}");
    }
}
