//! What is promised between actors of one host.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod common;

use common::*;
use protocol::runtime::{Describe, ExitReason, Inspect, Stats, Subscribe};
use protocol::{FailureKind, Incarnation};
use runtime::{Overflow, Placement, Restart, SpawnOptions};

#[actix_rt::test]
async fn messages_are_handled_in_the_order_they_were_sent() {
    let host = host().await;
    for (name, placement) in [("shared", Placement::Shared), ("own", Placement::Own)] {
        let options = SpawnOptions { placement, ..SpawnOptions::default() };
        let counter = host.spawn(name, options, Counter::default).unwrap();
        for n in 1..=100 {
            host.tell(&counter, Add { n });
        }
        assert_eq!(host.ask(&counter, Sum {}, SOON).await, Ok(5050));
    }
}

#[actix_rt::test]
async fn every_way_to_fail_is_told_apart() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let nobody = host.ask(&host.address_of("nobody"), Sum {}, SOON).await.unwrap_err();
    assert_eq!(nobody.kind, FailureKind::NoSuchActor);
    assert!(nobody.message.contains("counter"), "{nobody}");
    let unknown = host.ask_raw(&counter, "Subtract", &[0x80], SOON, 0).await.unwrap_err();
    assert_eq!(unknown.kind, FailureKind::UnknownMessage);
    assert!(unknown.message.contains("Add"), "{unknown}");
    let missing = host.ask_raw(&counter, "Add", &[0x80], SOON, 0).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::BadMessage);
    assert!(missing.message.contains("missing field `n`"), "{missing}");
    let never = host.ask(&counter, Never {}, std::time::Duration::from_millis(20)).await;
    assert_eq!(never.unwrap_err().kind, FailureKind::Timeout);
    let died = host.ask(&counter, Panic {}, SOON).await.unwrap_err();
    assert_eq!(died.kind, FailureKind::ActorDied);
    assert!(host.spawn("counter", SpawnOptions::default(), Counter::default).is_err());
}

#[actix_rt::test]
async fn a_full_mailbox_refuses_asks_and_drops_tells_by_its_policy() {
    let host = host().await;
    for (overflow, sum) in [(Overflow::DropNewest, 1 + 2), (Overflow::DropOldest, 4 + 5)] {
        let options = SpawnOptions { capacity: 2, overflow, ..SpawnOptions::default() };
        let name = format!("{overflow:?}");
        let counter = host.spawn(&name, options, Counter::default).unwrap();
        let blocked = host.ask(&counter, Slow { ms: 100 }, SOON);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        for n in 1..=5 {
            host.tell(&counter, Add { n });
        }
        let refused = host.ask(&counter, Sum {}, SOON).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Overloaded);
        blocked.await.unwrap();
        assert_eq!(host.ask(&counter, Sum {}, SOON).await, Ok(sum), "{name}");
    }
}

#[actix_rt::test]
async fn a_panic_restarts_the_actor_at_its_address_and_linkers_hear_of_it() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let watcher = host.spawn("watcher", SpawnOptions::default(), Counter::default).unwrap();
    host.ask(&watcher, Watch { target: counter.clone() }, SOON).await.unwrap();
    host.tell(&counter, Add { n: 7 });
    host.ask(&counter, Panic {}, SOON).await.unwrap_err();
    assert_eq!(host.ask(&counter, Sum {}, SOON).await, Ok(0), "a new incarnation starts anew");
    let stats = host.ask(&counter, Stats {}, SOON).await.unwrap();
    assert_eq!(stats.incarnation, Incarnation(2));
    let heard = eventually(|| host.ask(&watcher, Heard {}, SOON), |h| !h.is_empty()).await;
    assert_eq!(heard[0].reason, ExitReason::Panicked { restarted_as: Some(Incarnation(2)) });
}

#[actix_rt::test]
async fn an_actor_that_keeps_failing_ends_and_the_host_says_so() {
    let host = host().await;
    let restart = Restart::UpTo { times: 1, within: SOON };
    let options = SpawnOptions { restart, ..SpawnOptions::default() };
    let counter = host.spawn("counter", options, Counter::default).unwrap();
    for _ in 0..2 {
        host.ask(&counter, Panic {}, SOON).await.unwrap_err();
    }
    assert!(host.fatal().await.contains("counter@"));
    let gone = host.ask(&counter, Sum {}, SOON).await.unwrap_err();
    assert_eq!(gone.kind, FailureKind::NoSuchActor);
}

#[actix_rt::test]
async fn links_tell_of_a_stop_and_of_actors_that_never_were() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::own(), Counter::default).unwrap();
    let watcher = host.spawn("watcher", SpawnOptions::default(), Counter::default).unwrap();
    for target in [counter.clone(), host.address_of("nobody")] {
        host.ask(&watcher, Watch { target }, SOON).await.unwrap();
    }
    host.stop_actor("counter").await;
    let heard = eventually(|| host.ask(&watcher, Heard {}, SOON), |h| h.len() == 2).await;
    assert_eq!(heard[0].reason, ExitReason::NoSuchActor);
    assert_eq!((&heard[1].actor, &heard[1].reason), (&counter, &ExitReason::Stopped));
}

#[actix_rt::test]
async fn a_forwarded_ask_keeps_its_sender_and_is_answered_to_it() {
    let host = host().await;
    let first = host.spawn("first", SpawnOptions::default(), Counter::default).unwrap();
    let second = host.spawn("second", SpawnOptions::default(), Counter::default).unwrap();
    let sender = host.ask(&first, PassOn { to: second }, SOON).await.unwrap();
    assert_eq!(sender, host.address_of("host").to_string());
}

#[actix_rt::test]
async fn subscribers_get_the_present_value_and_what_is_published_until_they_end() {
    let host = host().await;
    let source = host.spawn("source", SpawnOptions::default(), Counter::default).unwrap();
    let reader = host.spawn("reader", SpawnOptions::default(), Counter::default).unwrap();
    let subscribe = Subscribe { topic: "numbers".into(), subscriber: Some(reader.clone()) };
    host.ask(&source, subscribe, SOON).await.unwrap();
    host.ask(&source, Announce { n: 5 }, SOON).await.unwrap();
    eventually(|| host.ask(&reader, Sum {}, SOON), |sum| *sum == 1005).await;
    host.ask(&source, Panic {}, SOON).await.unwrap_err();
    eventually(|| host.ask(&reader, Sum {}, SOON), |sum| *sum == 2005).await;
    host.stop_actor("reader").await;
    host.ask(&source, Announce { n: 5 }, SOON).await.unwrap();
}

#[actix_rt::test]
async fn waiting_holds_messages_back_and_they_do_not_interleave() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let slow = host.ask(&counter, Slow { ms: 30 }, SOON);
    host.tell(&counter, Add { n: 1 });
    assert_eq!(slow.await, Ok(0), "what came later was handled later");
    assert_eq!(host.ask(&counter, Sum {}, SOON).await, Ok(1));
}

#[actix_rt::test]
async fn every_actor_describes_itself_and_shows_its_state() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let description = host.ask(&counter, Describe {}, SOON).await.unwrap();
    let add = description.messages.iter().find(|m| m.name == "Add").unwrap();
    assert_eq!(add.body["required"], serde_json::json!(["n"]));
    let inspection = host.ask(&counter, Inspect {}, SOON).await.unwrap();
    assert_eq!(inspection.state, serde_json::json!({ "sum": 0 }));
}

#[actix_rt::test]
async fn an_idle_actor_answers_while_its_neighbour_on_the_thread_is_flooded() {
    let host = host().await;
    let options = SpawnOptions { capacity: 1 << 20, ..SpawnOptions::default() };
    let flooded = host.spawn("flooded", options, Counter::default).unwrap();
    let idle = host.spawn("idle", SpawnOptions::default(), Counter::default).unwrap();
    for n in 0..500_000 {
        host.tell(&flooded, Add { n });
    }
    host.ask(&idle, Sum {}, SOON).await.unwrap();
    let stats = host.ask(&host.address_of("host"), protocol::runtime::ListActors {}, SOON).await;
    let depth = stats.unwrap().actors.iter().map(|a| a.mailbox_depth).max().unwrap();
    assert!(depth > 400_000, "the flood was still going on when the idle actor answered: {depth}");
}

#[actix_rt::test]
async fn a_test_can_wait_for_a_message_and_drop_one() {
    let host = host().await;
    let counter = host.spawn("counter", SpawnOptions::default(), Counter::default).unwrap();
    let probe = host.probe();
    let dropped = probe.drop_message::<Add>("counter");
    let seen = probe.expect_message::<Add>("counter");
    host.tell(&counter, Add { n: 1 });
    host.tell(&counter, Add { n: 2 });
    assert_eq!((dropped.await, seen.await), (Add { n: 1 }, Add { n: 2 }));
    probe.settle().await;
    assert_eq!(host.ask(&counter, Sum {}, SOON).await, Ok(2));
}

#[actix_rt::test]
async fn a_follower_finds_a_publisher_that_comes_late_and_one_that_comes_back() {
    let host = host().await;
    let follower = host.spawn("follower", SpawnOptions::default(), Counter::default).unwrap();
    let source = host.address_of("source");
    host.ask(&follower, Follow { publisher: source.clone() }, SOON).await.unwrap();
    for times in 1..=2 {
        host.spawn("source", SpawnOptions::default(), Counter::default).unwrap();
        eventually(|| host.ask(&follower, Sum {}, SOON), |sum| *sum == 1000 * times).await;
        host.ask(&source, Announce { n: 0 }, SOON).await.unwrap();
        host.stop_actor("source").await;
    }
}
