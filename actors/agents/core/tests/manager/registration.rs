//! Who may register, how often, and what it changes.

use crate::common::*;
use agents_core::{Effect, Input, Reply, ToFrameworks};
use protocol::FailureKind;
use protocol::agents::{AgentState, UnregisterAgent};
use protocol::frameworks::AgentLossCause;
use protocol::registrar::{AgentStanding, RegistryOperation};
use protocol::{Incarnation, Time};

#[test]
fn a_new_agent_is_answered_only_when_the_registry_has_it() {
    let mut manager = Manager::leading(vec![]);
    manager.holding = true;
    let call = manager.call();
    let message = Box::new(registration(1, None, 1, 1));
    manager.give(Input::RegisterAgent { call, message });
    assert_eq!(manager.answer(call), None);
    assert!(manager.joined().is_empty());
    manager.release(Ok(()));
    let Some(Ok(Reply::Registered(registered))) = manager.answer(call) else { panic!("answered") };
    assert!(registered.agent_id.as_str().ends_with("-7-S0"), "{}", registered.agent_id);
    assert_eq!(registered.epoch, EPOCH);
    assert_eq!(registered.ping_timeout_ms, 20_000);
    assert!(manager.is(&registered.agent_id, AgentState::Active));
}

#[test]
fn frameworks_hears_of_an_agent_before_the_agent_is_answered() {
    let mut manager = Manager::leading(vec![]);
    manager.join(1);
    let joined = |e: &Effect| matches!(e, Effect::ToFrameworks(ToFrameworks::Joined(_)));
    let reply = |e: &Effect| matches!(e, Effect::Reply { .. });
    let joined = manager.out.iter().position(joined).unwrap();
    assert!(joined < manager.out.iter().position(reply).unwrap());
}

#[test]
fn asking_again_without_an_id_gives_the_same_id() {
    let mut manager = Manager::leading(vec![]);
    let first = manager.join(1);
    let again = manager.register(registration(1, None, 1, 1)).unwrap();
    assert_eq!(first, again);
    assert!(manager.joined().is_empty());
    let retried = manager.register(registration(1, None, 1, 2)).unwrap();
    assert_eq!(retried.agent_id, first.agent_id);
    assert_ne!(manager.join(2).agent_id, first.agent_id);
}

#[test]
fn the_id_is_kept_for_an_agent_whose_admission_had_an_unknown_outcome() {
    let mut manager = Manager::leading(vec![]);
    manager.holding = true;
    let call = manager.call();
    let message = Box::new(registration(1, None, 1, 1));
    manager.give(Input::RegisterAgent { call, message });
    manager.release(Err(failed(FailureKind::ActorDied)));
    assert_eq!(manager.answer(call).unwrap().unwrap_err().kind, FailureKind::ActorDied);
    manager.holding = false;
    manager.register(registration(1, None, 1, 2)).unwrap();
    let admissions = manager.committed.iter().map(|operation| match operation {
        RegistryOperation::AdmitAgent { agent_id, .. } => agent_id.clone(),
        other => panic!("{other:?} is no admission"),
    });
    let ids: Vec<_> = admissions.collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_registry_that_cannot_take_an_agent_now_does_not_turn_it_away_for_ever() {
    let mut manager = Manager::leading(vec![]);
    manager.holding = true;
    let call = manager.call();
    let message = Box::new(registration(1, None, 1, 1));
    manager.give(Input::RegisterAgent { call, message });
    manager.release(Err(failed(FailureKind::Refused)));
    assert_eq!(manager.answer(call).unwrap().unwrap_err().kind, FailureKind::Conflict);
}

#[test]
fn every_registration_raises_the_generation() {
    let mut manager = Manager::leading(vec![]);
    let first = manager.join(1);
    let id = first.agent_id.as_str();
    let second = manager.register(registration(1, Some(id), 1, 2)).unwrap();
    let third = manager.register(registration(1, Some(id), 2, 1)).unwrap();
    assert!(first.generation < second.generation && second.generation < third.generation);
    assert_eq!(manager.joined()[0].generation, third.generation);
}

#[test]
fn generations_grow_across_a_restart_of_the_manager() {
    let mut before = Manager::leading(vec![]);
    let first = before.join(1);
    let mut after = Manager::standby();
    after.now = before.now + std::time::Duration::from_secs(1);
    after.give(Input::LeaderChanged(leads(EPOCH)));
    after.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(vec![])) });
    after.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
    let second = after.register(registration(1, Some(first.agent_id.as_str()), 1, 2)).unwrap();
    assert!(second.generation > first.generation);
}

#[test]
fn a_duplicate_of_an_old_registration_changes_nothing() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    let current = manager.register(registration(1, Some(id.as_str()), 1, 3)).unwrap();
    let stale = manager.register(registration(1, Some(id.as_str()), 1, 2)).unwrap_err();
    assert_eq!(stale.kind, FailureKind::Conflict);
    assert!(manager.joined().is_empty());
    let same = manager.register(registration(1, Some(id.as_str()), 1, 3)).unwrap();
    assert_eq!(same, current);
    let unnumbered = manager.register(registration(1, Some(id.as_str()), 1, 0)).unwrap();
    assert_eq!(unnumbered, current);
    assert!(manager.joined().is_empty());
}

#[test]
fn a_registration_of_an_earlier_life_is_refused_even_while_the_agent_is_away() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.register(registration(1, Some(id.as_str()), 5, 1)).unwrap();
    for away in [false, true] {
        if away {
            manager.give(Input::AgentExited { actor: agent_at(1) });
        }
        let failure = manager.register(registration(1, Some(id.as_str()), 4, 9)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
    }
}

#[test]
fn a_machine_that_lost_its_clock_in_a_reboot_may_return_once_it_was_missed() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.register(registration(1, Some(id.as_str()), 5, 1)).unwrap();
    let mut rebooted = registration(1, Some(id.as_str()), 2, 1);
    rebooted.info.boot_id = "another".into();
    assert_eq!(manager.register(rebooted.clone()).unwrap_err().kind, FailureKind::Conflict);
    manager.give(Input::AgentExited { actor: agent_at(1) });
    manager.register(rebooted).unwrap();
}

#[test]
fn an_unnumbered_registration_brings_back_an_agent_that_was_away() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.give(Input::AgentExited { actor: agent_at(1) });
    manager.register(registration(1, Some(id.as_str()), 1, 0)).unwrap();
    assert!(manager.is(&id, AgentState::Active));
}

#[test]
fn what_arrives_while_a_commit_is_under_way_waits_and_the_newest_registration_wins() {
    let mut manager = Manager::leading(vec![]);
    manager.holding = true;
    let calls: Vec<_> = (1..=3)
        .map(|attempt| {
            let call = manager.call();
            let message = Box::new(registration(1, None, 1, attempt));
            manager.give(Input::RegisterAgent { call, message });
            if attempt == 3 {
                let superseded = manager.answer(protocol::CallId(2)).unwrap().unwrap_err();
                assert_eq!(superseded.kind, FailureKind::Conflict);
            }
            call
        })
        .collect();
    assert_eq!(manager.held.len(), 1);
    manager.holding = false;
    manager.out.clear();
    manager.release(Ok(()));
    assert!(matches!(manager.answer(calls[0]), Some(Ok(_))));
    assert!(matches!(manager.answer(calls[2]), Some(Ok(_))));
    assert_eq!(manager.joined().len(), 2);
    assert!(manager.state.waiting_calls().is_empty());
}

#[test]
fn a_gone_agent_is_refused_with_what_to_do() {
    let gone = AgentStanding::Gone { since: Time(1) };
    let mut manager = Manager::leading(vec![("s1", 1, gone)]);
    let failure = manager.register(registration(1, Some("s1"), 1, 1)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("clear the agent's work directory"), "{failure}");
}

#[test]
fn unreachable_and_unknown_agents_may_come_back() {
    let unreachable = AgentStanding::Unreachable { since: Time(1) };
    let mut manager = Manager::leading(vec![("s1", 1, unreachable)]);
    manager.register(registration(1, Some("s1"), 1, 1)).unwrap();
    manager.register(registration(2, Some("forgotten"), 1, 1)).unwrap();
    assert!(manager.is(&"s1".into(), AgentState::Active));
    assert!(manager.is(&"forgotten".into(), AgentState::Active));
}

#[test]
fn a_registration_that_was_overtaken_by_the_goodbye_does_not_bring_the_agent_back() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    let call = manager.call();
    let message = UnregisterAgent { agent_id: id.clone(), incarnation: Incarnation(1) };
    manager.give(Input::UnregisterAgent { call, message });
    assert_eq!(manager.left()[0].cause, AgentLossCause::Removed);
    assert_eq!(manager.standing(&id), None);
    let failure = manager.register(registration(1, Some(id.as_str()), 1, 1)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    manager.register(registration(1, Some(id.as_str()), 2, 1)).unwrap();
}

#[test]
fn an_agent_that_takes_anothers_address_displaces_it() {
    let mut manager = Manager::leading(vec![]);
    let old = manager.join(1).agent_id;
    let new = manager.register(registration(1, None, 2, 1)).unwrap().agent_id;
    assert_ne!(old, new);
    assert!(manager.is(&old, AgentState::Unreachable));
    assert!(manager.is(&new, AgentState::Active));
    let link = manager.out.iter().position(|e| *e == Effect::Link(agent_at(1))).unwrap();
    let unlink = manager.out.iter().rposition(|e| *e == Effect::Unlink(agent_at(1))).unwrap();
    assert!(unlink < link, "the new agent stays linked");
}

#[test]
fn an_agent_that_moved_is_reached_at_its_new_address() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.register(registration(2, Some(id.as_str()), 2, 1)).unwrap();
    assert!(manager.out.contains(&Effect::Unlink(agent_at(1))));
    assert!(manager.out.contains(&Effect::Link(agent_at(2))));
    manager.give(Input::AgentExited { actor: agent_at(1) });
    assert!(manager.is(&id, AgentState::Active));
}

#[test]
fn an_impossible_registration_is_refused_with_the_field() {
    let mut manager = Manager::leading(vec![]);
    let mut undialable = registration(1, None, 1, 1);
    undialable.info.host = "client-1:0".parse().unwrap();
    let mut bootless = registration(1, None, 1, 1);
    bootless.info.boot_id.clear();
    let odd = registration(1, Some("../etc"), 1, 1);
    for (message, field) in [(undialable, "info.host"), (bootless, "boot_id"), (odd, "agent_id")] {
        let failure = manager.register(message).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadMessage);
        assert!(failure.message.contains(field), "{failure}");
    }
}
