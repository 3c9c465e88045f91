//! What a host does with peers that are broken or mean it ill: it says no, stays up, and serves
//! everybody else as before.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod common;

use std::time::{Duration, Instant};

use common::*;
use protocol::envelope::{Envelope, Kind, MAX_FRAME_LEN};
use protocol::{Address, codec};
use runtime::{Host, SpawnOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn dial(host: &Host) -> TcpStream {
    TcpStream::connect(host.addr().as_str()).await.unwrap()
}

fn frame(kind: Kind, to: &str, name: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let envelope =
        Envelope { to, from: "stranger", name, kind, id: 1, deadline_ms: 0, trace: 0, body };
    envelope.encode_into(&mut out).unwrap();
    out
}

fn hello(cluster: &str, host: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "min_version": 1, "max_version": 1, "cluster": cluster, "host": host, "incarnation": 7,
    });
    frame(Kind::Hello, "", "Hello", &codec::encode(&body).unwrap())
}

/// A connection past its handshake.
async fn connected(host: &Host, name: &str) -> TcpStream {
    let mut stream = dial(host).await;
    stream.write_all(&hello("test", name)).await.unwrap();
    let welcome = read_frame(&mut stream).await.expect("a welcome");
    assert_eq!(Envelope::decode(&welcome).unwrap().kind, Kind::Welcome);
    stream
}

async fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u32().await.ok()?;
    let mut frame = vec![0; length as usize];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

/// Reads to the end; panics if the host keeps the connection open.
async fn closed(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    let _ = read.expect("the host closes the connection"); // a reset is as good as an end
    rest
}

async fn counter(host: &Host) -> Address {
    host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap()
}

async fn still_serves(host: &Host, counter: &Address) {
    let friend = client().await;
    friend.ask(counter, Add { n: 1 }, SOON).await.expect("others are served");
    friend.shutdown().await;
    let own = host.ask(counter, Sum {}, SOON).await;
    assert!(own.unwrap() > 0);
}

#[actix_rt::test]
async fn garbage_instead_of_a_handshake_is_closed() {
    let host = host().await;
    let counter = counter(&host).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 3, 1, 2, 3], &[0; 4]] {
        let mut stream = dial(&host).await;
        stream.write_all(garbage).await.unwrap();
        closed(stream).await;
    }
    still_serves(&host, &counter).await;
}

#[actix_rt::test]
async fn a_length_of_four_gigabytes_is_refused_before_anything_is_allocated() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut stranger = dial(&host).await;
    stranger.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    closed(stranger).await;
    let mut peer = connected(&host, "peer-1:0").await;
    peer.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    closed(peer).await;
    let mut peer = connected(&host, "peer-1:0").await;
    peer.write_all(&(MAX_FRAME_LEN as u32 + 1).to_be_bytes()).await.unwrap();
    closed(peer).await;
    still_serves(&host, &counter).await;
}

#[actix_rt::test]
async fn half_a_frame_waits_for_the_rest_and_disturbs_nobody() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut peer = connected(&host, "peer-1:0").await;
    let ask = frame(Kind::Ask, "counter", "Sum", &[0x80]);
    peer.write_all(&ask[..ask.len() / 2]).await.unwrap();
    still_serves(&host, &counter).await;
    peer.write_all(&ask[ask.len() / 2..]).await.unwrap();
    let answer = read_frame(&mut peer).await.unwrap();
    assert_eq!(Envelope::decode(&answer).unwrap().kind, Kind::Reply);
    drop(peer); // in the middle of nothing
    let mut quitter = connected(&host, "peer-2:0").await;
    quitter.write_all(&ask[..7]).await.unwrap();
    drop(quitter); // in the middle of a frame
    still_serves(&host, &counter).await;
}

#[actix_rt::test]
async fn garbage_after_the_handshake_is_closed_and_unknown_names_are_not() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut peer = connected(&host, "peer-1:0").await;
    for (to, name) in [("nobody", "Sum"), ("counter", "Nope"), ("counter", "Add")] {
        peer.write_all(&frame(Kind::Ask, to, name, b"\xc1")).await.unwrap();
        let answer = read_frame(&mut peer).await.unwrap();
        assert_eq!(Envelope::decode(&answer).unwrap().kind, Kind::Error, "{to} {name}");
    }
    peer.write_all(&[0, 0, 0, 2, 0xc1, 0xc1]).await.unwrap();
    closed(peer).await;
    still_serves(&host, &counter).await;
}

#[actix_rt::test]
async fn a_body_that_is_nested_without_end_is_refused() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut peer = connected(&host, "peer-1:0").await;
    for open in [&[0x91][..], &[0x81, 0xa0]] {
        let mut body = b"\x81\xa7unknown".to_vec();
        body.extend(open.repeat(100_000));
        peer.write_all(&frame(Kind::Ask, "counter", "Sum", &body)).await.unwrap();
        let answer = read_frame(&mut peer).await.unwrap();
        let answer = Envelope::decode(&answer).unwrap();
        assert_eq!(answer.kind, Kind::Error);
        let failure: protocol::Failure = codec::decode(answer.body).unwrap();
        assert!(failure.message.contains("nested more than 128 deep"), "{failure}");
    }
    still_serves(&host, &counter).await;
}

/// Deepest values are read where they take the most stack: in code that is not optimised.
#[test]
fn the_deepest_body_that_is_read_takes_a_quarter_of_a_threads_stack() {
    let reader = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        for open in [&[0x91][..], &[0x81, 0xa0]] {
            let mut body = open.repeat(codec::MAX_DEPTH);
            body.push(0xc0);
            let value: serde_json::Value = codec::decode(&body).unwrap();
            assert_eq!(codec::encode(&value).unwrap(), body);
        }
    });
    reader.unwrap().join().unwrap();
}

#[actix_rt::test]
async fn a_wrong_cluster_or_version_is_told_why_and_closed() {
    let host = host().await;
    let mut stranger = dial(&host).await;
    stranger.write_all(&hello("other", "peer-1:0")).await.unwrap();
    let reject = read_frame(&mut stranger).await.unwrap();
    let envelope = Envelope::decode(&reject).unwrap();
    assert_eq!(envelope.kind, Kind::Reject);
    let failure: protocol::Failure = codec::decode(envelope.body).unwrap();
    assert!(failure.message.contains("cluster `test`"), "{failure}");
    closed(stranger).await;
}

#[actix_rt::test]
async fn a_handshake_that_never_ends_is_ended() {
    let host = host().await;
    let stranger = dial(&host).await;
    let start = Instant::now();
    closed(stranger).await;
    assert!(start.elapsed() < Duration::from_secs(8));
}

#[actix_rt::test]
async fn a_peer_that_asks_and_never_reads_is_disconnected_and_others_are_served_meanwhile() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut greedy = connected(&host, "greedy-1:0").await;
    // Descriptions are some kilobytes each; the queue of answers is bounded.
    let ask = frame(Kind::Ask, "counter", "Describe", &[0x80]).repeat(64);
    let flooding = actix_rt::spawn(async move {
        while greedy.write_all(&ask).await.is_ok() {}
        greedy
    });
    let friend = client().await;
    let mut worst = Duration::ZERO;
    while !flooding.is_finished() {
        let start = Instant::now();
        friend.ask(&counter, Add { n: 1 }, Duration::from_secs(20)).await.unwrap();
        worst = worst.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(worst < Duration::from_secs(5), "a friend waited {worst:?}");
}

#[actix_rt::test]
async fn a_flood_of_tells_from_one_peer_does_not_keep_others_from_their_answers() {
    let host = host().await;
    let flooded = host.spawn("flooded", SpawnOptions::default(), Counter::default).unwrap();
    let counter = counter(&host).await;
    let mut peer = connected(&host, "flood-1:0").await;
    let body = codec::encode(&Add { n: 1 }).unwrap();
    let tell = frame(Kind::Tell, "flooded", "Add", &body).repeat(256);
    let flooding = actix_rt::spawn(async move {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            peer.write_all(&tell).await.unwrap();
        }
    });
    let friend = client().await;
    let mut waits = Vec::new();
    while !flooding.is_finished() {
        let start = Instant::now();
        friend.ask(&counter, Sum {}, SOON).await.unwrap();
        waits.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waits.sort();
    let median = waits[waits.len() / 2];
    assert!(
        waits.len() > 10 && median < Duration::from_millis(200),
        "{median:?} of {}",
        waits.len()
    );
    assert!(host.ask(&flooded, Sum {}, SOON).await.unwrap() > 0);
}

#[actix_rt::test]
async fn a_thousand_idle_connections_cost_others_nothing_and_are_forgotten_when_they_end() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut idle = Vec::new();
    for n in 0..1000 {
        idle.push(connected(&host, &format!("idle-{n}:0")).await);
    }
    let friend = client().await;
    let start = Instant::now();
    for _ in 0..100 {
        friend.ask(&counter, Sum {}, SOON).await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(2), "100 asks took {:?}", start.elapsed());
    let list = || host.ask(&host.address_of("host"), protocol::runtime::ListConnections {}, SOON);
    assert_eq!(list().await.unwrap().connections.len(), 1001);
    drop(idle);
    eventually(list, |list| list.connections.len() == 1).await;
}

#[actix_rt::test]
async fn a_reply_to_an_ask_that_was_never_made_is_ignored() {
    let host = host().await;
    let counter = counter(&host).await;
    let mut peer = connected(&host, "peer-1:0").await;
    for kind in [Kind::Reply, Kind::Error, Kind::Exited, Kind::Unlink, Kind::Pong] {
        peer.write_all(&frame(kind, "counter", "", &[])).await.unwrap();
    }
    peer.write_all(&frame(Kind::Ask, "counter", "Sum", &[0x80])).await.unwrap();
    let answer = read_frame(&mut peer).await.unwrap();
    assert_eq!(Envelope::decode(&answer).unwrap().kind, Kind::Reply);
    still_serves(&host, &counter).await;
}
