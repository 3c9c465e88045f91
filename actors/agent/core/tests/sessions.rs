//! Executors that speak the v1 API, as claims.

#[macro_use]
mod world;

use std::time::Duration;

use agent_core::{Effect, ExecutorState, Input, Reply, Timer, ToExecutor};
use protocol::agent::{
    ExecutorDisconnected, ExecutorFound, ExecutorStanding, FindExecutor, SubscribeExecutor,
};
use protocol::task::{Reason, TaskState, Termination};
use protocol::{Address, ContainerId};
use world::{World, custom_task, delivered, framework, key, launch, queued};

fn session() -> Address {
    "executor/c@a1:7051".parse().expect("an address")
}

/// Its process runs, for a task `t1` of executor `e`.
fn started(world: &mut World) -> ContainerId {
    let effects = world.run(vec![custom_task("t1", "e")]);
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    container_id
}

fn subscribe(world: &mut World, container_id: &ContainerId, tasks: &[&str]) -> Vec<Effect> {
    let message = SubscribeExecutor {
        framework_id: "f".into(),
        executor_id: "e".into(),
        container_id: container_id.clone(),
        tasks: tasks.iter().map(|task| (*task).into()).collect(),
    };
    let call = world.next_call();
    world.step(Input::SubscribeExecutor { call, sender: session(), message })
}

fn disconnect(world: &mut World, container_id: &ContainerId, sender: Address) -> Vec<Effect> {
    let message = ExecutorDisconnected { container_id: container_id.clone() };
    world.step(Input::ExecutorDisconnected { sender, message })
}

fn find(world: &mut World, framework: &str, executor: &str) -> ExecutorFound {
    let message = FindExecutor { framework_id: framework.into(), executor_id: executor.into() };
    let call = world.next_call();
    let effects = world.step(Input::FindExecutor { call, message });
    find!(effects, Effect::Reply { reply: Reply::ExecutorFound(found), .. } => (**found).clone())
}

fn standing(world: &mut World) -> Option<ExecutorStanding> {
    find(world, "f", "e").executor.map(|executor| executor.standing)
}

#[test]
fn the_environment_has_the_variables_of_mesos() {
    let mut world = World::new();
    let mut message = world.run_tasks(vec![custom_task("t1", "e")]);
    message.framework.checkpoint = true;
    let effects = world.step(Input::RunTasks(message));
    let launch = launch(&effects);
    let expected = [
        ("MESOS_FRAMEWORK_ID", "f"),
        ("MESOS_EXECUTOR_ID", "e"),
        ("MESOS_DIRECTORY", launch.sandbox.as_str()),
        ("MESOS_SANDBOX", launch.sandbox.as_str()),
        ("MESOS_SLAVE_ID", "S1"),
        ("MESOS_SLAVE_PID", "slave(1)@a1:5051"),
        ("MESOS_AGENT_ENDPOINT", "a1:5051"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
        ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
        ("LIBPROCESS_PORT", "0"),
        ("B", "2"),
    ];
    for (name, value) in expected {
        let there = launch.process.environment.get(name).map(String::as_str);
        assert_eq!(there, Some(value), "{name}");
    }
}

#[test]
fn without_checkpointing_the_variables_about_recovery_are_absent() {
    let mut world = World::new();
    let mut task = custom_task("t1", "e");
    task.executor.as_mut().expect("custom").shutdown_grace_ms = Some(90_000);
    let effects = world.run(vec![task]);
    let environment = &launch(&effects).process.environment;
    assert_eq!(environment["MESOS_CHECKPOINT"], "0");
    assert_eq!(environment["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"], "90secs");
    for absent in ["MESOS_RECOVERY_TIMEOUT", "MESOS_SUBSCRIPTION_BACKOFF_MAX", "LIBPROCESS_IP"] {
        assert!(!environment.contains_key(absent), "{absent}");
    }
}

#[test]
fn an_executor_is_found_from_its_launch_to_the_end_of_its_container() {
    let mut world = World::new();
    assert_eq!(find(&mut world, "f", "e").framework, None);
    let container_id = started(&mut world);
    let found = find(&mut world, "f", "e");
    assert_eq!(found.framework, Some(framework("f")));
    assert_eq!(found.agent_id, Some("S1".into()));
    assert!(found.recovered);
    let executor = found.executor.expect("it is there");
    assert_eq!(executor.container_id, container_id);
    assert_eq!(executor.standing, ExecutorStanding::Awaited);
    assert_eq!(find(&mut world, "f", "other").executor, None);
    subscribe(&mut world, &container_id, &[]);
    assert_eq!(standing(&mut world), Some(ExecutorStanding::Subscribed));
    world.kill("t1", None);
    world.fire(Timer::ExecutorShutdown(container_id.clone()));
    assert_eq!(standing(&mut world), Some(ExecutorStanding::Ending));
    let effects = world.exited(&container_id, Termination::Signaled(9), None);
    assert!(
        has!(effects, Effect::ToExecutor { message: ToExecutor::Gone(_), to } if *to == session())
    );
    assert_eq!(standing(&mut world), None);
}

#[test]
fn our_own_executor_is_not_one_of_the_v1_api() {
    let mut world = World::new();
    world.running("t1");
    let found = find(&mut world, "f", "t1");
    assert!(found.framework.is_some());
    assert_eq!(found.executor, None);
}

#[test]
fn one_executor_is_given_every_task_that_names_it() {
    let mut world = World::new();
    let container_id = started(&mut world);
    assert_eq!(delivered(&world.run(vec![custom_task("t2", "e")])), [""; 0]);
    assert_eq!(delivered(&subscribe(&mut world, &container_id, &[])), ["t1", "t2"]);
    assert_eq!(delivered(&world.run(vec![custom_task("t3", "e")])), ["t3"]);
}

#[test]
fn a_task_on_its_way_when_the_stream_broke_is_dropped_and_the_others_go_on() {
    let mut world = World::new();
    let container_id = started(&mut world);
    world.run(vec![custom_task("t2", "e"), custom_task("t3", "e")]);
    subscribe(&mut world, &container_id, &[]);
    let running = world.status("t3", TaskState::Running);
    world.report_status("e", running);
    world.safe("t3");
    disconnect(&mut world, &container_id, session());
    let effects = subscribe(&mut world, &container_id, &["t2"]);
    let status = &queued(&effects).status;
    assert_eq!((status.task_id.as_str(), status.state), ("t1", TaskState::Dropped));
    assert_eq!(status.reason, Some(Reason::AgentRestarted));
    assert_eq!(delivered(&effects), [""; 0]);
}

#[test]
fn nothing_is_given_to_an_executor_without_a_stream_until_it_subscribes_again() {
    let mut world = World::new();
    let container_id = started(&mut world);
    subscribe(&mut world, &container_id, &[]);
    disconnect(&mut world, &container_id, session());
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Registering));
    assert_eq!(standing(&mut world), Some(ExecutorStanding::Subscribed), "it may make calls");
    assert_eq!(delivered(&world.run(vec![custom_task("t2", "e")])), [""; 0]);
    let running = world.status("t1", TaskState::Running);
    assert_eq!(queued(&world.report_status("e", running)).status.state, TaskState::Running);
    assert_eq!(delivered(&subscribe(&mut world, &container_id, &["t1"])), ["t2"]);
}

#[test]
fn a_kill_that_found_no_stream_is_sent_to_the_next() {
    let mut world = World::new();
    let container_id = started(&mut world);
    subscribe(&mut world, &container_id, &[]);
    disconnect(&mut world, &container_id, session());
    let effects = world.kill("t1", Some(7));
    assert_eq!(world::kills(&effects), []);
    assert_eq!(world::kills(&subscribe(&mut world, &container_id, &["t1"])), [Some(7)]);
}

#[test]
fn an_executor_that_does_not_subscribe_again_is_ended() {
    for (checkpoint, patience) in [(false, 15), (true, 15 * 60)] {
        let mut world = World::new();
        let mut message = world.run_tasks(vec![custom_task("t1", "e")]);
        message.framework.checkpoint = checkpoint;
        let effects = world.step(Input::RunTasks(message));
        let container_id = launch(&effects).container_id.clone();
        world.launched(&container_id);
        subscribe(&mut world, &container_id, &[]);
        let before = world.now;
        let effects = disconnect(&mut world, &container_id, session());
        let effects = world.wait(Timer::ExecutorRegistration(container_id.clone()), &effects);
        assert_eq!(world.now.since(before), Duration::from_secs(patience));
        assert!(has!(effects, Effect::Destroy(_)));
        let effects = world.exited(&container_id, Termination::Signaled(9), None);
        let status = &queued(&effects).status;
        assert_eq!(status.state, TaskState::Failed);
        assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
        assert!(status.message.contains("did not subscribe again"), "{}", status.message);
    }
}

#[test]
fn the_end_of_a_session_whose_place_was_taken_says_nothing() {
    let mut world = World::new();
    let container_id = started(&mut world);
    subscribe(&mut world, &container_id, &[]);
    let other = "executor/old@a1:7051".parse().expect("an address");
    assert_eq!(disconnect(&mut world, &container_id, other), []);
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Running));
}

#[test]
fn an_executor_that_never_subscribes_fails_its_tasks_after_a_minute() {
    let mut world = World::new();
    let effects = world.run(vec![custom_task("t1", "e")]);
    let container_id = launch(&effects).container_id.clone();
    let before = world.now;
    let effects = world.launched(&container_id);
    world.wait(Timer::ExecutorRegistration(container_id.clone()), &effects);
    assert_eq!(world.now.since(before), Duration::from_secs(60));
    let effects = world.exited(&container_id, Termination::Signaled(9), None);
    let status = &queued(&effects).status;
    assert_eq!(status.reason, Some(Reason::ExecutorRegistrationTimeout));
    assert_eq!(world.state.checkpoint().tasks[&key("t1")].status.as_ref(), Some(status));
}
