//! The stream: what it says, when it ends, and what follows.

use std::time::Duration;

use gateway::v1::MediaType;
use protocol::Resources;
use protocol::agent::StopAgent;
use protocol::task::{Reason, TaskState};
use serde_json::{Value, json};

use crate::client::{Stream, call, status, update, uuid};
use crate::stage::{Framework, PATIENCE, Stage};

/// A stage with tasks, and their executor subscribed and given them.
async fn subscribed(tasks: &[&str]) -> (Stage, Stream) {
    let stage = Stage::new().await;
    stage.run(tasks).await;
    let mut stream = stage.client().subscribe().await;
    assert_eq!(stream.types(1).await, ["SUBSCRIBED"]);
    assert!(stream.types(tasks.len()).await.iter().all(|kind| kind == "LAUNCH"));
    (stage, stream)
}

#[actix_rt::test]
async fn the_first_event_says_who_the_executor_is_whom_it_serves_and_where() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let mut stream = stage.client().subscribe().await;
    let event = stream.event().await;
    assert_eq!(event["type"], "SUBSCRIBED");
    let subscribed = &event["subscribed"];
    let executor = &subscribed["executor_info"];
    assert_eq!(executor["executor_id"], json!({ "value": "e" }));
    assert_eq!(executor["framework_id"], json!({ "value": "f" }));
    assert_eq!(executor["type"], "CUSTOM");
    assert_eq!(executor["name"], "the executor");
    assert_eq!(executor["shutdown_grace_period"], json!({ "nanoseconds": 200_000_000 }));
    let command = json!({ "value": "./run", "shell": false, "arguments": ["run"] });
    assert_eq!(executor["command"], command);
    let framework = &subscribed["framework_info"];
    assert_eq!(framework["id"], json!({ "value": "f" }));
    assert_eq!((&framework["user"], &framework["role"]), (&json!("u"), &json!("*")));
    assert_eq!(framework["capabilities"], json!([{ "type": "PARTITION_AWARE" }]));
    let agent = &subscribed["agent_info"];
    assert_eq!((&agent["id"]["value"], &agent["hostname"]), (&json!("S1"), &json!("h")));
    let container = stage.seen.lock().unwrap().launches[0].container_id.to_string();
    assert_eq!(subscribed["container_id"]["value"], json!(container));
}

#[actix_rt::test]
async fn a_launch_has_the_whole_task() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    let mut stream = stage.client().subscribe().await;
    stream.event().await;
    let event = stream.event().await;
    let task = &event["launch"]["task"];
    assert_eq!(task["task_id"]["value"], "t1");
    assert_eq!(task["name"], "a täsk");
    assert_eq!(task["agent_id"]["value"], "S1");
    assert_eq!(task["executor"]["executor_id"]["value"], "e");
    let cpus = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 0.5 }, "role": "*" });
    assert!(task["resources"].as_array().unwrap().contains(&cpus), "{task}");
}

#[actix_rt::test]
async fn one_executor_serves_many_tasks_and_its_container_grows_and_shrinks_with_them() {
    let (stage, mut stream) = subscribed(&["t1"]).await;
    stage.run(&["t2", "t3"]).await;
    assert_eq!(stream.event().await["launch"]["task"]["task_id"]["value"], "t2");
    assert_eq!(stream.event().await["launch"]["task"]["task_id"]["value"], "t3");
    let limits = |text| Resources::parse(text).unwrap();
    let all = limits("cpus=1.6;mem=224");
    stage.until("there is room for three", |seen| seen.resizes.last() == Some(&all)).await;
    stage.client().tell(&update("t2", "TASK_FINISHED", 1)).await;
    let rest = limits("cpus=1.1;mem=160");
    stage.until("there is room for two", |seen| seen.resizes.last() == Some(&rest)).await;
    assert_eq!(stage.seen.lock().unwrap().launches.len(), 1);
}

#[actix_rt::test]
async fn kills_and_messages_arrive() {
    let (stage, mut stream) = subscribed(&["t1"]).await;
    stage.send(b"hello");
    assert_eq!(
        stream.event().await,
        json!({ "type": "MESSAGE", "message": { "data": "aGVsbG8=" } })
    );
    stage.kill("t1", 1500);
    let kill = json!({
        "task_id": { "value": "t1" },
        "kill_policy": { "grace_period": { "nanoseconds": 1_500_000_000 } },
    });
    assert_eq!(stream.event().await, json!({ "type": "KILL", "kill": kill }));
    stage.client().tell(&update("t1", "TASK_KILLED", 1)).await;
    stage.until_state("t1", TaskState::Killed).await;
}

#[actix_rt::test]
async fn a_stream_on_which_nothing_happens_has_heartbeats_as_often_as_configured() {
    let often = |config: &mut agent::AgentConfig| config.executor_heartbeat_ms = 30;
    for media in [MediaType::Json, MediaType::Protobuf] {
        let stage = Stage::with(Framework { checkpoint: false }, often).await;
        stage.run(&["t1"]).await;
        let began = tokio::time::Instant::now();
        let mut stream = stage.client().subscribe_with(json!({}), media).await;
        assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
        for _ in 0..4 {
            assert_eq!(stream.event().await, json!({ "type": "HEARTBEAT" }), "{media:?}");
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(4 * 30), "{took:?}");
    }
}

#[actix_rt::test]
async fn a_second_subscription_ends_the_first_stream() {
    let (stage, mut first) = subscribed(&["t1"]).await;
    let tasks = json!({ "unacknowledged_tasks": [{
        "name": "", "task_id": { "value": "t1" }, "agent_id": { "value": "S1" },
    }] });
    let mut second = stage.client().subscribe_with(tasks, MediaType::Json).await;
    assert_eq!(second.types(1).await, ["SUBSCRIBED"]);
    first.ended().await;
    stage.run(&["t2"]).await;
    assert_eq!(second.event().await["launch"]["task"]["task_id"]["value"], "t2");
    stage.client().tell(&update("t1", "TASK_RUNNING", 1)).await;
    assert_eq!(second.event().await["acknowledged"]["uuid"], uuid(1));
}

#[actix_rt::test]
async fn an_executor_that_is_told_to_end_and_does_not_is_destroyed_after_its_grace() {
    let (stage, mut stream) = subscribed(&["t1"]).await;
    let began = tokio::time::Instant::now();
    stage.host.tell(&stage.agent(), StopAgent { kill: Some(true) });
    assert_eq!(stream.types(2).await, ["KILL", "SHUTDOWN"]);
    stream.ended().await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    let status = stage.until_state("t1", TaskState::Killed).await;
    assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
}

#[actix_rt::test]
async fn an_executor_that_is_being_ended_is_only_told_so() {
    let (stage, _stream) = subscribed(&["t1"]).await;
    let shutdown = protocol::agent::ShutdownAgentExecutor {
        epoch: protocol::Epoch(1),
        framework_id: "f".into(),
        executor_id: "e".into(),
    };
    stage.host.tell(&stage.agent(), shutdown);
    let mut late = stage.client().subscribe().await;
    assert_eq!(late.types(1).await, ["SHUTDOWN"]);
    late.ended().await;
}

#[actix_rt::test]
async fn the_end_of_the_process_fails_its_tasks_and_ends_the_stream() {
    let (stage, mut stream) = subscribed(&["t1", "t2"]).await;
    stage.exit(3);
    stream.ended().await;
    for task in ["t1", "t2"] {
        let status = stage.until_state(task, TaskState::Failed).await;
        assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
        assert_eq!(status.message, "the executor exited with status 3");
    }
    stage.until("the framework hears of it", |seen| !seen.exits.is_empty()).await;
    let exits = stage.seen.lock().unwrap().exits.clone();
    assert_eq!((exits[0].executor_id.as_str(), exits[0].status), ("e", 3 << 8));
    let (status, text) = stage.client().call(&call("MESSAGE", json!({ "data": "" }))).await;
    assert_eq!((status.as_u16(), text.as_str()), (400, "Executor cannot be found"));
}

#[actix_rt::test]
async fn an_executor_that_never_subscribes_fails_its_tasks() {
    let registration = |config: &mut agent::AgentConfig| {
        config.executor_registration_timeout_ms = 100;
    };
    let stage = Stage::with(Framework { checkpoint: false }, registration).await;
    stage.run(&["t1"]).await;
    let status = stage.until_state("t1", TaskState::Failed).await;
    assert_eq!(status.reason, Some(Reason::ExecutorRegistrationTimeout));
}

#[actix_rt::test]
async fn without_checkpointing_an_executor_whose_stream_broke_is_soon_ended() {
    let patience = |config: &mut agent::AgentConfig| {
        config.executor_reregistration_timeout_ms = 100;
    };
    for (checkpoint, ended) in [(false, true), (true, false)] {
        let stage = Stage::with(Framework { checkpoint }, patience).await;
        stage.run(&["t1"]).await;
        let mut stream = stage.client().subscribe().await;
        assert_eq!(stream.types(2).await, ["SUBSCRIBED", "LAUNCH"]);
        drop(stream);
        if ended {
            let status = stage.until_state("t1", TaskState::Failed).await;
            assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
            continue;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.client().tell(&update("t1", "TASK_RUNNING", 1)).await;
        stage.until_state("t1", TaskState::Running).await;
    }
}

#[actix_rt::test]
async fn after_a_restart_of_the_agent_the_executor_subscribes_with_what_it_has() {
    let (stage, mut stream) = subscribed(&["running", "reported", "lost"]).await;
    let client = stage.client();
    client.tell(&update("running", "TASK_RUNNING", 1)).await;
    assert_eq!(stream.types(1).await, ["ACKNOWLEDGED"]);
    stage.start_agent().await;
    stream.ended().await;
    let again = json!({
        "unacknowledged_tasks": [],
        "unacknowledged_updates": [{ "status": status("reported", "TASK_RUNNING", 2) }],
    });
    let mut stream = client.subscribe_with(again, MediaType::Json).await;
    assert_eq!(stream.types(1).await, ["SUBSCRIBED"]);
    let acknowledged: Value = stream.event().await;
    assert_eq!(acknowledged["acknowledged"]["task_id"]["value"], "reported");
    stage.until_state("reported", TaskState::Running).await;
    let status = stage.until_state("lost", TaskState::Dropped).await;
    assert_eq!(status.reason, Some(Reason::AgentRestarted));
    stage.run(&["t4"]).await;
    assert_eq!(stream.event().await["launch"]["task"]["task_id"]["value"], "t4");
}

#[actix_rt::test]
async fn a_stream_ends_with_its_edge() {
    let (stage, mut stream) = subscribed(&["t1"]).await;
    let ended = async {
        tokio::time::timeout(PATIENCE, stream.ended()).await.unwrap();
    };
    tokio::join!(ended, stage.stop_edge());
}

#[actix_rt::test]
async fn an_executor_whose_tasks_are_all_killed_before_it_subscribes_has_nothing_to_do() {
    let stage = Stage::new().await;
    stage.run(&["t1"]).await;
    stage.kill("t1", 1500);
    let status = stage.until_state("t1", TaskState::Killed).await;
    assert_eq!(status.reason, Some(Reason::TaskKilledDuringLaunch));
    stage.until("its container is gone", |seen| seen.containers.is_empty()).await;
    let (status, text) = stage.client().call(&call("SUBSCRIBE", json!({}))).await;
    assert_eq!((status.as_u16(), text.as_str()), (400, "Executor cannot be found"));
}
