//! An executor's side of the API, in either encoding.

use std::net::SocketAddr;

use gateway::v1::wire::executor::{Call, Event};
use gateway::v1::{MediaType, decode, encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::stage::PATIENCE;

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    authorization: Option<String>,
}

/// A status and a body.
pub(crate) type Answer = (StatusCode, String);

/// A call of executor `e` of framework `f`.
pub(crate) fn call(kind: &str, part: Value) -> Value {
    let mut call = json!({
        "type": kind, "framework_id": { "value": "f" }, "executor_id": { "value": "e" },
    });
    if !part.is_null() {
        call[kind.to_lowercase()] = part;
    }
    call
}

/// An update whose `uuid` is sixteen times this byte.
pub(crate) fn update(task: &str, state: &str, byte: u8) -> Value {
    call("UPDATE", json!({ "status": status(task, state, byte) }))
}

pub(crate) fn status(task: &str, state: &str, byte: u8) -> Value {
    json!({
        "task_id": { "value": task }, "state": state, "source": "SOURCE_EXECUTOR",
        "uuid": uuid(byte), "timestamp": 1.5, "message": "so", "data": "AQI=", "healthy": true,
    })
}

/// As JSON has it.
pub(crate) fn uuid(byte: u8) -> Value {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode([byte; 16]).into()
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let url = format!("http://{address}/api/v1/executor");
        Self { http: reqwest::Client::new(), url, authorization: None }
    }

    /// Where else the API is.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.url = self.url.replace("/api/v1/executor", path);
        self
    }

    /// What every request says of who makes it.
    pub(crate) fn authorized(mut self, authorization: &str) -> Self {
        self.authorization = Some(authorization.to_owned());
        self
    }

    /// The same, by a token.
    pub(crate) fn bearing(self, token: &str) -> Self {
        self.authorized(&format!("Bearer {token}"))
    }

    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        let request = self.http.request(method, &self.url).timeout(PATIENCE);
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    pub(crate) fn post(&self, call: &Value, media: MediaType) -> RequestBuilder {
        let body = match media {
            MediaType::Json => call.to_string().into_bytes(),
            MediaType::Protobuf => {
                let call: Call = decode(MediaType::Json, call.to_string().as_bytes()).unwrap();
                encode(media, &call)
            }
        };
        self.request(Method::POST).header("Content-Type", media.as_str()).body(body)
    }

    pub(crate) async fn answer(request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    pub(crate) async fn call(&self, call: &Value) -> Answer {
        Self::answer(self.post(call, MediaType::Json)).await
    }

    /// A call that is taken.
    pub(crate) async fn tell(&self, call: &Value) {
        assert_eq!(self.call(call).await, (StatusCode::ACCEPTED, String::new()), "{call}");
    }

    pub(crate) async fn subscribe(&self) -> Stream {
        self.subscribe_with(json!({}), MediaType::Json).await
    }

    pub(crate) async fn subscribe_with(&self, part: Value, media: MediaType) -> Stream {
        let call = call("SUBSCRIBE", part);
        let request = self.post(&call, media).header("Accept", media.as_str());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], media.as_str());
        assert_eq!(response.headers()["transfer-encoding"], "chunked");
        Stream { response, media }
    }
}

/// An open stream.
pub(crate) struct Stream {
    response: Response,
    media: MediaType,
}

impl Stream {
    /// The next event, which comes as a chunk of its own; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let chunk = self.response.chunk().await.unwrap()?;
        let newline = chunk.iter().position(|byte| *byte == b'\n').expect("a length");
        let length: usize = std::str::from_utf8(&chunk[..newline]).unwrap().parse().unwrap();
        let body = &chunk[newline + 1..];
        assert_eq!(body.len(), length, "one record in one chunk");
        if self.media == MediaType::Json {
            assert!(body.is_ascii() && !body.contains(&b'\n'));
        }
        Some(decode(self.media, body).unwrap())
    }

    /// The next event as JSON.
    pub(crate) async fn event(&mut self) -> Value {
        let event = self.next().await.expect("an event");
        serde_json::from_slice(&encode(MediaType::Json, &event)).unwrap()
    }

    /// The types of the next events.
    pub(crate) async fn types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.event().await["type"].as_str().unwrap().to_owned());
        }
        types
    }

    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.next().await, None);
    }
}
