//! Those who follow by SUBSCRIBE: very many of them, and some that do not read.

use std::time::{Duration, Instant};

use gateway::v1::MediaType;
use protocol::task::{Source, TaskState, TaskStatus};
use protocol::{FrameworkId, Time};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::subscribe::{Reader, Stage};
use crate::support::SOON;

/// How many streams there may be.
const MOST: usize = 1000;
/// Events that wait for a reader at most.
const QUEUE: usize = 16_384;
/// Events that are reported at once, and read before the next are.
const BATCH: usize = 512;
/// More are not needed: they fill the queue and all buffers of the sockets.
const BATCHES: usize = 100;

async fn followers(stage: &Stage) -> Value {
    let (_, metrics) = stage.master.get("/metrics/snapshot").await;
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    metrics["master/operator_event_stream_subscribers"].clone()
}

/// The next event that is no heartbeat.
async fn event(reader: &mut Reader) -> Value {
    loop {
        let event = reader.next().await.expect("the stream goes on");
        if event["type"] != "HEARTBEAT" {
            return event;
        }
    }
}

#[actix_rt::test]
async fn for_one_more_than_a_thousand_the_oldest_is_ended_and_the_others_go_on() {
    let stage = Stage::start().await;
    let mut readers = Vec::new();
    for _ in 0..=MOST {
        readers.push(stage.subscribe(MediaType::Protobuf).await);
    }
    assert_eq!(followers(&stage).await, MOST as f64);
    let mut oldest = readers.remove(0);
    oldest.expect("SUBSCRIBED").await;
    while let Some(event) = oldest.next().await {
        assert_eq!(event["type"], "HEARTBEAT");
    }
    stage.report("agent_removed", json!({ "agent_id": "S9" })).await;
    for reader in &mut readers {
        reader.expect("SUBSCRIBED").await;
        assert_eq!(event(reader).await["agent_removed"]["agent_id"]["value"], "S9");
    }
}

/// Subscribes, and reads nothing.
async fn stuck(stage: &Stage) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // Little waits on the way: the master's queue is what is to fill.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(stage.master.gateway.address()).await.unwrap();
    let body = r#"{"type":"SUBSCRIBE"}"#;
    let head = "POST /api/v1 HTTP/1.1\r\nhost: m\r\ncontent-type: application/json\r\n\
                accept: application/json\r\nconnection: close";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let begun = Instant::now();
    while followers(stage).await != 1.0 {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stream
}

/// An entry of the log that is some 2 KB as an event.
fn updated(framework: &FrameworkId, n: usize) -> Value {
    let id = format!("t{n}");
    let status = TaskStatus {
        message: "x".repeat(2000),
        ..TaskStatus::new(id.as_str().into(), TaskState::Running, Source::Executor, Time(1))
    };
    let mut entry = serde_json::to_value(&status).unwrap();
    entry["framework_id"] = json!(framework);
    entry
}

#[actix_rt::test]
async fn a_follower_that_does_not_read_is_cut_off_and_costs_the_others_nothing() {
    let stage = Stage::start().await;
    let mut stuck = stuck(&stage).await;
    let mut reader = stage.subscribe(MediaType::Protobuf).await;
    reader.expect("SUBSCRIBED").await;
    let (mut told, mut slowest) = (0, Duration::ZERO);
    while followers(&stage).await == 2.0 {
        assert!(told < BATCH * BATCHES, "{told} events wait for one that does not read");
        let began = Instant::now();
        for n in told..told + BATCH {
            stage.report("task_updated", updated(&"f".into(), n)).await;
        }
        for n in told..told + BATCH {
            let status = event(&mut reader).await["task_updated"]["status"].clone();
            assert_eq!(status["task_id"]["value"], format!("t{n}"), "none is missed");
        }
        slowest = slowest.max(began.elapsed());
        told += BATCH;
    }
    println!("{told} events until it was cut off; another read {BATCH} in {slowest:?} at most");
    assert!(told > QUEUE, "its queue has room for more than {told}");
    assert!(slowest < SOON, "{slowest:?}");
    // Its stream ends behind what was on its way, and a new one begins.
    let mut rest = vec![0; 1 << 16];
    while tokio::time::timeout(SOON, stuck.read(&mut rest)).await.unwrap().unwrap() > 0 {}
    let mut again = stage.subscribe(MediaType::Json).await;
    again.expect("SUBSCRIBED").await;
    assert_eq!(followers(&stage).await, 2.0);
}
