//! The event stream over a real WebSocket, from a real `events` actor.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod support;

use std::time::Duration;

use events::KEPT;
use futures_util::{SinkExt, StreamExt};
use gateway::{MasterEdge, ServicesEdge};
use protocol::events::{Event, types};
use protocol::runtime::Inspect;
use serde_json::{Value, json};
use support::{SOON, World, leads};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn leading_world() -> World {
    let world = World::start(MasterEdge, Some(leads(true, "10.0.0.1:5050"))).await;
    world.wait_until_leading().await;
    // The leader's election is the first event.
    let at = world.host.address_of("events");
    while world.host.ask(&at, Inspect {}, SOON).await.unwrap().state["last"] != 1 {}
    world
}

async fn open(world: &World, query: &str, protocol: Option<&str>) -> Result<Socket, Error> {
    let mut request =
        format!("ws://{}/api/v1/events{query}", world.http).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let (socket, response) = connect_async(request).await?;
    let named = response.headers().get("sec-websocket-protocol");
    assert_eq!(named.map(|name| name.to_str().unwrap()), protocol);
    Ok(socket)
}

/// What the server answered instead of an upgrade.
async fn refusal(world: &World, query: &str) -> (u16, Value) {
    match open(world, query, None).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
        }
        other => panic!("not refused: {other:?}"),
    }
}

async fn message(socket: &mut Socket) -> Message {
    loop {
        let next = tokio::time::timeout(SOON, socket.next()).await.unwrap();
        match next.unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

async fn event(socket: &mut Socket) -> Event {
    match message(socket).await {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Binary(bytes) => protocol::codec::decode(&bytes).unwrap(),
        other => panic!("not an event: {other:?}"),
    }
}

#[actix_rt::test]
async fn a_new_reader_gets_a_snapshot_and_then_what_follows() {
    let world = leading_world().await;
    let mut socket = open(&world, "", None).await.unwrap();
    let first = event(&mut socket).await;
    assert_eq!((first.kind.as_str(), first.seq, first.epoch.0), ("snapshot", 1, 4));
    for part in ["agents", "frameworks", "tasks", "offers"] {
        assert_eq!(first.data[part], json!([]));
    }
    assert_eq!(first.data["leader"]["http"], "10.0.0.1:5050");
    for n in 2..5 {
        world.report(types::TASK_UPDATED, n).await;
    }
    for n in 2..5 {
        let next = event(&mut socket).await;
        assert_eq!((next.seq, next.epoch.0, &next.data["n"]), (n, 4, &json!(n)));
    }
}

#[actix_rt::test]
async fn a_reader_resumes_where_it_was_and_gets_its_types_only() {
    let world = leading_world().await;
    for n in 2..8 {
        let kind = if n % 2 == 0 { types::TASK_UPDATED } else { types::OFFER_SENT };
        world.report(kind, n).await;
    }
    let query = "?types=task_updated,agent_added&from=3&epoch=4";
    let mut socket = open(&world, query, None).await.unwrap();
    assert_eq!(event(&mut socket).await.seq, 4);
    assert_eq!(event(&mut socket).await.seq, 6);
    world.report(types::AGENT_ADDED, 8).await;
    assert_eq!(event(&mut socket).await.seq, 8);
}

#[actix_rt::test]
async fn messagepack_frames_are_a_matter_of_the_subprotocol() {
    let world = leading_world().await;
    let mut socket = open(&world, "?from=0", Some("meseta.msgpack")).await.unwrap();
    let Message::Binary(bytes) = message(&mut socket).await else { panic!("not binary") };
    let event: Value = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(event["type"], types::LEADER_CHANGED);
    let mut socket = open(&world, "?from=0", Some("meseta.json")).await.unwrap();
    assert!(matches!(message(&mut socket).await, Message::Text(_)));
}

#[actix_rt::test]
async fn a_reader_that_is_behind_is_told_how_much_it_has_missed() {
    let world = leading_world().await;
    world.report_many(types::OFFER_SENT, &json!({}), KEPT + 9).await;
    let mut socket = open(&world, "?from=3", None).await.unwrap();
    let gap = event(&mut socket).await;
    assert_eq!((gap.kind.as_str(), gap.seq, &gap.data["missed"]), ("gap", 10, &json!(7)));
    assert_eq!(event(&mut socket).await.seq, 11);
}

#[actix_rt::test]
async fn a_reader_of_another_log_is_told_so_and_given_the_present() {
    let world = leading_world().await;
    for query in ["?from=500", "?from=1&epoch=3"] {
        let mut socket = open(&world, query, None).await.unwrap();
        let gap = event(&mut socket).await;
        assert_eq!((gap.kind.as_str(), &gap.data["missed"]), ("gap", &Value::Null));
        assert_eq!(event(&mut socket).await.kind, "snapshot");
    }
}

#[actix_rt::test]
async fn what_makes_no_sense_is_refused_before_the_upgrade() {
    let world = leading_world().await;
    let (status, body) = refusal(&world, "?types=task_died").await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("task_updated"), "{body}");
    assert_eq!(refusal(&world, "?from=yesterday").await.0, 400);
    let plain = support::client().get(world.url("/api/v1/events")).send().await.unwrap();
    assert_eq!(plain.status(), 400);
    world.host.stop_actor("events").await;
    assert_eq!(refusal(&world, "").await.0, 503);
}

#[actix_rt::test]
async fn a_services_host_has_the_same_stream_with_a_snapshot_of_its_own() {
    let leader = leads(true, "10.0.0.1:8080");
    let edge = |host: &runtime::Host| ServicesEdge::new(host.clone(), "10.0.0.1:8080", "*");
    let world = World::start_with(edge, Some(leader)).await;
    let mut socket = loop {
        // It redirects or refuses until it has heard that it leads.
        match open(&world, "", None).await {
            Ok(socket) => break socket,
            Err(Error::Http(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => panic!("{other}"),
        }
    };
    let first = event(&mut socket).await;
    assert_eq!((first.kind.as_str(), &first.data["apps"]), ("snapshot", &json!([])));
    world.report(types::APP_CREATED, 7).await;
    while event(&mut socket).await.kind != types::APP_CREATED {}
}

#[actix_rt::test]
async fn a_client_that_talks_at_length_is_shown_out() {
    let world = leading_world().await;
    let mut socket = open(&world, "?from=1", None).await.unwrap();
    socket.send(Message::Text("x".repeat(100_000).into())).await.unwrap();
    let Message::Close(Some(frame)) = message(&mut socket).await else { panic!("not a close") };
    assert_eq!(u16::from(frame.code), 1002, "{frame:?}");
}

#[actix_rt::test]
async fn a_ping_is_answered_and_a_goodbye_too() {
    let world = leading_world().await;
    let mut socket = open(&world, "?from=1", None).await.unwrap();
    socket.send(Message::Ping(b"are you there".to_vec().into())).await.unwrap();
    let pong = tokio::time::timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Message::Pong(b"are you there".to_vec().into()));
    socket.close(None).await.unwrap();
    let rest = tokio::time::timeout(SOON, async { while socket.next().await.is_some() {} });
    rest.await.unwrap();
    let at = world.host.address_of("gateway");
    let closed = async {
        while world.host.ask(&at, Inspect {}, SOON).await.unwrap().state["streams"] != 0 {}
    };
    tokio::time::timeout(SOON, closed).await.unwrap();
}

#[actix_rt::test]
async fn streams_end_with_the_leadership_and_with_the_server() {
    let world = leading_world().await;
    let mut socket = open(&world, "?from=1&types=task_added", None).await.unwrap();
    world.elect(leads(false, "10.0.0.2:5050")).await;
    let Message::Close(Some(frame)) = message(&mut socket).await else { panic!("not a close") };
    assert!(frame.reason.contains("leads no more"), "{frame:?}");

    world.elect(leads(true, "10.0.0.1:5050")).await;
    world.wait_until_leading().await;
    let mut socket = open(&world, "?from=1&types=task_added", None).await.unwrap();
    let stopping = world.gateway.stop();
    let closing = async {
        let Message::Close(Some(frame)) = message(&mut socket).await else { panic!("no close") };
        frame.reason.to_string()
    };
    let (why, ()) = tokio::join!(closing, stopping);
    assert!(why.contains("stops"), "{why}");
}

/// A reader that takes nothing: events go on, and others get theirs.
#[actix_rt::test]
async fn a_slow_reader_holds_up_nobody_and_gets_a_gap_when_it_reads_on() {
    let world = leading_world().await;
    let mut slow = open(&world, "?from=1", None).await.unwrap();
    let filler = json!({ "filler": "x".repeat(2000) });
    world.report_many(types::TASK_UPDATED, &filler, KEPT + 20_000).await;
    let mut quick = open(&world, "", None).await.unwrap();
    assert_eq!(event(&mut quick).await.kind, "snapshot");
    let mut last = 1;
    let mut missed = 0;
    while last < KEPT as u64 + 20_001 {
        let next = event(&mut slow).await;
        if next.kind == "gap" {
            missed += next.data["missed"].as_u64().unwrap();
        } else {
            assert_eq!(next.seq, last + 1);
        }
        last = next.seq;
    }
    assert!(missed > 0, "nothing was missed");
}
