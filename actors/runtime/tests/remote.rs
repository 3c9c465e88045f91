//! What is promised between actors of different hosts.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod common;

use std::time::Duration;

use common::*;
use protocol::runtime::{ConnectionList, ExitReason, ListConnections};
use protocol::{Address, FailureKind, HostAddr};
use runtime::{Host, HostConfig, SpawnOptions};

async fn connections(host: &Host) -> ConnectionList {
    host.ask(&host.address_of("host"), ListConnections {}, SOON).await.unwrap()
}

#[actix_rt::test]
async fn the_same_calls_work_across_tcp_in_order_and_over_one_connection() {
    let (here, there) = (host().await, host().await);
    let counter = there.spawn("counter", SpawnOptions::own(), Counter::default).unwrap();
    for n in 1..=1000 {
        here.tell(&counter, Add { n });
    }
    assert_eq!(here.ask(&counter, Sum {}, SOON).await, Ok(500_500));
    let back = here.spawn("back", SpawnOptions::default(), Counter::default).unwrap();
    assert_eq!(there.ask(&back, Sum {}, SOON).await, Ok(0));
    assert_eq!(connections(&here).await.connections.len(), 1);
    assert_eq!(connections(&there).await.connections.len(), 1);
}

#[actix_rt::test]
async fn a_host_that_does_not_listen_is_answered_over_its_own_connection() {
    let (client, server) = (client().await, host().await);
    let counter = server.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let own = client.spawn("own", SpawnOptions::default(), Counter::default).unwrap();
    assert_eq!(client.ask(&counter, WhoAsks {}, SOON).await, Ok(format!("host@{}", client.addr())));
    assert_eq!(server.ask(&own, Sum {}, SOON).await, Ok(0), "the server reaches it back");
    client.shutdown().await;
    let gone =
        eventually(|| async { Ok(server.ask(&own, Sum {}, SOON).await) }, |answer| answer.is_err());
    assert_eq!(gone.await.unwrap_err().kind, FailureKind::LinkDown);
}

#[actix_rt::test]
async fn failures_of_another_host_come_back_as_they_are() {
    let (here, there) = (host().await, host().await);
    let counter = there.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let failures = [
        (here.ask(&there.address_of("nobody"), Sum {}, SOON).await.err(), FailureKind::NoSuchActor),
        (here.ask(&counter, Panic {}, SOON).await.err(), FailureKind::ActorDied),
        (here.ask_raw(&counter, "Nope", &[0x80], SOON, 0).await.err(), FailureKind::UnknownMessage),
        (here.ask_raw(&counter, "Add", &[0xc1], SOON, 0).await.err(), FailureKind::BadMessage),
    ];
    for (failure, kind) in failures {
        assert_eq!(failure.unwrap().kind, kind);
    }
}

#[actix_rt::test]
async fn a_dead_host_is_reported_and_found_again_when_it_is_back() {
    let here = host().await;
    let there = host().await;
    let at = there.addr().clone();
    let counter = there.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let watcher = here.spawn("watcher", SpawnOptions::default(), Counter::default).unwrap();
    here.ask(&watcher, Watch { target: counter.clone() }, SOON).await.unwrap();
    assert_eq!(here.ask(&counter, Sum {}, SOON).await, Ok(0));
    there.shutdown().await;
    drop(there);
    let heard = eventually(|| here.ask(&watcher, Heard {}, SOON), |h| !h.is_empty()).await;
    assert_eq!(heard[0].actor, counter);
    let down = here.ask(&counter, Sum {}, SOON).await.unwrap_err();
    assert!(matches!(down.kind, FailureKind::LinkDown | FailureKind::NoSuchActor), "{down}");
    let listen = Some(at.as_str().parse().unwrap());
    let again = HostConfig { cluster: "test".into(), listen, advertise: None };
    let there = Host::start(again).await.unwrap();
    there.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    eventually(|| here.ask(&counter, Sum {}, SOON), |sum| *sum == 0).await;
}

#[actix_rt::test]
async fn a_broken_connection_fails_asks_and_links_at_once() {
    let (here, there) = (host().await, host().await);
    let counter = there.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let watcher = here.spawn("watcher", SpawnOptions::default(), Counter::default).unwrap();
    here.ask(&watcher, Watch { target: counter.clone() }, SOON).await.unwrap();
    let asked = here.ask(&counter, Slow { ms: 60_000 }, Duration::from_secs(60));
    here.ask(&counter, WhoAsks {}, Duration::from_millis(50)).await.unwrap_err();
    let closing = there.shutdown();
    let (failed, ()) = futures_util::future::join(asked, closing).await;
    assert!(matches!(failed.unwrap_err().kind, FailureKind::LinkDown | FailureKind::ActorDied));
    let heard = eventually(|| here.ask(&watcher, Heard {}, SOON), |h| !h.is_empty()).await;
    assert!(matches!(heard[0].reason, ExitReason::Unreachable | ExitReason::Stopped));
}

#[actix_rt::test]
async fn links_hear_of_remote_stops_and_of_hosts_that_cannot_be_reached() {
    let (here, there) = (host().await, host().await);
    let counter = there.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let watcher = here.spawn("watcher", SpawnOptions::default(), Counter::default).unwrap();
    let dead: Address = "counter@127.0.0.1:1".parse().unwrap();
    for target in [counter, there.address_of("nobody"), dead] {
        here.ask(&watcher, Watch { target }, SOON).await.unwrap();
    }
    here.ask(&there.address_of("counter"), Sum {}, SOON).await.unwrap();
    there.stop_actor("counter").await;
    let heard = eventually(|| here.ask(&watcher, Heard {}, SOON), |h| h.len() == 3).await;
    for reason in [ExitReason::Stopped, ExitReason::NoSuchActor, ExitReason::Unreachable] {
        assert!(heard.iter().any(|e| e.reason == reason), "{reason:?} in {heard:?}");
    }
}

#[actix_rt::test]
async fn a_forward_to_another_host_is_answered_to_the_first_asker() {
    let (here, there) = (host().await, host().await);
    let first = here.spawn("first", SpawnOptions::default(), Counter::default).unwrap();
    let second = there.spawn("second", SpawnOptions::default(), Counter::default).unwrap();
    let asker = client().await;
    let sender = asker.ask(&first, PassOn { to: second }, SOON).await.unwrap();
    assert_eq!(sender, format!("host@{}", asker.addr()));
}

#[actix_rt::test]
async fn hosts_that_dial_each_other_at_once_end_up_with_one_connection() {
    for _ in 0..20 {
        let (a, b) = (host().await, host().await);
        for host in [&a, &b] {
            host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
        }
        let (to_b, to_a) = (b.address_of("counter"), a.address_of("counter"));
        let both =
            futures_util::future::join(a.ask(&to_b, Sum {}, SOON), b.ask(&to_a, Sum {}, SOON));
        assert_eq!(both.await, (Ok(0), Ok(0)));
        assert_eq!(connections(&a).await.connections.len(), 1);
        assert_eq!(connections(&b).await.connections.len(), 1);
        a.shutdown().await;
        b.shutdown().await;
    }
}

#[actix_rt::test]
async fn another_cluster_is_refused_with_the_reason() {
    let server = host().await;
    let other = HostConfig { cluster: "other".into(), listen: None, advertise: None };
    let stranger = Host::start(other).await.unwrap();
    let refused = stranger.ask(&server.address_of("host"), Sum {}, SOON).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Unwelcome);
    assert!(refused.message.contains("belongs to cluster `test`"), "{refused}");
}

#[actix_rt::test]
async fn a_trace_follows_what_it_set_off() {
    let (here, there) = (host().await, host().await);
    let first = there.spawn("first", SpawnOptions::default(), Counter::default).unwrap();
    let second = there.spawn("second", SpawnOptions::default(), Counter::default).unwrap();
    let body = protocol::codec::encode(&PassOn { to: second }).unwrap();
    here.ask_raw(&first, "PassOn", &body, SOON, 42).await.unwrap();
    let get = protocol::runtime::GetTrace { trace: 42 };
    let trace = here.ask(&there.address_of("host"), get, SOON).await.unwrap();
    let names: Vec<_> = trace.entries.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["PassOn", "WhoAsks"]);
}

#[test]
fn an_address_that_nobody_listens_on_cannot_be_dialled() {
    assert!(!HostAddr::parse("client-1:0").unwrap().is_dialable());
}
