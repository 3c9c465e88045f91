//! The agent and its master, as claims.

#[macro_use]
mod world;

use agent_core::{Effect, Input, Registration, Timer};
use protocol::agent::{Ping, UpdateAcknowledged};
use protocol::elector::Leadership;
use protocol::task::{TaskState, Termination};
use protocol::updates::SetMaster;
use protocol::{Epoch, Failure, FailureKind, Generation};
use world::{EPOCH, GENERATION, World, command_task, custom_task, down, launch, leader, queued};

fn ping(epoch: u64, connected: bool) -> Input {
    Input::Ping(Ping { epoch: Epoch(epoch), agent_id: "S1".into(), sequence: 7, connected })
}

fn is_registered(world: &World) -> bool {
    matches!(world.state.registration(), Registration::Registered { .. })
}

impl World {
    /// The master does not know it any more, and says so.
    fn disowned(&mut self, why: FailureKind) {
        let effects = self.step(ping(5, false));
        let attempt = find!(effects, Effect::Register { message, .. } => message.attempt);
        let result = Err(Failure::new(why, "disowned"));
        self.step(Input::RegistrationAnswered { attempt, result });
    }
}

#[test]
fn the_first_registration_brings_an_id_that_is_on_disk_before_updates_flow() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    let effects = world.step(Input::LeaderFound(leader("m1", 5)));
    let (to, message) = find!(effects, Effect::Register { to, message } => (to, message));
    assert_eq!(to.to_string(), "agents@m1:7050");
    assert_eq!((message.agent_id.as_ref(), message.attempt), (None, 1));
    assert!(has!(effects, Effect::Link(linked) if linked == to));
    let effects = world.registered(1, EPOCH, GENERATION);
    let persisted = effects.iter().position(|e| matches!(e, Effect::Persist(_))).unwrap();
    let told = effects.iter().position(|e| matches!(e, Effect::SetMaster(_))).unwrap();
    assert!(persisted < told);
    let frameworks = "frameworks@m1:7050".parse().ok();
    assert!(has!(effects, Effect::SetMaster(SetMaster { frameworks: f }) if *f == frameworks));
    assert!(is_registered(&world));
}

#[test]
fn a_registration_carries_everything_that_is_here() {
    let mut world = World::new();
    world.running("t1");
    world.run(vec![command_task("t2"), custom_task("t3", "e")]);
    let effects = world.step(Input::LeaderFound(leader("m2", 6)));
    let message = find!(effects, Effect::Register { message, .. } => message);
    let states: Vec<_> = message.tasks.iter().map(|t| (t.task_id.as_str(), t.state)).collect();
    assert_eq!(
        states,
        [("t1", TaskState::Running), ("t2", TaskState::Staging), ("t3", TaskState::Staging)]
    );
    assert_eq!(message.frameworks.len(), 1);
    assert_eq!(message.executors.len(), 1, "generated executors hold nothing of their own");
}

#[test]
fn attempts_are_numbered_and_only_the_newest_answer_counts() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    world.step(Input::LeaderFound(leader("m1", 5)));
    let failed = Input::RegistrationAnswered { attempt: 1, result: Err(down()) };
    let effects = world.step(failed);
    let effects = world.wait(Timer::Register, &effects);
    assert_eq!(find!(effects, Effect::Register { message, .. } => message.attempt), 2);
    world.registered(1, EPOCH, GENERATION);
    assert!(!is_registered(&world), "the answer to the first came after its time");
    world.registered(2, EPOCH, GENERATION);
    assert!(is_registered(&world));
}

#[test]
fn failures_are_followed_by_longer_and_longer_waits() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    world.step(Input::LeaderFound(leader("m1", 5)));
    let mut waits = Vec::new();
    for attempt in 1..=12 {
        let before = world.now;
        let effects = world.step(Input::RegistrationAnswered { attempt, result: Err(down()) });
        assert!(has!(effects, Effect::FindLeader { hint: None }));
        world.wait(Timer::Register, &effects);
        waits.push(world.now.since(before).as_millis());
    }
    for (doublings, wait) in waits.iter().enumerate() {
        let whole = (100 << doublings).min(10_000);
        assert!(*wait > whole / 2 - 1 && *wait <= whole, "{waits:?}");
    }
}

#[test]
fn a_standby_that_names_the_leader_is_a_hint() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    world.step(Input::LeaderFound(leader("m1", 5)));
    let standby = Leadership { leader: Some(leader("m2", 6)), leading: false };
    let result = Err(standby.not_leader());
    let effects = world.step(Input::RegistrationAnswered { attempt: 1, result });
    assert!(has!(effects, Effect::FindLeader { hint: Some(h) } if h.as_str() == "m2:7050"));
}

#[test]
fn a_new_leader_is_registered_with_at_once_and_tasks_are_left_alone() {
    let mut world = World::new();
    let container_id = world.running("t1");
    let effects = world.step(Input::LeaderFound(leader("m2", 6)));
    assert!(has!(effects, Effect::Unlink(old) if old.host().as_str() == "m1:7050"));
    assert!(has!(effects, Effect::SetMaster(SetMaster { frameworks: None })));
    assert!(!has!(effects, Effect::Destroy(_) | Effect::ToExecutor { .. }));
    world.registered(2, Epoch(6), Generation(1));
    assert!(is_registered(&world));
    assert!(world.executor_state(&container_id).is_some());
}

#[test]
fn a_leader_of_the_past_is_not_followed() {
    let mut world = World::new();
    assert_eq!(world.step(Input::LeaderFound(leader("m0", 4))), []);
    assert_eq!(world.step(Input::LeaderFound(leader("m1", 5))), [], "nor is the present one news");
}

#[test]
fn a_lower_epoch_is_believed_when_the_known_leader_is_gone_for_long() {
    let mut world = World::new();
    world.step(Input::MasterExited("agents@m1:7050".parse().unwrap()));
    for attempt in 2..5 {
        assert_eq!(world.step(Input::LeaderFound(leader("m9", 1))), []);
        world.step(Input::RegistrationAnswered { attempt, result: Err(down()) });
        world.fire(Timer::Register);
    }
    let effects = world.step(Input::LeaderFound(leader("m9", 1)));
    assert!(has!(effects, Effect::Register { to, .. } if to.host().as_str() == "m9:7050"));
}

#[test]
fn pings_are_answered_and_silence_makes_it_register_anew() {
    let mut world = World::new();
    let effects = world.step(ping(5, true));
    assert_eq!(find!(effects, Effect::Pong { message, .. } => message.sequence), 7);
    let effects = world.wait(Timer::Ping, &effects);
    assert!(has!(effects, Effect::Register { .. }));
    assert!(has!(effects, Effect::FindLeader { .. }));
    assert!(!is_registered(&world));
}

#[test]
fn a_ping_that_says_not_connected_makes_it_register_anew_once() {
    let mut world = World::new();
    let effects = world.step(ping(5, false));
    assert!(has!(effects, Effect::Pong { .. }));
    assert!(has!(effects, Effect::Register { .. }));
    let effects = world.step(ping(5, false));
    assert!(!has!(effects, Effect::Register { .. }), "one is on its way");
}

#[test]
fn a_ping_of_another_epoch_is_not_answered() {
    let mut world = World::new();
    for epoch in [4, 6] {
        let effects = world.step(ping(epoch, false));
        assert!(!has!(effects, Effect::Pong { .. } | Effect::Register { .. }));
    }
}

#[test]
fn a_broken_link_to_the_master_makes_it_register_anew() {
    let mut world = World::new();
    world.step(Input::MasterExited("agents@m0:7050".parse().unwrap()));
    assert!(is_registered(&world), "that link was to somebody else");
    let effects = world.step(Input::MasterExited("agents@m1:7050".parse().unwrap()));
    assert!(has!(effects, Effect::Link(_)));
    assert!(has!(effects, Effect::Register { .. }));
}

#[test]
fn an_acknowledgement_of_another_registration_is_void() {
    let mut world = World::new();
    world.running("t1");
    let confirms = |world: &mut World, generation| {
        let update_id = world.last_update("t1");
        let (framework_id, task_id) = ("f".into(), "t1".into());
        let message = UpdateAcknowledged { framework_id, task_id, update_id, generation };
        has!(world.step(Input::UpdateAcknowledged(message)), Effect::Confirm(_))
    };
    let (former, present, next) = (Generation(1), GENERATION, Generation(3));
    let registered = [former, present, next].map(|it| confirms(&mut world, Some(it)));
    assert_eq!(registered, [false, true, false]);
    world.step(ping(5, false));
    let registering = [former, present, next].map(|it| confirms(&mut world, Some(it)));
    assert_eq!(registering, [false; 3], "its registration says that it lacks it");
    assert!(confirms(&mut world, None), "one of any is never void");
    world.registered(2, EPOCH, next);
    let anew = [former, present, next].map(|it| confirms(&mut world, Some(it)));
    assert_eq!(anew, [false, false, true]);
}

#[test]
fn a_launch_of_another_registration_is_answered_with_a_terminal_update() {
    let mut world = World::new();
    for (epoch, generation) in [(4, 2), (5, 1), (5, 3), (6, 2)] {
        let task = format!("t-{epoch}-{generation}");
        let mut message = world.run_tasks(vec![command_task(&task)]);
        message.epoch = Epoch(epoch);
        message.generation = Generation(generation);
        let effects = world.step(Input::RunTasks(message));
        assert!(!has!(effects, Effect::Launch(_)));
        assert_eq!(queued(&effects).status.state, TaskState::Dropped);
        world.safe(&task);
        world.acknowledged(&task);
    }
    assert!(world.state.checkpoint().tasks.is_empty());
}

#[test]
fn a_framework_that_does_not_know_dropped_hears_lost() {
    let mut world = World::new();
    let mut message = world.run_tasks(vec![command_task("t1")]);
    message.generation = Generation(1);
    message.framework.capabilities.clear();
    let effects = world.step(Input::RunTasks(message));
    assert_eq!(queued(&effects).status.state, TaskState::Lost);
}

#[test]
fn a_launch_that_overtakes_the_answer_to_the_registration_waits_for_it() {
    let mut world = World::new();
    world.step(ping(5, false));
    let mut message = world.run_tasks(vec![command_task("t1")]);
    message.generation = Generation(3);
    assert_eq!(world.step(Input::RunTasks(message.clone())), []);
    let effects = world.registered(2, EPOCH, Generation(3));
    assert_eq!(launch(&effects).executor_id.as_str(), "t1");
}

#[test]
fn a_launch_that_waited_for_a_registration_that_failed_is_answered() {
    let mut world = World::new();
    world.step(ping(5, false));
    let mut message = world.run_tasks(vec![command_task("t1")]);
    message.generation = Generation(3);
    world.step(Input::RunTasks(message));
    let effects = world.step(Input::RegistrationAnswered { attempt: 2, result: Err(down()) });
    assert_eq!(queued(&effects).status.state, TaskState::Dropped);
}

#[test]
fn a_launch_of_the_last_registration_is_not_run_while_the_next_is_on_its_way() {
    let mut world = World::new();
    world.step(ping(5, false));
    let effects = world.run(vec![command_task("t1")]);
    assert_eq!(queued(&effects).status.state, TaskState::Dropped);
}

#[test]
fn an_agent_that_was_marked_gone_ends_its_tasks_and_never_asks_again() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.step(ping(5, false));
    let result = Err(Failure::new(FailureKind::Refused, "marked gone"));
    let effects = world.step(Input::RegistrationAnswered { attempt: 2, result });
    assert!(has!(effects, Effect::ToExecutor { .. }), "its executor is told to end");
    assert!(has!(effects, Effect::ForgetFramework(_)));
    world.exited(&container_id, Termination::Exited(0), None);
    assert!(world.state.checkpoint().tasks.is_empty());
    assert_eq!(world.state.checkpoint().agent_id, None, "the next life has another id");
    assert_eq!(world.step(Input::LeaderFound(leader("m2", 9))), []);
    assert_eq!(world.fire(Timer::Register), []);
}

#[test]
fn an_agent_that_was_forgotten_ends_its_tasks_and_asks_again_as_nobody() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.step(ping(5, false));
    let forgotten = || Failure::new(FailureKind::NotFound, "down for maintenance");
    let answer = Input::RegistrationAnswered { attempt: 2, result: Err(forgotten()) };
    let effects = world.step(answer);
    assert!(has!(effects, Effect::ToExecutor { .. }), "its executor is told to end");
    assert!(!has!(effects, Effect::Register { .. }), "not while something runs");
    let effects = world.exited(&container_id, Termination::Exited(0), None);
    let anew = effects.iter().find_map(|effect| match effect {
        Effect::Register { message, .. } => Some(message),
        _ => None,
    });
    let anew = anew.expect("it asks again");
    assert_eq!((&anew.agent_id, anew.attempt, anew.tasks.len()), (&None, 3, 0));
    // Its machine is not up: it goes on asking.
    let not_yet = Err(Failure::new(FailureKind::Conflict, "down for maintenance"));
    world.step(Input::RegistrationAnswered { attempt: 3, result: not_yet });
    assert!(has!(world.fire(Timer::Register), Effect::Register { .. }));
    let answer = protocol::agents::AgentRegistered {
        agent_id: "S2".into(),
        epoch: EPOCH,
        generation: Generation(3),
        ping_timeout_ms: 1,
    };
    world.step(Input::RegistrationAnswered { attempt: 4, result: Ok(answer) });
    assert!(is_registered(&world));
    assert_eq!(world.state.checkpoint().agent_id, Some("S2".into()));
}

#[test]
fn a_launch_that_comes_while_it_leaves_does_not_keep_it() {
    let mut world = World::new();
    let container_id = world.running("t1");
    world.disowned(FailureKind::NotFound);
    let mut late = world.run_tasks(vec![command_task("t2")]);
    late.framework = world::framework("f2");
    world.step(Input::RunTasks(late));
    let effects = world.exited(&container_id, Termination::Exited(0), None);
    let attempt = find!(effects, Effect::Register { message, .. } => message.attempt);
    let effects = world.registered(attempt, EPOCH, Generation(3));
    let told = &queued(&effects).status;
    assert_eq!((told.task_id.as_str(), told.state), ("t2", TaskState::Dropped));
}

#[test]
fn an_agent_that_is_killed_while_its_tasks_end_still_waits_for_that() {
    for why in [FailureKind::NotFound, FailureKind::Refused] {
        let mut world = World::new();
        let container_id = world.running("t1");
        world.disowned(why);
        world.restart("boot-1");
        let effects = world.step(Input::LeaderFound(leader("m1", 5)));
        assert!(!has!(effects, Effect::Register { .. }), "{why:?}: its task runs uncounted");
        let effects = world.exited(&container_id, Termination::Exited(0), None);
        let anew = find!(effects, Effect::Register { message, .. } => message);
        assert_eq!(anew.agent_id, None);
    }
}

#[test]
fn an_answer_that_gives_another_id_is_not_taken() {
    let mut world = World::new();
    world.step(ping(5, false));
    let answer = protocol::agents::AgentRegistered {
        agent_id: "S2".into(),
        epoch: EPOCH,
        generation: Generation(3),
        ping_timeout_ms: 1,
    };
    let effects = world.step(Input::RegistrationAnswered { attempt: 2, result: Ok(answer) });
    assert!(has!(effects, Effect::SetTimer { timer: Timer::Register, .. }));
    assert!(!is_registered(&world));
}

#[test]
fn updates_is_told_again_where_to_forward_to_when_it_was_restarted() {
    let mut world = World::new();
    let effects = world.step(Input::UpdatesRestarted);
    assert!(has!(effects, Effect::SetMaster(SetMaster { frameworks: Some(_) })));
}
