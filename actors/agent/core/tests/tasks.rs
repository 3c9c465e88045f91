//! Tasks from launch to acknowledged end, as claims.

#[macro_use]
mod world;

use agent_core::{Effect, ExecutorState, Input, Reply, Timer, ToExecutor, ToFrameworks};
use protocol::agent::{
    DeliverMessage, ReadSandbox, SendToScheduler, ShutdownAgentExecutor, ShutdownFramework,
};
use protocol::task::{Reason, TaskInfo, TaskState, Termination};
use protocol::{Blob, Failure, FailureKind, Resources};
use world::{
    EPOCH, World, answered, command_task, custom_task, delivered, down, key, kills, launch, oom,
    queued,
};

const SIGKILL: Termination = Termination::Signaled(9);

fn text(resources: &str) -> Resources {
    Resources::parse(resources).expect("text of a test")
}

// --- launching ---

#[test]
fn a_command_task_gets_an_executor_of_its_own_outside_of_its_container() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let launch = launch(&effects);
    assert_eq!(launch.executor_id.as_str(), "t1");
    assert_eq!(launch.resources, text("cpus=0.5;mem=64"));
    assert_eq!(launch.user.as_deref(), Some("u"));
    assert_eq!(launch.sandbox, "/w/agents/S1/frameworks/f/executors/t1/runs/r0-1-t1");
    assert_eq!(launch.process.arguments, ["/bin/meseta-executor"]);
    assert!(!launch.process.inside);
    let environment = &launch.process.environment;
    for (name, value) in [
        ("MESETA_AGENT", "agent@a1:7051"),
        ("MESETA_CLUSTER", "test"),
        ("MESETA_FRAMEWORK_ID", "f"),
        ("MESETA_EXECUTOR_ID", "t1"),
        ("MESETA_CONTAINER_ID", "r0-1-t1"),
        ("MESETA_SANDBOX", launch.sandbox.as_str()),
        ("MESETA_RECOVERY_TIMEOUT_MS", "900000"),
    ] {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!environment.contains_key("A"), "the task's own is for its executor to give");
}

#[test]
fn what_is_launched_is_on_disk_before() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let last_record = effects.iter().rposition(|e| matches!(e, Effect::Persist(_))).unwrap();
    let launch = effects.iter().position(|e| matches!(e, Effect::Launch(_))).unwrap();
    assert!(last_record < launch);
}

#[test]
fn a_task_waits_for_its_executor_and_is_given_to_it_once() {
    let mut world = World::new();
    let container_id = world.up("t1");
    let effects = world.executor_registers(&container_id, "t1", &[], vec![]);
    assert_eq!(delivered(&effects), ["t1"]);
    let registered = effects.iter().position(|e| matches!(e, Effect::Reply { .. })).unwrap();
    let delivery = effects.iter().position(|e| matches!(e, Effect::DeliverTask { .. })).unwrap();
    assert!(registered < delivery);
    let effects = world.executor_registers(&container_id, "t1", &["t1"], vec![]);
    assert_eq!(delivered(&effects), [""; 0], "it says that it has it");
}

#[test]
fn an_executor_that_is_quicker_than_the_isolators_answer_is_welcome() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    let effects = world.executor_registers(&container_id, "t1", &[], vec![]);
    assert_eq!(delivered(&effects), ["t1"]);
    world.launched(&container_id);
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Running));
}

#[test]
fn a_delivery_that_failed_is_repeated_until_the_executor_answers_for_the_task() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let failed = Input::TaskDelivered { key: key("t1"), result: Err(down()) };
    let effects = world.step(failed.clone());
    let effects = world.wait(Timer::Deliver(key("t1")), &effects);
    assert_eq!(delivered(&effects), ["t1"]);
    let effects = world.step(failed);
    world.report("t1", TaskState::Running);
    assert_eq!(world.wait(Timer::Deliver(key("t1")), &effects), []);
}

#[test]
fn a_task_that_its_executor_refuses_fails() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let result = Err(Failure::refused("no command"));
    let effects = world.step(Input::TaskDelivered { key: key("t1"), result });
    let status = &queued(&effects).status;
    assert_eq!(status.state, TaskState::Failed);
    assert_eq!(status.message, "the executor does not take the task: no command");
    assert!(has!(world.safe("t1"), Effect::Destroy(_)));
}

#[test]
fn a_launch_that_is_repeated_changes_nothing() {
    let mut world = World::new();
    world.running("t1");
    assert_eq!(world.run(vec![command_task("t1")]), []);
}

#[test]
fn only_so_many_containers_are_made_at_a_time_and_all_of_them_in_the_end() {
    let mut world = World::new();
    let tasks: Vec<_> = (0..200).map(|n| command_task(&format!("t{n}"))).collect();
    let mut effects = world.run(tasks);
    let mut made = 0;
    let mut open = std::collections::VecDeque::new();
    loop {
        open.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Launch(launch) => Some(launch.container_id.clone()),
            _ => None,
        }));
        assert!(open.len() <= 3);
        let Some(container_id) = open.pop_front() else { break };
        made += 1;
        effects = world.launched(&container_id);
    }
    assert_eq!(made, 200);
}

#[test]
fn an_isolator_without_room_is_asked_again_later() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1"), command_task("t2")]);
    let container_id = launch(&effects).container_id.clone();
    let result = Err(Failure::new(FailureKind::Overloaded, "the mailbox is full"));
    let answer = Input::LaunchAnswered { container_id: container_id.clone(), result };
    let effects = world.step(answer);
    assert!(!has!(effects, Effect::Launch(_)));
    let effects = world.wait(Timer::Launch, &effects);
    assert_eq!(launch(&effects).container_id, container_id);
}

#[test]
fn a_container_that_cannot_be_made_fails_its_task_with_the_isolators_words() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    let result = Err(Failure::refused("no such user: u"));
    let effects = world.step(Input::LaunchAnswered { container_id, result });
    let status = &queued(&effects).status;
    assert_eq!(status.state, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLaunchFailed));
    assert_eq!(status.message, "no such user: u");
    world.safe("t1");
    world.acknowledged("t1");
    assert!(world.state.checkpoint().executors.is_empty());
    assert!(world.state.checkpoint().frameworks.is_empty());
}

#[test]
fn a_launch_of_unknown_outcome_is_destroyed_before_its_task_fails() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    let result = Err(Failure::new(FailureKind::Timeout, "no answer in 5 min"));
    let effects = world.step(Input::LaunchAnswered { container_id: container_id.clone(), result });
    assert!(has!(effects, Effect::Destroy(_)));
    assert!(!has!(effects, Effect::Queue(_)));
    let effects = world.exited(&container_id, SIGKILL, None);
    assert_eq!(queued(&effects).status.reason, Some(Reason::ContainerLaunchFailed));
}

#[test]
fn a_task_that_makes_no_sense_is_an_error_and_starts_nothing() {
    let mut world = World::new();
    let neither = TaskInfo { command: None, ..command_task("neither") };
    let both = TaskInfo { executor: custom_task("x", "e").executor, ..command_task("both") };
    let mut no_command = custom_task("no-command", "e");
    no_command.executor.as_mut().unwrap().command = None;
    let odd_id = TaskInfo { task_id: "a/b".into(), ..command_task("x") };
    for task in [neither, both, no_command, odd_id] {
        let effects = world.run(vec![task]);
        assert!(!has!(effects, Effect::Launch(_)));
        let status = &queued(&effects).status;
        assert_eq!((status.state, status.reason), (TaskState::Error, Some(Reason::TaskInvalid)));
    }
}

#[test]
fn tasks_run_as_the_user_of_their_command_before_that_of_the_framework() {
    let mut world = World::new();
    let mut task = command_task("t1");
    task.command.as_mut().unwrap().user = Some("other".into());
    assert_eq!(launch(&world.run(vec![task])).user.as_deref(), Some("other"));
}

#[test]
fn an_executor_that_does_not_register_in_time_fails_its_task() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    let started = world.now;
    let effects = world.launched(&container_id);
    let effects = world.wait(Timer::ExecutorRegistration(container_id.clone()), &effects);
    assert_eq!(world.now.since(started).as_secs(), 60);
    assert!(has!(effects, Effect::Destroy(_)));
    let effects = world.exited(&container_id, SIGKILL, None);
    let status = &queued(&effects).status;
    assert_eq!(status.state, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ExecutorRegistrationTimeout));
    assert_eq!(status.message, "the executor did not register within 60 s");
}

#[test]
fn an_executor_that_nobody_awaits_is_told_to_end() {
    let mut world = World::new();
    let container_id = world.up("t1");
    for (container, executor) in [("other".into(), "t1"), (container_id, "t2")] {
        let effects = world.executor_registers(&container, executor, &[], vec![]);
        assert!(!answered(&effects)[0].1);
        assert!(has!(effects, Effect::ToExecutor { message: ToExecutor::Shutdown(_), .. }));
    }
}

// --- statuses ---

#[test]
fn a_status_is_answered_when_it_is_safe_and_not_before() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let status = world.status("t1", TaskState::Running);
    let effects = world.report_status("t1", status);
    assert_eq!(answered(&effects), []);
    let kept = &queued(&effects).status;
    assert_eq!(kept.container_id.as_ref(), Some(&container_id));
    assert_eq!(kept.agent_id.as_ref().unwrap().as_str(), "S1");
    assert_eq!(answered(&world.safe("t1")).len(), 1);
}

#[test]
fn statuses_of_a_task_are_made_safe_one_after_the_other() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let running = world.status("t1", TaskState::Running);
    let first = running.update_id.clone().unwrap();
    world.report_status("t1", running);
    let finished = world.status("t1", TaskState::Finished);
    assert!(!has!(world.report_status("t1", finished), Effect::Queue(_)));
    let result = Err(Failure::new(FailureKind::Overloaded, "full"));
    let failed = Input::UpdateQueued { key: key("t1"), update_id: first.clone(), result };
    let effects = world.step(failed);
    let effects = world.wait(Timer::Queue(key("t1")), &effects);
    assert_eq!(queued(&effects).status.state, TaskState::Running);
    let safe = Input::UpdateQueued { key: key("t1"), update_id: first, result: Ok(()) };
    assert_eq!(queued(&world.step(safe)).status.state, TaskState::Finished);
}

#[test]
fn a_repeated_status_is_answered_with_the_first_and_queued_once() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let status = world.status("t1", TaskState::Running);
    world.report_status("t1", status.clone());
    assert_eq!(world.report_status("t1", status.clone()), []);
    assert_eq!(answered(&world.safe("t1")).len(), 2);
    let effects = world.report_status("t1", status);
    assert_eq!((effects.len(), answered(&effects).len()), (1, 1));
}

#[test]
fn a_task_does_not_go_backwards() {
    let mut world = World::new();
    world.running("t1");
    world.report("t1", TaskState::Killing);
    for state in [TaskState::Starting, TaskState::Running] {
        let effects = world.report("t1", state);
        assert!(!has!(effects, Effect::Queue(_)));
        assert_eq!(answered(&effects).len(), 1, "the executor need not say it again");
    }
    world.report("t1", TaskState::Killed);
    assert!(!has!(world.report("t1", TaskState::Finished), Effect::Queue(_)));
}

#[test]
fn what_is_not_for_an_executor_to_say_is_refused() {
    let mut world = World::new();
    let container_id = world.up("t1");
    let early = world.status("t1", TaskState::Running);
    assert!(!answered(&world.report_status("t1", early))[0].1, "it does not have the task");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    let unreachable = world.status("t1", TaskState::Unreachable);
    assert!(!answered(&world.report_status("t1", unreachable))[0].1);
    let stranger = world.status("t1", TaskState::Finished);
    assert!(!answered(&world.report_status("other", stranger))[0].1);
}

#[test]
fn a_status_of_an_unknown_task_is_passed_on_once_and_not_kept() {
    let mut world = World::new();
    let status = world.status("lost", TaskState::Running);
    let effects = world.report_status("e", status);
    let update = find!(
        effects,
        Effect::ToFrameworks { message: ToFrameworks::ForwardUpdate(update), .. } => update
    );
    assert_eq!(update.status.update_id, None);
    assert_eq!(answered(&effects).len(), 1);
}

#[test]
fn when_the_end_is_safe_the_executor_of_a_command_is_ended_and_nothing_is_left() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let status = world.status("t1", TaskState::Finished);
    assert!(!has!(world.report_status("t1", status), Effect::Destroy(_)));
    assert!(has!(world.safe("t1"), Effect::Destroy(_)));
    world.exited(&container_id, SIGKILL, None);
    world.acknowledged("t1");
    let checkpoint = world.state.checkpoint();
    assert!(checkpoint.tasks.is_empty() && checkpoint.executors.is_empty());
    assert!(checkpoint.frameworks.is_empty());
    assert_eq!(checkpoint.completed.len(), 1);
}

#[test]
fn a_container_that_outlives_the_acknowledgement_is_still_waited_for() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.report("t1", TaskState::Finished);
    world.acknowledged("t1");
    assert_eq!(world.state.checkpoint().executors.len(), 1);
    world.exited(&container_id, SIGKILL, None);
    assert!(world.state.checkpoint().executors.is_empty());
    assert!(world.state.checkpoint().frameworks.is_empty());
}

#[test]
fn an_isolator_that_says_nothing_is_asked_again_and_not_waited_for_for_ever() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let mut effects = world.report("t1", TaskState::Finished);
    let mut asked = 0;
    while has!(effects, Effect::Destroy(_)) {
        asked += 1;
        effects = world.wait(Timer::Destroy(container_id.clone()), &effects);
    }
    assert_eq!(asked, 4);
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Terminated));
}

#[test]
fn a_task_id_can_be_used_again_while_its_old_container_is_being_destroyed() {
    let mut world = World::new();
    let old = world.running("t1");
    world.report("t1", TaskState::Finished);
    world.acknowledged("t1");
    let new = world.running("t1");
    assert_ne!(old, new);
    world.exited(&old, SIGKILL, None);
    assert_eq!(world.executor_state(&new), Some(ExecutorState::Running));
    assert_eq!(world.executor_state(&old), None);
}

// --- limits ---

#[test]
fn a_failure_waits_for_the_isolator_to_say_whether_a_limit_was_the_cause() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let status = world.status("t1", TaskState::Failed);
    let effects = world.report_status("t1", status.clone());
    assert!(has!(effects, Effect::Destroy(_)));
    assert!(!has!(effects, Effect::Queue(_)));
    assert_eq!(answered(&effects), []);
    assert_eq!(world.report_status("t1", status), [], "a repeat waits too");
    let effects = world.exited(&container_id, SIGKILL, Some(oom()));
    let kept = &queued(&effects).status;
    assert_eq!(kept.reason, Some(Reason::ContainerLimitationMemory));
    assert_eq!(kept.message, "used 65 MB of 64 MB");
    assert_eq!(kept.termination, Some(SIGKILL));
    assert_eq!(answered(&world.safe("t1")).len(), 2);
    world.acknowledged("t1");
    assert!(world.state.checkpoint().tasks.is_empty());
}

#[test]
fn a_failure_without_a_limit_keeps_what_the_executor_said() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let status = world
        .status("t1", TaskState::Failed)
        .because(Reason::CommandExecutorFailed, "command exited with status 3");
    world.report_status("t1", status.clone());
    let effects = world.exited(&container_id, SIGKILL, None);
    let kept = &queued(&effects).status;
    assert_eq!(kept.reason, status.reason);
    assert_eq!(kept.message, status.message);
    assert_eq!(kept.update_id, status.update_id);
}

#[test]
fn a_failure_does_not_wait_longer_than_the_bound() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let status = world.status("t1", TaskState::Failed);
    let reported = world.now;
    let effects = world.report_status("t1", status);
    let effects = world.wait(Timer::Limitation(container_id.clone()), &effects);
    assert_eq!(world.now.since(reported).as_secs(), 5);
    assert_eq!(queued(&effects).status.state, TaskState::Failed);
    world.safe("t1");
    world.exited(&container_id, SIGKILL, Some(oom()));
    world.acknowledged("t1");
    assert!(world.state.checkpoint().executors.is_empty());
}

#[test]
fn a_limit_that_ends_the_executor_too_is_the_reason() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.exited(&container_id, SIGKILL, Some(oom()));
    let status = &queued(&effects).status;
    assert_eq!(status.state, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory));
}

#[test]
fn an_executor_that_dies_fails_its_tasks() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.exited(&container_id, Termination::Exited(1), None);
    let status = &queued(&effects).status;
    assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
    assert_eq!(status.message, "the executor exited with status 1");
    assert_eq!(world.exited(&container_id, Termination::Exited(1), None), [], "said twice");
}

// --- killing ---

#[test]
fn a_task_that_is_killed_before_its_executor_has_it_is_killed_during_launch() {
    let mut world = World::new();
    let container_id = world.up("t1");
    let effects = world.kill("t1", None);
    let status = &queued(&effects).status;
    assert_eq!(status.state, TaskState::Killed);
    assert_eq!(status.reason, Some(Reason::TaskKilledDuringLaunch));
    assert!(has!(effects, Effect::Destroy(_)));
    world.safe("t1");
    world.exited(&container_id, SIGKILL, None);
    world.acknowledged("t1");
    assert!(world.state.checkpoint().executors.is_empty());
}

#[test]
fn a_container_that_is_still_being_made_is_destroyed_when_it_is_there() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    world.kill("t1", None);
    assert!(has!(world.launched(&container_id), Effect::Destroy(_)));
    world.exited(&container_id, SIGKILL, None);
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Terminated));
}

#[test]
fn a_container_that_waits_for_its_turn_is_never_made_when_its_task_is_killed() {
    let mut world = World::new();
    world.run((0..4).map(|n| command_task(&format!("t{n}"))).collect());
    let effects = world.kill("t3", None);
    assert!(!has!(effects, Effect::Destroy(_)));
    let effects = world.kill("t0", None);
    assert!(!has!(effects, Effect::Launch(_)), "three are being made");
    world.safe("t3");
    world.acknowledged("t3");
    assert_eq!(world.state.checkpoint().executors.len(), 3);
}

#[test]
fn a_kill_goes_to_the_executor_with_the_policy_of_the_last_word() {
    let mut world = World::new();
    let mut task = command_task("t1");
    task.kill_policy = Some(protocol::task::KillPolicy { grace_ms: Some(7_000) });
    let effects = world.run(vec![task]);
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    world.executor_registers(&container_id, "t1", &[], vec![]);
    assert_eq!(kills(&world.kill("t1", None)), [Some(7_000)]);
    assert_eq!(kills(&world.kill("t1", Some(100))), [Some(100)]);
    let effects = world.report("t1", TaskState::Killed);
    assert!(has!(effects, Effect::CancelTimer { timer: Timer::Kill(_) }));
    assert!(has!(effects, Effect::Destroy(_)));
    assert_eq!(world.kill("t1", None), [], "it has ended");
}

#[test]
fn a_kill_without_a_grace_gets_that_of_the_agent() {
    let mut world = World::new();
    world.running("t1");
    assert_eq!(kills(&world.kill("t1", None)), [Some(3_000)]);
}

#[test]
fn a_command_executor_that_does_not_obey_is_destroyed_after_the_grace() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let asked = world.now;
    let effects = world.kill("t1", Some(1_000));
    let effects = world.wait(Timer::Kill(key("t1")), &effects);
    assert_eq!(world.now.since(asked).as_millis(), 3_000);
    assert!(has!(effects, Effect::Destroy(_)));
    let effects = world.exited(&container_id, SIGKILL, None);
    assert_eq!(queued(&effects).status.state, TaskState::Killed);
}

#[test]
fn a_kill_of_an_unknown_task_is_answered_with_an_end_that_needs_no_acknowledgement() {
    let mut world = World::new();
    let effects = world.kill("nobody", None);
    let update = find!(
        effects,
        Effect::ToFrameworks { message: ToFrameworks::ForwardUpdate(update), .. } => update
    );
    assert!(update.status.state.is_terminal());
    assert_eq!(update.status.update_id, None);
}

#[test]
fn a_kill_by_a_deposed_master_is_not_obeyed() {
    let mut world = World::new();
    world.running("t1");
    let kill = protocol::agent::KillAgentTask {
        epoch: protocol::Epoch(EPOCH.0 - 1),
        framework_id: "f".into(),
        task_id: "t1".into(),
        kill_policy: None,
    };
    assert_eq!(world.step(Input::KillAgentTask(kill)), []);
}

// --- custom executors ---

/// A custom executor `e` that runs, with one task `t1`.
fn custom(world: &mut World) -> protocol::ContainerId {
    let effects = world.run(vec![custom_task("t1", "e")]);
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    world.executor_registers(&container_id, "e", &[], vec![]);
    container_id
}

#[test]
fn a_custom_executor_runs_inside_of_its_container_with_its_own_program() {
    let mut world = World::new();
    let effects = world.run(vec![custom_task("t1", "e")]);
    let launch = launch(&effects);
    assert!(launch.process.inside);
    assert_eq!(launch.process.arguments, ["./run", "-v"]);
    assert_eq!(launch.process.environment.get("B").map(String::as_str), Some("2"));
    assert_eq!(launch.resources, text("cpus=0.6;mem=96"), "its own and the task's");
}

#[test]
fn tasks_of_one_executor_share_it_and_its_limits_follow_them() {
    let mut world = World::new();
    let container_id = custom(&mut world);
    let effects = world.run(vec![custom_task("t2", "e")]);
    assert_eq!(delivered(&effects), ["t2"]);
    let limits = find!(effects, Effect::Resize(update) => update.resources.clone());
    assert_eq!(limits, text("cpus=1.1;mem=160"));
    let status = world.status("t1", TaskState::Finished);
    let effects = world.report_status("e", status);
    let limits = find!(effects, Effect::Resize(update) => update.resources.clone());
    assert_eq!(limits, text("cpus=0.6;mem=96"));
    assert!(!has!(world.safe("t1"), Effect::Destroy(_)), "it has another task");
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Running));
}

#[test]
fn a_failed_task_of_a_custom_executor_is_reported_at_once() {
    let mut world = World::new();
    custom(&mut world);
    let status = world.status("t1", TaskState::Failed);
    assert!(has!(world.report_status("e", status), Effect::Queue(_)));
}

#[test]
fn an_executor_of_the_same_id_and_another_description_is_an_error() {
    let mut world = World::new();
    custom(&mut world);
    let mut other = custom_task("t2", "e");
    other.executor.as_mut().unwrap().name = "another".into();
    let effects = world.run(vec![other]);
    assert_eq!(queued(&effects).status.state, TaskState::Error);
}

#[test]
fn all_tasks_of_an_executor_end_with_it_and_its_framework_hears_of_it() {
    let mut world = World::new();
    let container_id = custom(&mut world);
    world.run(vec![custom_task("t2", "e")]);
    let effects = world.exited(&container_id, Termination::Exited(2), None);
    let ended = effects.iter().filter(|e| matches!(e, Effect::Queue(_))).count();
    assert_eq!(ended, 2);
    let status = find!(
        effects,
        Effect::ToFrameworks { message: ToFrameworks::ExecutorExited(m), .. } => m.status
    );
    assert_eq!(status, 0x200);
}

#[test]
fn an_executor_is_shut_down_with_grace_and_then_destroyed() {
    let mut world = World::new();
    let container_id = custom(&mut world);
    let effects = world.step(Input::ShutdownAgentExecutor(ShutdownAgentExecutor {
        epoch: EPOCH,
        framework_id: "f".into(),
        executor_id: "e".into(),
    }));
    assert!(has!(effects, Effect::ToExecutor { message: ToExecutor::Shutdown(_), .. }));
    assert!(!has!(effects, Effect::Destroy(_)));
    let effects = world.wait(Timer::ExecutorShutdown(container_id.clone()), &effects);
    assert!(has!(effects, Effect::Destroy(_)));
    let effects = world.run(vec![custom_task("t2", "e")]);
    assert_ne!(launch(&effects).container_id, container_id, "a new run takes new tasks");
}

#[test]
fn a_custom_executor_whose_tasks_were_killed_before_it_came_is_ended() {
    let mut world = World::new();
    let effects = world.run(vec![custom_task("t1", "e"), custom_task("t2", "e")]);
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    assert!(!has!(world.kill("t1", None), Effect::Destroy(_)), "it is awaited for the other");
    assert!(has!(world.kill("t2", None), Effect::Destroy(_)));
}

#[test]
fn messages_between_scheduler_and_executor_are_passed_on() {
    let mut world = World::new();
    custom(&mut world);
    let data = Blob(b"hi".to_vec());
    let effects = world.step(Input::DeliverMessage(DeliverMessage {
        framework_id: "f".into(),
        executor_id: "e".into(),
        data: data.clone(),
    }));
    assert!(
        has!(effects, Effect::ToExecutor { message: ToExecutor::Message(m), .. } if m.data == data)
    );
    let effects = world.step(Input::SendToScheduler(SendToScheduler {
        framework_id: "f".into(),
        executor_id: "e".into(),
        data,
    }));
    assert!(has!(
        effects,
        Effect::ToFrameworks { message: ToFrameworks::MessageFromExecutor(_), .. }
    ));
}

// --- frameworks ---

#[test]
fn a_torn_down_framework_leaves_nothing_behind() {
    let mut world = World::new();
    let running = world.running("t1");
    world.running("t2");
    world.report("t2", TaskState::Finished);
    let effects = world.step(Input::ShutdownFramework(ShutdownFramework {
        epoch: EPOCH,
        framework_id: "f".into(),
    }));
    assert!(has!(effects, Effect::ForgetFramework(_)));
    assert!(has!(effects, Effect::ToExecutor { message: ToExecutor::Shutdown(_), .. }));
    assert!(!world.state.checkpoint().tasks.contains_key(&key("t2")), "its end is of no interest");
    let status = world.status("t1", TaskState::Killed);
    let effects = world.report_status("t1", status);
    assert_eq!(answered(&effects).len(), 1);
    assert!(!has!(effects, Effect::Queue(_)));
    assert_eq!(world.run(vec![command_task("t3")]), []);
    world.exited(&running, Termination::Exited(0), None);
    let others: Vec<_> = world.state.executors().map(|(id, _)| id.clone()).collect();
    for container_id in others {
        world.exited(&container_id, SIGKILL, None);
    }
    let checkpoint = world.state.checkpoint();
    assert!(checkpoint.tasks.is_empty() && checkpoint.executors.is_empty());
    assert!(checkpoint.frameworks.is_empty());
}

#[test]
fn a_held_failure_of_a_torn_down_framework_is_answered_and_forgotten() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let status = world.status("t1", TaskState::Failed);
    world.report_status("t1", status);
    world.step(Input::ShutdownFramework(ShutdownFramework {
        epoch: EPOCH,
        framework_id: "f".into(),
    }));
    let effects = world.exited(&container_id, SIGKILL, Some(oom()));
    assert_eq!(answered(&effects).len(), 1);
    assert!(!has!(effects, Effect::Queue(_)));
    assert!(world.state.checkpoint().frameworks.is_empty());
}

// --- questions, sandboxes ---

fn read(world: &mut World, task: &str, framework: Option<&str>) -> Vec<Effect> {
    let call = world.next_call();
    let message = ReadSandbox {
        task_id: task.into(),
        framework_id: framework.map(Into::into),
        path: "stdout".into(),
        offset: 3,
        length: 0,
    };
    world.step(Input::ReadSandbox { call, message })
}

#[test]
fn sandboxes_can_be_read_while_the_task_runs_and_for_a_while_after() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = read(&mut world, "t1", None);
    let running = find!(effects, Effect::ReadFile { read, .. } => read.clone());
    assert_eq!((running.state, running.offset, running.length), (TaskState::Running, 3, 1 << 20));
    world.report("t1", TaskState::Finished);
    world.exited(&container_id, SIGKILL, None);
    world.acknowledged("t1");
    let effects = read(&mut world, "t1", None);
    let after = find!(effects, Effect::ReadFile { read, .. } => read.clone());
    assert_eq!((after.state, &after.sandbox), (TaskState::Finished, &running.sandbox));
}

#[test]
fn the_oldest_sandboxes_are_removed_when_there_are_too_many() {
    let mut world = World::new();
    let mut removed = Vec::new();
    for n in 0..5 {
        let task = format!("t{n}");
        let container_id = world.running(&task);
        world.report(&task, TaskState::Finished);
        let mut effects = world.exited(&container_id, SIGKILL, None);
        effects.extend(world.acknowledged(&task));
        removed.extend(effects.iter().filter_map(|effect| match effect {
            Effect::RemoveSandbox { sandbox } => sandbox.rsplit('-').next().map(str::to_owned),
            _ => None,
        }));
    }
    assert_eq!(removed, ["t0", "t1"]);
}

#[test]
fn a_sandbox_that_cannot_be_told_from_another_or_is_not_there_is_refused() {
    let mut world = World::new();
    assert!(!answered(&read(&mut world, "t1", None))[0].1);
    world.running("t1");
    let mut message = world.run_tasks(vec![command_task("t1")]);
    message.framework = world::framework("g");
    world.step(Input::RunTasks(message));
    assert!(!answered(&read(&mut world, "t1", None))[0].1);
    assert!(has!(read(&mut world, "t1", Some("g")), Effect::ReadFile { .. }));
    assert!(!answered(&read(&mut world, "t1", Some("h")))[0].1);
}

#[test]
fn the_agent_says_what_is_here() {
    let mut world = World::new();
    world.running("t1");
    let effects = world.run(vec![custom_task("t2", "e")]);
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    let call = world.next_call();
    let effects = world.step(Input::GetAgentState { call });
    let reply = find!(
        effects,
        Effect::Reply { reply: Reply::AgentState(reply), .. } => reply.clone()
    );
    assert!(reply.registered);
    assert_eq!(reply.executors.len(), 2);
    assert_eq!(reply.tasks.len(), 2);
    assert_eq!(reply.used, text("cpus=1.1;mem=160"));
}
