//! A framework's life between its schedulers: how it comes, what it may be called, what stays of it
//! while nobody speaks for it, and when it is over.

use protocol::frameworks::UpdateFramework;
use protocol::registrar::ApplyOperations;
use serde_json::{Value, json};

use crate::client::{Client, Framework};
use crate::operators::{call, read};
use crate::stage::{AGENT, Stage};
use crate::support::SOON;

/// The framework again, once its scheduler's end is known.
async fn back(stage: &Stage, id: &str, more: Value) -> Framework {
    gone(&stage.client(), id).await;
    let mut info = json!({ "id": { "value": id } });
    info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let framework = stage.client().subscribe_with(info).await;
    assert_eq!(framework.id, id);
    framework
}

/// Until the master says of a framework that it is not subscribed, or is not at all.
async fn gone(client: &Client, id: &str) -> u16 {
    let call = json!({ "type": "REVIVE", "framework_id": { "value": id } });
    let gone = async {
        loop {
            let (status, said) = Client::answer(client.post(&call)).await;
            if !said.starts_with("All non-subscribe calls") {
                return status;
            }
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap()
}

#[actix_rt::test]
async fn each_fault_of_a_role_is_the_one_event_of_the_stream() {
    let stage = Stage::start().await;
    let client = stage.client();
    for role in
        ["/a", "a/", "a//b", ".", "..", "a/..", "a/*", "*/a", "-a", "a\tb", "a b", "a\u{7f}"]
    {
        let error = client.open(json!({ "role": role })).await.error().await;
        assert!(error.contains("is not valid"), "{role:?}: {error}");
    }
    let several =
        |roles: Value| json!({ "roles": roles, "capabilities": [{ "type": "MULTI_ROLE" }] });
    let error = client.open(several(json!(["a", "b", "a"]))).await.error().await;
    assert_eq!(error, "role `a` is given twice");
    let error = client.open(several(json!(["a", "-"]))).await.error().await;
    assert!(error.contains("role `-` is not valid"), "{error}");
    for role in ["a", "a/b", "a.b", "web-1"] {
        client.subscribe_with(json!({ "role": role })).await;
    }
}

#[actix_rt::test]
async fn times_that_no_duration_can_hold_are_refused() {
    let stage = Stage::start().await;
    for timeout in [json!(1e10), json!("NaN"), json!("Infinity"), json!(-0.5)] {
        let more = json!({ "failover_timeout": timeout });
        let error = stage.client().open(more).await.error().await;
        assert!(error.contains("failover_timeout") && error.contains("is invalid"), "{error}");
    }
}

#[actix_rt::test]
async fn an_empty_id_is_none_and_one_that_is_unknown_is_taken_over() {
    let stage = Stage::start().await;
    let client = stage.client();
    let new = client.subscribe_with(json!({ "id": { "value": "" } })).await;
    assert!(!new.id.is_empty());
    // A master that has lost the registry believes frameworks.
    let known = client.subscribe_with(json!({ "id": { "value": "of-old-0001" } })).await;
    assert_eq!(known.id, "of-old-0001");
    let error = client.open(json!({ "id": { "value": "a/b" } })).await.error().await;
    assert!(error.starts_with("'id' cannot be used"), "{error}");
}

#[actix_rt::test]
async fn tasks_stay_while_nobody_speaks_for_them_and_what_was_declined_is_offered_again() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let offer = framework.offer().await;
    let filters = json!({ "refuse_seconds": 600.0 });
    framework.tell("DECLINE", json!({ "offer_ids": [offer["id"]], "filters": filters })).await;
    let id = framework.id.clone();
    drop(framework);
    let mut framework = back(&stage, &id, json!({})).await;
    framework.offer().await;
    framework.tell("RECONCILE", json!({})).await;
    assert_eq!(framework.status().await["state"], "TASK_RUNNING");
}

#[actix_rt::test]
async fn roles_are_suppressed_as_the_last_subscription_says() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    framework.tell("SUPPRESS", Value::Null).await;
    let id = framework.id.clone();
    drop(framework);
    back(&stage, &id, json!({})).await.offer().await;
}

#[actix_rt::test]
async fn a_framework_that_is_not_back_in_time_is_over() {
    for timeout in [0.0, 0.1] {
        let stage = Stage::start().await;
        let more = json!({ "failover_timeout": timeout });
        let mut framework = stage.client().subscribe_with(more).await;
        framework.launch("t").await;
        let id = framework.id.clone();
        drop(framework);
        stage.routed(&format!("end the framework on {AGENT}")).await;
        let said = stage.client().open(json!({ "id": { "value": id } })).await.error().await;
        assert_eq!(said, "Framework has been removed");
        assert_eq!(gone(&stage.client(), &id).await, 400);
    }
}

#[actix_rt::test]
async fn what_is_torn_down_is_shown_as_completed_with_its_tasks_killed() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    framework.tell("TEARDOWN", Value::Null).await;
    let frameworks = read(&stage.client(), "GET_FRAMEWORKS").await;
    assert_eq!(frameworks.get("frameworks"), None);
    let completed = &frameworks["completed_frameworks"][0]["framework_info"];
    assert_eq!(completed["id"]["value"], framework.id.as_str());
    let task = &read(&stage.client(), "GET_TASKS").await["completed_tasks"][0];
    assert_eq!(
        (&task["state"], &task["statuses"][0]["reason"]),
        (&json!("TASK_KILLED"), &json!("REASON_FRAMEWORK_REMOVED"))
    );
}

/// What a framework with these roles says of itself.
fn info(framework: &Framework, roles: &[&str]) -> Value {
    json!({ "user": "root", "name": "demo", "failover_timeout": 60.0,
        "id": { "value": framework.id }, "roles": roles,
        "capabilities": [{ "type": "MULTI_ROLE" }] })
}

async fn update(framework: &Framework, update: Value) -> (u16, String) {
    Client::answer(framework.request("UPDATE_FRAMEWORK", &update)).await
}

#[actix_rt::test]
async fn offers_for_a_role_that_is_left_are_rescinded_and_its_tasks_go_on() {
    let stage = Stage::start().await;
    let more = json!({ "roles": ["a"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    framework.launch("t").await;
    let offer = framework.offer().await;
    let left = json!({ "framework_info": info(&framework, &["b"]) });
    assert_eq!(update(&framework, left).await, (200, String::new()));
    let rescinded = framework.stream.next("RESCIND").await;
    assert_eq!(rescinded["rescind"]["offer_id"], offer["id"]);
    assert_eq!(framework.offer().await["allocation_info"]["role"], "b");
    framework.tell("RECONCILE", json!({})).await;
    assert_eq!(framework.status().await["state"], "TASK_RUNNING");
    let tasks = read(&stage.client(), "GET_TASKS").await;
    assert_eq!(tasks["tasks"][0]["resources"][0]["allocation_info"]["role"], "a");
}

#[actix_rt::test]
async fn an_update_says_which_roles_are_suppressed() {
    let stage = Stage::start().await;
    let mut framework = stage
        .client()
        .subscribe_with(json!({ "roles": ["a"],
        "capabilities": [{ "type": "MULTI_ROLE" }] }))
        .await;
    let offer = framework.offer().await;
    let with = |suppressed: Value| json!({ "framework_info": info(&framework, &["a"]), "suppressed_roles": suppressed });
    let (wrong, all, none) = (with(json!(["x"])), with(json!(["a"])), with(json!([])));
    let (status, said) = update(&framework, wrong).await;
    assert_eq!((status, said.as_str()), (400, "role `x` is not one of the framework's: a"));
    assert_eq!(update(&framework, all).await.0, 200);
    let filters = json!({ "refuse_seconds": 600.0 });
    framework.tell("DECLINE", json!({ "offer_ids": [offer["id"]], "filters": filters })).await;
    // To want offers again is also to forget what was declined.
    assert_eq!(update(&framework, none).await.0, 200);
    framework.offer().await;
}

#[actix_rt::test]
async fn a_change_of_a_framework_that_is_being_removed_is_a_conflict() {
    let stage = Stage::start().await;
    let framework = stage
        .client()
        .subscribe_with(json!({ "roles": ["a"],
        "capabilities": [{ "type": "MULTI_ROLE" }] }))
        .await;
    stage.hold_writes();
    let probe = stage.host.probe();
    let removal = probe.expect_message::<ApplyOperations>("registrar");
    let change = probe.expect_message::<UpdateFramework>("frameworks");
    let part = json!({ "framework_id": { "value": framework.id } });
    let teardown = json!({ "type": "TEARDOWN", "teardown": part });
    let wanted = json!({ "framework_info": info(&framework, &["b"]) });
    let client = stage.client();
    let (removed, changed, ()) = tokio::join!(
        call(&client, &teardown),
        async {
            removal.await;
            update(&framework, wanted).await
        },
        async {
            change.await;
            probe.settle().await;
            stage.release_writes();
        },
    );
    assert_eq!(removed, (200, String::new()));
    assert_eq!(changed, (409, format!("Framework has been removed: {}", framework.id)));
}
