//! How a term begins and ends.

use std::time::Duration;

use crate::common::*;
use agents_core::{Effect, Input};
use protocol::agents::AgentState;
use protocol::elector::leader_in;
use protocol::frameworks::AgentsRecovered;
use protocol::registrar::AgentStanding;
use protocol::{Epoch, FailureKind, Time};

#[test]
fn a_standby_refuses_and_names_the_leader() {
    let mut manager = Manager::standby();
    manager.give(Input::LeaderChanged(follows()));
    let failure = manager.register(registration(1, None, 1, 1)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotLeader);
    assert_eq!(leader_in(&failure).unwrap().as_str(), "10.0.1.1:7050");
}

#[test]
fn nobody_is_served_before_the_registry_is_loaded_and_frameworks_has_taken_the_list() {
    let mut manager = Manager::standby();
    let refused = |manager: &mut Manager| {
        let failure = manager.register(registration(1, None, 1, 1)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotLeader);
    };
    manager.give(Input::LeaderChanged(leads(EPOCH)));
    assert_eq!(manager.out, [Effect::LoadRegistry { epoch: EPOCH }]);
    refused(&mut manager);
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Err(failed(FailureKind::Refused)) });
    manager.pass(Duration::from_millis(200));
    assert_eq!(manager.out, [Effect::LoadRegistry { epoch: EPOCH }]);

    let unreachable = AgentStanding::Unreachable { since: Time(1) };
    let registry = snapshot(vec![("s1", 1, AgentStanding::Admitted), ("s2", 2, unreachable)]);
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(registry) });
    let introduction = AgentsRecovered { epoch: EPOCH, agents: vec!["s1".into()] };
    assert_eq!(manager.out, [Effect::Introduce(introduction.clone())]);
    refused(&mut manager);
    manager.give(Input::Introduced { epoch: EPOCH, result: Err(failed(FailureKind::NotLeader)) });
    manager.pass(Duration::from_millis(200));
    assert_eq!(manager.out, [Effect::Introduce(introduction)]);
    manager.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
    manager.join(3);
}

#[test]
fn answers_that_belong_to_an_earlier_term_are_ignored() {
    let mut manager = Manager::standby();
    manager.give(Input::LeaderChanged(leads(Epoch(6))));
    manager.give(Input::LeaderChanged(follows()));
    manager.give(Input::LeaderChanged(leads(EPOCH)));
    manager.give(Input::RegistryLoaded { epoch: Epoch(6), result: Ok(snapshot(vec![])) });
    assert_eq!(manager.out, []);
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(vec![])) });
    manager.give(Input::Introduced { epoch: Epoch(6), result: Ok(()) });
    assert!(!manager.state.is_serving());
}

#[test]
fn a_deposed_leader_refuses_whoever_waits_and_lets_go_of_everything() {
    let mut manager = Manager::leading(vec![]);
    manager.join(1);
    manager.holding = true;
    let call = manager.call();
    let message = Box::new(registration(2, None, 1, 1));
    manager.give(Input::RegisterAgent { call, message });
    manager.give(Input::LeaderChanged(follows()));
    let failure = manager.answer(call).unwrap().unwrap_err();
    assert!(leader_in(&failure).is_some(), "{failure}");
    assert!(manager.out.contains(&Effect::Unlink(agent_at(1))));
    manager.release(Ok(()));
    assert!(manager.joined().is_empty());
    assert_eq!(manager.pass(Duration::from_secs(100)), []);
}

#[test]
fn the_same_leadership_told_twice_changes_nothing() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    assert_eq!(manager.give(Input::LeaderChanged(leads(EPOCH))), []);
    assert!(manager.is(&id, AgentState::Active));
}

#[test]
fn when_frameworks_was_restarted_every_agent_registers_anew() {
    let mut manager = Manager::leading(vec![]);
    let first = manager.join(1);
    manager.give(Input::FrameworksExited);
    assert_eq!(manager.out.last(), Some(&Effect::LoadRegistry { epoch: EPOCH }));
    let id = first.agent_id.as_str();
    let registry = snapshot(vec![(id, 1, AgentStanding::Admitted)]);
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(registry) });
    manager.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
    assert!(!manager.pings(&agent_at(1))[0].connected);
    let second = manager.register(registration(1, Some(id), 1, 2)).unwrap();
    assert!(second.generation > first.generation);
}
