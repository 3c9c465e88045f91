//! The event stream itself.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{JSON, Stream};
use crate::explain::verdict;
use crate::stage::Stage;

const SUBSCRIBE: &str = r#"{"type":"SUBSCRIBE","framework_id":null,"accept":null,"subscribe":{"framework_info":{"user":"root","name":"gr\u00fc\u00dfe","id":null,"role":"*","hostname":"","webui_url":"","unheard_of":[1]},"credentials":{}}}"#;

#[actix_rt::test]
async fn a_stream_begins_with_the_subscription_and_a_heartbeat() {
    let stage = Stage::start().await;
    let request = stage.client().request(Method::POST, "/master/api/v1/scheduler");
    let request = request.header("Content-Type", JSON).header("Connection", "close");
    let mut stream = Stream::of(request.body(SUBSCRIBE).send().await.unwrap());
    assert_eq!(stream.content_type(), JSON);
    let event = stream.event().await;
    assert_eq!(event["subscribed"]["heartbeat_interval_seconds"], 15.0);
    let master = &event["subscribed"]["master_info"];
    assert_eq!((&master["version"], &master["port"]), (&json!("1.11.0"), &json!(5050)));
    assert_eq!(stream.event().await, json!({ "type": "HEARTBEAT" }));
    assert_eq!(stream.event().await["type"], "OFFERS");
}

#[actix_rt::test]
async fn a_request_may_come_in_chunks() {
    let stage = Stage::start().await;
    let mut socket = TcpStream::connect(stage.gateway.address()).await.unwrap();
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nhost: m\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    for part in [&SUBSCRIBE[..20], &SUBSCRIBE[20..]] {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        socket.write_all(chunk.as_bytes()).await.unwrap();
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut said = String::new();
    while !said.contains("SUBSCRIBED") {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
}

#[actix_rt::test]
async fn a_heartbeat_comes_every_fifteen_seconds() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.offer().await;
    let begun = tokio::time::Instant::now();
    let mut beat = None;
    while beat.is_none() && begun.elapsed() < Duration::from_secs(20) {
        let next = tokio::time::timeout(Duration::from_secs(1), framework.stream.event()).await;
        beat = next.ok();
    }
    assert_eq!(beat, Some(json!({ "type": "HEARTBEAT" })));
    assert!(begun.elapsed() > Duration::from_secs(13), "{:?}", begun.elapsed());
}

#[actix_rt::test]
async fn the_end_of_the_server_is_the_end_of_the_stream() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let (ended, ()) = tokio::join!(framework.stream.end(), stage.gateway.stop());
    ended
}

#[actix_rt::test]
async fn a_frameworks_manager_that_starts_anew_is_subscribed_to_anew() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    stage.host.stop_actor("frameworks").await;
    framework.stream.end().await;
}

/// Questions of which each is about so many tasks that ten answers are more than a queue and the
/// sockets hold.
const FLOOD: (usize, usize) = (10, 10_000);

#[actix_rt::test]
async fn a_reader_that_is_too_slow_is_cut_off_with_a_reason_and_costs_others_nothing() {
    let stage = Stage::start().await;
    let slow = stage.client().subscribe().await;
    let mut other = stage.client().subscribe().await;
    let name = "x".repeat(250);
    let tasks: Vec<_> = (0..FLOOD.1)
        .map(|n| json!({ "task_id": { "value": format!("{name}{n}") }, "agent_id": { "value": "S1" } }))
        .collect();
    let question = json!({ "tasks": tasks });
    for _ in 0..FLOOD.0 {
        // The last ones may find it cut off already.
        slow.request("RECONCILE", &question).send().await.unwrap();
    }
    other
        .tell(
            "RECONCILE",
            json!({ "tasks": [{ "task_id": { "value": "t" } , "agent_id": { "value": "S1" } }] }),
        )
        .await;
    assert_eq!(other.status().await["task_id"]["value"], "t");
    // It is gone for everybody else although it has not read a word of that.
    let told = verdict(&stage, &slow.id, "inactive").await;
    assert_eq!(told["standing"], "disconnected");
    let end = slow.stream.end_of_all().await;
    let said = "the event stream was closed: its reader is too slow";
    assert!(
        end.ends_with(&format!(r#"{{"type":"ERROR","error":{{"message":"{said}"}}}}"#)),
        "{end}"
    );
}
