//! Why a framework or a role gets offers or none, over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::client::{Client, launch};
use crate::stage::{AGENT, Stage};

async fn explain(stage: &Stage, what: &str) -> (u16, Value) {
    let request = stage.client().request(Method::GET, &format!("/api/v1/explain/{what}"));
    let (status, body) = Client::answer(request).await;
    (status, serde_json::from_str(&body).unwrap())
}

/// The explanation of a framework once its verdict is this.
pub(crate) async fn verdict(stage: &Stage, id: &str, verdict: &str) -> Value {
    let mut seen = Value::Null;
    for _ in 0..500 {
        seen = explain(stage, &format!("framework/{id}")).await.1;
        if seen["verdict"] == verdict {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {verdict}: {seen}");
}

#[actix_rt::test]
async fn a_framework_is_told_why_it_gets_no_offers() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    let told = verdict(&stage, &framework.id, "offered").await;
    assert_eq!((&told["name"], &told["standing"]), (&json!("demo"), &json!("active")));
    assert_eq!(told["offers"], 1);

    let filters = json!({ "refuse_seconds": 600.0 });
    let decline = json!({ "offer_ids": [offer["id"]], "filters": filters });
    framework.tell("DECLINE", decline).await;
    let told = verdict(&stage, &framework.id, "filter").await;
    assert_eq!(told["summary"], "it has refused what is free on 1 of 1 agents");
    assert_eq!(told["roles"][0]["agents"], json!({ "filter": 1 }));
    assert_eq!(told["declined"][0]["agent_id"], AGENT);

    framework.tell("SUPPRESS", json!({})).await;
    verdict(&stage, &framework.id, "suppressed").await;
    let id = framework.id.clone();
    drop(framework);
    let told = verdict(&stage, &id, "inactive").await;
    assert_eq!(told["standing"], "disconnected");
    assert!(told["summary"].as_str().unwrap().contains("unless it is there by"), "{told}");
    assert!(told["removed_at"].is_u64(), "{told}");
}

#[actix_rt::test]
async fn what_came_to_nothing_is_remembered_with_its_reason() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    let bad = launch(&[json!({ "task_id": { "value": "big" }, "resources": [
        { "name": "cpus", "type": "SCALAR", "scalar": { "value": 99 } }] })]);
    framework.accept(&offer, json!([bad])).await;
    framework.status().await;
    let used = json!({ "offer_ids": [offer["id"]], "operations": [launch(&[json!({})])] });
    assert!(framework.reason("ACCEPT", used).await.is_some());
    let told = explain(&stage, &format!("framework/{}", framework.id)).await.1;
    let [newest, oldest] = &told["setbacks"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&newest["kind"], &newest["task_ids"]), (&json!("accept_refused"), &json!(["t"])));
    assert!(newest["reason"].as_str().unwrap().contains("is no longer valid"), "{newest}");
    assert_eq!((&oldest["kind"], &oldest["task_ids"]), (&json!("task_refused"), &json!(["big"])));
    assert!(oldest["reason"].as_str().unwrap().contains("more than available"), "{oldest}");
}

#[actix_rt::test]
async fn a_role_is_shown_in_its_place() {
    let stage = Stage::start().await;
    let roles = json!({ "roles": ["eng/web"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let mut web = stage.client().subscribe_with(roles).await;
    web.offer().await;
    let ops = json!({ "roles": ["ops"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let ops = stage.client().subscribe_with(ops).await;
    let (status, told) = explain(&stage, "role/eng/web").await;
    assert_eq!(status, 200, "{told}");
    assert_eq!((&told["role"], &told["parent"]), (&json!("eng/web"), &json!("eng")));
    assert_eq!((&told["policy"], &told["dominant_share"]), (&json!("drf"), &json!(1.0)));
    assert_eq!(told["frameworks"][0]["framework_id"], web.id.as_str());
    let (_, told) = explain(&stage, "role/eng").await;
    assert_eq!((&told["children"], &told["ahead"]), (&json!(["eng/web"]), &json!(["ops"])));
    let (_, told) = explain(&stage, "role/ops").await;
    assert_eq!((&told["verdict"], &told["behind"]), (&json!("nothing_free"), &json!(["eng"])));
    assert_eq!(told["frameworks"][0]["framework_id"], ops.id.as_str());
}

#[actix_rt::test]
async fn what_is_not_there_is_not_found_and_named() {
    let stage = Stage::start().await;
    let (status, body) = explain(&stage, "framework/nobody").await;
    assert_eq!((status, &body["message"]), (404, &json!("Framework cannot be found: nobody")));
    let (status, body) = explain(&stage, "role/no/such").await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().starts_with("role no/such is not known"), "{body}");
    assert_eq!(explain(&stage, "planet/earth").await.0, 404);
    let framework = stage.client().subscribe().await;
    framework.tell("TEARDOWN", Value::Null).await;
    let (status, body) = explain(&stage, &format!("framework/{}", framework.id)).await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().contains("has been removed"), "{body}");
}

#[actix_rt::test]
async fn an_allocator_that_is_away_is_the_reason() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    stage.host.stop_actor("allocator").await;
    let told = verdict(&stage, &framework.id, "no_allocator").await;
    assert!(told["summary"].as_str().unwrap().starts_with("nothing is offered"), "{told}");
    assert!(told["unexplained"].as_str().unwrap().contains("away"), "{told}");
    assert_eq!(explain(&stage, "role/*").await.0, 503);
}
