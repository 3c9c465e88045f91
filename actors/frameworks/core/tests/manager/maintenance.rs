//! Maintenance: durable first, then known to the allocator, to schedulers and to `agents`.

use frameworks_core::{Answer, Effect, Input, Request, Subject, Timer, ToAgents, ToAllocator};
use protocol::FailureKind;
use protocol::framework::{Filters, Unavailability};
use protocol::frameworks::{
    AnswerInverseOffers, GetMaintenance, GetMaintenanceStatus, MaintenanceStatus, StartMaintenance,
    StopMaintenance, UpdateMaintenanceSchedule,
};
use protocol::id::OfferId;
use protocol::maintenance::{InverseAnswer, MachineId, Maintenance, MaintenanceWindow};
use protocol::registrar::{Registry, RegistryOperation};
use protocol::{Failure, Time};

use crate::fixture::*;
use crate::inverse::{ask, inverse_offers, rescinded};

fn node() -> MachineId {
    MachineId { hostname: "node".into(), ip: "10.0.0.2".into() }
}

fn away(start: u64) -> Unavailability {
    Unavailability { start: Time::from_millis(start), duration_ms: None }
}

fn window(start: u64) -> MaintenanceWindow {
    MaintenanceWindow { machines: vec![node()], unavailability: away(start) }
}

fn schedule(windows: Vec<MaintenanceWindow>) -> Request {
    Request::UpdateMaintenanceSchedule(UpdateMaintenanceSchedule { windows })
}

fn start() -> Request {
    Request::StartMaintenance(StartMaintenance { machines: vec![node()] })
}

fn stop() -> Request {
    Request::StopMaintenance(StopMaintenance { machines: vec![node()] })
}

fn recorded(bench: &mut Bench, result: Result<(), Failure>) -> Out {
    bench.step(Input::Recorded { epoch: EPOCH, subject: Subject::Cluster, result })
}

/// What becomes of a call that is durable at once.
fn done(bench: &mut Bench, request: Request) -> Out {
    let asked = bench.call(request);
    assert!(!asked.is_answered(), "not before it is durable");
    assert!(matches!(asked.0[..], [Effect::Record { .. }]), "{asked:?}");
    let out = recorded(bench, Ok(()));
    out.done();
    out
}

fn told_unavailability(out: &Out) -> Vec<Option<Unavailability>> {
    let told = out.to_allocator().into_iter().filter_map(|message| match message {
        ToAllocator::SetUnavailability(m) => Some(m.unavailability),
        _ => None,
    });
    told.collect()
}

fn told_down(out: &Out) -> Option<Vec<MachineId>> {
    out.to_agents().into_iter().find_map(|message| match message {
        ToAgents::SetDownMachines(m) => Some(m.machines.iter().cloned().collect()),
        _ => None,
    })
}

fn status(bench: &mut Bench) -> MaintenanceStatus {
    let out = bench.call(Request::ReadMaintenanceStatus(GetMaintenanceStatus {}));
    match out.answer() {
        Ok(Answer::MaintenanceStatus(status)) => status,
        other => panic!("{other:?}"),
    }
}

fn planned(bench: &mut Bench) -> Maintenance {
    match bench.call(Request::ReadMaintenance(GetMaintenance {})).answer() {
        Ok(Answer::Maintenance(maintenance)) => maintenance,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_agent_that_is_to_be_away_is_known_to_be_wherever_it_matters() {
    let (mut bench, id) = Bench::with_task();
    let before = bench.offer(&id, "a1", "cpus=1");
    let out = done(&mut bench, schedule(vec![window(5)]));
    assert_eq!(out.rescinded(), 1, "{before} was made without knowing");
    assert_eq!(told_unavailability(&out), [Some(away(5))]);
    let offers = bench.allocate(&id, "a1", "cpus=1");
    assert_eq!(offers.offers()[0].unavailability, Some(away(5)));
    bench.step(Input::AllocatorExited);
    assert_eq!(told_unavailability(&bench.fire(Timer::ResetAllocator)), [Some(away(5))]);
    let out = bench.join("a1", 2, vec![]);
    assert_eq!(told_unavailability(&out), [Some(away(5))], "of the new registration");
    let out = done(&mut bench, schedule(vec![]));
    assert_eq!(told_unavailability(&out), [None]);
}

#[test]
fn a_change_that_is_not_durable_changes_nothing() {
    let (mut bench, _) = Bench::with_task();
    bench.call(schedule(vec![window(5)]));
    let refused = recorded(&mut bench, Err(Failure::refused("the store is full")));
    refused.refused_as(FailureKind::Refused, "full");
    assert_eq!(planned(&mut bench), Maintenance::default());
}

#[test]
fn inverse_offers_and_answers_are_void_with_another_time() {
    let (mut bench, id) = Bench::with_task();
    done(&mut bench, schedule(vec![window(5)]));
    let asked: OfferId = inverse_offers(&ask(&mut bench, &id, 1, away(5))).remove(0).offer_id;
    let statuses = status(&mut bench).draining.remove(0).statuses;
    assert_eq!(statuses[0].answer, InverseAnswer::Unknown);
    let out = done(&mut bench, schedule(vec![window(6)]));
    assert_eq!(rescinded(&out), [asked]);
    let asked = inverse_offers(&ask(&mut bench, &id, 1, away(6))).remove(0).offer_id;
    for (accepted, answer) in [(true, InverseAnswer::Accept), (false, InverseAnswer::Decline)] {
        let offer_ids = match accepted {
            true => vec![asked.clone()],
            false => vec![inverse_offers(&ask(&mut bench, &id, 1, away(6))).remove(0).offer_id],
        };
        let (framework_id, filters) = (id.clone(), Filters::NONE);
        let message = AnswerInverseOffers { framework_id, offer_ids, accepted, filters };
        bench.call(Request::AnswerInverse(message)).done();
        let statuses = status(&mut bench).draining.remove(0).statuses;
        assert_eq!(statuses.len(), 1, "{statuses:?}");
        assert_eq!((statuses[0].answer, &statuses[0].framework_id), (answer, &id));
    }
    done(&mut bench, schedule(vec![window(7)]));
    assert!(status(&mut bench).draining.remove(0).statuses.is_empty());
}

#[test]
fn a_machine_goes_down_and_comes_up_by_the_word_of_an_operator() {
    let (mut bench, _) = Bench::with_task();
    bench.call(start()).refused_as(FailureKind::Refused, "is not part of a maintenance schedule");
    done(&mut bench, schedule(vec![window(5)]));
    bench.call(stop()).refused_as(FailureKind::Refused, "is not in DOWN mode");
    let out = done(&mut bench, start());
    assert_eq!(told_down(&out), Some(vec![node()]));
    assert_eq!(status(&mut bench).down, [node()]);
    bench.call(start()).refused_as(FailureKind::Refused, "is not in DRAINING mode");
    bench.call(schedule(vec![])).refused_as(FailureKind::Refused, "is deactivated and cannot be");
    let out = done(&mut bench, stop());
    assert_eq!(told_down(&out), Some(vec![]));
    assert_eq!(planned(&mut bench), Maintenance::default());
}

#[test]
fn the_next_leader_knows_what_is_planned_and_down() {
    let windows = vec![window(5)];
    let maintenance = Maintenance { windows, down: [node()].into() };
    let maintenance = [(Maintenance::CLUSTER.to_owned(), maintenance)].into();
    let (mut bench, _) = Bench::leading_with(Registry { maintenance, ..Registry::default() });
    assert_eq!(status(&mut bench).down, [node()]);
    let agents = address("agents@10.0.0.1:7050");
    let message = protocol::frameworks::AgentsRecovered { epoch: EPOCH, agents: vec![] };
    let out = bench.ask(&agents, Request::Introduce(message));
    assert_eq!(told_down(&out), Some(vec![node()]));
    assert_eq!(told_unavailability(&bench.join("a1", 1, vec![])), [Some(away(5))]);
}

#[test]
fn changes_that_come_together_are_made_one_after_the_other() {
    let (mut bench, _) = Bench::with_task();
    let first = bench.call(schedule(vec![window(5)]));
    let second = bench.call(start());
    assert_eq!(second.0, [], "it waits");
    drop(first);
    let out = recorded(&mut bench, Ok(()));
    out.done();
    let put = out.0.iter().find_map(|effect| match effect {
        Effect::Record { operations, .. } => operations.operations.first(),
        _ => None,
    });
    let down = matches!(put, Some(RegistryOperation::PutMaintenance { maintenance }) if maintenance.down == [node()].into());
    assert!(down, "{put:?}");
    recorded(&mut bench, Ok(())).done();
}
