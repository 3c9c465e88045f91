//! The actor on a real host: reports, readers that wait, the leadership.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::time::Duration;

use events::{KEPT, spawn};
use protocol::elector::{LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::events::{EventBatch, NextEvents, Report, types};
use protocol::id::Epoch;
use protocol::{Address, Failure, FailureKind};
use runtime::{Actor, Context, Handlers, Host, HostConfig, SpawnOptions};
use serde_json::json;

const SOON: Duration = Duration::from_secs(5);

async fn host() -> Host {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    Host::start(HostConfig { cluster: "test".into(), listen, advertise: None }).await.unwrap()
}

fn next(after: Option<u64>, types: &[&str], wait_ms: u64) -> NextEvents {
    let types = types.iter().map(ToString::to_string).collect();
    NextEvents { after, epoch: None, types, max: 0, wait_ms }
}

async fn report(host: &Host, kind: &str, n: u64) -> Result<(), Failure> {
    let report = Report { kind: kind.to_owned(), data: json!({ "n": n }) };
    host.ask(&host.address_of("events"), report, SOON).await
}

async fn read(host: &Host, ask: NextEvents) -> Result<EventBatch, Failure> {
    host.ask(&host.address_of("events"), ask, SOON).await
}

/// Plays `elector`: tells every subscriber that this host leads in epoch 7.
struct Elector;

impl Actor for Elector {
    const ABOUT: &'static str = "a leadership for a test";
    type Timer = ();

    fn install(_: &mut Handlers<Self>) {}

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        assert_eq!(topic, LEADER_TOPIC);
        let host = ctx.host().addr().clone();
        let leader = Leader { host, http: "127.0.0.1:5050".into(), epoch: Epoch(7) };
        let leadership = Leadership { leader: Some(leader), leading: true };
        ctx.tell(subscriber, LeaderChanged { leadership });
    }
}

#[actix_rt::test]
async fn a_reader_that_waits_is_answered_by_the_next_event_of_its_types() {
    let host = host().await;
    spawn(&host).unwrap();
    report(&host, types::AGENT_ADDED, 1).await.unwrap();
    let waiting =
        host.ask(&host.address_of("events"), next(Some(1), &[types::TASK_UPDATED], 4000), SOON);
    let reports = async {
        report(&host, types::OFFER_SENT, 2).await.unwrap();
        report(&host, types::TASK_UPDATED, 3).await.unwrap();
    };
    let (batch, ()) = tokio::join!(waiting, reports);
    let batch = batch.unwrap();
    assert_eq!((batch.events[0].seq, batch.next, batch.missed), (3, 3, 0));
    assert_eq!(batch.events[0].data, json!({ "n": 3 }));
}

#[actix_rt::test]
async fn without_a_position_a_reader_starts_now_and_without_patience_it_gets_nothing() {
    let host = host().await;
    spawn(&host).unwrap();
    report(&host, types::AGENT_ADDED, 1).await.unwrap();
    let batch = read(&host, next(None, &[], 0)).await.unwrap();
    assert_eq!((batch.events.len(), batch.next), (0, 1));
    let batch = read(&host, next(None, &[], 50)).await.unwrap();
    assert_eq!((batch.events.len(), batch.next), (0, 1));
    assert_eq!(read(&host, next(Some(0), &[], 0)).await.unwrap().events.len(), 1);
}

#[actix_rt::test]
async fn what_is_gone_is_counted_and_what_was_never_there_is_refused() {
    let host = host().await;
    let events = spawn(&host).unwrap();
    for n in 0..KEPT as u64 + 5 {
        host.tell(&events, Report { kind: types::OFFER_SENT.into(), data: json!(n) });
    }
    let batch = read(&host, next(Some(2), &[types::TASK_ADDED], 1000)).await.unwrap();
    assert_eq!((batch.events.len(), batch.missed, batch.next), (0, 3, KEPT as u64 + 5));
    let failure = read(&host, next(Some(1_000_000), &[], 0)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert_eq!(read(&host, next(None, &["x"], 0)).await.unwrap_err().kind, FailureKind::Refused);
    assert!(report(&host, "x", 1).await.unwrap_err().message.contains("task_updated"));
}

#[actix_rt::test]
async fn events_carry_the_epoch_of_an_elector_that_may_start_later() {
    let host = host().await;
    spawn(&host).unwrap();
    report(&host, types::AGENT_ADDED, 1).await.unwrap();
    host.spawn("elector", SpawnOptions::default(), || Elector).unwrap();
    let batch = read(&host, next(Some(1), &[], 4000)).await.unwrap();
    assert_eq!(batch.events[0].kind, types::LEADER_CHANGED);
    assert_eq!((batch.events[0].epoch, &batch.events[0].data["leading"]), (Epoch(7), &json!(true)));
    report(&host, types::AGENT_ADDED, 2).await.unwrap();
    assert_eq!(read(&host, next(Some(2), &[], 0)).await.unwrap().events[0].epoch, Epoch(7));
}
