//! Questions about tasks and operations, by what is known of them and of their agents; and what is
//! heard when an agent goes and comes back.

use protocol::frameworks::AgentLossCause;
use protocol::task::{Task, TaskState};
use serde_json::{Value, json};

use crate::client::{Framework, question};
use crate::stage::{AGENT, LOST, Stage};

async fn aware(stage: &Stage) -> Framework {
    let more = json!({ "capabilities": [{ "type": "PARTITION_AWARE" }] });
    stage.client().subscribe_with(more).await
}

#[actix_rt::test]
async fn what_an_agent_may_still_bring_back_is_answered_with_silence() {
    let stage = Stage::start().await;
    let mut framework = aware(&stage).await;
    framework.launch("t").await;
    // `S-old` is in the registry and has not come back; without an agent it may be meant.
    for unknown in [question("x", Some("S-old")), question("x", None)] {
        framework.tell("RECONCILE", json!({ "tasks": [unknown] })).await;
        framework.tell("KILL", unknown).await;
    }
    assert_eq!(framework.answer_about("t", None).await, "TASK_RUNNING");
}

#[actix_rt::test]
async fn the_end_of_a_task_is_repeated_until_it_is_acknowledged() {
    let stage = Stage::start().await;
    let mut framework = aware(&stage).await;
    framework.launch("t").await;
    framework.tell("KILL", question("t", Some(AGENT))).await;
    let killed = framework.status().await;
    assert_eq!(killed["state"], "TASK_KILLED");
    framework.tell("RECONCILE", json!({})).await;
    let told = framework.status().await;
    assert_eq!(
        (&told["state"], &told["reason"], told.get("uuid")),
        (&json!("TASK_KILLED"), &json!("REASON_RECONCILIATION"), None)
    );
    assert_eq!(framework.answer_about("t", Some(AGENT)).await, "TASK_KILLED");
    let acknowledge = json!({ "agent_id": killed["agent_id"], "task_id": killed["task_id"],
        "uuid": killed["uuid"] });
    framework.tell("ACKNOWLEDGE", acknowledge).await;
    framework.tell("RECONCILE", json!({})).await;
    assert_eq!(framework.answer_about("t", Some(AGENT)).await, "TASK_GONE");
}

/// State and reason.
fn verdict(status: &Value) -> (&str, &str) {
    (status["state"].as_str().unwrap(), status["reason"].as_str().unwrap())
}

#[actix_rt::test]
async fn the_loss_of_an_agent_is_told_of_its_tasks_and_answered_afterwards() {
    for (cause, state, reason, afterwards) in [
        (
            AgentLossCause::Unreachable,
            "TASK_UNREACHABLE",
            "REASON_AGENT_REMOVED",
            "TASK_UNREACHABLE",
        ),
        (
            AgentLossCause::Gone,
            "TASK_GONE_BY_OPERATOR",
            "REASON_AGENT_REMOVED_BY_OPERATOR",
            "TASK_GONE_BY_OPERATOR",
        ),
        (AgentLossCause::Removed, "TASK_GONE", "REASON_AGENT_REMOVED", "TASK_UNKNOWN"),
    ] {
        for aware in [true, false] {
            let stage = Stage::start().await;
            // Nobody is awaited any more.
            stage.lose("S-old", AgentLossCause::Gone);
            let capabilities = json!([{ "type": "PARTITION_AWARE" }]);
            let more = json!({ "capabilities": if aware { capabilities } else { json!([]) } });
            let mut framework = stage.client().subscribe_with(more).await;
            let understood = |state: &'static str| if aware { state } else { "TASK_LOST" };
            framework.launch("t").await;
            stage.leave(cause);
            let status = framework.status().await;
            assert_eq!(verdict(&status), (understood(state), reason));
            assert_eq!(status.get("uuid"), None);
            let unknown = framework.answer_about("x", Some(AGENT)).await;
            assert_eq!(unknown, understood(afterwards), "{cause:?}");
            assert_eq!(framework.answer_about("x", None).await, understood("TASK_UNKNOWN"));
        }
    }
}

#[actix_rt::test]
async fn a_task_that_comes_back_with_its_agent_is_told_of_as_it_is() {
    let stage = Stage::start().await;
    let mut framework = aware(&stage).await;
    framework.launch("t").await;
    stage.leave(AgentLossCause::Unreachable);
    framework.status().await;
    stage.rejoin(vec![running(&framework, "t")]);
    let status = framework.status().await;
    assert_eq!(verdict(&status), ("TASK_RUNNING", "REASON_AGENT_REREGISTERED"));
    assert_eq!(status.get("uuid"), None);
}

fn running(framework: &Framework, id: &str) -> Task {
    let task = json!({
        "task_id": id, "framework_id": framework.id, "agent_id": AGENT, "executor_id": id,
        "name": id, "role": "*", "resources": [], "state": TaskState::Running,
    });
    serde_json::from_value(task).unwrap()
}

#[actix_rt::test]
async fn a_task_that_its_agent_does_not_bring_back_has_not_begun_or_is_gone() {
    let stage = Stage::start().await;
    let mut framework = aware(&stage).await;
    framework.launch("t").await;
    let offer = framework.offer().await;
    let lost = json!({ "task_id": { "value": LOST } });
    framework.accept(&offer, json!([crate::client::launch(&[lost])])).await;
    stage.routed("launch nothing").await;
    stage.leave(AgentLossCause::Disconnected);
    stage.rejoin(vec![]);
    let mut told = [framework.status().await, framework.status().await];
    told.sort_by_key(|status| status["task_id"]["value"].to_string());
    assert_eq!(verdict(&told[0]), ("TASK_DROPPED", "REASON_AGENT_DISCONNECTED"));
    assert_eq!(verdict(&told[1]), ("TASK_GONE", "REASON_RECONCILIATION"));
}

// --- operations ----------------------------------------------------------------------------------

/// The status in the next update of an operation.
async fn operation(framework: &mut Framework) -> Value {
    let event = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    event["update_operation_status"]["status"].clone()
}

/// Reserves something by an operation of this id.
async fn reserve(stage: &Stage, id: &str) -> Framework {
    let more = json!({ "roles": ["dev"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    let offer = framework.offer().await;
    let cpus = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1 },
        "role": "dev", "reservation": {} });
    let reserve = json!({ "type": "RESERVE", "id": { "value": id },
        "reserve": { "resources": [cpus] } });
    framework.accept(&offer, json!([reserve])).await;
    stage.routed("operate RESERVE").await;
    framework
}

#[actix_rt::test]
async fn the_loss_of_an_agent_is_told_of_its_operations_and_answered_afterwards() {
    for (cause, state, afterwards) in [
        (AgentLossCause::Unreachable, "OPERATION_UNREACHABLE", "OPERATION_UNREACHABLE"),
        (AgentLossCause::Gone, "OPERATION_GONE_BY_OPERATOR", "OPERATION_GONE_BY_OPERATOR"),
        (AgentLossCause::Removed, "OPERATION_DROPPED", "OPERATION_UNKNOWN"),
    ] {
        let stage = Stage::start().await;
        let mut framework = reserve(&stage, "o").await;
        assert_eq!(operation(&mut framework).await["state"], "OPERATION_FINISHED");
        stage.leave(cause);
        let status = operation(&mut framework).await;
        assert_eq!((&status["state"], status.get("uuid")), (&json!(state), None));
        let question = json!({ "operation_id": { "value": "o" }, "agent_id": { "value": AGENT } });
        framework.tell("RECONCILE_OPERATIONS", json!({ "operations": [question] })).await;
        assert_eq!(operation(&mut framework).await["state"], afterwards, "{cause:?}");
    }
}

#[actix_rt::test]
async fn an_operation_on_its_way_is_pending_and_dropped_if_its_agent_comes_back_without_it() {
    let stage = Stage::start().await;
    let mut framework = reserve(&stage, LOST).await;
    let question = json!({ "operations": [{ "operation_id": { "value": LOST } }] });
    framework.tell("RECONCILE_OPERATIONS", question).await;
    let status = operation(&mut framework).await;
    assert_eq!((&status["state"], status.get("uuid")), (&json!("OPERATION_PENDING"), None));
    stage.leave(AgentLossCause::Disconnected);
    stage.rejoin(vec![]);
    let status = operation(&mut framework).await;
    assert_eq!((&status["state"], status.get("uuid")), (&json!("OPERATION_DROPPED"), None));
}

#[actix_rt::test]
async fn an_acknowledgement_of_an_operation_is_for_an_agent_that_is_there() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let acknowledge = |more: Value| {
        let mut body = json!({ "agent_id": { "value": "S9" }, "operation_id": { "value": "o" },
            "uuid": "Z+VQRBCxQm+SR7toDl/gyA==" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, why) in [
        (json!({}), "agent S9 is not connected"),
        (
            json!({ "agent_id": { "value": AGENT }, "resource_provider_id": { "value": "p" } }),
            "there are no resource providers",
        ),
    ] {
        let reason = framework.reason("ACKNOWLEDGE_OPERATION_STATUS", acknowledge(more)).await;
        assert_eq!(reason.unwrap(), why);
    }
}
