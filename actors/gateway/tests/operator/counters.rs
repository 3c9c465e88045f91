//! What agents, the registrar and the allocator count, before all of a master as it is, with a store.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use agents::Agents;
use frameworks::{Config, Frameworks};
use gateway::{Gateway, MasterEdge};
use protocol::agent::Ping;
use protocol::agents::{RegisterAgent, UnregisterAgent};
use protocol::elector::{Leader, Leadership};
use protocol::{AgentId, Incarnation};
use registrar::Registrar;
use reqwest::Method;
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use serde_json::{Value, json};
use store::{Store, StoreConfig};

use crate::settings::Master;
use crate::support::{Elector, SOON, client};

struct Whole {
    host: Host,
    gateway: Gateway,
    http: reqwest::Client,
    _store: (tempfile::TempDir, store::Term),
}

/// An agent that never answers a ping.
struct Silent;

impl Actor for Silent {
    const ABOUT: &'static str = "an agent for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Ping>();
    }
}

impl Handler<Ping> for Silent {
    fn handle(&mut self, _: Ping, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Whole {
    async fn start() -> Self {
        Self::patient(agents::Config::default()).await
    }

    /// Leads, and waits so long for agents that do not answer.
    async fn patient(patience: agents::Config) -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        events::spawn(&host).unwrap();
        allocator::spawn(&host, allocator::Options::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Embedded { path: folder.path().join("registry") };
        let store: Arc<dyn Store> = store::open(&store, "test", "master").unwrap();
        let term = store.campaign(b"me".to_vec()).await.unwrap();
        let registrar = move || Registrar::new(Arc::clone(&store));
        host.spawn("registrar", SpawnOptions::default(), registrar).unwrap();
        let manager = || Frameworks::new(&Config::default());
        host.spawn("frameworks", Frameworks::spawn_options(), manager).unwrap();
        host.spawn("agents", Agents::spawn_options(), move || Agents::new(&patience)).unwrap();
        host.spawn("agent", SpawnOptions::default(), || Silent).unwrap();
        let http = "127.0.0.1:5050".to_owned();
        let leader = Leader { host: host.addr().clone(), http, epoch: term.epoch() };
        let leads = Leadership { leader: Some(leader), leading: true };
        host.spawn("elector", SpawnOptions::default(), move || Elector::new(&leads)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Gateway::start(&host, listener, MasterEdge).unwrap();
        Self { host, gateway, http: client(), _store: (folder, term) }
    }

    async fn snapshot(&self) -> Value {
        let url = format!("http://{}/metrics/snapshot", self.gateway.address());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until it is counted so often.
    async fn until(&self, name: &str, times: f64) -> Value {
        let counted = async {
            loop {
                let metrics = self.snapshot().await;
                if metrics[name] == times {
                    return metrics;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let counted = tokio::time::timeout(SOON, counted).await;
        counted.unwrap_or_else(|_| panic!("{name} is never {times}"))
    }

    /// Registers this life of the agent of this host, as soon as that is possible.
    async fn register(&self, agent_id: Option<&AgentId>, life: u64, attempt: u64) -> AgentId {
        let mut info = Master::agent();
        info.host = self.host.addr().clone();
        let message = RegisterAgent {
            agent_id: agent_id.cloned(),
            incarnation: Incarnation(life),
            attempt,
            info,
            tasks: vec![],
            frameworks: vec![],
            executors: vec![],
            operations: vec![],
        };
        let agents = self.host.address_of("agents");
        let registered = async {
            loop {
                if let Ok(registered) = self.host.ask(&agents, message.clone(), SOON).await {
                    return registered.agent_id;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, registered).await.expect("the agent is registered")
    }

    async fn call(&self, call: Value) -> u16 {
        let url = format!("http://{}/api/v1", self.gateway.address());
        let request =
            self.http.request(Method::POST, url).header("Content-Type", "application/json");
        request.body(call.to_string()).send().await.unwrap().status().as_u16()
    }
}

#[track_caller]
fn expect(metrics: &Value, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        assert_eq!(metrics[*name], *value, "{name}");
    }
}

#[actix_rt::test]
async fn agents_are_counted_as_they_come_and_go() {
    let master = Whole::start().await;
    let id = master.register(None, 1, 1).await;
    master.register(Some(&id), 1, 2).await;
    let metrics = master.until("master/slave_registrations", 1.0).await;
    expect(&metrics, &[("master/slave_reregistrations", 1.0), ("master/slaves_active", 1.0)]);
    let part = json!({ "agent_id": { "value": id.as_str() } });
    let gone = json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": part });
    assert_eq!(master.call(gone).await, 200);
    master.until("master/slave_removals", 1.0).await;
    let next = master.register(None, 2, 1).await;
    let leave = UnregisterAgent { agent_id: next, incarnation: Incarnation(2) };
    master.host.ask(&master.host.address_of("agents"), leave, SOON).await.unwrap();
    let metrics = master.until("master/slave_removals/reason_unregistered", 1.0).await;
    let expected = [
        ("master/slave_removals", 2.0),
        ("master/slave_registrations", 2.0),
        ("master/slave_reregistrations", 1.0),
        ("master/messages_unregister_slave", 1.0),
        ("master/recovery_slave_removals", 0.0),
    ];
    expect(&metrics, &expected);
    assert!(metrics["master/messages_reregister_slave"].as_f64() >= Some(1.0));
    assert!(metrics["master/messages_register_slave"].as_f64() >= Some(2.0));
}

#[actix_rt::test]
async fn an_agent_that_does_not_answer_is_counted_as_unhealthy() {
    let patience = agents::Config { ping_interval_ms: 150, ..agents::Config::default() };
    let master = Whole::patient(patience).await;
    master.register(None, 1, 1).await;
    let metrics = master.until("master/slave_removals/reason_unhealthy", 1.0).await;
    let expected = [
        ("master/slave_registrations", 1.0),
        ("master/slave_removals", 1.0),
        ("master/slave_unreachable_scheduled", 1.0),
        ("master/slave_unreachable_completed", 1.0),
        ("master/slave_unreachable_canceled", 0.0),
        ("master/slaves_unreachable", 1.0),
    ];
    expect(&metrics, &expected);
}

#[actix_rt::test]
async fn the_registrar_and_the_allocator_tell_of_their_work() {
    let master = Whole::start().await;
    master.register(None, 1, 1).await;
    let metrics = master.until("allocator/mesos/resources/cpus/total", 8.0).await;
    let expected = [
        ("registrar/queued_operations", 0.0),
        ("registrar/state_fetch_ms/count", 1.0),
        ("registrar/state_store_ms/count", 1.0),
        ("allocator/mesos/resources/mem/total", 1024.0),
        ("allocator/mesos/resources/cpus/offered_or_allocated", 0.0),
    ];
    expect(&metrics, &expected);
    for name in [
        "registrar/registry_size_bytes",
        "registrar/state_fetch_ms",
        "registrar/state_store_ms/p9999",
    ] {
        assert!(metrics[name].as_f64() > Some(0.0), "{name}");
    }
    for name in [
        "allocator/mesos/allocation_runs",
        "allocator/mesos/allocation_run_ms/count",
        "allocator/mesos/event_queue_dispatches",
        "master/event_queue_messages",
        "master/http_cache_hits",
    ] {
        assert!(metrics[name].is_number(), "{name}");
    }
    let quota = json!({ "force": true, "quota_configs": [
        { "role": "eng", "guarantees": { "cpus": { "value": 2 } }, "limits": { "cpus": { "value": 4 } } },
    ] });
    assert_eq!(master.call(json!({ "type": "UPDATE_QUOTA", "update_quota": quota })).await, 200);
    let metrics = master.until("registrar/state_store_ms/count", 2.0).await;
    let prefix = "allocator/mesos/quota/roles/eng/resources/cpus";
    expect(&metrics, &[(&format!("{prefix}/guarantee"), 2.0), (&format!("{prefix}/limit"), 4.0)]);
    expect(&metrics, &[("allocator/mesos/offer_filters/roles/eng/active", 0.0)]);
}

#[actix_rt::test]
async fn an_actor_that_does_not_answer_is_left_out() {
    let master = Whole::start().await;
    master.register(None, 1, 1).await;
    master.until("registrar/queued_operations", 0.0).await;
    master.host.stop_actor("registrar").await;
    let metrics = master.snapshot().await;
    assert!(metrics["registrar/queued_operations"].is_null());
    expect(&metrics, &[("master/slave_registrations", 1.0), ("master/elected", 1.0)]);
}

#[actix_rt::test]
async fn polls_that_share_an_answer_are_counted() {
    let master = Whole::start().await;
    master.register(None, 1, 1).await;
    master.until("master/slaves_active", 1.0).await;
    let url = format!("http://{}/state", master.gateway.address());
    for _ in 0..50 {
        let polls = (0..20).map(|_| master.http.get(&url).send());
        futures_util::future::try_join_all(polls).await.unwrap();
        if master.snapshot().await["master/http_cache_hits"].as_f64() > Some(0.0) {
            return;
        }
    }
    panic!("no two of a thousand polls have shared an answer");
}
