//! What an executor reports: on its way up, and its acknowledgement.

use gateway::v1::MediaType;
use protocol::task::{Source, TaskState};
use protocol::{FailureKind, Time};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Client, call, status, update, uuid};
use crate::stage::Stage;

#[actix_rt::test]
async fn an_update_reaches_the_master_with_its_uuid_and_is_acknowledged() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    client.tell(&update("t1", "TASK_RUNNING", 7)).await;
    let acknowledged = json!({
        "type": "ACKNOWLEDGED",
        "acknowledged": { "task_id": { "value": "t1" }, "uuid": uuid(7) },
    });
    assert_eq!(stream.event().await, acknowledged);
    let status = stage.until_state("t1", TaskState::Running).await;
    assert_eq!(status.update_id.unwrap().as_str(), "07070707-0707-0707-0707-070707070707");
    assert_eq!(status.source, Source::Executor);
    assert_eq!(status.executor_id.unwrap().as_str(), "e");
    assert_eq!(status.agent_id.unwrap().as_str(), "S1");
    assert_eq!((status.timestamp, status.message.as_str()), (Time(1_500_000), "so"));
    assert_eq!((status.data.unwrap().0, status.healthy), (vec![1, 2], Some(true)));
}

#[actix_rt::test]
async fn protobuf_does_what_json_does() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe_with(json!({}), MediaType::Protobuf).await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    for call in [
        update("t1", "TASK_FINISHED", 9),
        call("MESSAGE", json!({ "data": "aGk=" })),
        call("HEARTBEAT", json!(null)),
    ] {
        let answer = Client::answer(client.post(&call, MediaType::Protobuf)).await;
        assert_eq!(answer, (StatusCode::ACCEPTED, String::new()));
    }
    assert_eq!(stream.event().await["acknowledged"]["uuid"], uuid(9));
    stage.until_state("t1", TaskState::Finished).await;
    stage.until("the message is there", |seen| !seen.messages.is_empty()).await;
    assert_eq!(stage.seen.lock().unwrap().messages[0].0, b"hi");
}

#[actix_rt::test]
async fn updates_of_a_task_keep_their_order_and_each_is_acknowledged() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    let states = ["TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING", "TASK_FINISHED"];
    for (byte, state) in (1..).zip(states) {
        client.tell(&update("t1", state, byte)).await;
    }
    for byte in 1..=4 {
        assert_eq!(stream.event().await["acknowledged"]["uuid"], uuid(byte));
    }
}

#[actix_rt::test]
async fn what_the_agent_refuses_is_acknowledged_and_goes_no_further() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    client.tell(&update("t1", "TASK_UNREACHABLE", 1)).await;
    client.tell(&update("t1", "TASK_RUNNING", 2)).await;
    assert_eq!(stream.event().await["acknowledged"]["uuid"], uuid(1));
    assert_eq!(stream.event().await["acknowledged"]["uuid"], uuid(2));
    stage.until_state("t1", TaskState::Running).await;
    assert_eq!(stage.seen.lock().unwrap().updates.len(), 1);
}

#[actix_rt::test]
async fn an_update_without_a_stream_is_taken_and_acknowledged_when_it_is_repeated() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    drop(stream);
    client.tell(&update("t1", "TASK_RUNNING", 3)).await;
    stage.until_state("t1", TaskState::Running).await;
    let again = json!({
        "unacknowledged_updates": [{ "status": status("t1", "TASK_RUNNING", 3) }],
    });
    let mut stream = client.subscribe_with(again, MediaType::Json).await;
    assert_eq!(stream.types(1).await, ["SUBSCRIBED"]);
    assert_eq!(stream.event().await["acknowledged"]["uuid"], uuid(3));
    assert_eq!(stage.seen.lock().unwrap().updates.len(), 1, "the master hears it once");
}

#[actix_rt::test]
async fn only_its_own_host_reports_through_a_session() {
    use protocol::agent::ReportStatus;
    use protocol::task::TaskStatus;
    use runtime::{Host, HostConfig};

    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let client = stage.client();
    let mut stream = client.subscribe().await;
    assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
    let container = stage.seen.lock().unwrap().launches[0].container_id.clone();
    let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
    let stranger = Host::start(config).await.unwrap();
    let state = TaskState::Failed;
    let message = ReportStatus {
        framework_id: "f".into(),
        executor_id: "e".into(),
        status: TaskStatus::new("t1".into(), state, Source::Executor, Time(0)),
    };
    let session = stage.host.address_of(&format!("executor/{container}"));
    let answer = stranger.ask(&session, message, crate::stage::PATIENCE).await;
    assert_eq!(answer.unwrap_err().kind, FailureKind::Refused);
}
