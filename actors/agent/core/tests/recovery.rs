//! The agent process ends and begins again, as claims.

#[macro_use]
mod world;

use agent_core::{Effect, ExecutorState, Input, Registration, Timer, ToExecutor};
use protocol::isolator::RecoverContainers;
use protocol::task::{Reason, TaskState, Termination};
use protocol::{ContainerId, Incarnation};
use world::{World, command_task, custom_task, delivered, down, key, kills, launch, queued};

const SIGKILL: Termination = Termination::Signaled(9);

fn known(effects: &[Effect]) -> Vec<String> {
    let recover: &RecoverContainers = find!(effects, Effect::Recover(recover) => recover);
    recover.containers.iter().map(|known| known.container_id.to_string()).collect()
}

fn states(effects: &[Effect]) -> Vec<TaskState> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Queue(update) => Some(update.status.state),
            _ => None,
        })
        .collect()
}

#[test]
fn a_killed_agent_finds_its_running_tasks_again() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.restart("boot-1");
    assert_eq!(known(&effects), [container_id.as_str()]);
    assert_eq!(states(&effects), []);
    let effects = world.register();
    assert!(matches!(world.state.registration(), Registration::Registered { .. }));
    assert!(has!(effects, Effect::SetMaster(_)), "nothing waits for the executors");
    let effects = world.executor_registers(&container_id, "t1", &["t1"], vec![]);
    assert_eq!(delivered(&effects), [""; 0]);
    assert_eq!(world.executor_state(&container_id), Some(ExecutorState::Running));
    world.report("t1", TaskState::Finished);
    world.exited(&container_id, SIGKILL, None);
    world.acknowledged("t1");
    assert!(world.state.checkpoint().frameworks.is_empty());
}

#[test]
fn it_registers_with_its_old_id_its_tasks_and_a_higher_incarnation() {
    let mut world = World::new();
    world.running("t1");
    world.restart("boot-1");
    let effects = world.step(Input::LeaderFound(world::leader("m1", 5)));
    let message = find!(effects, Effect::Register { message, .. } => message);
    assert_eq!(message.agent_id.as_ref().unwrap().as_str(), "S1");
    assert_eq!(message.incarnation, Incarnation(2));
    assert_eq!(message.attempt, 1);
    assert_eq!(message.tasks[0].state, TaskState::Running);
}

#[test]
fn what_an_executor_could_not_confirm_is_taken_when_it_registers_again() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let finished = world.status("t1", TaskState::Finished);
    world.restart("boot-1");
    let effects = world.executor_registers(&container_id, "t1", &[], vec![finished]);
    assert_eq!(queued(&effects).status.state, TaskState::Finished);
}

#[test]
fn an_end_that_was_taken_and_perhaps_not_queued_is_queued_again_with_the_same_id() {
    let mut world = World::new();
    world.running("t1");
    let finished = world.status("t1", TaskState::Finished);
    world.report_status("t1", finished.clone());
    let effects = world.restart("boot-1");
    assert_eq!(queued(&effects).status.update_id, finished.update_id);
    assert!(has!(effects, Effect::Destroy(_)), "its executor is of no use");
}

#[test]
fn a_failure_that_was_held_is_not_lost() {
    let mut world = World::new();
    world.running("t1");
    let failed = world.status("t1", TaskState::Failed);
    world.report_status("t1", failed.clone());
    let effects = world.restart("boot-1");
    assert_eq!(queued(&effects).status.update_id, failed.update_id);
}

#[test]
fn an_executor_that_ended_meanwhile_fails_its_tasks() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.restart("boot-1");
    let effects = world.exited(&container_id, Termination::Exited(1), None);
    assert_eq!(queued(&effects).status.reason, Some(Reason::ExecutorTerminated));
}

#[test]
fn an_executor_that_does_not_come_back_is_destroyed_and_its_tasks_fail() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.restart("boot-1");
    let began = world.now;
    let effects = world.wait(Timer::ExecutorRegistration(container_id.clone()), &effects);
    assert_eq!(world.now.since(began).as_secs(), 15);
    assert!(has!(effects, Effect::Destroy(_)));
    let effects = world.exited(&container_id, SIGKILL, None);
    let status = &queued(&effects).status;
    assert_eq!((status.state, status.reason), (TaskState::Failed, Some(Reason::AgentRestarted)));
}

#[test]
fn after_a_reboot_every_task_of_before_has_failed_and_nothing_is_expected() {
    let mut world = World::new();
    world.running("t1");
    world.up("t2");
    world.run(vec![command_task("t3")]);
    let effects = world.restart("boot-2");
    assert_eq!(known(&effects), [""; 0]);
    assert!(!has!(effects, Effect::SetTimer { timer: Timer::ExecutorRegistration(_), .. }));
    for task in ["t1", "t2", "t3"] {
        let status = world.state.checkpoint().tasks[&key(task)].status.clone().unwrap();
        assert_eq!(status.state, TaskState::Failed);
        assert_eq!(status.reason, Some(Reason::AgentRestarted));
    }
}

#[test]
fn a_task_whose_container_was_not_made_yet_is_started_in_another() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1"), custom_task("t2", "e")]);
    let old = launch(&effects).container_id.clone();
    let effects = world.restart("boot-1");
    assert_eq!(known(&effects), [""; 0], "the isolator destroys what it may have begun");
    assert!(!has!(effects, Effect::Launch(_)), "that comes first");
    let effects = world.step(Input::ContainersRecovered { result: Ok(()) });
    let launched = effects.iter().filter(|e| matches!(e, Effect::Launch(_))).count();
    assert_eq!(launched, 2);
    assert_ne!(launch(&effects).container_id, old);
    let effects = world.executor_registers(&old, "t1", &[], vec![]);
    assert!(has!(effects, Effect::ToExecutor { message: ToExecutor::Shutdown(_), .. }));
}

#[test]
fn a_task_that_was_given_while_its_container_was_being_made_is_not_started_twice() {
    let mut world = World::new();
    let effects = world.run(vec![command_task("t1")]);
    let container_id = launch(&effects).container_id.clone();
    world.executor_registers(&container_id, "t1", &[], vec![]);
    world.restart("boot-1");
    let status = world.state.checkpoint().tasks[&key("t1")].status.clone().unwrap();
    assert_eq!(status.reason, Some(Reason::AgentRestarted));
}

#[test]
fn a_task_that_was_on_its_way_to_its_executor_is_given_again() {
    let mut world = World::new();
    let container_id = world.up("t1");
    world.executor_registers(&container_id, "t1", &[], vec![]);
    world.restart("boot-1");
    let effects = world.executor_registers(&container_id, "t1", &[], vec![]);
    assert_eq!(delivered(&effects), ["t1"]);
}

#[test]
fn a_kill_is_remembered_and_said_again() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.kill("t1", Some(1_000));
    let effects = world.restart("boot-1");
    assert!(has!(effects, Effect::SetTimer { timer: Timer::Kill(_), .. }));
    let effects = world.executor_registers(&container_id, "t1", &["t1"], vec![]);
    assert_eq!(kills(&effects), [Some(1_000)]);
}

#[test]
fn a_framework_that_was_being_torn_down_still_is() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.step(Input::ShutdownFramework(protocol::agent::ShutdownFramework {
        epoch: world::EPOCH,
        framework_id: "f".into(),
    }));
    let effects = world.restart("boot-1");
    assert!(has!(effects, Effect::Destroy(_)));
    world.exited(&container_id, SIGKILL, None);
    assert!(world.state.checkpoint().frameworks.is_empty());
}

#[test]
fn an_isolator_that_cannot_recover_yet_is_asked_again_and_launches_wait() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    world.register();
    assert!(!has!(world.run(vec![command_task("t1")]), Effect::Launch(_)));
    let effects = world.step(Input::ContainersRecovered { result: Err(down()) });
    let effects = world.wait(Timer::Recover, &effects);
    assert!(has!(effects, Effect::Recover(_)));
    let effects = world.step(Input::ContainersRecovered { result: Ok(()) });
    assert!(has!(effects, Effect::Launch(_)));
}

#[test]
fn an_isolator_that_was_restarted_hears_again_what_should_be_there() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.step(Input::IsolatorRestarted);
    assert_eq!(known(&effects), [container_id.as_str()]);
    assert!(!has!(world.run(vec![command_task("t2")]), Effect::Launch(_)));
    let effects = world.step(Input::ContainersRecovered { result: Ok(()) });
    assert!(has!(effects, Effect::Launch(_)));
}

#[test]
fn wherever_the_process_is_killed_no_task_is_lost_from_sight() {
    // Everything that is written during a whole life, cut off after each record.
    let mut world = World::new();
    let container_id = world.running("t1");
    world.run(vec![command_task("t2"), custom_task("t3", "e")]);
    world.kill("t2", None);
    let status = world.status("t1", TaskState::Failed);
    world.report_status("t1", status);
    world.exited(&container_id, SIGKILL, Some(world::oom()));
    world.safe("t1");
    world.acknowledged("t1");
    let log = world.log.clone();
    for end in 0..log.len() {
        world.log = log[..end].to_vec();
        let before: Vec<_> = world
            .log
            .iter()
            .cloned()
            .collect::<agent_core::Checkpoint>()
            .tasks
            .into_keys()
            .collect();
        world.restart("boot-1");
        for key in before {
            assert!(world.state.checkpoint().tasks.contains_key(&key), "after {end} records");
        }
        world.restart("boot-2");
        assert!(
            world.state.checkpoint().tasks.values().all(|t| t.status.is_some()),
            "after a reboot every task has an end, after {end} records"
        );
    }
}

// --- the end of the agent ---

fn stop(world: &mut World, kill: bool) -> (u64, Vec<Effect>) {
    let call = world.next_call();
    (call.0, world.step(Input::Stop { call, kill }))
}

#[test]
fn an_agent_that_keeps_its_tasks_ends_at_once() {
    let mut world = World::new();
    world.running("t1");
    let (call, effects) = stop(&mut world, false);
    assert_eq!(world::answered(&effects), [(call, true)]);
    assert!(!has!(effects, Effect::ToExecutor { .. } | Effect::Destroy(_)));
}

#[test]
fn an_agent_that_kills_its_tasks_says_goodbye_when_all_have_ended() {
    let mut world = World::new();
    let running = world.running("t1");
    let up = world.up("t2");
    let (call, effects) = stop(&mut world, true);
    assert_eq!(kills(&effects).len(), 1);
    assert_eq!(queued(&effects).status.reason, Some(Reason::TaskKilledDuringLaunch));
    assert_eq!(states(&world.run(vec![command_task("t3")])), [TaskState::Dropped]);
    world.report("t1", TaskState::Killed);
    world.exited(&running, SIGKILL, None);
    world.safe("t2");
    world.exited(&up, SIGKILL, None);
    world.acknowledged("t1");
    world.acknowledged("t2");
    let safe = world.safe("t3");
    assert!(!has!(safe, Effect::Unregister { .. }));
    let effects = world.acknowledged("t3");
    assert!(has!(effects, Effect::Unregister { .. }));
    assert_eq!(world::answered(&effects), [(call, true)]);
    assert_eq!(world.state.checkpoint().agent_id, None);
}

#[test]
fn a_goodbye_waits_only_so_long_for_acknowledgements() {
    let mut world = World::new();
    let container_id = world.running("t1");
    stop(&mut world, true);
    world.report("t1", TaskState::Killed);
    let effects = world.exited(&container_id, SIGKILL, None);
    let ended = world.now;
    let effects = world.wait(Timer::Stop, &effects);
    assert_eq!(world.now.since(ended).as_secs(), 1);
    assert!(has!(effects, Effect::Unregister { .. }));
    assert!(has!(effects, Effect::ForgetFramework(_)));
    assert!(world.state.checkpoint().tasks.is_empty());
}

#[test]
fn an_end_that_takes_too_long_is_forced() {
    let mut world = World::new();
    let effects = world.run(vec![custom_task("t1", "e")]);
    let container_id: ContainerId = launch(&effects).container_id.clone();
    world.launched(&container_id);
    world.executor_registers(&container_id, "e", &[], vec![]);
    let (_, effects) = stop(&mut world, true);
    assert!(has!(effects, Effect::ToExecutor { message: ToExecutor::Shutdown(_), .. }));
    let effects = world.wait(Timer::Stop, &effects);
    assert!(has!(effects, Effect::Destroy(_)));
    let effects = world.wait(Timer::Stop, &effects);
    assert!(has!(effects, Effect::Unregister { .. }), "whatever the isolator says");
}

#[test]
fn an_agent_without_tasks_says_goodbye_at_once() {
    let mut world = World::new();
    let (call, effects) = stop(&mut world, true);
    assert!(has!(effects, Effect::Unregister { .. }));
    assert_eq!(world::answered(&effects), [(call, true)]);
    assert_eq!(world.step(Input::LeaderFound(world::leader("m2", 9))), [], "and is silent then");
    let (call, effects) = stop(&mut world, true);
    assert_eq!(world::answered(&effects), [(call, true)]);
}
