//! Reservations and volumes on one machine, as claims.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

#[macro_use]
mod world;

use std::time::Duration;

use agent_core::{Effect, Input, Registration, Timer, ToFrameworks, VolumeLink};
use protocol::agent::{ApplyOperation, OperationAcknowledged};
use protocol::framework::OperationState;
use protocol::operation::{AgentOperation, Conversion, OperationReport, ResourceOperation};
use protocol::resources::{Disk, Reservation, Resource};
use protocol::{Epoch, Generation, Resources, UpdateId};
use world::{EPOCH, GENERATION, World, command_task, custom_task, launch};

fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

fn reserved(text: &str) -> Resources {
    let layer =
        Reservation { role: "eng/web".into(), dynamic: true, principal: None, labels: [].into() };
    let reserve = |r: &Resource| Resource { reservations: vec![layer.clone()], ..r.clone() };
    bag(text).iter().map(reserve).collect()
}

fn volume(size: &str, id: &str) -> Resources {
    let disk = Disk { persistence_id: id.into(), container_path: "data".into(), principal: None };
    let made = |r: &Resource| Resource { disk: Some(disk.clone()), ..r.clone() };
    reserved(&format!("disk={size}")).iter().map(made).collect()
}

fn operation(id: &str, consumed: Resources, produced: Resources) -> AgentOperation {
    AgentOperation {
        conversion_id: id.into(),
        framework_id: Some("f".into()),
        operation_id: Some("o".into()),
        operation: ResourceOperation::Reserve {
            resources: produced.clone(),
            source: Resources::EMPTY,
        },
        conversion: Conversion { consumed, produced },
    }
}

fn apply(operation: AgentOperation) -> Input {
    Input::ApplyOperation(ApplyOperation { epoch: EPOCH, generation: GENERATION, operation })
}

fn acknowledged(update_id: &UpdateId, generation: Option<Generation>) -> Input {
    let update_id = update_id.clone();
    Input::OperationAcknowledged(OperationAcknowledged { update_id, generation })
}

/// What the master is told to be done.
fn reports(effects: &[Effect]) -> Vec<OperationReport> {
    let told = |effect: &Effect| match effect {
        Effect::ToFrameworks { message: ToFrameworks::Operation(m), .. } => Some(m.report.clone()),
        _ => None,
    };
    effects.iter().filter_map(told).collect()
}

fn volumes(effects: &[Effect]) -> Vec<String> {
    find!(effects, Effect::SettleVolumes { volumes } => volumes.clone())
}

/// A machine with a volume.
fn with_volume() -> World {
    let mut world = World::new();
    world.step(apply(operation("p1", bag("disk=10"), reserved("disk=10"))));
    world.step(apply(operation("p2", reserved("disk=4"), volume("4", "v"))));
    world
}

#[test]
fn it_is_on_disk_before_it_is_told_of() {
    let mut world = World::new();
    let effects = world.step(apply(operation("p1", bag("cpus=1"), reserved("cpus=1"))));
    let at = |is: fn(&Effect) -> bool| effects.iter().position(is).unwrap();
    assert!(
        at(|e| matches!(e, Effect::Persist(_))) < at(|e| matches!(e, Effect::ToFrameworks { .. }))
    );
    let told = &reports(&effects)[0].status;
    assert_eq!(told.state, OperationState::Finished);
    assert_eq!(told.converted, reserved("cpus=1"));
    assert!(told.update_id.is_some());
    assert_eq!(world.state.resources().scalar("cpus"), bag("cpus=4").scalar("cpus"));
    assert!(world.state.resources().contains(&reserved("cpus=1")));
}

#[test]
fn it_is_told_of_until_it_is_acknowledged() {
    let mut world = World::new();
    let first = world.step(apply(operation("p1", bag("cpus=1"), reserved("cpus=1"))));
    let again = world.wait(Timer::Operations, &first);
    assert_eq!(reports(&again), reports(&first));
    let later = world.wait(Timer::Operations, &again);
    assert_eq!(reports(&later), reports(&first));
    assert_eq!(reports(&world.step(apply(reports(&first)[0].operation.clone()))), [], "a copy");
    let update_id = reports(&first)[0].status.update_id.clone().unwrap();
    for void in [Some(Generation(1)), Some(Generation(3))] {
        assert_eq!(world.step(acknowledged(&update_id, void)), [], "{void:?}");
    }
    world.step(acknowledged(&update_id, Some(GENERATION)));
    assert_eq!(reports(&world.fire(Timer::Operations)), []);
    assert!(world.state.checkpoint().operations.is_empty());
}

#[test]
fn its_acknowledgement_is_void_once_a_registration_says_that_it_lacks_it() {
    let mut world = World::new();
    let first = world.step(apply(operation("p1", bag("cpus=1"), reserved("cpus=1"))));
    let update_id = reports(&first)[0].status.update_id.clone().unwrap();
    // One that cannot be done makes it register anew.
    let effects = world.step(apply(operation("p2", reserved("cpus=9"), bag("cpus=9"))));
    let message = find!(effects, Effect::Register { message, .. } => message);
    assert_eq!(message.operations, reports(&first));
    let attempt = message.attempt;
    assert_eq!(world.step(acknowledged(&update_id, Some(GENERATION))), []);
    let effects = world.registered(attempt, EPOCH, Generation(3));
    assert_eq!(reports(&effects), reports(&first), "its master counts it as open, and hears of it");
    assert_eq!(world.step(acknowledged(&update_id, Some(GENERATION))), []);
    world.step(acknowledged(&update_id, Some(Generation(3))));
    assert!(world.state.checkpoint().operations.is_empty());
}

#[test]
fn others_that_come_meanwhile_do_not_put_it_off() {
    let mut world = World::new();
    let first = world.step(apply(operation("p1", bag("cpus=1"), reserved("cpus=1"))));
    let due = *find!(first, Effect::SetTimer { timer: Timer::Operations, at } => at);
    world.now = world.now + Duration::from_secs(9);
    let second = world.step(apply(operation("p2", bag("cpus=1"), reserved("cpus=1"))));
    assert!(!has!(second, Effect::SetTimer { timer: Timer::Operations, .. }));
    world.now = due;
    let both = world.fire(Timer::Operations);
    assert_eq!(reports(&both), [reports(&first), reports(&second)].concat());
    // The next repetition is further away than what is new may wait.
    let third = world.step(apply(operation("p3", bag("cpus=1"), reserved("cpus=1"))));
    let at = *find!(third, Effect::SetTimer { timer: Timer::Operations, at } => at);
    assert_eq!(at, due + Duration::from_secs(10));
}

#[test]
fn a_killed_agent_says_what_it_has_and_what_was_not_acknowledged() {
    let mut world = with_volume();
    let effects = world.restart("boot-1");
    assert_eq!(volumes(&effects), ["/w/volumes/roles/eng web/v"]);
    let effects = world.step(Input::LeaderFound(world::leader("m1", EPOCH.0)));
    let message = find!(effects, Effect::Register { message, .. } => message);
    let has = &message.info.resources;
    assert!(has.contains(&(&volume("4", "v") + &reserved("disk=6"))), "{has}");
    assert_eq!(message.operations.len(), 2);
    let attempt = message.attempt;
    let effects = world.registered(attempt, EPOCH, Generation(3));
    assert_eq!(reports(&effects).len(), 2);
}

#[test]
fn one_that_was_meant_for_another_registration_is_not_done() {
    let mut world = World::new();
    for (epoch, generation) in
        [(EPOCH, Generation(1)), (EPOCH, Generation(9)), (Epoch(1), GENERATION)]
    {
        let operation = operation("p1", bag("cpus=1"), reserved("cpus=1"));
        let message = ApplyOperation { epoch, generation, operation };
        assert_eq!(world.step(Input::ApplyOperation(message)), []);
    }
    assert_eq!(world.state.resources(), bag("cpus=4;mem=1024;disk=100"));
}

#[test]
fn one_that_is_quicker_than_the_answer_to_the_registration_waits_for_it() {
    let mut world = World::unstarted();
    world.step(Input::Started);
    let effects = world.step(Input::LeaderFound(world::leader("m1", EPOCH.0)));
    let attempt = find!(effects, Effect::Register { message, .. } => message.attempt);
    assert_eq!(world.step(apply(operation("p1", bag("cpus=1"), reserved("cpus=1")))), []);
    let effects = world.registered(attempt, EPOCH, GENERATION);
    assert_eq!(reports(&effects).len(), 1);
    assert!(world.state.resources().contains(&reserved("cpus=1")));
}

#[test]
fn an_agent_that_lacks_what_the_master_counts_on_registers_anew() {
    let mut world = World::new();
    let effects = world.step(apply(operation("p1", reserved("cpus=1"), bag("cpus=1"))));
    let message = find!(effects, Effect::Register { message, .. } => message);
    assert!(message.operations.is_empty());
    assert!(matches!(world.state.registration(), Registration::Registering { .. }));
}

#[test]
fn volumes_come_and_go_with_their_operations() {
    let mut world = with_volume();
    let more = operation("p3", &volume("4", "v") + &reserved("disk=7"), volume("11", "v"));
    let effects = world.step(apply(more));
    assert!(has!(effects, Effect::Register { .. }), "only 6 MB are reserved beside it");
    let attempt = find!(effects, Effect::Register { message, .. } => message.attempt);
    world.registered(attempt, EPOCH, GENERATION);
    let grow = operation("p4", &volume("4", "v") + &reserved("disk=5"), volume("9", "v"));
    let effects = world.step(apply(grow));
    assert_eq!(volumes(&effects), ["/w/volumes/roles/eng web/v"]);
    let effects = world.step(apply(operation("p5", volume("9", "v"), reserved("disk=9"))));
    assert_eq!(volumes(&effects), [""; 0]);
    let effects = world.step(apply(operation("p6", reserved("disk=10"), bag("disk=10"))));
    assert_eq!(volumes(&effects), [""; 0]);
    assert_eq!(world.state.resources(), bag("cpus=4;mem=1024;disk=100"));
}

#[test]
fn a_sandbox_leads_to_the_volumes_of_its_task() {
    let mut world = with_volume();
    let mut task = command_task("t1");
    task.resources.add_all(&volume("4", "v"));
    let effects = world.run(vec![task]);
    let sandbox = &launch(&effects).sandbox;
    let link = VolumeLink { volume: "/w/volumes/roles/eng web/v".into(), path: "data".into() };
    find!(effects, Effect::LinkVolumes { sandbox: s, links, .. }
        if s == sandbox && *links == [link.clone()] => ());
    let at = |is: fn(&Effect) -> bool| effects.iter().position(is).unwrap();
    assert!(
        at(|e| matches!(e, Effect::LinkVolumes { .. })) < at(|e| matches!(e, Effect::Launch(_)))
    );
}

#[test]
fn a_task_that_joins_others_brings_its_volumes() {
    let mut world = with_volume();
    let effects = world.run(vec![custom_task("t1", "e")]);
    assert!(!has!(effects, Effect::LinkVolumes { .. }));
    let container_id = launch(&effects).container_id.clone();
    world.launched(&container_id);
    world.executor_registers(&container_id, "e", &[], vec![]);
    let mut second = custom_task("t2", "e");
    second.resources.add_all(&volume("4", "v"));
    let effects = world.run(vec![second]);
    let task = find!(effects, Effect::LinkVolumes { task_id, .. } => task_id.clone());
    assert_eq!(task, Some("t2".into()));
}
