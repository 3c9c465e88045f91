//! The edges over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

mod support;

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use gateway::{AgentEdge, Answer, Common, Edge, MasterEdge};
use protocol::elector::Leadership;
use protocol::monitor::GetUsage;
use protocol::runtime::Inspect;
use serde_json::{Value, json};
use support::{BIG, Elector, SOON, World, client, leads};

fn agent_edge() -> AgentEdge {
    AgentEdge::new(Duration::from_secs(60))
}

async fn get(world: &World, path: &str) -> (u16, Value) {
    let response = client().get(world.url(path)).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[actix_rt::test]
async fn a_leader_answers_what_its_actors_answer() {
    let world = World::start(MasterEdge, Some(leads(true, "10.0.0.1:5050"))).await;
    world.wait_until_leading().await;
    for list in ["agents", "frameworks", "tasks", "offers", "roles"] {
        let (status, body) = get(&world, &format!("/api/v1/meseta/{list}")).await;
        assert_eq!((status, &body[list]), (200, &json!([])), "{body}");
    }
    assert_eq!(get(&world, "/api/v1/meseta/roles").await.1["policy"], "drf");
    assert_eq!(get(&world, "/api/v1/meseta/leader").await.1["leader"]["epoch"], 4);
    assert_eq!(get(&world, "/health").await.0, 200);
    let version = get(&world, "/version").await.1;
    assert_eq!(version["version"], "1.11.0");
    assert_eq!(version["meseta_version"], env!("CARGO_PKG_VERSION"));
}

#[actix_rt::test]
async fn mistakes_are_answered_in_one_shape_with_the_right_status() {
    let world = World::start(MasterEdge, Some(leads(true, "10.0.0.1:5050"))).await;
    world.wait_until_leading().await;
    let (status, body) = get(&world, "/nowhere").await;
    assert_eq!((status, &body["message"]), (404, &json!("there is no GET /nowhere")));
    let (status, body) = get(&world, "/api/v1/meseta/tasks?completed=maybe").await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("query"), "{body}");
    world.host.stop_actor("allocator").await;
    let (status, body) = get(&world, "/api/v1/meseta/roles").await;
    assert_eq!(status, 503);
    assert!(body["message"].as_str().unwrap().contains("allocator"), "{body}");
}

#[actix_rt::test]
async fn a_standby_sends_everything_but_the_open_paths_to_the_leader() {
    let world = World::start(MasterEdge, Some(leads(false, "10.0.0.2:5050"))).await;
    let mut location = String::new();
    for _ in 0..500 {
        let response = client().get(world.url("/api/v1/meseta/tasks?a=b")).send().await.unwrap();
        if response.status() == 307 {
            location = response.headers()["location"].to_str().unwrap().to_owned();
            break;
        }
        // It has not heard of the leader yet.
        assert_eq!(response.status(), 503);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["message"], "No leader elected");
    }
    assert_eq!(location, "//10.0.0.2:5050/api/v1/meseta/tasks?a=b");
    assert_eq!(get(&world, "/health").await.0, 200);
    for path in ["/redirect", "/master/redirect"] {
        let response = client().get(world.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], "//10.0.0.2:5050");
    }
    world.elect(leads(true, "10.0.0.1:5050")).await;
    world.wait_until_leading().await;
    world.host.stop_actor("elector").await;
    let stepped_down = async { while get(&world, "/api/v1/meseta/roles").await.0 == 200 {} };
    tokio::time::timeout(SOON, stepped_down).await.unwrap();
    let nobody = Leadership { leader: None, leading: false };
    world.host.spawn("elector", Default::default(), move || Elector::new(&nobody)).unwrap();
    let nobody = async {
        while get(&world, "/redirect").await.0 != 503 {}
        get(&world, "/api/v1/meseta/tasks").await
    };
    let (status, body) = tokio::time::timeout(SOON, nobody).await.unwrap();
    assert_eq!((status, &body["message"]), (503, &json!("No leader elected")));
}

#[actix_rt::test]
async fn an_agent_answers_for_itself() {
    let world = World::start(agent_edge(), None).await;
    assert_eq!(get(&world, "/health").await.0, 200);
    let (status, body) = get(&world, "/monitor/usage").await;
    assert_eq!((status, &body["machine"]["cpus"]), (200, &json!(2)));
    let (status, body) = get(&world, "/system/stats.json").await;
    assert!(status == 200 && body["cpus_total"].is_number(), "{body}");
    let at = world.host.address_of("gateway");
    let state = world.host.ask(&at, Inspect {}, SOON).await.unwrap().state;
    assert_eq!(state["http"], world.http.to_string());
}

#[actix_rt::test]
async fn parts_of_a_sandbox_file_follow_on_each_other() {
    let world = World::start(agent_edge(), None).await;
    let (status, body) = get(&world, "/files/read?task=t&path=stdout&offset=0&length=3").await;
    assert_eq!((status, &body["data"], &body["next"]), (200, &json!("gr"), &json!(2)));
    let (_, body) = get(&world, "/files/read?task=t&path=stdout&offset=2").await;
    assert_eq!(
        (&body["data"], &body["next"], &body["size"]),
        (&json!("üße\n"), &json!(8), &json!(8))
    );
    assert_eq!(body["state"], "TASK_RUNNING");
    let (_, body) = get(&world, "/files/read?task=t&path=stdout&offset=-1").await;
    assert_eq!(body, json!({ "offset": 8, "data": "" }));
}

#[actix_rt::test]
async fn a_file_that_is_not_there_is_not_found_and_a_bad_question_is_a_bad_request() {
    let world = World::start(agent_edge(), None).await;
    for (path, want) in [
        ("/files/read?task=t&path=../etc/passwd", 404),
        ("/files/read?task=x&path=stdout", 404),
        ("/files/download?task=t&path=nothing", 404),
        ("/files/read?task=t", 400),
        ("/files/read?task=t&path=stdout&offset=-2", 400),
        ("/files/read?task=t&path=stdout&offset=x", 400),
    ] {
        let (status, body) = get(&world, path).await;
        assert_eq!(status, want, "{path}: {body}");
        assert!(body["message"].is_string(), "{path}: {body}");
    }
}

#[actix_rt::test]
async fn a_download_is_the_whole_file_whatever_its_length() {
    let world = World::start(agent_edge(), None).await;
    let response = client().get(world.url("/files/download?task=t&path=big")).send().await.unwrap();
    assert_eq!(response.headers()["content-length"], BIG.to_string().as_str());
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"big\"");
    let body = response.bytes().await.unwrap();
    assert_eq!(body.len() as u64, BIG);
    assert!(body.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
}

#[actix_rt::test]
async fn a_stopped_edge_takes_no_more_connections() {
    let world = World::start(agent_edge(), None).await;
    let url = world.url("/health");
    assert_eq!(client().get(&url).send().await.unwrap().status(), 200);
    world.gateway.stop().await;
    assert!(client().get(&url).send().await.is_err());
}

#[actix_rt::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let world = World::start(agent_edge(), None).await;
    let idle = client();
    assert_eq!(idle.get(world.url("/health")).send().await.unwrap().status(), 200);
    let _silent = tokio::net::TcpStream::connect(world.http).await.unwrap();
    let begun = Instant::now();
    world.gateway.stop().await;
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

/// Takes its time.
#[derive(Clone)]
struct Slow;

impl Edge for Slow {
    fn open_paths(&self) -> Option<&'static [&'static str]> {
        None
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config.route("/slow", web::get().to(slow));
    }
}

async fn slow(common: Data<Common>) -> Answer {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let usage = common.ask("monitor", GetUsage {}).await?;
    Ok(HttpResponse::Ok().json(usage))
}

#[actix_rt::test]
async fn what_is_being_answered_when_the_end_comes_is_answered() {
    let world = World::start(Slow, None).await;
    let url = world.url("/slow");
    let asked = actix_rt::spawn(async move { client().get(url).send().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.gateway.stop().await;
    let body: Value = asked.await.unwrap().json().await.unwrap();
    assert_eq!(body["machine"]["cpus"], 2);
}
