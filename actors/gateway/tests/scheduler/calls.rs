//! The other calls.

use protocol::frameworks::AgentLossCause;
use serde_json::{Value, json};

use crate::client::question;
use crate::stage::{AGENT, Stage};

#[actix_rt::test]
async fn a_declined_offer_comes_again_when_offers_are_revived() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    let offer = framework.offer().await;
    let decline =
        json!({ "offer_ids": [offer["id"]], "filters": { "refuse_seconds": 4294967295u32 } });
    framework.tell("DECLINE", decline.clone()).await;
    let reason = framework.reason("DECLINE", decline).await.unwrap();
    assert!(reason.starts_with("offers are no longer valid"), "{reason}");
    framework.tell("REVIVE", Value::Null).await;
    assert_ne!(framework.offer().await["id"], offer["id"]);
}

#[actix_rt::test]
async fn roles_that_are_not_the_frameworks_void_the_call() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    for kind in ["REVIVE", "SUPPRESS"] {
        framework.tell(kind, json!({ "roles": ["*"] })).await;
        let reason = framework.reason(kind, json!({ "roles": ["*", "x"] })).await.unwrap();
        assert_eq!(reason, "role `x` is not one of the framework's: *");
    }
}

#[actix_rt::test]
async fn a_suppressed_role_is_offered_nothing_until_it_is_revived() {
    let stage = Stage::start().await;
    let subscribe = json!({
        "framework_info": { "user": "root", "name": "demo" }, "suppressed_roles": ["*"],
    });
    let mut stream = stage.client().open_with(subscribe).await;
    let id = stream.event().await["subscribed"]["framework_id"]["value"].clone();
    stream.event().await;
    let client = stage.client();
    let id = id.as_str().unwrap().to_owned();
    let mut framework = crate::client::Framework { client, id, stream };
    let mut other = stage.client().subscribe().await;
    let offer = other.offer().await;
    other.tell("SUPPRESS", Value::Null).await;
    other.tell("DECLINE", json!({ "offer_ids": [offer["id"]] })).await;
    framework.tell("REVIVE", Value::Null).await;
    framework.offer().await;
}

#[actix_rt::test]
async fn a_task_is_killed_with_the_grace_that_the_call_gives() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let wrong = json!({ "task_id": { "value": "t" }, "agent_id": { "value": "S2" } });
    let reason = framework.reason("KILL", wrong).await.unwrap();
    assert_eq!(reason, "task t is on agent S1");
    let kill = json!({
        "task_id": { "value": "t" },
        "kill_policy": { "grace_period": { "nanoseconds": 1_500_000_000u64 } },
    });
    framework.tell("KILL", kill).await;
    stage.routed("kill t Some(1500)").await;
    assert_eq!(framework.status().await["state"], "TASK_KILLED");
    let negative = json!({ "task_id": { "value": "t" }, "kill_policy": { "grace_period": { "nanoseconds": -1 } } });
    let reason = framework.reason("KILL", negative).await.unwrap();
    assert_eq!(reason, "kill_policy: 'grace_period' must not be negative");
}

#[actix_rt::test]
async fn killing_what_nobody_knows_is_answered_like_a_question() {
    let stage = Stage::start().await;
    let more = json!({ "capabilities": [{ "type": "PARTITION_AWARE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    let kill = json!({ "task_id": { "value": "nobody" }, "agent_id": { "value": AGENT } });
    framework.tell("KILL", kill).await;
    let status = framework.status().await;
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_GONE"), &json!("REASON_RECONCILIATION"))
    );
}

#[actix_rt::test]
async fn tasks_in_question_are_answered_by_what_is_known_of_their_agents() {
    for aware in [false, true] {
        let stage = Stage::start().await;
        let capabilities = if aware { json!([{ "type": "PARTITION_AWARE" }]) } else { json!([]) };
        let more = json!({ "capabilities": capabilities });
        let mut framework = stage.client().subscribe_with(more).await;
        framework.launch("t").await;
        let or_lost = |state: &str| if aware { json!(state) } else { json!("TASK_LOST") };
        assert_eq!(framework.answer_about("t", Some(AGENT)).await, "TASK_RUNNING");
        assert_eq!(framework.answer_about("t", None).await, "TASK_RUNNING");
        assert_eq!(framework.answer_about("x", Some(AGENT)).await, or_lost("TASK_GONE"));
        assert_eq!(framework.answer_about("x", Some("S9")).await, or_lost("TASK_UNKNOWN"));
        // Implicitly: what the master has.
        framework.tell("RECONCILE", json!({})).await;
        let status = framework.status().await;
        assert_eq!(status["message"], "Reconciliation: Latest task state");
        // Of one that may come back with it nothing is said.
        let silent = json!({ "tasks": [question("x", Some("S-old"))] });
        framework.tell("RECONCILE", silent).await;
        stage.leave(AgentLossCause::Unreachable);
        assert_eq!(framework.status().await["state"], or_lost("TASK_UNREACHABLE"));
        assert_eq!(framework.answer_about("x", Some(AGENT)).await, or_lost("TASK_UNREACHABLE"));
    }
}

#[actix_rt::test]
async fn operations_in_question_are_answered_by_what_is_known_of_their_agents() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    for (agent, state) in [
        (Some(AGENT), "OPERATION_UNKNOWN"),
        (Some("S-old"), "OPERATION_RECOVERING"),
        (None, "OPERATION_UNKNOWN"),
    ] {
        let mut question = json!({ "operation_id": { "value": "o" } });
        if let Some(agent) = agent {
            question["agent_id"] = json!({ "value": agent });
        }
        framework.tell("RECONCILE_OPERATIONS", json!({ "operations": [question] })).await;
        let event = framework.stream.next("UPDATE_OPERATION_STATUS").await;
        let status = &event["update_operation_status"]["status"];
        assert_eq!(
            (&status["state"], &status["operation_id"]["value"]),
            (&json!(state), &json!("o"))
        );
        assert_eq!(status.get("uuid"), None);
    }
    let call = framework.request("RECONCILE_OPERATIONS", &json!({ "operations": [] }));
    assert_eq!(call.header("Accept", "text/html").send().await.unwrap().status(), 406);
}

#[actix_rt::test]
async fn messages_go_both_ways_and_an_executor_that_is_shut_down_is_a_failure() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let message =
        json!({ "agent_id": { "value": AGENT }, "executor_id": { "value": "t" }, "data": "AP8=" });
    framework.tell("MESSAGE", message.clone()).await;
    assert_eq!(framework.stream.next("MESSAGE").await["message"], message);
    let executor = json!({ "agent_id": { "value": AGENT }, "executor_id": { "value": "t" } });
    framework.tell("SHUTDOWN", executor).await;
    let failure = framework.stream.next("FAILURE").await;
    assert_eq!(
        (&failure["failure"]["executor_id"]["value"], &failure["failure"]["status"]),
        (&json!("t"), &json!(9))
    );
    let stranger = json!({ "agent_id": { "value": "S9" }, "executor_id": { "value": "t" } });
    let reason = framework.reason("SHUTDOWN", stranger.clone()).await.unwrap();
    assert_eq!(reason, "agent S9 is not connected");
    let mut message = stranger;
    message["data"] = json!("");
    assert!(framework.reason("MESSAGE", message).await.is_some());
}

#[actix_rt::test]
async fn an_acknowledgement_for_an_agent_that_is_away_is_dropped() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let acknowledge = json!({ "agent_id": { "value": "S9" }, "task_id": { "value": "t" },
        "uuid": "Z+VQRBCxQm+SR7toDl/gyA==" });
    let reason = framework.reason("ACKNOWLEDGE", acknowledge).await.unwrap();
    assert_eq!(reason, "agent S9 is not connected");
    let nonsense =
        json!({ "agent_id": { "value": "S9" }, "task_id": { "value": "t" }, "uuid": "/w==" });
    let answer = framework.request("ACKNOWLEDGE", &nonsense).send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[actix_rt::test]
async fn calls_that_can_change_nothing_are_taken() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    framework.tell("REQUEST", json!({ "requests": [] })).await;
}
