//! Electors over real stores: who leads, who follows, how fast leadership moves.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::EtcdServer;
use elector::Candidate;
use nix::sys::signal::Signal;
use protocol::elector::{GetLeader, LEADER_TOPIC, LeaderChanged, Leadership, Resign};
use protocol::runtime::Subscribe;
use protocol::{Address, FailureKind};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use store::{Store, StoreConfig};

const SOON: Duration = Duration::from_secs(20);

/// Remembers what it is told, and when.
struct Follower {
    of: Address,
    heard: Arc<Mutex<Vec<(Instant, Leadership)>>>,
}

impl Actor for Follower {
    const ABOUT: &'static str = "what it was told";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<LeaderChanged>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let subscribe = Subscribe { topic: LEADER_TOPIC.to_owned(), subscriber: None };
        let of = self.of.clone();
        ctx.tell(&of, subscribe);
    }
}

impl Handler<LeaderChanged> for Follower {
    fn handle(&mut self, message: LeaderChanged, _: &mut Context<Self>) -> Outcome<()> {
        self.heard.lock().unwrap().push((Instant::now(), message.leadership));
        Outcome::Reply(())
    }
}

/// A host with an elector and somebody who follows it.
struct Master {
    host: Host,
    elector: Address,
    heard: Arc<Mutex<Vec<(Instant, Leadership)>>>,
}

impl Master {
    async fn start(store: Arc<dyn Store>) -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        let candidate = Candidate { host: host.addr().clone(), http: "127.0.0.1:1".into() };
        let elector = elector::spawn(&host, store, candidate).unwrap();
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let (of, log) = (elector.clone(), Arc::clone(&heard));
        let follower = move || Follower { of: of.clone(), heard: Arc::clone(&log) };
        host.spawn("follower", SpawnOptions::default(), follower).unwrap();
        Self { host, elector, heard }
    }

    async fn leadership(&self) -> Leadership {
        self.host.ask(&self.elector, GetLeader {}, SOON).await.unwrap()
    }

    async fn resign(&self) {
        self.host.ask(&self.elector, Resign {}, SOON).await.unwrap();
    }

    /// Waits until the follower has heard something like this; since when.
    async fn hears(&self, like: impl Fn(&Leadership) -> bool) -> Instant {
        let begun = Instant::now();
        loop {
            let heard = self.heard.lock().unwrap().clone();
            match heard.last() {
                Some((at, leadership)) if like(leadership) => return *at,
                _ if begun.elapsed() > SOON => panic!("never heard it, but {heard:?}"),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    fn leads(&self) -> impl Fn(&Leadership) -> bool {
        let host = self.host.addr().clone();
        move |heard| heard.leader.as_ref().is_some_and(|leader| leader.host == host)
    }
}

#[actix_rt::test]
async fn a_single_master_leads_and_tells_who_subscribes() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::Embedded { path: folder.path().join("registry") };
    let master = Master::start(store::open(&config, "test", "master").unwrap()).await;
    master.hears(|heard| heard.leading).await;
    let leadership = master.leadership().await;
    assert!(leadership.leading);
    assert_eq!(leadership.leader.unwrap().epoch.0, 1);
    let late = Arc::<Mutex<Vec<_>>>::default();
    let (of, log) = (master.elector.clone(), Arc::clone(&late));
    let follower = move || Follower { of: of.clone(), heard: Arc::clone(&log) };
    master.host.spawn("late", SpawnOptions::default(), follower).unwrap();
    let late = Master { heard: late, ..master };
    late.hears(|heard| heard.leading).await;
    assert_eq!(late.heard.lock().unwrap().len(), 1);
}

#[actix_rt::test]
async fn leadership_is_handed_over_in_well_under_a_second() {
    let etcd = EtcdServer::start().await;
    let first = Master::start(etcd.store("test", "master")).await;
    first.hears(|heard| heard.leading).await;
    let second = Master::start(etcd.store("test", "master")).await;
    second.hears(first.leads()).await;
    assert!(!second.leadership().await.leading);

    let begun = Instant::now();
    first.resign().await;
    let stopped = first.hears(|heard| !heard.leading).await;
    let took_over = second.hears(|heard| heard.leading).await;
    assert!(stopped < took_over, "two leaders");
    assert!(took_over - begun < Duration::from_millis(900), "took {:?}", took_over - begun);
    first.hears(second.leads()).await;
}

#[actix_rt::test]
async fn a_standby_that_resigns_is_not_elected() {
    let etcd = EtcdServer::start().await;
    let first = Master::start(etcd.store("test", "master")).await;
    first.hears(|heard| heard.leading).await;
    let second = Master::start(etcd.store("test", "master")).await;
    second.hears(first.leads()).await;
    second.resign().await;
    first.resign().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!second.leadership().await.leading);
}

#[actix_rt::test]
async fn a_leader_without_etcd_says_so_before_its_lease_expires_and_leads_again_after() {
    let etcd = EtcdServer::start().await;
    let master = Master::start(etcd.store("test", "master")).await;
    master.hears(|heard| heard.leading).await;
    let before = master.leadership().await.leader.unwrap().epoch;
    etcd.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let stopped = master.hears(|heard| !heard.leading).await;
    assert!(stopped - begun < Duration::from_secs(3), "took {:?}", stopped - begun);
    etcd.signal(Signal::SIGCONT);
    master.hears(|heard| heard.leading).await;
    assert!(master.leadership().await.leader.unwrap().epoch > before);
}

#[actix_rt::test]
async fn leadership_moves_within_ttl_and_a_second_when_the_leader_vanishes() {
    let etcd = EtcdServer::start().await;
    let store = etcd.store("test", "master");
    // A leader that never renews and is never heard of again: its term is forgotten with its
    // store's thread, as by `kill -9`.
    let term = store.campaign(b"vanishes".to_vec()).await.unwrap();
    let second = Master::start(etcd.store("test", "master")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    drop(store);
    let elected = second.hears(|heard| heard.leading).await;
    assert!(elected - begun < Duration::from_secs(4), "took {:?}", elected - begun);
    drop(term);
}

#[actix_rt::test]
async fn what_is_no_message_of_an_elector_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::Embedded { path: folder.path().join("registry") };
    let master = Master::start(store::open(&config, "test", "master").unwrap()).await;
    let changed = LeaderChanged { leadership: Leadership { leader: None, leading: true } };
    let failure = master.host.ask(&master.elector, changed, SOON).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownMessage);
}
