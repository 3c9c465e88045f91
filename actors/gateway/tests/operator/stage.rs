//! A leading master's edge before a small cluster: two agents, a framework with three tasks, an
//! offer. Its owners are played.

use std::sync::Arc;

use gateway::v1::wire::master::{Call, Response};
use gateway::v1::{MediaType, decode, encode};
use gateway::{About, Logs, MasterEdge};
use protocol::agents::{AgentState, AgentSummary, AgentsView, MarkAgentGone, ViewAgents};
use protocol::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, RoleConstraints, Selector,
};
use protocol::framework::{
    AgentInfo, Domain, FrameworkInfo, InverseOffer, Offer, Unavailability, Wanted,
};
use protocol::frameworks::{
    AgentUse, ExecutorView, FrameworkView, FrameworksView, TeardownFramework, ViewFrameworks,
};
use protocol::id::Generation;
use protocol::resources::{Resources, Scalar};
use protocol::shared::SharedList;
use protocol::task::{ExecutorInfo, ExecutorKind, Label, Source, Task, TaskState, TaskStatus};
use protocol::{AgentId, Failure, FailureKind, Message, Time};
use reqwest::{Method, RequestBuilder, StatusCode};
use runtime::{Actor, Context, Handler, Handlers, Outcome};
use serde_json::{Value, json};

use crate::support::{SOON, World, leads};

/// Status and body.
pub(crate) type Answer = (StatusCode, String);

pub(crate) struct Stage {
    pub(crate) world: World,
    http: reqwest::Client,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_logs(Logs::new(0, |_| Ok(()))).await
    }

    pub(crate) async fn with_logs(logs: Logs) -> Self {
        let about = About::new("test", &json!({ "cluster": "test", "agents": { "ping_ms": 5 } }));
        let edge = MasterEdge.about(about.at(Some(domain("master")))).logging(logs);
        let world = World::start(edge, Some(leads(true, "10.0.0.1:5050"))).await;
        world.wait_until_leading().await;
        for name in ["agents", "frameworks"] {
            world.host.stop_actor(name).await;
            world.host.spawn(name, Default::default(), || Owner { serves: true }).unwrap();
        }
        Self { world, http: crate::support::client() }
    }

    /// From now on `frameworks` reads the registry.
    pub(crate) async fn recovering(&self) {
        self.world.host.stop_actor("frameworks").await;
        let owner = || Owner { serves: false };
        self.world.host.spawn("frameworks", Default::default(), owner).unwrap();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.world.url(path)).timeout(SOON)
    }

    pub(crate) fn post(&self, call: &Value, media: MediaType) -> RequestBuilder {
        let body = match media {
            MediaType::Json => call.to_string().into_bytes(),
            MediaType::Protobuf => {
                let call: Call = decode(MediaType::Json, call.to_string().as_bytes()).unwrap();
                encode(media, &call)
            }
        };
        let request = self.request(Method::POST, "/api/v1");
        request.header("Content-Type", media.as_str()).header("Accept", media.as_str()).body(body)
    }

    pub(crate) async fn answer(request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    pub(crate) async fn call(&self, call: &Value) -> Answer {
        Self::answer(self.post(call, MediaType::Json)).await
    }

    /// The answer to a call without a part, which is the same in both encodings.
    pub(crate) async fn read(&self, kind: &str) -> Value {
        let call = json!({ "type": kind, kind.to_lowercase(): {} });
        let (status, text) = self.call(&call).await;
        assert_eq!(status, StatusCode::OK, "{kind}: {text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["type"], kind);
        let response = self.post(&call, MediaType::Protobuf).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/x-protobuf");
        let bytes = response.bytes().await.unwrap();
        let from_protobuf: Response = decode(MediaType::Protobuf, &bytes).unwrap();
        if kind != "GET_METRICS" {
            let from_json: Response = decode(MediaType::Json, text.as_bytes()).unwrap();
            assert_eq!(from_protobuf, from_json);
        }
        json[kind.to_lowercase()].clone()
    }

    /// `GET path` as JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, text) = Self::answer(self.request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Plays `agents` and `frameworks`.
struct Owner {
    serves: bool,
}

impl Actor for Owner {
    const ABOUT: &'static str = "a small cluster for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<ViewAgents>()
            .on::<ViewFrameworks>()
            .on::<MarkAgentGone>()
            .on::<TeardownFramework>();
    }
}

macro_rules! answers {
    ($($message:ident => $answer:expr),+ $(,)?) => {$(
        impl Handler<$message> for Owner {
            fn handle(
                &mut self,
                message: $message,
                _: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                let answer: fn($message) -> Result<<$message as Message>::Reply, Failure> = $answer;
                if !self.serves {
                    return Outcome::Refuse(leads(true, "").not_leader());
                }
                answer(message).into()
            }
        }
    )+};
}

answers! {
    ViewAgents => |_| Ok(AgentsView { agents: shared(agents()) }),
    ViewFrameworks => |_| Ok(view()),
    MarkAgentGone => |message| {
        if message.agent_id == AgentId::from("a2") {
            return Err(Failure::new(FailureKind::Conflict, "something else is being decided"));
        }
        found(message.agent_id == AgentId::from("a1"), "agent")
    },
    TeardownFramework => |message| found(message.framework_id.as_str() == "f1", "framework"),
}

fn found(there: bool, what: &str) -> Result<(), Failure> {
    let failure = || Failure::new(FailureKind::NotFound, format!("there is no such {what}"));
    if there { Ok(()) } else { Err(failure()) }
}

fn basic(cpus: i64, mem: i64) -> Resources {
    let whole = |n: i64| Scalar::from_milli(n * 1000);
    Resources::basic(whole(cpus), whole(mem), whole(0))
}

fn domain(zone: &str) -> Domain {
    Domain { region: "europe".to_owned(), zone: zone.to_owned() }
}

fn agents() -> Vec<AgentSummary> {
    let agent = |id: &str, state, http: &str| AgentSummary {
        agent_id: id.into(),
        info: AgentInfo {
            hostname: format!("{id}.example"),
            host: "10.0.0.3:7051".parse().unwrap(),
            http: http.to_owned(),
            resources: {
                let mut all = basic(8, 1024);
                all.add_all(&Resources::ports(vec![(31000, 32000)].into()));
                all
            },
            attributes: std::collections::BTreeMap::new(),
            boot_id: "b".into(),
            version: "0.1.0".into(),
            domain: Some(domain(id)),
        },
        state,
        generation: Generation(1),
        registered: Some(Time(1_500_000)),
        last_pong: None,
    };
    vec![
        agent("a1", AgentState::Active, "10.0.0.3:5051"),
        agent("a2", AgentState::Recovered, "10.0.0.4:5051"),
    ]
}

fn shared<T>(items: Vec<T>) -> SharedList<T> {
    items.into_iter().map(Arc::new).collect()
}

fn view() -> FrameworksView {
    let (ended, here) = tasks().into_iter().partition(|task| task.state.is_terminal());
    FrameworksView {
        operations: Vec::new(),
        counts: Default::default(),
        frameworks: shared(vec![framework("f1", ended)]),
        completed_frameworks: vec![Arc::new(FrameworkView {
            active: false,
            removed: Some(Time(4_000_000)),
            ..framework("f0", Vec::new())
        })],
        tasks: shared(here),
        executors: shared(vec![executor()]),
        // Of the running task and the executor.
        uses: shared(vec![AgentUse { agent_id: "a1".into(), used: basic(2, 160) }]),
        offers: shared(vec![offer()]),
        inverse_offers: shared(vec![inverse_offer()]),
    }
}

fn framework(id: &str, ended: Vec<Task>) -> FrameworkView {
    let mut info = FrameworkInfo::new("nobody", "pi");
    info.roles = vec!["eng".to_owned()];
    info.id = Some(id.into());
    FrameworkView {
        info,
        framework_id: id.into(),
        active: true,
        recovered: false,
        registered: Time(2_000_000),
        removed: None,
        suppressed_roles: Default::default(),
        offer_constraints: Some(constraints()),
        completed: ended.into_iter().map(Arc::new).collect(),
    }
}

fn constraints() -> OfferConstraints {
    let selector = Selector::Hostname;
    let predicate = Predicate::TextMatches("a[0-9]".into());
    let groups = vec![vec![AttributeConstraint { selector, predicate }]];
    OfferConstraints { roles: [("eng".to_owned(), RoleConstraints { groups })].into() }
}

fn inverse_offer() -> InverseOffer {
    InverseOffer {
        offer_id: "o2".into(),
        framework_id: "f1".into(),
        agent_id: "a1".into(),
        hostname: "a1.example".into(),
        http: "10.0.0.3:5051".into(),
        unavailability: Unavailability { start: Time(7_000_000), duration_ms: None },
        wanted: Some(Wanted { role: "eng".into(), resources: basic(1, 64) }),
    }
}

fn executor() -> ExecutorView {
    ExecutorView {
        agent_id: "a1".into(),
        framework_id: "f1".into(),
        role: "eng".into(),
        info: ExecutorInfo {
            executor_id: "e1".into(),
            kind: ExecutorKind::Custom,
            name: "own".into(),
            command: None,
            resources: basic(1, 32),
            shutdown_grace_ms: None,
            labels: Vec::new(),
            data: None,
        },
    }
}

pub(crate) fn tasks() -> Vec<Task> {
    let task = |id: &str, state| Task {
        task_id: id.into(),
        framework_id: "f1".into(),
        agent_id: "a1".into(),
        executor_id: id.into(),
        executor_kind: ExecutorKind::Command,
        name: format!("task {id}"),
        role: "eng".into(),
        resources: basic(1, 128),
        labels: vec![Label { key: "k".into(), value: Some("v".into()) }],
        state,
        status: Some(TaskStatus {
            container_id: Some("c1".into()),
            unreachable_time: (state == TaskState::Unreachable).then_some(Time(2_500_000)),
            ..TaskStatus::new(id.into(), state, Source::Executor, Time(3_000_000))
        }),
    };
    vec![
        task("t1", TaskState::Running),
        task("t2", TaskState::Unreachable),
        task("t3", TaskState::Finished),
    ]
}

fn offer() -> Offer {
    Offer {
        offer_id: "o1".into(),
        framework_id: "f1".into(),
        agent_id: "a1".into(),
        hostname: "a1.example".into(),
        http: "10.0.0.3:5051".into(),
        role: "eng".into(),
        resources: basic(2, 256),
        attributes: Default::default(),
        executor_ids: Vec::new(),
        unavailability: None,
        domain: Some(domain("a1")),
    }
}
