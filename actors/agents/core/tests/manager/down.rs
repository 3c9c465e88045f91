//! Machines that are down for maintenance.

use agents_core::{Input, ToAgent};
use protocol::agents::{AgentState, SetDownMachines};
use protocol::frameworks::AgentLossCause;
use protocol::maintenance::MachineId;
use protocol::registrar::{AgentStanding, RegistryOperation};
use protocol::{Epoch, FailureKind};

use crate::common::*;

/// The word that the machines of these agents are down, and no others.
fn down(epoch: Epoch, machines: &[u8]) -> Input {
    let machine = |n: &u8| MachineId { hostname: info(*n).hostname, ip: String::new() };
    Input::SetDownMachines(SetDownMachines {
        epoch,
        machines: machines.iter().map(machine).collect(),
    })
}

#[test]
fn agents_of_a_machine_that_goes_down_are_forgotten_and_turned_away() {
    let mut manager = Manager::leading(vec![]);
    let (gone, stays) = (manager.join(1).agent_id, manager.join(2).agent_id);
    manager.give(down(EPOCH, &[1]));
    assert_eq!(manager.left()[0].cause, AgentLossCause::Removed);
    assert_eq!(manager.left().len(), 1);
    let removed = RegistryOperation::RemoveAgent { agent_id: gone.clone() };
    assert_eq!(manager.committed.last(), Some(&removed));
    let asked = manager.told(&agent_at(1));
    assert!(matches!(&asked[..], [ToAgent::Ping(ping)] if !ping.connected), "{asked:?}");
    assert!(manager.is(&stays, AgentState::Active));
    // It ends what it runs: it is an agent no more.
    let refused = manager.register(registration(1, Some(gone.as_str()), 1, 2)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotFound);
    assert!(refused.message.contains("down for maintenance"), "{refused}");
    // The same process asks again, as nobody, until its machine is up: it is another agent then.
    let refused = manager.register(registration(1, None, 1, 3)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict);
    manager.give(down(EPOCH, &[]));
    assert_ne!(manager.register(registration(1, None, 1, 4)).unwrap().agent_id, gone);
}

#[test]
fn a_new_agent_of_a_machine_that_is_down_may_ask_again_until_it_is_up() {
    let mut manager = Manager::leading(vec![]);
    manager.give(down(EPOCH, &[1]));
    let refused = manager.register(registration(1, None, 1, 1)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict);
    manager.give(down(EPOCH, &[]));
    manager.register(registration(1, None, 1, 2)).unwrap();
}

#[test]
fn the_word_of_another_term_means_nothing() {
    let mut manager = Manager::leading(vec![]);
    manager.give(down(Epoch(EPOCH.0 - 1), &[1]));
    manager.join(1);
}

#[test]
fn what_is_down_is_known_before_anybody_registers() {
    let mut manager = Manager::standby();
    manager.give(Input::LeaderChanged(leads(EPOCH)));
    let known = vec![("A1", 1, AgentStanding::Admitted), ("A2", 2, AgentStanding::Admitted)];
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(known)) });
    manager.give(down(EPOCH, &[1]));
    assert!(manager.left().is_empty(), "frameworks does not know them yet");
    manager.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
    assert_eq!(manager.left()[0].agent_id.as_str(), "A1");
    assert!(manager.is(&"A2".into(), AgentState::Recovered));
}
