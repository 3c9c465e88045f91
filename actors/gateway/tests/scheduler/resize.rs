//! `POST /api/v1/tasks/{id}/resize`: a running task gets more or less.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::stage::{AGENT, Stage};

async fn resize(stage: &Stage, task: &str, wish: Value) -> (u16, Value) {
    let request = stage.client().request(Method::POST, &format!("/api/v1/tasks/{task}/resize"));
    let (status, text) = Client::answer(request.body(wish.to_string())).await;
    (status, serde_json::from_str(&text).unwrap())
}

#[actix_rt::test]
async fn a_task_has_what_it_was_given_and_its_scheduler_hears_of_it() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    // Until the rest is on offer it may be on its way to be.
    framework.offer().await;
    let wish = json!({ "framework_id": framework.id, "agent_id": AGENT, "cpus": 2, "mem": 64 });
    let (status, body) = resize(&stage, "t", wish.clone()).await;
    assert_eq!((status, &body["agent_id"]), (200, &json!(AGENT)), "{body}");
    let resources = body["resources"].to_string();
    stage.routed("resize t to cpus:2;mem:64").await;
    let status = framework.status().await;
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_RUNNING"), &json!("REASON_RECONCILIATION"))
    );
    // The same once more changes nothing.
    let (status, body) = resize(&stage, "t", wish).await;
    assert_eq!((status, body["resources"].to_string()), (200, resources));
    let less = json!({ "framework_id": framework.id, "cpus": 0.5 });
    assert_eq!(resize(&stage, "t", less).await.0, 200);
    stage.routed("resize t to cpus:0.5;mem:64").await;
}

#[actix_rt::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let id = framework.id.clone();
    let wish = |more: Value| {
        let mut wish = json!({ "framework_id": id });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    for (task, wish, status, said) in [
        ("t", json!("all"), 400, "failed to read the JSON body"),
        ("t", wish(json!({ "gpus": 1 })), 400, "failed to read the JSON body"),
        ("t", json!({ "cpus": 1 }), 400, "framework_id"),
        ("t", wish(json!({ "cpus": 100 })), 400, "that is not used"),
        ("t", wish(json!({ "mem": 4 })), 400, "more memory is in use"),
        ("none", wish(json!({ "cpus": 1 })), 404, "none"),
        ("t", json!({ "framework_id": "nobody", "cpus": 1 }), 404, "nobody"),
    ] {
        let (found, body) = resize(&stage, task, wish.clone()).await;
        assert_eq!(found, status, "{wish}: {body}");
        assert!(body["message"].as_str().unwrap().contains(said), "{wish}: {body}");
    }
}
