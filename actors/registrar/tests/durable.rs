//! The registrar on a real store file.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::Duration;

use common::EtcdServer;
use nix::sys::signal::Signal;
use protocol::elector::{Leader, LeaderChanged, Leadership};
use protocol::framework::FrameworkInfo;
use protocol::metrics::GetMetrics;
use protocol::registrar::{ApplyOperations, FrameworkRecord, GetRegistry, RegistryOperation};
use protocol::{Address, Epoch, FailureKind, Time};
use registrar::Registrar;
use runtime::{Actor, Context, Handlers, Host, HostConfig, SpawnOptions};
use store::{Store, StoreConfig, Term};

const SOON: Duration = Duration::from_secs(5);

/// Says that this host leads under a fixed epoch.
struct Elected(Epoch);

impl Actor for Elected {
    const ABOUT: &'static str = "a fixed leadership";
    type Timer = ();

    fn install(_: &mut Handlers<Self>) {}

    fn subscribed(&mut self, _: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        let host = ctx.host().addr().clone();
        let leader = Some(Leader { host, http: "h:1".into(), epoch: self.0 });
        ctx.tell(subscriber, LeaderChanged { leadership: Leadership { leader, leading: true } });
    }
}

async fn lead(store: &Arc<dyn Store>) -> (Host, Address, Term) {
    let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
    let host = Host::start(config).await.unwrap();
    let term = store.campaign(b"me".to_vec()).await.unwrap();
    let (epoch, held) = (term.epoch(), Arc::clone(store));
    host.spawn("elector", SpawnOptions::default(), move || Elected(epoch)).unwrap();
    let factory = move || Registrar::new(Arc::clone(&held));
    let registrar = host.spawn(registrar::NAME, SpawnOptions::default(), factory).unwrap();
    (host, registrar, term)
}

fn framework(n: u64) -> RegistryOperation {
    let info = FrameworkInfo::new("root", format!("framework {n}"));
    let record = FrameworkRecord { info, registered: Time(n), removed: None };
    RegistryOperation::PutFramework { framework_id: format!("f{n}").into(), record }
}

async fn loaded(host: &Host, registrar: &Address) -> protocol::registrar::RegistrySnapshot {
    for _ in 0..200 {
        if let Ok(found) = host.ask(registrar, GetRegistry {}, SOON).await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the registry was never loaded");
}

#[actix_rt::test]
async fn what_was_answered_is_there_in_the_next_term_and_the_old_epoch_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::Embedded { path: folder.path().join("registry") };
    let store = store::open(&config, "test", "master").unwrap();
    let (host, registrar, term) = lead(&store).await;
    loaded(&host, &registrar).await;
    let asks = (0..50).map(|n| {
        let request = ApplyOperations { epoch: term.epoch(), operations: vec![framework(n)] };
        host.ask(&registrar, request, SOON)
    });
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer, Ok(()));
    }
    let metrics = host.ask(&registrar, GetMetrics {}, SOON).await.unwrap().values;
    assert_eq!(metrics["registrar/queued_operations"], 0.0);
    assert!(metrics["registrar/registry_size_bytes"] > 50.0 * 20.0, "{metrics:?}");
    assert_eq!(metrics["registrar/state_fetch_ms/count"], 1.0);
    assert!(metrics["registrar/state_store_ms"] > 0.0, "{metrics:?}");
    let old = term.epoch();
    term.resign().await;
    let late = ApplyOperations { epoch: old, operations: vec![framework(99)] };
    let refused = host.ask(&registrar, late, SOON).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotLeader, "{refused}");
    host.shutdown().await;

    let (host, registrar, term) = lead(&store).await;
    let found = loaded(&host, &registrar).await;
    assert!(found.epoch == term.epoch() && found.epoch > old);
    assert_eq!(found.registry.frameworks.len(), 50);
}

#[actix_rt::test]
async fn after_a_write_of_unknown_outcome_the_registry_is_read_anew() {
    let etcd = EtcdServer::start().await;
    // Longer than the silence: the term goes on.
    let ttl = Duration::from_secs(60);
    let config = StoreConfig::Etcd { endpoints: vec![etcd.endpoint().to_owned()], ttl };
    let store = store::open(&config, "test", "master").unwrap();
    let (host, registrar, term) = lead(&store).await;
    loaded(&host, &registrar).await;
    let apply = |n| ApplyOperations { epoch: term.epoch(), operations: vec![framework(n)] };
    host.ask(&registrar, apply(1), SOON).await.unwrap();

    etcd.signal(Signal::SIGSTOP);
    let unknown = host.ask(&registrar, apply(2), 3 * SOON).await.unwrap_err();
    assert_eq!(unknown.kind, FailureKind::ActorDied, "{unknown}");
    etcd.signal(Signal::SIGCONT);

    let stored = store.load("frameworks/").await.unwrap();
    let found = loaded(&host, &registrar).await;
    assert_eq!(found.epoch, term.epoch());
    assert_eq!(found.registry.frameworks.len(), stored.len());
    host.ask(&registrar, apply(2), SOON).await.unwrap();
    assert_eq!(loaded(&host, &registrar).await.registry.frameworks.len(), 2);
}
