//! What is counted of agents.

use std::time::Duration;

use crate::common::*;
use agents_core::Input;
use protocol::agents::{AgentState, MarkAgentGone, UnregisterAgent};
use protocol::registrar::AgentStanding;
use protocol::{AgentId, Failure, FailureKind, Incarnation};

const SECOND: Duration = Duration::from_secs(1);

impl Manager {
    fn expect_counts(&self, expected: &[(&str, f64)]) {
        let metrics = self.state.metrics();
        for (name, times) in expected {
            assert_eq!(metrics.get(&format!("master/{name}")), Some(times), "{name}");
        }
    }

    fn unregister(&mut self, agent_id: &AgentId, incarnation: u64) {
        let (call, incarnation) = (self.call(), Incarnation(incarnation));
        let message = UnregisterAgent { agent_id: agent_id.clone(), incarnation };
        self.give(Input::UnregisterAgent { call, message });
    }
}

#[test]
fn a_standby_has_counted_nothing() {
    assert!(Manager::standby().state.metrics().is_empty());
    Manager::leading(vec![]).expect_counts(&[("slave_registrations", 0.0)]);
}

#[test]
fn registrations_of_new_agents_and_of_known_ones_are_counted_apart() {
    let mut manager = Manager::leading(vec![("known", 2, AgentStanding::Admitted)]);
    let id = manager.join(1).agent_id;
    manager.register(registration(1, Some(id.as_str()), 1, 2)).unwrap();
    manager.register(registration(2, Some("known"), 1, 1)).unwrap();
    manager.register(registration(1, Some(id.as_str()), 1, 1)).unwrap_err();
    manager.expect_counts(&[
        ("messages_register_slave", 1.0),
        ("messages_reregister_slave", 3.0),
        ("slave_registrations", 1.0),
        ("slave_reregistrations", 2.0),
        ("slave_removals", 0.0),
    ]);
}

#[test]
fn each_way_to_leave_has_its_count() {
    let mut manager = Manager::leading(vec![]);
    let ids: Vec<AgentId> = (1..=4).map(|n| manager.join(n).agent_id).collect();
    manager.unregister(&ids[0], 1);
    let call = manager.call();
    let message = MarkAgentGone { agent_id: ids[1].clone() };
    manager.give(Input::MarkAgentGone { call, message });
    // Another agent at the address of the third.
    manager.register(registration(3, None, 2, 1)).unwrap();
    manager.expect_counts(&[
        ("messages_unregister_slave", 1.0),
        ("slave_removals", 3.0),
        ("slave_removals/reason_unregistered", 1.0),
        ("slave_removals/reason_registered", 1.0),
        ("slave_removals/reason_unhealthy", 0.0),
        ("slave_unreachable_completed", 0.0),
    ]);
    // Nobody answers any more: the fourth, and the one that took the address.
    manager.pass(40 * SECOND);
    manager.expect_counts(&[
        ("slave_removals", 5.0),
        ("slave_removals/reason_unhealthy", 2.0),
        ("slave_unreachable_scheduled", 2.0),
        ("slave_unreachable_completed", 2.0),
        ("slave_unreachable_canceled", 0.0),
        ("recovery_slave_removals", 0.0),
    ]);
}

#[test]
fn an_agent_that_was_given_up_is_not_counted_again_when_it_leaves_for_good() {
    let mut manager = Manager::leading(vec![]);
    let ids = [1, 2].map(|n| manager.join(n).agent_id);
    manager.pass(40 * SECOND);
    manager.unregister(&ids[0], 1);
    let call = manager.call();
    let message = MarkAgentGone { agent_id: ids[1].clone() };
    manager.give(Input::MarkAgentGone { call, message });
    assert_eq!(manager.standing(&ids[0]), None);
    assert!(manager.is(&ids[1], AgentState::Gone));
    manager.expect_counts(&[
        ("slave_removals", 2.0),
        ("slave_removals/reason_unhealthy", 2.0),
        ("slave_removals/reason_unregistered", 0.0),
    ]);
}

#[test]
fn a_removal_that_the_registrar_fails_is_scheduled_once() {
    let mut manager = Manager::leading(vec![]);
    manager.join(1);
    manager.holding = true;
    manager.pass(40 * SECOND);
    manager.release(Err(failed(FailureKind::Timeout)));
    manager.pass(40 * SECOND);
    manager.release(Ok(()));
    manager.expect_counts(&[
        ("slave_removals", 1.0),
        ("slave_removals/reason_unhealthy", 1.0),
        ("slave_unreachable_scheduled", 1.0),
        ("slave_unreachable_completed", 1.0),
        ("slave_unreachable_canceled", 0.0),
    ]);
}

#[test]
fn a_removal_that_the_registrar_fails_keeps_its_cause() {
    let mut manager = Manager::leading(vec![]);
    manager.join(1);
    manager.holding = true;
    let call = manager.call();
    let message = Box::new(registration(1, None, 2, 1));
    manager.give(Input::RegisterAgent { call, message });
    manager.release(Ok(()));
    manager.release(Err(failed(FailureKind::Timeout)));
    manager.pass(SECOND);
    manager.expect_counts(&[("slave_removals", 0.0)]);
    manager.release(Ok(()));
    manager.expect_counts(&[
        ("slave_removals", 1.0),
        ("slave_removals/reason_registered", 1.0),
        ("slave_removals/reason_unhealthy", 0.0),
        ("slave_unreachable_scheduled", 0.0),
        ("slave_unreachable_completed", 0.0),
    ]);
}

#[test]
fn agents_that_are_heard_in_time_cancel_their_removal() {
    let mut manager = Manager::leading(vec![]);
    let ids: Vec<AgentId> = (1..=30).map(|n| manager.join(n).agent_id).collect();
    manager.pass(20 * SECOND + Duration::from_millis(50));
    for id in &ids {
        manager.pong(id, 1, 4);
    }
    manager.expect_counts(&[
        ("slave_unreachable_scheduled", 30.0),
        ("slave_unreachable_canceled", 29.0),
        ("slave_unreachable_completed", 1.0),
    ]);
}

#[test]
fn agents_that_a_new_leader_waits_for_in_vain_are_counted_apart() {
    let mut manager = Manager::leading(vec![("lost", 1, AgentStanding::Admitted)]);
    manager.pass(61 * SECOND);
    manager.expect_counts(&[("recovery_slave_removals", 1.0), ("slave_removals", 1.0)]);
    let left = manager.left();
    assert!(left[0].since.is_some_and(|since| since <= manager.now), "{left:?}");
}

#[test]
fn counts_outlive_a_restart_of_frameworks_and_begin_anew_with_a_term() {
    let mut manager = Manager::leading(vec![]);
    manager.join(1);
    manager.give(Input::FrameworksExited);
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(vec![])) });
    manager.give(Input::Introduced { epoch: EPOCH, result: Ok(()) });
    manager.expect_counts(&[("slave_registrations", 1.0)]);
    manager.give(Input::LeaderChanged(follows()));
    assert!(manager.state.metrics().is_empty());
    manager.give(Input::LeaderChanged(leads(EPOCH)));
    let result = Err(Failure::new(FailureKind::Timeout, "for the test"));
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result });
    manager.give(Input::RegistryLoaded { epoch: EPOCH, result: Ok(snapshot(vec![])) });
    manager.expect_counts(&[("slave_registrations", 0.0)]);
}
