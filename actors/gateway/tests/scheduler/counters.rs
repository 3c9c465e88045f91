//! What a framework does and hears is counted: `/metrics/snapshot` before the real frameworks manager
//! and allocator.

use actix_web::http::Method;
use protocol::frameworks::AgentLossCause;
use serde_json::{Value, json};

use crate::client::{Client, Framework, launch};
use crate::stage::{AGENT, Stage};

impl Stage {
    async fn metrics(&self) -> Value {
        let client = self.client();
        let (status, text) = Client::answer(client.request(Method::GET, "/metrics/snapshot")).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until it is counted so often.
    async fn until(&self, name: &str, times: f64) {
        for _ in 0..500 {
            if self.metrics().await[name] == times {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{name} is never {times}");
    }

    async fn expect(&self, prefix: &str, expected: &[(&str, f64)]) {
        let metrics = self.metrics().await;
        for (name, value) in expected {
            let name = format!("{prefix}{name}");
            assert_eq!(metrics[&name], *value, "{name}");
        }
    }
}

fn prefix(framework: &Framework) -> String {
    format!("master/frameworks/demo/{}/", framework.id)
}

/// The acknowledgement of every update of a task: [`crate::stage::UUID`] in base64.
fn acknowledgement(task: &str, agent: &str) -> Value {
    let uuid = "Z+VQRBCxQm+SR7toDl/gyA==";
    json!({ "agent_id": { "value": agent }, "task_id": { "value": task }, "uuid": uuid })
}

#[actix_rt::test]
async fn calls_events_and_offers_of_a_framework_have_its_name() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe_with(json!({ "name": "my/demo" })).await;
    framework.launch("t").await;
    framework.tell("ACKNOWLEDGE", acknowledgement("t", AGENT)).await;
    let offer = framework.offer().await;
    framework.tell("DECLINE", json!({ "offer_ids": [offer["id"]] })).await;
    framework.tell("REVIVE", Value::Null).await;
    framework.offer().await;
    framework.tell("RECONCILE", json!({})).await;
    framework.status().await;
    framework.tell("RECONCILE_OPERATIONS", json!({ "operations": [] })).await;
    framework.tell("REQUEST", json!({ "requests": [] })).await;
    framework.tell("SUPPRESS", Value::Null).await;
    let message =
        json!({ "agent_id": { "value": AGENT }, "executor_id": { "value": "t" }, "data": "AP8=" });
    framework.tell("MESSAGE", message).await;
    framework.stream.next("MESSAGE").await;
    let executor = json!({ "agent_id": { "value": AGENT }, "executor_id": { "value": "t" } });
    framework.tell("SHUTDOWN", executor).await;
    framework.stream.next("FAILURE").await;
    let prefix = format!("master/frameworks/my%2Fdemo/{}/", framework.id);
    let of_framework = [
        ("subscribed", 1.0),
        ("calls", 11.0),
        ("calls/subscribe", 1.0),
        ("calls/accept", 1.0),
        ("calls/acknowledge", 1.0),
        ("calls/reconcile_operations", 1.0),
        ("calls/shutdown", 1.0),
        ("events/subscribed", 1.0),
        ("events/update", 2.0),
        ("events/message", 1.0),
        ("events/failure", 1.0),
        ("operations/launch", 1.0),
        ("offers/accepted", 1.0),
        ("offers/declined", 1.0),
        ("roles/*/suppressed", 1.0),
        ("tasks/active/task_running", 1.0),
    ];
    stage.expect(&prefix, &of_framework).await;
    let in_all = [
        ("messages_register_framework", 1.0),
        ("messages_launch_tasks", 1.0),
        ("messages_status_update", 1.0),
        ("messages_status_update_acknowledgement", 1.0),
        ("messages_decline_offers", 1.0),
        ("messages_revive_offers", 1.0),
        ("messages_suppress_offers", 1.0),
        ("messages_reconcile_tasks", 1.0),
        ("messages_reconcile_operations", 1.0),
        ("messages_resource_request", 1.0),
        ("messages_framework_to_executor", 1.0),
        ("messages_executor_to_framework", 1.0),
        ("messages_exited_executor", 1.0),
        ("valid_status_updates", 1.0),
        ("valid_status_update_acknowledgements", 1.0),
        ("valid_framework_to_executor_messages", 1.0),
        ("valid_executor_to_framework_messages", 1.0),
        ("dropped_messages", 0.0),
    ];
    stage.expect("master/", &in_all).await;
}

#[actix_rt::test]
async fn ends_of_tasks_are_counted_with_their_causes() {
    let stage = Stage::start().await;
    let more = json!({ "capabilities": [{ "type": "PARTITION_AWARE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    framework.launch("killed").await;
    framework.tell("KILL", json!({ "task_id": { "value": "killed" } })).await;
    framework.stream.next("UPDATE").await;
    let offer = framework.offer().await;
    let bad = launch(&[json!({ "task_id": { "value": "bad" }, "agent_id": { "value": "S9" } })]);
    framework.accept(&offer, json!([bad])).await;
    assert_eq!(framework.status().await["state"], "TASK_ERROR");
    framework.launch("away").await;
    stage.leave(AgentLossCause::Gone);
    assert_eq!(framework.status().await["state"], "TASK_GONE_BY_OPERATOR");
    let in_all = [
        ("tasks_killed", 1.0),
        ("tasks_error", 1.0),
        ("tasks_gone_by_operator", 1.0),
        ("tasks_finished", 0.0),
        ("task_error/source_master/reason_task_invalid", 1.0),
        ("task_gone_by_operator/source_master/reason_slave_removed_by_operator", 1.0),
    ];
    stage.expect("master/", &in_all).await;
    let of_framework = [
        ("tasks/terminal/task_killed", 1.0),
        ("tasks/terminal/task_error", 1.0),
        ("tasks/terminal/task_gone_by_operator", 1.0),
    ];
    stage.expect(&prefix(&framework), &of_framework).await;
}

#[actix_rt::test]
async fn what_is_refused_is_counted_as_dropped() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    assert!(framework.reason("ACKNOWLEDGE", acknowledgement("t", "S9")).await.is_some());
    let message =
        json!({ "agent_id": { "value": "S9" }, "executor_id": { "value": "t" }, "data": "" });
    assert!(framework.reason("MESSAGE", message).await.is_some());
    assert!(
        framework.reason("DECLINE", json!({ "offer_ids": [{ "value": "x" }] })).await.is_some()
    );
    let expected = [
        ("dropped_messages", 3.0),
        ("invalid_status_update_acknowledgements", 1.0),
        ("invalid_framework_to_executor_messages", 1.0),
        ("messages_decline_offers", 1.0),
    ];
    stage.expect("master/", &expected).await;
}

#[actix_rt::test]
async fn operations_are_counted_by_kind_and_outcome() {
    let stage = Stage::start().await;
    let more = json!({ "roles": ["dev"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    let resource = |reserved: bool| {
        let mut cpus = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1 } });
        if reserved {
            cpus["role"] = "dev".into();
            cpus["reservation"] = json!({});
        }
        cpus
    };
    let operation = |kind: &str, id: &str, resource: Value| {
        let part = json!({ "resources": [resource] });
        json!({ "type": kind, "id": { "value": id }, kind.to_lowercase(): part })
    };
    let offer = framework.offer().await;
    let all =
        [operation("RESERVE", "o1", resource(true)), operation("UNRESERVE", "o2", resource(false))];
    framework.accept(&offer, json!(all)).await;
    let mut done = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    while done["update_operation_status"]["status"]["state"] != "OPERATION_FINISHED" {
        done = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    }
    let expected = [
        ("operations/finished", 1.0),
        ("operations/reserve/finished", 1.0),
        ("operations/error", 1.0),
        ("operations/unreserve/error", 1.0),
        ("operations/pending", 0.0),
        ("operations/total", 1.0),
        ("operations/reserve/total", 1.0),
        ("messages_operation_status_update", 1.0),
        ("valid_operation_status_updates", 1.0),
    ];
    stage.expect("master/", &expected).await;
    let mut acknowledgement = acknowledgement("", AGENT);
    acknowledgement["operation_id"] = json!({ "value": "o1" });
    acknowledgement.as_object_mut().unwrap().remove("task_id");
    framework.tell("ACKNOWLEDGE_OPERATION_STATUS", acknowledgement).await;
    let expected = [
        ("operations/total", 0.0),
        ("operations/finished", 1.0),
        ("messages_operation_status_update_acknowledgement", 1.0),
        ("valid_operation_status_update_acknowledgements", 1.0),
    ];
    stage.expect("master/", &expected).await;
}

#[actix_rt::test]
async fn the_metrics_of_a_framework_leave_with_it() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let other = stage.client().subscribe_with(json!({ "id": { "value": "given" } })).await;
    stage.until(&format!("{}subscribed", prefix(&framework)), 1.0).await;
    let response = framework.request("TEARDOWN", &Value::Null).send().await.unwrap();
    assert_eq!(response.status(), 202);
    stage.until("master/messages_unregister_framework", 1.0).await;
    let metrics = stage.metrics().await;
    let of = |framework: &Framework| {
        let prefix = prefix(framework);
        metrics.as_object().unwrap().keys().filter(|name| name.starts_with(&prefix)).count()
    };
    assert_eq!(of(&framework), 0, "{metrics}");
    assert!(of(&other) > 0);
    assert_eq!(metrics["master/messages_reregister_framework"], 1.0);
}

#[actix_rt::test]
async fn an_unreachable_task_tells_since_when_and_a_lost_one_too() {
    for aware in [false, true] {
        let stage = Stage::start().await;
        let capabilities = if aware { json!([{ "type": "PARTITION_AWARE" }]) } else { json!([]) };
        let more = json!({ "capabilities": capabilities });
        let mut framework = stage.client().subscribe_with(more).await;
        let status = framework.launch("t").await;
        assert_eq!(status.get("unreachable_time"), None);
        stage.leave(AgentLossCause::Unreachable);
        let status = framework.status().await;
        let since = json!({ "nanoseconds": 1_500_000_000_000_000_000_u64 });
        assert_eq!(status["unreachable_time"], since, "{status}");
        for task in ["t", "unknown"] {
            let question = json!({ "task_id": { "value": task }, "agent_id": { "value": AGENT } });
            framework.tell("RECONCILE", json!({ "tasks": [question] })).await;
            assert_eq!(framework.status().await["unreachable_time"], since);
        }
        let lost = if aware { "task_unreachable" } else { "task_lost" };
        let name = if aware { "active" } else { "terminal" };
        stage.expect(&prefix(&framework), &[(&format!("tasks/{name}/{lost}"), 1.0)]).await;
        let request = stage.client().request(Method::POST, "/api/v1");
        let request = request.header("Content-Type", "application/json");
        let (_, text) = Client::answer(request.body(r#"{"type":"GET_STATE"}"#)).await;
        let state: Value = serde_json::from_str(&text).unwrap();
        let list = if aware { "unreachable_tasks" } else { "completed_tasks" };
        let task = &state["get_state"]["get_tasks"][list][0];
        assert_eq!(task["statuses"][0]["unreachable_time"], since, "{task}");
    }
}

#[actix_rt::test]
async fn offers_and_the_subscription_say_where_agent_and_master_are() {
    let stage = Stage::start().await;
    let mut stream = stage.client().open(json!({})).await;
    let domain = |zone: &str| {
        let fault = json!({ "region": { "name": "europe" }, "zone": { "name": zone } });
        json!({ "fault_domain": fault })
    };
    let subscribed = stream.event().await;
    assert_eq!(subscribed["subscribed"]["master_info"]["domain"], domain("a"));
    let offers = stream.next("OFFERS").await;
    assert_eq!(offers["offers"]["offers"][0]["domain"], domain("b"));
}
