//! The actor on a real host with real disks, as claims.

mod stage;

use std::time::Instant;

use protocol::FailureKind;
use protocol::agent::{AgentStateReply, GetAgentState, ReadSandbox, StopAgent};
use protocol::task::{Reason, TaskState};
use stage::{PATIENCE, Stage};

fn sandbox(task: &str, path: &str) -> ReadSandbox {
    let task_id = task.into();
    ReadSandbox { task_id, framework_id: None, path: path.into(), offset: 0, length: 0 }
}

async fn overview(stage: &Stage) -> AgentStateReply {
    stage.host.ask(&stage.agent(), GetAgentState {}, PATIENCE).await.expect("the agent answers")
}

/// Waits until the agent holds nothing any more.
async fn until_empty(stage: &Stage) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let overview = overview(stage).await;
        if overview.executors.is_empty() && overview.tasks.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{overview:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[actix_rt::test]
async fn a_task_runs_to_its_end_and_its_output_can_be_read_then() {
    let stage = Stage::new().await;
    stage.run(&[("t1", "exit")]);
    stage.until_state("t1", TaskState::Running).await;
    stage.until_state("t1", TaskState::Finished).await;
    until_empty(&stage).await;
    assert!(stage.seen.lock().unwrap().containers.is_empty());
    let read = sandbox("t1", "stdout");
    let chunk = stage.host.ask(&stage.agent(), read, PATIENCE).await.unwrap();
    assert_eq!((chunk.data.0.as_slice(), chunk.state), (&b"hi\n"[..], TaskState::Finished));
    for (task, path, kind) in [
        ("t1", "stderr", FailureKind::NotFound),
        ("t1", "../../x", FailureKind::Refused),
        ("t2", "stdout", FailureKind::NotFound),
    ] {
        let failure = stage.host.ask(&stage.agent(), sandbox(task, path), PATIENCE).await;
        assert_eq!(failure.unwrap_err().kind, kind, "{task} {path}");
    }
}

#[actix_rt::test]
async fn a_task_that_hits_its_memory_limit_is_reported_so() {
    let stage = Stage::new().await;
    stage.run(&[("oom", "oom")]);
    stage.until_state("oom", TaskState::Failed).await;
    let seen = stage.seen.lock().unwrap();
    let failed = seen.updates.iter().filter(|status| status.state == TaskState::Failed);
    let reasons: Vec<_> = failed.map(|status| status.reason).collect();
    assert_eq!(reasons, [Some(Reason::ContainerLimitationMemory)]);
}

#[actix_rt::test]
async fn an_agent_that_is_started_again_finds_its_tasks_running() {
    let stage = Stage::new().await;
    stage.run(&[("t1", "run"), ("t2", "run")]);
    stage.until_state("t1", TaskState::Running).await;
    stage.until_state("t2", TaskState::Running).await;
    stage.host.stop_actor(agent::NAME).await;
    stage.host.stop_actor(updates::NAME).await;
    stage.start_updates();
    stage.start_agent();
    stage.until("it is registered again", |seen| seen.registrations.len() == 2).await;
    {
        let seen = stage.seen.lock().unwrap();
        let again = &seen.registrations[1];
        assert_eq!(again.agent_id.as_ref().unwrap().as_str(), "S1");
        assert!(again.incarnation > seen.registrations[0].incarnation);
        assert!(again.tasks.iter().all(|task| task.state == TaskState::Running));
        assert_eq!((again.tasks.len(), again.executors.len()), (2, 0));
        assert_eq!(seen.recovered.last().unwrap().containers.len(), 2);
    }
    let kill = protocol::agent::KillAgentTask {
        epoch: protocol::Epoch(1),
        framework_id: "f".into(),
        task_id: "t1".into(),
        kill_policy: None,
    };
    stage.host.tell(&stage.agent(), kill);
    stage.until_state("t1", TaskState::Killed).await;
    let ended = |seen: &stage::Seen| seen.updates.iter().filter(|s| s.state.is_terminal()).count();
    assert_eq!(ended(&stage.seen.lock().unwrap()), 1, "the other one is untouched");
}

#[actix_rt::test]
async fn an_agent_that_leaves_kills_its_tasks_and_says_goodbye() {
    let stage = Stage::new().await;
    stage.run(&[("t1", "run"), ("t2", "run")]);
    stage.until_state("t2", TaskState::Running).await;
    let stop = StopAgent { kill: Some(true) };
    stage.host.ask(&stage.agent(), stop, PATIENCE).await.unwrap();
    stage.until("goodbye is said", |seen| seen.goodbyes == 1).await;
    assert!(stage.seen.lock().unwrap().containers.is_empty());
    stage.until_state("t1", TaskState::Killed).await;
}

#[actix_rt::test]
async fn updates_that_was_restarted_forwards_again() {
    let stage = Stage::new().await;
    stage.host.stop_actor(updates::NAME).await;
    stage.run(&[("t1", "exit")]);
    stage.start_updates();
    stage.until_state("t1", TaskState::Finished).await;
    until_empty(&stage).await;
}

#[actix_rt::test]
async fn two_hundred_tasks_in_one_accept_all_run_and_end() {
    let stage = Stage::new().await;
    let names: Vec<_> = (0..200).map(|n| format!("t{n}")).collect();
    let tasks: Vec<_> = names.iter().map(|name| (name.as_str(), "exit")).collect();
    let began = Instant::now();
    stage.run(&tasks);
    let finished =
        |seen: &stage::Seen| seen.updates.iter().filter(|s| s.state == TaskState::Finished).count();
    stage.until("all have finished", |seen| finished(seen) >= 200).await;
    let took = began.elapsed();
    until_empty(&stage).await;
    println!("200 tasks took {took:?}: {:.0} a second", 200.0 / took.as_secs_f64());
}

/// What the executor of a framework and one of ours are told, in this order.
async fn tokens_of_executors(stage: &Stage) -> (Option<String>, Option<String>) {
    stage.run_in("theirs", "t1");
    stage.run(&[("ours", "run")]);
    stage.until("both are launched", |seen| seen.launches.len() == 2).await;
    let seen = stage.seen.lock().expect("nobody panics with it");
    let token = |executor: &str| {
        let mut launches = seen.launches.iter();
        let launch = launches.find(|launch| launch.executor_id.as_str() == executor);
        let launch = launch.expect("both are launched");
        launch.process.environment.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").cloned()
    };
    (token("theirs"), token("ours"))
}

#[actix_rt::test]
async fn an_executor_of_a_framework_is_told_the_token_that_says_who_it_is() {
    let secret_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret_file.path(), [b'k'; 32]).unwrap();
    let stage = Stage::with_secret(Some(secret_file.path().to_owned())).await;
    let (theirs, ours) = tokens_of_executors(&stage).await;
    assert_eq!(ours, None, "ours does not use the API that asks for it");
    let secret = tokens::TokenSecret::read(secret_file.path()).unwrap();
    let claims = secret.claims(&theirs.unwrap(), stage.host.now()).unwrap();
    assert_eq!(claims.framework_id.as_deref(), Some("f"));
    assert_eq!(claims.executor_id.as_deref(), Some("theirs"));
    let seen = stage.seen.lock().unwrap();
    let launch = seen.launches.iter().find(|launch| launch.process.inside).unwrap();
    assert_eq!(claims.container_id.as_deref(), Some(launch.container_id.as_str()));
    assert_eq!(launch.process.environment["MINE"], "1");
}

#[actix_rt::test]
async fn without_a_secret_the_environment_is_as_the_framework_wants_it() {
    let stage = Stage::new().await;
    let (theirs, ours) = tokens_of_executors(&stage).await;
    assert_eq!((theirs.as_deref(), ours), (Some("forged"), None));
}
