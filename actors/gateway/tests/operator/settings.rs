//! Quotas and weights, with a frameworks manager and a registry as they are, and one agent of 8 cpus.

use std::net::TcpListener;
use std::time::Duration;

use frameworks::{Config, Frameworks};
use gateway::v1::wire::master::{Call, Response};
use gateway::v1::{MediaType, decode, encode};
use gateway::{Gateway, MasterEdge};
use protocol::frameworks::{AgentJoined, AgentsRecovered};
use protocol::id::{Epoch, Generation};
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use reqwest::Method;
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use serde_json::{Value, json};

use crate::support::{Elector, SOON, client, leads};

type Answer = (u16, String);

pub(crate) struct Master {
    pub(crate) host: Host,
    pub(crate) gateway: Gateway,
    http: reqwest::Client,
}

/// A registry that keeps nothing: what is set is in the memory of `frameworks`.
struct Registrar;

impl Actor for Registrar {
    const ABOUT: &'static str = "a registry for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetRegistry>().on::<ApplyOperations>();
    }
}

impl Handler<GetRegistry> for Registrar {
    fn handle(&mut self, _: GetRegistry, _: &mut Context<Self>) -> Outcome<RegistrySnapshot> {
        Outcome::Reply(RegistrySnapshot { epoch: Epoch(4), registry: Registry::default() })
    }
}

impl Handler<ApplyOperations> for Registrar {
    fn handle(&mut self, _: ApplyOperations, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Master {
    pub(crate) async fn start() -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        events::spawn(&host).unwrap();
        allocator::spawn(&host, allocator::Options::default()).unwrap();
        host.spawn("registrar", SpawnOptions::default(), || Registrar).unwrap();
        let manager = || Frameworks::new(&Config::default());
        host.spawn("frameworks", Frameworks::spawn_options(), manager).unwrap();
        let leads = leads(true, "127.0.0.1:5050");
        host.spawn("elector", SpawnOptions::default(), move || Elector::new(&leads)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Gateway::start(&host, listener, MasterEdge).unwrap();
        let master = Self { host, gateway, http: client() };
        master.introduce().await;
        master
    }

    /// Until it leads and knows its agent.
    async fn introduce(&self) {
        let frameworks = self.host.address_of("frameworks");
        let recovered = || AgentsRecovered { epoch: Epoch(4), agents: vec![] };
        while self.host.ask(&frameworks, recovered(), SOON).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while self.get("/weights").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let joined = AgentJoined {
            agent_id: "S1".into(),
            generation: Generation(1),
            info: Self::agent(),
            tasks: vec![],
            executors: vec![],
            operations: vec![],
            frameworks: vec![],
        };
        self.host.ask(&frameworks, joined, SOON).await.unwrap();
    }

    pub(crate) fn agent() -> protocol::framework::AgentInfo {
        let resources = json!([
            { "name": "cpus", "value": { "scalar": 8.0 } },
            { "name": "mem", "value": { "scalar": 1024.0 } },
        ]);
        let info = json!({
            "hostname": "n", "host": "127.0.0.1:2", "http": "127.0.0.1:5051",
            "resources": resources, "boot_id": "b", "version": "0",
        });
        serde_json::from_value(info).unwrap()
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let url = format!("http://{}{path}", self.gateway.address());
        let request = self.http.request(method, url).header("Content-Type", kind);
        let response = request.header("Accept", kind).body(body).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }

    async fn text(&self, method: Method, path: &str, body: &str) -> Answer {
        let (status, body) = self.send(method, path, "application/json", body.into()).await;
        (status, String::from_utf8(body).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.text(Method::GET, path, "").await
    }

    /// A call, whose answer is the same in both encodings if it is refused or has no body.
    pub(crate) async fn call(&self, call: Value) -> Answer {
        self.text(Method::POST, "/api/v1", &call.to_string()).await
    }

    async fn protobuf(&self, call: &Value) -> (u16, Vec<u8>) {
        let call: Call = decode(MediaType::Json, call.to_string().as_bytes()).unwrap();
        let body = encode(MediaType::Protobuf, &call);
        self.send(Method::POST, "/api/v1", "application/x-protobuf", body).await
    }

    async fn read(&self, kind: &str) -> Value {
        let call = json!({ "type": kind });
        let (status, text) = self.call(call.clone()).await;
        assert_eq!(status, 200, "{text}");
        let (_, bytes) = self.protobuf(&call).await;
        let from_json: Response = decode(MediaType::Json, text.as_bytes()).unwrap();
        assert_eq!(decode::<Response>(MediaType::Protobuf, &bytes).unwrap(), from_json);
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer[kind.to_lowercase()].clone()
    }
}

fn ok() -> Answer {
    (200, String::new())
}

fn scalar(value: f64) -> Value {
    json!({ "value": value })
}

fn config(role: &str, guarantees: Value, limits: Value) -> Value {
    json!({ "role": role, "guarantees": guarantees, "limits": limits })
}

fn update(configs: &[Value], force: bool) -> Value {
    let part = json!({ "force": force, "quota_configs": configs });
    json!({ "type": "UPDATE_QUOTA", "update_quota": part })
}

fn cpus(value: f64) -> Value {
    json!({ "cpus": scalar(value) })
}

#[actix_rt::test]
async fn quotas_are_updated_all_of_a_call_or_none() {
    let master = Master::start().await;
    let eng = config("eng", cpus(2.0), cpus(4.5));
    let web = config("eng/web", cpus(1.0), json!({}));
    assert_eq!(master.call(update(&[eng.clone(), web.clone()], false)).await, ok());
    let status = master.read("GET_QUOTA").await;
    assert_eq!(status["status"]["configs"][0], eng);
    assert_eq!(status["status"]["configs"][1]["guarantees"], cpus(1.0));
    let guarantee = json!([{ "name": "cpus", "type": "SCALAR", "scalar": scalar(2.0) }]);
    assert_eq!(status["status"]["infos"][0]["guarantee"], guarantee);
    let bad = config("ops", cpus(-1.0), json!({}));
    let (status, text) =
        master.call(update(&[config("db", cpus(1.0), json!({})), bad], false)).await;
    assert_eq!(status, 400, "{text}");
    let gone = [config("eng", json!({}), json!({})), config("eng/web", json!({}), json!({}))];
    let (status, _) = master.protobuf(&update(&gone, false)).await;
    assert_eq!(status, 200);
    assert_eq!(master.read("GET_QUOTA").await, json!({ "status": {} }));
}

#[actix_rt::test]
async fn each_way_in_which_a_quota_is_refused_is_told() {
    let master = Master::start().await;
    let refused = async |configs: &[Value], part: &str| {
        let (status, text) = master.call(update(configs, false)).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.starts_with("Invalid QuotaConfig: ") && text.contains(part), "{text}");
    };
    refused(&[config("a b", cpus(1.0), json!({}))], "role `a b` is not valid").await;
    refused(&[config("a", cpus(-1.0), json!({}))], "-1 is negative").await;
    refused(&[config("a", cpus(3.0), cpus(2.0))], "more than the limit 2").await;
    refused(&[config("a", cpus(1e30), json!({}))], "Invalid guarantee configuration {'cpus'").await;
    refused(&[config("a", json!({}), cpus(2e12))], "more than can be counted").await;
    let nested = [config("a", cpus(1.0), json!({})), config("a/b", cpus(2.0), json!({}))];
    refused(&nested, "below role `a` are 2 together").await;
    let more = [config("a", cpus(9.0), json!({}))];
    let text = "total quota guarantees 'cpus:9' exceed cluster capacity 'cpus:8; mem:1024' \
                (use 'force' flag to bypass this check)";
    refused(&more, text).await;
    assert_eq!(master.call(update(&more, true)).await, ok());
}

#[actix_rt::test]
async fn the_calls_of_old_set_and_remove_one_quota() {
    let master = Master::start().await;
    let guarantee =
        |amount: f64| json!([{ "name": "cpus", "type": "SCALAR", "scalar": scalar(amount) }]);
    let set =
        |request: Value| json!({ "type": "SET_QUOTA", "set_quota": { "quota_request": request } });
    let request = json!({ "role": "eng", "guarantee": guarantee(2.0) });
    assert_eq!(master.call(set(request.clone())).await, ok());
    let configs = &master.read("GET_QUOTA").await["status"]["configs"];
    assert_eq!(configs[0], config("eng", cpus(2.0), cpus(2.0)), "the guarantee is the limit, too");
    let invalid = "Failed to validate set quota request: ";
    let disk = json!([{ "name": "disk", "type": "SCALAR", "scalar": scalar(1.0),
                        "disk": { "persistence": { "id": "p" } } }]);
    let ports = json!([{ "name": "ports", "type": "RANGES", "ranges": { "range": [] } }]);
    let twice = json!([guarantee(1.0)[0], guarantee(2.0)[0]]);
    for (request, text) in [
        (request, "Cannot set quota for role 'eng' which already has quota"),
        (json!({ "guarantee": guarantee(1.0) }), "QuotaInfo must specify a role"),
        (json!({ "role": "a" }), "QuotaInfo with empty 'guarantee'"),
        (json!({ "role": "a", "guarantee": disk }), "QuotaInfo must not contain DiskInfo"),
        (
            json!({ "role": "a", "guarantee": ports }),
            "QuotaInfo must not include non-scalar resources",
        ),
        (
            json!({ "role": "a", "guarantee": twice }),
            "QuotaInfo contains duplicate resource name 'cpus'",
        ),
    ] {
        assert_eq!(master.call(set(request)).await, (400, format!("{invalid}{text}")));
    }
    let (status, text) =
        master.call(set(json!({ "role": "b", "guarantee": guarantee(7.0) }))).await;
    assert_eq!(status, 409, "{text}");
    assert!(text.starts_with("Quota guarantees overcommit the cluster (use 'force'"), "{text}");
    let remove = json!({ "type": "REMOVE_QUOTA", "remove_quota": { "role": "eng" } });
    assert_eq!(master.call(remove.clone()).await, ok());
    let again = "Failed to remove quota: Role 'eng' has no quota set".to_owned();
    assert_eq!(master.call(remove).await, (400, again));
}

#[actix_rt::test]
async fn the_endpoint_of_quotas_takes_get_post_and_delete() {
    let master = Master::start().await;
    let body =
        r#"{"role":"eng/web","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}"#;
    assert_eq!(master.text(Method::POST, "/master/quota", body).await, ok());
    let (status, text) = master.get("/quota").await;
    let quotas: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &quotas["infos"][0]["role"]), (200, &json!("eng/web")));
    let (_, script) = master.get("/quota?jsonp=see").await;
    assert!(script.starts_with("see({"), "{script}");
    assert_eq!(master.text(Method::DELETE, "/quota/eng/web", "").await, ok());
    let (status, text) = master.text(Method::DELETE, "/master/quota/eng/web", "").await;
    let expected =
        "Failed to remove quota for path '/master/quota/eng/web': Role 'eng/web' has no quota set";
    assert_eq!((status, text.as_str()), (400, expected));
    for (method, path, body, status, part) in [
        (Method::POST, "/quota", "{", 400, "Failed to parse set quota request JSON '{': "),
        (Method::POST, "/quota", r#"{"role":1}"#, 400, "Failed to validate set quota request JSON"),
        (Method::POST, "/quota", r#"{"role":"a"}"#, 400, "QuotaInfo with empty 'guarantee'"),
        (
            Method::DELETE,
            "/quota",
            "",
            400,
            "Failed to parse remove quota request for path '/quota'",
        ),
        (
            Method::PUT,
            "/quota",
            "",
            405,
            "Expecting one of { 'GET', 'POST', 'DELETE' }, but received 'PUT'",
        ),
    ] {
        let (found, text) = master.text(method, path, body).await;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[actix_rt::test]
async fn weights_are_updated_by_a_call_and_by_the_endpoint() {
    let master = Master::start().await;
    let update = |infos: Value| json!({ "type": "UPDATE_WEIGHTS", "update_weights": { "weight_infos": infos } });
    let infos = json!([{ "weight": 2.5, "role": " eng " }, { "weight": 3.0, "role": "ops" }]);
    assert_eq!(master.call(update(infos)).await, ok());
    assert_eq!(master.text(Method::PUT, "/weights", r#"[{"role":"ops","weight":4}]"#).await, ok());
    let expected = json!([{ "weight": 2.5, "role": "eng" }, { "weight": 4.0, "role": "ops" }]);
    assert_eq!(master.read("GET_WEIGHTS").await["weight_infos"], expected);
    let (_, text) = master.get("/master/weights").await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    let invalid = "Failed to validate update weights request JSON: ";
    let zero = master.call(update(json!([{ "weight": 0.0, "role": "x" }]))).await;
    let text = "role 'x': Invalid weight '0': Weights must be positive";
    assert_eq!(zero, (400, format!("{invalid}{text}")));
    let (status, text) = master.call(update(json!([{ "weight": 1.0, "role": "a//b" }]))).await;
    assert!(status == 400 && text.starts_with(invalid) && text.contains("`a//b`"), "{text}");
    for (method, body, status, part) in [
        (Method::PUT, "{}", 400, "Failed to parse update weights request JSON ('{}'): "),
        (Method::PUT, r#"[{"role":"x"}]"#, 400, "Failed to convert weights JSON array to protobuf"),
        (Method::POST, "", 405, "Expecting one of { 'GET', 'PUT' }, but received 'POST'"),
    ] {
        let (found, text) = master.text(method, "/weights", body).await;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[actix_rt::test]
async fn a_registry_that_is_not_there_is_told_and_nothing_is_set() {
    let master = Master::start().await;
    master.host.stop_actor("registrar").await;
    let (status, text) = master.call(update(&[config("a", cpus(1.0), json!({}))], false)).await;
    assert_eq!(status, 503, "{text}");
    assert_eq!(master.read("GET_QUOTA").await, json!({ "status": {} }));
}
