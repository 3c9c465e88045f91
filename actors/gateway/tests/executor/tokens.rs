//! Executors that have to show a token, and those that show another one, or none.

use std::path::Path;

use gateway::v1::MediaType;
use protocol::task::TaskState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokens::TokenSecret;

use crate::client::{Client, call, status, update};
use crate::stage::{Framework, Stage};

const SECRET: &str = "the secret of a test, of fifty bytes, so that it is ok";
const REALM: &str = "Bearer realm=\"mesos-agent-executor\"";

/// A stage whose agent has a secret, and the file that it is in.
async fn guarded() -> (Stage, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(&dir.path().join("key"), SECRET);
    let tune = move |config: &mut agent::AgentConfig| config.executor_secret_file = Some(path);
    (Stage::with(Framework { checkpoint: true }, tune).await, dir)
}

fn write(path: &Path, secret: &str) -> std::path::PathBuf {
    std::fs::write(path, secret).unwrap();
    path.to_owned()
}

/// What the executor that was launched as the `n`th was told.
fn token_of(stage: &Stage, n: usize) -> String {
    let variable = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";
    stage.seen.lock().unwrap().launches[n].process.environment[variable].clone()
}

fn message() -> Value {
    call("MESSAGE", json!({ "data": "" }))
}

/// Tries every call, and a method that there is not.
async fn refused(client: &Client, description: Option<&str>) {
    let challenge = match description {
        Some(text) => {
            format!("{REALM}, error=\"invalid_token\", error_description=\"{text}\"")
        }
        None => REALM.to_owned(),
    };
    let bodies = [
        call("SUBSCRIBE", json!({})),
        update("t1", "TASK_RUNNING", 1),
        message(),
        call("HEARTBEAT", Value::Null),
        call("UNKNOWN", Value::Null),
        json!("no call"),
    ];
    let typed = || client.request(Method::POST).header("Content-Type", "application/json");
    let requests = bodies.map(|body| typed().body(body.to_string())).into_iter();
    for request in requests.chain([client.request(Method::GET), client.request(Method::POST)]) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], challenge);
        let text = response.text().await.unwrap();
        let asked = "Expecting 'Authorization' to be 'Bearer' and the token of an executor";
        assert_eq!(text, description.unwrap_or(asked));
    }
}

#[actix_rt::test]
async fn without_a_token_nothing_is_looked_at() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    refused(&stage.client(), None).await;
    refused(&stage.client().at("/slave(1)/api/v1/executor"), None).await;
    refused(&stage.client().authorized("Basic ZjplOg=="), None).await;
}

#[actix_rt::test]
async fn what_is_no_token_of_this_agent_is_not_looked_at_further() {
    let (stage, dir) = guarded().await;
    stage.run(&["t1"]).await;
    let token = token_of(&stage, 0);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    let other = write(&dir.path().join("other"), &SECRET.to_uppercase());
    let launch = stage.seen.lock().unwrap().launches[0].clone();
    let forged = TokenSecret::read(&other).unwrap().token("f", "e", launch.container_id.as_str());
    // Made elsewhere, and signed with our secret, but for the first.
    let none = "eyJhbGciOiJub25lIn0.e30.";
    let none_signed = "eyJhbGciOiJub25lIn0.e30.C-naXFWrYRTqv5rRtZfGXyfzrllqOKuPUmDTSTqOmSk";
    let rs256 =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.plhlL6WcHUOI83er3_Dam5l_KOwe_9XFdTnvLzv6tmI";
    let hs512 = "eyJhbGciOiJIUzUxMiJ9.e30.RxGSYlyvmzvwJ1opOaFg9r-2NblHM6rb2DevZiREtPs";
    let expired = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.7nS1wXfElkg9i17HH4flEEszElbA_gr_oOp57qPKutA";
    for (token, why) in [
        ("nonsense", "a token has three parts between full stops"),
        ("a.b.c", "the header is no JSON object in base64"),
        (none, "the algorithm is not HS256"),
        (none_signed, "the algorithm is not HS256"),
        (rs256, "the algorithm is not HS256"),
        (hs512, "the algorithm is not HS256"),
        (&format!("{signed}."), "the signature is wrong"),
        (&format!("{signed}.{reversed}"), "the signature is wrong"),
        (&forged, "the signature is wrong"),
        (expired, "the token has expired"),
    ] {
        let client = stage.client().bearing(token);
        refused(&client, Some(&format!("Invalid JWT: {why}"))).await;
    }
    let twice = stage.client().authorized(&format!("Bearer {token} {token}"));
    refused(&twice, Some("Malformed 'Authorization' header")).await;
}

#[actix_rt::test]
async fn an_executor_with_its_token_is_served_as_ever() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    let client = stage.client().bearing(&token_of(&stage, 0));
    let expected = (StatusCode::FORBIDDEN, "Executor is not subscribed".to_owned());
    assert_eq!(client.call(&message()).await, expected);
    let mut stream = client.subscribe_with(json!({}), MediaType::Protobuf).await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    client.tell(&update("t1", "TASK_RUNNING", 1)).await;
    assert_eq!(stream.types(1).await, ["ACKNOWLEDGED"]);
    client.tell(&message()).await;
    client.tell(&call("HEARTBEAT", Value::Null)).await;
    stage.until_state("t1", TaskState::Running).await;
}

#[actix_rt::test]
async fn the_token_of_another_is_refused_once_it_is_known_who_that_is() {
    let (stage, dir) = guarded().await;
    let secret = TokenSecret::read(&dir.path().join("key")).unwrap();
    let anybody = stage.client().bearing(&secret.token("f", "e", "c"));
    let unknown = (StatusCode::BAD_REQUEST, "Framework cannot be found".to_owned());
    assert_eq!(anybody.call(&message()).await, unknown);
    stage.run(&["t1"]).await;
    let container = stage.seen.lock().unwrap().launches[0].container_id.to_string();
    let fid = "an 'fid' claim with the framework ID f, which is set in the call";
    let eid = "an 'eid' claim with the executor ID e, which is set in the call";
    let cid = "a 'cid' claim with the correct active ContainerID";
    for (claims, lacks) in [
        (["g", "e", &container], fid),
        (["f", "x", &container], eid),
        (["f", "e", "r0-1-other"], cid),
        (["f", "e", ""], cid),
        (["", "", ""], fid),
    ] {
        let client = stage.client().bearing(&secret.token(claims[0], claims[1], claims[2]));
        let principal = json!({
            "claims": { "fid": claims[0], "eid": claims[1], "cid": claims[2] },
        });
        let text = format!("Authenticated principal '{principal}' does not contain {lacks}");
        // Before it matters that nobody has subscribed, or that there is no such call.
        for call in [
            call("SUBSCRIBE", json!({})),
            update("t1", "TASK_RUNNING", 1),
            message(),
            call("UNKNOWN", Value::Null),
        ] {
            assert_eq!(client.call(&call).await, (StatusCode::FORBIDDEN, text.clone()), "{call}");
        }
        client.tell(&call("HEARTBEAT", Value::Null)).await;
        let mut unknown = message();
        unknown["executor_id"]["value"] = json!("nobody");
        let expected = (StatusCode::BAD_REQUEST, "Executor cannot be found".to_owned());
        assert_eq!(client.call(&unknown).await, expected);
    }
}

#[actix_rt::test]
async fn a_token_that_does_not_say_whose_it_is_is_nobodys() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    // Made elsewhere, with our secret: one claims nothing, one no container.
    let nothing =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.202-sayp9PkX1L7Ax8iFdf_Q-0peWBWxi9K3cY8LeFg";
    let no_container = "eyJhbGciOiJIUzI1NiJ9.eyJmaWQiOiJmIiwiZWlkIjoiZSJ9\
                        .zcD8M4JofPOzkEDQd-SmYKnIn2lpimiJAH-UuFnwr8g";
    for (token, text) in [
        (
            nothing,
            "Authenticated principal '{\"claims\":{}}' does not contain an 'fid' claim with the \
             framework ID f, which is set in the call",
        ),
        (
            no_container,
            "Authenticated principal '{\"claims\":{\"eid\":\"e\",\"fid\":\"f\"}}' does not contain a \
             'cid' claim with the correct active ContainerID",
        ),
    ] {
        let answer = stage.client().bearing(token).call(&message()).await;
        assert_eq!(answer, (StatusCode::FORBIDDEN, text.to_owned()));
    }
}

#[actix_rt::test]
async fn a_token_is_good_for_one_run_of_an_executor() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    stage.exit(0);
    stage.until_state("t1", TaskState::Failed).await;
    stage.run(&["t2"]).await;
    stage.until("it runs again", |seen| seen.launches.len() == 2).await;
    let (first, second) = (token_of(&stage, 0), token_of(&stage, 1));
    assert_ne!(first, second);
    let (status, text) = stage.client().bearing(&first).call(&call("SUBSCRIBE", json!({}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.ends_with("a 'cid' claim with the correct active ContainerID"), "{text}");
    let mut stream = stage.client().bearing(&second).subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
}

#[actix_rt::test]
async fn a_token_outlives_the_agent() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    let client = stage.client().bearing(&token_of(&stage, 0));
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    stage.start_agent().await;
    stream.ended().await;
    let again = json!({
        "unacknowledged_updates": [{ "status": status("t1", "TASK_RUNNING", 1) }],
    });
    let mut stream = client.subscribe_with(again, MediaType::Json).await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "ACKNOWLEDGED"]);
    stage.until_state("t1", TaskState::Running).await;
}

#[actix_rt::test]
async fn a_token_is_not_shown() {
    let (stage, _dir) = guarded().await;
    stage.run(&["t1"]).await;
    let token = token_of(&stage, 0);
    let client = stage.client().bearing(&token);
    let mut stream = client.subscribe().await;
    let first = stream.event().await.to_string();
    let overview = stage.client().at("/api/v1/meseta/state");
    let (_, overview) = Client::answer(overview.request(Method::GET)).await;
    assert!(overview.contains("\"t1\""), "{overview}");
    let mut shown = vec![first, overview];
    shown.push(format!("{:?}", stage.seen.lock().unwrap().launches));
    let session = format!("executor/{}", stage.seen.lock().unwrap().launches[0].container_id);
    for actor in ["agent", "gateway", &session] {
        let inspect = protocol::runtime::Inspect {};
        let address = stage.host.address_of(actor);
        let seen = stage.host.ask(&address, inspect, crate::stage::PATIENCE).await.unwrap();
        shown.push(format!("{seen:?}"));
    }
    let signature = token.rsplit('.').next().unwrap();
    for text in shown {
        assert!(!text.contains(signature) && !text.contains(SECRET), "{text}");
    }
}

#[actix_rt::test]
async fn where_no_tokens_are_asked_for_none_is_given_and_none_looked_at() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let launch = stage.seen.lock().unwrap().launches[0].clone();
    assert!(!launch.process.environment.contains_key("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"));
    let mut stream = stage.client().bearing("nonsense").subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
}
