//! A scheduler's side of the API: JSON, one connection for the events and others for the calls.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::Method;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::stage::AGENT;
use crate::support::{SOON, client};

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) address: SocketAddr,
    principal: Option<String>,
}

/// A status and a body.
pub(crate) type Answer = (u16, String);

pub(crate) const JSON: &str = "application/json";

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { http: client(), address, principal: None }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.request(method.as_str().parse().unwrap(), url);
        match &self.principal {
            Some(principal) => request.basic_auth(principal, Some(secret_of(principal))),
            None => request,
        }
    }

    /// The same, of a principal.
    pub(crate) fn of(self, principal: &str) -> Self {
        Self { principal: Some(principal.to_owned()), ..self }
    }

    /// A JSON body to the API.
    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/api/v1/scheduler")
            .header("Content-Type", JSON)
            .body(body.to_string())
    }

    pub(crate) async fn answer(request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn until_it_leads(&self) {
        for _ in 0..500 {
            let answer = Self::answer(self.request(Method::GET, "/api/v1/scheduler")).await;
            if answer.0 == 405 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the edge has not learned that it leads");
    }

    /// Subscribes with more fields than the required ones.
    pub(crate) async fn open(&self, more: Value) -> Stream {
        let mut info = json!({ "user": "root", "name": "demo", "failover_timeout": 60.0 });
        info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.open_with(json!({ "framework_info": info })).await
    }

    /// Subscribes as the owner of `framework_info.id`, if there is one.
    pub(crate) async fn open_with(&self, subscribe: Value) -> Stream {
        let mut call = json!({ "type": "SUBSCRIBE", "subscribe": subscribe });
        if let Some(id) = subscribe["framework_info"].get("id") {
            call["framework_id"] = id.clone();
        }
        Stream::of(self.post(&call).timeout(SOON * 6).send().await.unwrap())
    }

    /// A framework that is subscribed; its first two events are read.
    pub(crate) async fn subscribe(&self) -> Framework {
        self.subscribe_with(json!({})).await
    }

    pub(crate) async fn subscribe_with(&self, more: Value) -> Framework {
        let mut stream = self.open(more).await;
        let subscribed = stream.event().await;
        assert_eq!(subscribed["type"], "SUBSCRIBED", "{subscribed}");
        assert_eq!(stream.event().await, json!({ "type": "HEARTBEAT" }));
        let id = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
        Framework { client: self.clone(), id, stream }
    }
}

/// What the principals of tests authenticate with.
pub(crate) fn secret_of(principal: &str) -> String {
    format!("{principal}'s secret")
}

/// An open stream.
pub(crate) struct Stream {
    response: Response,
    pub(crate) id: String,
    /// Offers that came while something else was waited for, and still hold.
    offered: VecDeque<Value>,
}

impl Stream {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["transfer-encoding"], "chunked");
        let id = response.headers()["mesos-stream-id"].to_str().unwrap().to_owned();
        assert!(id.len() <= 128);
        Self { response, id, offered: VecDeque::new() }
    }

    pub(crate) fn content_type(&self) -> &str {
        self.response.headers()["content-type"].to_str().unwrap()
    }

    /// What the next chunk frames.
    pub(crate) async fn record(&mut self) -> Option<Vec<u8>> {
        let chunk = tokio::time::timeout(SOON * 2, self.response.chunk()).await.unwrap();
        let chunk = chunk.unwrap()?;
        let newline = chunk.iter().position(|byte| *byte == b'\n').expect("a length");
        let length: usize = std::str::from_utf8(&chunk[..newline]).unwrap().parse().unwrap();
        let body = &chunk[newline + 1..];
        assert_eq!(body.len(), length, "one record in one chunk");
        Some(body.to_vec())
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        let body = self.record().await.expect("an event");
        assert!(body.is_ascii() && !body.contains(&b'\n'), "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    /// The next event of this type; others are passed over, but offers wait for who asks for them:
    /// what is left of one may be offered before the task that used it runs, or after.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        if kind == "OFFERS"
            && let Some(event) = self.offered.pop_front()
        {
            return event;
        }
        loop {
            let event = self.event().await;
            if event["type"] == "RESCIND" {
                self.forget(&event["rescind"]["offer_id"]);
            }
            if event["type"] == kind {
                return event;
            }
            if event["type"] == "OFFERS" {
                self.offered.push_back(event);
            }
        }
    }

    fn forget(&mut self, offer_id: &Value) {
        for event in &mut self.offered {
            let offers = event["offers"]["offers"].as_array_mut().expect("offers");
            offers.retain(|offer| offer["id"] != *offer_id);
        }
        self.offered.retain(|event| event["offers"]["offers"] != json!([]));
    }

    /// The message of the error that the stream ends with.
    pub(crate) async fn error(mut self) -> String {
        let event = self.next("ERROR").await;
        assert!(self.record().await.is_none(), "an error is the last event");
        event["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Reads to the end, of which it gives the last bytes. When much comes at once the client's
    /// buffer divides chunks.
    pub(crate) async fn end_of_all(mut self) -> String {
        let mut end = Vec::new();
        while let Some(chunk) = self.response.chunk().await.unwrap() {
            end.extend_from_slice(&chunk);
            end.drain(..end.len().saturating_sub(1000));
        }
        String::from_utf8(end).unwrap()
    }

    /// Reads to the end.
    pub(crate) async fn end(mut self) {
        while self.record().await.is_some() {}
    }
}

/// A framework that is subscribed.
pub(crate) struct Framework {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) stream: Stream,
}

impl Framework {
    /// A call of this framework.
    pub(crate) fn call(&self, kind: &str, part: &Value) -> Value {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.id } });
        if !part.is_null() {
            call[kind.to_lowercase()] = part.clone();
        }
        call
    }

    pub(crate) fn request(&self, kind: &str, part: &Value) -> RequestBuilder {
        self.client.post(&self.call(kind, part)).header("Mesos-Stream-Id", &self.stream.id)
    }

    /// A call that is taken: 202 and nothing else.
    pub(crate) async fn tell(&self, kind: &str, part: Value) {
        assert_eq!(self.reason(kind, part).await, None);
    }

    /// Why a call that is taken was not done.
    pub(crate) async fn reason(&self, kind: &str, part: Value) -> Option<String> {
        let response = self.request(kind, &part).send().await.unwrap();
        let reason = response.headers().get("meseta-refused");
        let reason = reason.map(|reason| reason.to_str().unwrap().to_owned());
        assert_eq!(response.status(), 202, "{kind} {part}: {}", response.text().await.unwrap());
        assert_eq!(response.text().await.unwrap(), "");
        reason
    }

    /// The next offer.
    pub(crate) async fn offer(&mut self) -> Value {
        self.stream.next("OFFERS").await["offers"]["offers"][0].clone()
    }

    /// The next so many offers.
    pub(crate) async fn offers(&mut self, count: usize) -> Vec<Value> {
        let mut offers = Vec::new();
        while offers.len() < count {
            let event = self.stream.next("OFFERS").await;
            offers.extend(event["offers"]["offers"].as_array().unwrap().iter().cloned());
        }
        offers
    }

    /// Uses an offer.
    pub(crate) async fn accept(&self, offer: &Value, operations: Value) {
        self.tell("ACCEPT", accept(std::slice::from_ref(offer), operations)).await;
    }

    /// Launches this task on the next offer and waits until it runs.
    pub(crate) async fn launch(&mut self, task: &str) -> Value {
        let offer = self.offer().await;
        self.accept(&offer, json!([launch(&[json!({ "task_id": { "value": task } })])])).await;
        self.status().await
    }

    /// The state that a question about a task is answered with.
    pub(crate) async fn answer_about(&mut self, task: &str, agent: Option<&str>) -> Value {
        self.tell("RECONCILE", json!({ "tasks": [question(task, agent)] })).await;
        let status = self.status().await;
        assert_eq!(status["task_id"]["value"], task);
        assert_eq!((status.get("uuid"), &status["source"]), (None, &json!("SOURCE_MASTER")));
        assert_eq!(status["reason"], "REASON_RECONCILIATION");
        status["state"].clone()
    }

    /// The status in the next update.
    pub(crate) async fn status(&mut self) -> Value {
        self.stream.next("UPDATE").await["update"]["status"].clone()
    }
}

/// Which task; on which agent, if that is known.
pub(crate) fn question(task: &str, agent: Option<&str>) -> Value {
    let mut question = json!({ "task_id": { "value": task } });
    if let Some(agent) = agent {
        question["agent_id"] = json!({ "value": agent });
    }
    question
}

/// The use of these offers, of which what is left may come again at once.
pub(crate) fn accept(offers: &[Value], operations: Value) -> Value {
    let offer_ids: Vec<_> = offers.iter().map(|offer| offer["id"].clone()).collect();
    let filters = json!({ "refuse_seconds": 0.0 });
    json!({ "offer_ids": offer_ids, "operations": operations, "filters": filters })
}

/// A LAUNCH of tasks of which these fields are not the usual ones.
pub(crate) fn launch(tasks: &[Value]) -> Value {
    let tasks: Vec<Value> = tasks.iter().map(task).collect();
    json!({ "type": "LAUNCH", "launch": { "task_infos": tasks } })
}

pub(crate) fn task(more: &Value) -> Value {
    let mut task = json!({
        "name": "t", "task_id": { "value": "t" }, "agent_id": { "value": AGENT },
        "command": { "value": "sleep 9" },
        "resources": [
            { "name": "cpus", "type": "SCALAR", "scalar": { "value": 0.5 } },
            { "name": "mem", "type": "SCALAR", "scalar": { "value": 32 } },
        ],
    });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}
