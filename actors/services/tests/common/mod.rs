//! A services host as it is in production (actor, driver, store, HTTP edge), with a stand-in for
//! the elector and the master on the same host.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

mod master;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{Gateway, ServicesEdge};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::{Address, Epoch};
use reqwest::Method;
use reqwest::header::HeaderMap;
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use serde_json::Value;
use services::{Config, Services};
use store::{Store, StoreConfig};

pub use master::{Ledger, Master};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says that this host leads, to the services and to the driver alike.
struct Elector {
    leadership: Leadership,
}

impl Actor for Elector {
    const ABOUT: &'static str = "says who leads";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>();
    }

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        assert_eq!(topic, LEADER_TOPIC);
        ctx.tell(subscriber, LeaderChanged { leadership: self.leadership.clone() });
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, _: &mut Context<Self>) -> Outcome<Leadership> {
        Outcome::Reply(self.leadership.clone())
    }
}

/// The whole of it.
pub struct Sut {
    pub host: Host,
    pub base: String,
    /// What the master knows; the agent outlives the services.
    pub ledger: Ledger,
    client: reqwest::Client,
    gateway: Gateway,
    /// Ends when it is dropped.
    _term: store::Term,
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answered {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

impl Sut {
    /// A leader with what is durable in `folder`, and a master with one agent.
    pub async fn start(folder: &Path, ledger: Ledger) -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        let path = folder.join("store.redb");
        let store = store::open(&StoreConfig::Embedded { path }, "test", "services").unwrap();
        let term = store.campaign(Vec::new()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = listener.local_addr().unwrap().to_string();
        spawn_stand_ins(&host, &http, term.epoch(), ledger.clone());
        spawn_services(&host, &store);
        let edge = ServicesEdge::new(host.clone(), http.clone(), "*");
        let gateway = Gateway::start(&host, listener, edge).unwrap();
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let sut =
            Self { host, base: format!("http://{http}"), ledger, client, gateway, _term: term };
        sut.eventually("it is ready", async || {
            let info = sut.get("/v2/info").await;
            info.status == 200 && info.json()["frameworkId"].is_string()
        })
        .await;
        sut
    }

    /// In good order; the file of the store is free for the next.
    pub async fn stop(self) {
        self.gateway.stop().await;
        self.host.shutdown().await;
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        self.send(Method::POST, path, &body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answered {
        self.send(Method::PUT, path, &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answered {
        self.send(Method::DELETE, path, "").await
    }

    pub async fn send(&self, method: Method, path: &str, body: &str) -> Answered {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.header("Content-Type", "application/json").body(body.to_owned());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answered { status, headers, text: response.text().await.unwrap() }
    }

    /// Waits until an app has this many running tasks and nothing is under way; its task ids.
    pub async fn settled(&self, id: &str, count: usize) -> Vec<String> {
        self.eventually(&format!("{id} has {count}"), async || {
            let app = self.get(&format!("/v2/apps/{id}")).await;
            app.status == 200 && {
                let app = app.json()["app"].clone();
                app["tasksRunning"] == count
                    && app["tasks"].as_array().unwrap().len() == count
                    && app["deployments"] == serde_json::json!([])
            }
        })
        .await;
        let tasks = self.get(&format!("/v2/apps/{id}/tasks")).await.ok(200);
        let ids = tasks["tasks"].as_array().unwrap().iter();
        ids.map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn spawn_stand_ins(host: &Host, http: &str, epoch: Epoch, ledger: Ledger) {
    let leader = Leader { host: host.addr().clone(), http: http.to_owned(), epoch };
    let leadership = Leadership { leader: Some(leader), leading: true };
    host.spawn("elector", SpawnOptions::default(), move || Elector {
        leadership: leadership.clone(),
    })
    .unwrap();
    host.spawn("frameworks", SpawnOptions::default(), move || Master::new(ledger.clone())).unwrap();
}

fn spawn_services(host: &Host, store: &Arc<dyn Store>) {
    let config = Config { user: "nobody".into(), ..Config::default() };
    let (masters, store) = (vec![host.addr().clone()], Arc::clone(store));
    host.spawn(services::NAME, Services::spawn_options(), move || {
        Services::new(&config, masters.clone(), Arc::clone(&store))
    })
    .unwrap();
}
