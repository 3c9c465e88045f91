//! Maintenance, as operators plan and follow it and schedulers hear of it.

use actix_web::http::Method;
use gateway::v1::wire::master::{Call, Response};
use gateway::v1::{MediaType, decode, encode};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::stage::{AGENT, Stage};

/// The agent of the stage.
fn machine() -> Value {
    json!({ "hostname": "NODE", "ip": "127.0.0.1" })
}

/// The same, as it is told.
const MACHINE: &str = r#"{"hostname":"node","ip":"127.0.0.1"}"#;

fn window(machines: Value) -> Value {
    json!({ "machine_ids": machines,
        "unavailability": { "start": { "nanoseconds": 5000 }, "duration": { "nanoseconds": 2_000_000 } } })
}

fn schedule(windows: Value) -> Value {
    let schedule = json!({ "schedule": { "windows": windows } });
    json!({ "type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": schedule })
}

fn machines(kind: &str, machines: Value) -> Value {
    let mut call = json!({ "type": kind });
    call[kind.to_lowercase()] = json!({ "machines": machines });
    call
}

async fn operator(stage: &Stage, call: &Value, media: MediaType) -> reqwest::Response {
    let body = match media {
        MediaType::Json => call.to_string().into_bytes(),
        MediaType::Protobuf => {
            let call: Call = decode(MediaType::Json, call.to_string().as_bytes()).unwrap();
            encode(media, &call)
        }
    };
    let request = stage.client().request(Method::POST, "/api/v1").body(body);
    let request = request.header("Content-Type", media.as_str()).header("Accept", media.as_str());
    request.send().await.unwrap()
}

/// The answer to a call, which is the same in both encodings.
async fn call(stage: &Stage, call: &Value) -> Answer {
    let response = operator(stage, call, MediaType::Json).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The answer to a question, which is the same in both encodings.
async fn read(stage: &Stage, kind: &str) -> Value {
    let question = json!({ "type": kind });
    let (status, text) = call(stage, &question).await;
    assert_eq!(status, 200, "{text}");
    let bytes = operator(stage, &question, MediaType::Protobuf).await.bytes().await.unwrap();
    let from_json: Response = decode(MediaType::Json, text.as_bytes()).unwrap();
    let from_protobuf: Response = decode(MediaType::Protobuf, &bytes).unwrap();
    assert_eq!(from_json, from_protobuf);
    serde_json::from_str::<Value>(&text).unwrap()[kind.to_lowercase()].clone()
}

async fn post(stage: &Stage, path: &str, body: &Value) -> Answer {
    Client::answer(stage.client().request(Method::POST, path).body(body.to_string())).await
}

async fn get(stage: &Stage, path: &str) -> Value {
    let (status, text) = Client::answer(stage.client().request(Method::GET, path)).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn done() -> Answer {
    (200, String::new())
}

#[actix_rt::test]
async fn a_machine_drains_goes_down_and_comes_up() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    assert_eq!(call(&stage, &schedule(json!([window(json!([machine()]))]))).await, done());
    let planned = json!({ "schedule": { "windows": [window(json!([
        { "hostname": "node", "ip": "127.0.0.1" }
    ]))] } });
    assert_eq!(read(&stage, "GET_MAINTENANCE_SCHEDULE").await, planned);

    let event = framework.stream.next("INVERSE_OFFERS").await;
    let asked = &event["inverse_offers"]["inverse_offers"][0];
    assert_eq!(asked["agent_id"]["value"], AGENT);
    assert_eq!(asked["unavailability"]["start"]["nanoseconds"], 5000);
    let status = read(&stage, "GET_MAINTENANCE_STATUS").await;
    let draining = &status["status"]["draining_machines"][0];
    assert_eq!(draining["id"]["hostname"], "node");
    assert_eq!(draining["statuses"][0]["status"], "UNKNOWN");
    framework.tell("ACCEPT_INVERSE_OFFERS", json!({ "inverse_offer_ids": [asked["id"]] })).await;
    let status = read(&stage, "GET_MAINTENANCE_STATUS").await;
    let answered = &status["status"]["draining_machines"][0]["statuses"][0];
    assert_eq!(answered["status"], "ACCEPT");
    assert_eq!(answered["framework_id"]["value"], framework.id.as_str());

    let down = machines("START_MAINTENANCE", json!([machine()]));
    assert_eq!(call(&stage, &down).await, done());
    stage.routed(&format!("down {MACHINE}")).await;
    let status = read(&stage, "GET_MAINTENANCE_STATUS").await;
    assert_eq!(status["status"]["down_machines"][0]["ip"], "127.0.0.1");
    assert_eq!(status["status"].get("draining_machines"), None);
    let up = machines("STOP_MAINTENANCE", json!([machine()]));
    assert_eq!(call(&stage, &up).await, done());
    assert_eq!(read(&stage, "GET_MAINTENANCE_SCHEDULE").await, json!({ "schedule": {} }));
}

#[actix_rt::test]
async fn offers_say_when_their_agent_is_to_be_away() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let before = framework.offer().await;
    assert_eq!(before.get("unavailability"), None);
    assert_eq!(call(&stage, &schedule(json!([window(json!([machine()]))]))).await, done());
    let rescinded = framework.stream.next("RESCIND").await;
    assert_eq!(rescinded["rescind"]["offer_id"], before["id"]);
    assert_eq!(framework.offer().await["unavailability"], window(json!([]))["unavailability"]);
}

#[actix_rt::test]
async fn a_schedule_that_cannot_be_is_refused_in_the_words_of_mesos() {
    let stage = Stage::start().await;
    let mut negative = window(json!([machine()]));
    negative["unavailability"]["duration"]["nanoseconds"] = json!(-1);
    for (windows, said) in [
        (
            json!([window(json!([]))]),
            "List of machines in the maintenance window is empty".to_owned(),
        ),
        (json!([negative]), "Unavailability 'duration' is negative".to_owned()),
        (
            json!([window(json!([{}]))]),
            "Both 'hostname' and 'ip' for a machine are empty".to_owned(),
        ),
        (json!([window(json!([{ "ip": "here" }]))]), "Failed to parse the IP 'here'".to_owned()),
        (
            json!([window(json!([machine()])), window(json!([machine()]))]),
            format!("Machine '{MACHINE}' appears more than once in the schedule"),
        ),
    ] {
        let expected = (400, said);
        assert_eq!(call(&stage, &schedule(windows.clone())).await, expected);
        let body = json!({ "windows": windows });
        assert_eq!(post(&stage, "/maintenance/schedule", &body).await, expected);
    }
    assert_eq!(get(&stage, "/maintenance/schedule").await, json!({}));
}

#[actix_rt::test]
async fn machines_go_down_and_up_only_from_where_they_are() {
    let stage = Stage::start().await;
    let (down, up) = ("START_MAINTENANCE", "STOP_MAINTENANCE");
    let refused = |text: &str| (400, text.replace("{}", MACHINE));
    let expect = async |kind: &str, list: Value, expected: Answer| {
        assert_eq!(call(&stage, &machines(kind, list.clone())).await, expected);
        let path = if kind == down { "/machine/down" } else { "/master/machine/up" };
        assert_eq!(post(&stage, path, &list).await, expected);
    };
    for kind in [down, up] {
        expect(kind, json!([]), refused("List of machines is empty")).await;
        let twice = json!([machine(), machine()]);
        expect(kind, twice, refused("Machine '{}' appears more than once in the schedule")).await;
        let unknown = refused("Machine '{}' is not part of a maintenance schedule");
        expect(kind, json!([machine()]), unknown).await;
    }
    let windows = json!({ "windows": [window(json!([machine()]))] });
    assert_eq!(post(&stage, "/maintenance/schedule", &windows).await, done());
    let not_down = refused("Machine '{}' is not in DOWN mode and cannot be brought up");
    expect(up, json!([machine()]), not_down).await;
    assert_eq!(post(&stage, "/machine/down", &json!([machine()])).await, done());
    let not_draining = refused("Machine '{}' is not in DRAINING mode and cannot be brought down");
    expect(down, json!([machine()]), not_draining).await;
    let kept = refused("Machine '{}' is deactivated and cannot be removed from the schedule");
    assert_eq!(call(&stage, &schedule(json!([]))).await, kept);
    assert_eq!(get(&stage, "/maintenance/status").await["down_machines"][0]["hostname"], "node");
    assert_eq!(post(&stage, "/machine/up", &json!([machine()])).await, done());
    assert_eq!(get(&stage, "/master/maintenance/schedule.json").await, json!({}));
}

#[actix_rt::test]
async fn the_endpoints_say_which_methods_and_bodies_they_take() {
    let stage = Stage::start().await;
    for (path, method, allow) in [
        ("/maintenance/schedule", Method::PUT, "GET, POST"),
        ("/maintenance/status", Method::POST, "GET"),
        ("/machine/down", Method::GET, "POST"),
        ("/machine/up", Method::GET, "POST"),
    ] {
        let response = stage.client().request(method, path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allow);
    }
    let (status, text) = post(&stage, "/machine/down", &json!({})).await;
    assert_eq!(
        (status, text.as_str()),
        (400, "Failed to parse body into JSON: a list of machines is expected")
    );
    let (status, text) = post(&stage, "/maintenance/schedule", &json!({ "windows": [{}] })).await;
    assert_eq!(status, 400, "{text}");
}
