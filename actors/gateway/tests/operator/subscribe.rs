//! SUBSCRIBE: the cluster as it is, and then everything that happens to it, once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use gateway::v1::wire::master::Event;
use gateway::v1::{MediaType, decode, encode};
use protocol::agents::{AgentState, AgentSummary, AgentsView, ViewAgents};
use protocol::events::Report;
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::frameworks::{AgentJoined, ForwardUpdate, SubscribeFramework, TeardownFramework};
use protocol::id::Generation;
use protocol::task::{ExecutorKind, Source, Task, TaskState, TaskStatus};
use protocol::{FrameworkId, Time};
use reqwest::{Method, Response};
use runtime::{Actor, Context, Handler, Handlers, Outcome, SpawnOptions};
use serde_json::{Value, json};

use crate::settings::Master;
use crate::support::SOON;

/// Plays `agents`: it is told who is there.
struct Agents {
    list: Arc<Mutex<Vec<AgentSummary>>>,
}

impl Actor for Agents {
    const ABOUT: &'static str = "agents for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ViewAgents>();
    }
}

impl Handler<ViewAgents> for Agents {
    fn handle(&mut self, _: ViewAgents, _: &mut Context<Self>) -> Outcome<AgentsView> {
        let agents = self.list.lock().unwrap().iter().cloned().map(Arc::new).collect();
        Outcome::Reply(AgentsView { agents })
    }
}

pub(crate) struct Stage {
    pub(crate) master: Master,
    agents: Arc<Mutex<Vec<AgentSummary>>>,
    framework: FrameworkId,
    http: reqwest::Client,
}

/// A reader of records.
pub(crate) struct Reader {
    response: Response,
    buffer: Vec<u8>,
    media: MediaType,
}

impl Reader {
    /// The next event, as JSON; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let length: usize =
                    std::str::from_utf8(&self.buffer[..end]).unwrap().parse().unwrap();
                if self.buffer.len() > end + length {
                    let body: Vec<u8> = self.buffer.drain(..=end + length).skip(end + 1).collect();
                    let event: Event = decode(self.media, &body).unwrap();
                    return serde_json::from_slice(&encode(MediaType::Json, &event)).ok();
                }
            }
            let chunk =
                tokio::time::timeout(SOON, self.response.chunk()).await.unwrap().unwrap()?;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next event, which has to be of this type: its part.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().await.unwrap();
        assert_eq!(event["type"], kind, "{event}");
        event[kind.to_lowercase()].clone()
    }
}

fn task(framework: &FrameworkId, id: &str, state: TaskState) -> Task {
    Task {
        task_id: id.into(),
        framework_id: framework.clone(),
        agent_id: "S1".into(),
        executor_id: id.into(),
        executor_kind: ExecutorKind::Command,
        name: id.into(),
        role: "*".into(),
        resources: protocol::Resources::parse("cpus=0.001").unwrap(),
        labels: vec![],
        state,
        status: None,
    }
}

fn subscription(name: &str) -> SubscribeFramework {
    SubscribeFramework {
        info: FrameworkInfo::new("root", name),
        suppressed_roles: vec![],
        scheduler: None,
        offer_constraints: None,
    }
}

fn summary(id: &str, info: AgentInfo) -> AgentSummary {
    AgentSummary {
        agent_id: id.into(),
        info,
        state: AgentState::Active,
        generation: Generation(1),
        registered: Some(Time(1)),
        last_pong: None,
    }
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let master = Master::start().await;
        let agents = Arc::new(Mutex::new(vec![summary("S1", Master::agent())]));
        let list = Arc::clone(&agents);
        let player = move || Agents { list: Arc::clone(&list) };
        master.host.spawn("agents", SpawnOptions::default(), player).unwrap();
        let message = subscription("followed");
        let frameworks = master.host.address_of("frameworks");
        let subscribed = master.host.ask(&frameworks, message, SOON).await.unwrap();
        let framework = subscribed.framework_id;
        Self { master, agents, framework, http: reqwest::Client::new() }
    }

    /// A task of the framework.
    pub(crate) fn task(&self, id: &str, state: TaskState) -> Task {
        task(&self.framework, id, state)
    }

    /// The agent says that it runs these, in this registration of it.
    pub(crate) async fn runs(&self, generation: u64, tasks: Vec<Task>) {
        let joined = AgentJoined {
            agent_id: "S1".into(),
            generation: Generation(generation),
            info: Master::agent(),
            tasks,
            executors: vec![],
            operations: vec![],
            frameworks: vec![],
        };
        let frameworks = self.master.host.address_of("frameworks");
        self.master.host.ask(&frameworks, joined, SOON).await.unwrap();
    }

    pub(crate) async fn update(&self, id: &str, state: TaskState, at: u64) {
        let mut status = TaskStatus::new(id.into(), state, Source::Executor, Time(at));
        status.update_id = Some(format!("67e55044-10b1-426f-9247-{at:012x}").as_str().into());
        let update = ForwardUpdate {
            framework_id: self.framework.clone(),
            agent_id: "S1".into(),
            status,
            latest_state: state,
        };
        let frameworks = self.master.host.address_of("frameworks");
        self.master.host.ask(&frameworks, update, SOON).await.unwrap();
    }

    pub(crate) async fn report(&self, kind: &str, data: Value) {
        let report = Report { kind: kind.into(), data };
        let events = self.master.host.address_of("events");
        self.master.host.ask(&events, report, SOON).await.unwrap();
    }

    pub(crate) async fn subscribe(&self, media: MediaType) -> Reader {
        let call = json!({ "type": "SUBSCRIBE" });
        let body = match media {
            MediaType::Json => call.to_string().into_bytes(),
            MediaType::Protobuf => {
                let call: gateway::v1::wire::master::Call =
                    decode(MediaType::Json, call.to_string().as_bytes()).unwrap();
                encode(media, &call)
            }
        };
        let url = format!("http://{}/api/v1", self.master.gateway.address());
        let request = self.http.request(Method::POST, url).body(body);
        let request = request.header("Content-Type", media.as_str());
        let response = request.header("Accept", media.as_str()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], media.as_str());
        Reader { response, buffer: Vec::new(), media }
    }
}

async fn a_stream(media: MediaType) {
    let stage = Stage::start().await;
    let running = |id| task(&stage.framework, id, TaskState::Running);
    stage.runs(2, vec![running("t1")]).await;
    let mut reader = stage.subscribe(media).await;
    let first = reader.expect("SUBSCRIBED").await;
    assert_eq!(first["heartbeat_interval_seconds"], 15.0);
    let state = &first["get_state"];
    assert_eq!(state["get_tasks"]["tasks"][0]["task_id"]["value"], "t1");
    assert_eq!(state["get_agents"]["agents"][0]["agent_info"]["id"]["value"], "S1");
    let named = &state["get_frameworks"]["frameworks"][0]["framework_info"]["name"];
    assert_eq!(named, "followed");
    reader.expect("HEARTBEAT").await;

    stage.runs(3, vec![running("t1"), running("t2")]).await;
    let added = reader.expect("TASK_ADDED").await;
    assert_eq!(added["task"]["task_id"]["value"], "t2");
    stage.update("t2", TaskState::Failed, 7_000_000).await;
    let updated = reader.expect("TASK_UPDATED").await;
    assert_eq!(
        (&updated["state"], &updated["status"]["timestamp"]),
        (&json!("TASK_FAILED"), &json!(7.0))
    );
    assert!(updated["status"]["uuid"].is_string());

    stage.agents.lock().unwrap().push(summary("S2", Master::agent()));
    stage.report("agent_added", json!({ "agent_id": "S2", "generation": 1 })).await;
    let added = reader.expect("AGENT_ADDED").await;
    assert_eq!(added["agent"]["agent_info"]["id"]["value"], "S2");
    stage.report("agent_removed", json!({ "agent_id": "S2" })).await;
    assert_eq!(reader.expect("AGENT_REMOVED").await["agent_id"]["value"], "S2");

    let message = TeardownFramework { framework_id: stage.framework.clone() };
    let frameworks = stage.master.host.address_of("frameworks");
    stage.master.host.ask(&frameworks, message, SOON).await.unwrap();
    let killed = reader.expect("TASK_UPDATED").await;
    assert_eq!(killed["state"], "TASK_KILLED");
    let removed = reader.expect("FRAMEWORK_REMOVED").await;
    assert_eq!(removed["framework_info"]["id"]["value"], stage.framework.as_str());

    stage.master.host.ask(&frameworks, subscription("another"), SOON).await.unwrap();
    let added = reader.expect("FRAMEWORK_ADDED").await;
    assert_eq!(added["framework"]["framework_info"]["name"], "another");
}

#[actix_rt::test]
async fn a_stream_begins_with_the_state_and_goes_on_with_what_happens() {
    a_stream(MediaType::Json).await;
}

#[actix_rt::test]
async fn a_stream_is_the_same_in_protobuf() {
    a_stream(MediaType::Protobuf).await;
}

#[actix_rt::test]
async fn whoever_comes_while_much_happens_misses_nothing_and_hears_nothing_twice() {
    const TASKS: usize = 60;
    let stage = Arc::new(Stage::start().await);
    let names: Vec<String> = (0..TASKS).map(|n| format!("t{n:02}")).collect();
    let states = [TaskState::Starting, TaskState::Running, TaskState::Killing, TaskState::Killed];
    let tasks = names.iter().map(|name| task(&stage.framework, name, TaskState::Staging));
    stage.runs(2, tasks.collect()).await;
    let updates = {
        let (stage, names) = (Arc::clone(&stage), names.clone());
        actix_rt::spawn(async move {
            for (n, state) in states.into_iter().enumerate() {
                for (at, name) in names.iter().enumerate() {
                    stage.update(name, state, (n * 1000 + at + 1) as u64).await;
                }
            }
        })
    };
    let mut readers = Vec::new();
    for _ in 0..8 {
        readers.push(stage.subscribe(MediaType::Json).await);
    }
    updates.await.unwrap();
    for mut reader in readers {
        let first = reader.expect("SUBSCRIBED").await;
        let mut heard = BTreeSet::new();
        let lists =
            ["tasks", "completed_tasks"].map(|list| first["get_state"]["get_tasks"][list].clone());
        let shown: Vec<_> = lists.iter().filter_map(Value::as_array).flatten().collect();
        assert_eq!(shown.len(), TASKS);
        let order = |state: &Value| {
            let known =
                ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"];
            known.iter().position(|known| state == known).unwrap()
        };
        let mut at: std::collections::BTreeMap<String, usize> = shown
            .iter()
            .map(|task| {
                (task["task_id"]["value"].as_str().unwrap().to_owned(), order(&task["state"]))
            })
            .collect();
        reader.expect("HEARTBEAT").await;
        while at.values().any(|state| *state < 4) {
            let updated = reader.expect("TASK_UPDATED").await;
            let name = updated["status"]["task_id"]["value"].as_str().unwrap().to_owned();
            let state = order(&updated["state"]);
            assert_eq!(at[&name] + 1, state, "{name}: none is missed, and none told twice");
            assert!(heard.insert((name.clone(), state)));
            at.insert(name, state);
        }
    }
}

#[actix_rt::test]
async fn a_master_that_reads_the_registry_has_no_stream_and_one_that_stops_ends_them() {
    let stage = Stage::start().await;
    let mut reader = stage.subscribe(MediaType::Json).await;
    reader.expect("SUBSCRIBED").await;
    let (_, metrics) = stage.master.get("/metrics/snapshot").await;
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["master/operator_event_stream_subscribers"], 1.0);
    stage.master.host.stop_actor("frameworks").await;
    let (status, text) = stage.master.call(json!({ "type": "SUBSCRIBE" })).await;
    assert_eq!(status, 503, "{text}");
    reader.expect("HEARTBEAT").await;
    assert_eq!(reader.next().await, None, "nobody can tell it what happens");
}
