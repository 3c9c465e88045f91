//! A running task gets more or less: the isolator, then the record, then the master hears.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

use agent_core::{Effect, Input, Record, ToFrameworks};
use protocol::isolator::UpdateContainer;
use protocol::resize::{ReportResize, ResizeAgentTask};
use protocol::task::{TaskState, Termination};
use protocol::{ContainerId, Failure, FailureKind, Generation, Resources};
use world::{EPOCH, GENERATION, World, custom_task, down, key};

fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

fn resize(world: &mut World, task: &str, number: u64, resources: &str) -> Vec<Effect> {
    resize_in(world, GENERATION, task, number, resources)
}

fn resize_in(
    world: &mut World,
    generation: Generation,
    task: &str,
    number: u64,
    resources: &str,
) -> Vec<Effect> {
    world.step(Input::ResizeAgentTask(ResizeAgentTask {
        epoch: EPOCH,
        generation,
        framework_id: "f".into(),
        task_id: task.into(),
        number,
        resources: bag(resources),
    }))
}

fn asked(effects: &[Effect]) -> Option<(u64, &UpdateContainer)> {
    effects.iter().find_map(|effect| match effect {
        Effect::ResizeTask { number, message } => Some((*number, message)),
        _ => None,
    })
}

fn said(effects: &[Effect]) -> Option<&ReportResize> {
    effects.iter().find_map(|effect| match effect {
        Effect::ToFrameworks { message: ToFrameworks::Resized(report), .. } => Some(report),
        _ => None,
    })
}

#[track_caller]
fn refused<'a>(effects: &'a [Effect], part: &str) -> &'a ReportResize {
    let report = said(effects).unwrap_or_else(|| panic!("nothing is said: {effects:#?}"));
    let why = report.refused.as_deref().unwrap_or("(it is done)");
    assert!(why.contains(part), "`{why}` does not contain `{part}`");
    report
}

fn answer(
    world: &mut World,
    container_id: &ContainerId,
    number: u64,
    result: Result<(), Failure>,
) -> Vec<Effect> {
    world.step(Input::ContainerResized { container_id: container_id.clone(), number, result })
}

/// The limits that the isolator was told without being asked.
fn set_back(effects: &[Effect]) -> Option<&Resources> {
    effects.iter().find_map(|effect| match effect {
        Effect::Resize(message) => Some(&message.resources),
        _ => None,
    })
}

fn recorded(world: &World, task: &str) -> Resources {
    world.state.checkpoint().tasks[&key(task)].info.resources.clone()
}

#[test]
fn the_isolator_comes_first_then_the_record_then_the_answer() {
    let mut world = World::new();
    let container = world.running("t");
    let effects = resize(&mut world, "t", 7, "cpus=2;mem=256");
    let (number, message) = asked(&effects).unwrap();
    assert_eq!((number, &message.resources), (7, &bag("cpus=2;mem=256")));
    assert!(message.exact && message.container_id == container);
    assert_eq!(recorded(&world, "t"), bag("cpus=0.5;mem=64"));

    let effects = answer(&mut world, &container, 7, Ok(()));
    let at = |is: fn(&Effect) -> bool| effects.iter().position(is).unwrap();
    let record = at(|e| matches!(e, Effect::Persist(Record::TaskResized { .. })));
    let report = at(|e| matches!(e, Effect::ToFrameworks { .. }));
    assert!(record < report);
    let report = said(&effects).unwrap();
    assert_eq!((report.number, report.generation, &report.refused), (7, GENERATION, &None));
    assert_eq!(recorded(&world, "t"), bag("cpus=2;mem=256"));

    world.restart("boot-1");
    assert_eq!(recorded(&world, "t"), bag("cpus=2;mem=256"), "it survives");
}

#[test]
fn a_no_of_the_isolator_changes_nothing_and_is_passed_on() {
    let mut world = World::new();
    let container = world.running("t");
    for (failure, part) in [(Failure::refused("memory is in use"), "in use"), (down(), "no conn")] {
        let number = world.log.len() as u64;
        resize(&mut world, "t", number, "cpus=0.5;mem=32");
        let effects = answer(&mut world, &container, number, Err(failure));
        refused(&effects, part);
        assert_eq!(set_back(&effects), Some(&bag("cpus=0.5;mem=64")), "it may have done a part");
        assert_eq!(recorded(&world, "t"), bag("cpus=0.5;mem=64"));
        // So that the next number is another one.
        world.run(vec![world::command_task(&format!("other-{number}"))]);
    }
}

#[test]
fn what_cannot_be_resized_is_refused_with_the_reason() {
    let mut world = World::new();
    refused(&resize(&mut world, "none", 1, "cpus=1"), "does not have the task");
    world.up("waits");
    refused(&resize(&mut world, "waits", 2, "cpus=1"), "is not ready");
    world.running("killed");
    world.kill("killed", None);
    refused(&resize(&mut world, "killed", 3, "cpus=1"), "is being killed");
    world.running("over");
    world.report("over", TaskState::Finished);
    refused(&resize(&mut world, "over", 4, "cpus=1"), "has ended");
}

#[test]
fn what_was_meant_for_another_registration_is_passed_over() {
    let mut world = World::new();
    world.running("t");
    assert!(resize_in(&mut world, Generation(1), "t", 1, "cpus=1").is_empty());
    world.step(Input::MasterExited("agents@m1:7050".parse().unwrap()));
    assert!(resize(&mut world, "t", 1, "cpus=1").is_empty(), "the lists are on their way");
}

#[test]
fn a_change_that_a_new_registration_overtakes_is_taken_back() {
    let mut world = World::new();
    let container = world.running("t");
    resize(&mut world, "t", 1, "cpus=2;mem=256");
    world.step(Input::MasterExited("agents@m1:7050".parse().unwrap()));
    let effects = answer(&mut world, &container, 1, Ok(()));
    assert!(said(&effects).is_none(), "{effects:#?}");
    assert_eq!(set_back(&effects), Some(&bag("cpus=0.5;mem=64")));
    assert_eq!(recorded(&world, "t"), bag("cpus=0.5;mem=64"), "what the registration says");
}

#[test]
fn the_same_question_gets_the_same_answer() {
    let mut world = World::new();
    let container = world.running("t");
    resize(&mut world, "t", 5, "cpus=2;mem=256");
    assert!(resize(&mut world, "t", 5, "cpus=2;mem=256").is_empty(), "the answer is on its way");
    answer(&mut world, &container, 5, Err(Failure::refused("no room")));
    refused(&resize(&mut world, "t", 5, "cpus=2;mem=256"), "no room");
    let effects = resize(&mut world, "t", 6, "cpus=1;mem=64");
    assert!(asked(&effects).is_some());
    answer(&mut world, &container, 6, Ok(()));
    let effects = resize(&mut world, "t", 6, "cpus=1;mem=64");
    assert!(asked(&effects).is_none() && said(&effects).unwrap().refused.is_none());
    assert!(resize(&mut world, "t", 5, "cpus=2;mem=256").is_empty(), "it is older than what is");
}

#[test]
fn the_limits_of_an_executor_follow_the_sum_of_its_tasks() {
    let mut world = World::new();
    let effects = world.run(vec![custom_task("t1", "e"), custom_task("t2", "e")]);
    let container = world::launch(&effects).container_id.clone();
    world.launched(&container);
    world.executor_registers(&container, "e", &[], vec![]);
    for task in ["t1", "t2"] {
        let status = world.status(task, TaskState::Running);
        world.report_status("e", status);
    }
    let effects = resize(&mut world, "t1", 1, "cpus=2;mem=64");
    assert_eq!(asked(&effects).unwrap().1.resources, bag("cpus=2.6;mem=160"));
    let effects = resize(&mut world, "t2", 2, "cpus=1;mem=64");
    refused(&effects, "another task of its container");
    answer(&mut world, &container, 1, Ok(()));
    let effects = resize(&mut world, "t2", 3, "cpus=1;mem=64");
    assert_eq!(asked(&effects).unwrap().1.resources, bag("cpus=3.1;mem=160"));
}

#[test]
fn a_container_that_ends_in_the_middle_ends_it() {
    let mut world = World::new();
    let container = world.running("t");
    resize(&mut world, "t", 1, "cpus=2;mem=256");
    let effects = world.exited(&container, Termination::Signaled(9), None);
    refused(&effects, "has ended");
    assert!(answer(&mut world, &container, 1, Ok(())).is_empty());
    let failure = Failure::new(FailureKind::NotFound, "there is no container");
    assert!(answer(&mut world, &container, 1, Err(failure)).is_empty());
}
