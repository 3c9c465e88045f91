//! How silence is noticed and what follows.

use std::time::Duration;

use crate::common::*;
use agents_core::Input;
use protocol::agents::{AgentState, MarkAgentGone};
use protocol::frameworks::AgentLossCause;
use protocol::registrar::{AgentStanding, RegistryOperation};
use protocol::{AgentId, FailureKind};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_agent_that_answers_stays_active() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    for sequence in 1..=20 {
        manager.pass(5 * SECOND);
        let pings = manager.pings(&agent_at(1));
        assert_eq!(pings.len(), 1);
        assert!(pings[0].connected);
        assert_eq!(pings[0].sequence, sequence);
        manager.pong(&id, 1, sequence);
    }
    assert!(manager.is(&id, AgentState::Active));
}

#[test]
fn an_agent_that_misses_three_pings_is_unreachable_after_the_registry_says_so() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.holding = true;
    manager.pass(19 * SECOND);
    assert!(manager.held.is_empty());
    manager.pass(2 * SECOND);
    assert_eq!(manager.held.len(), 1);
    assert!(manager.left().is_empty());
    manager.release(Ok(()));
    assert_eq!(manager.left()[0].cause, AgentLossCause::Unreachable);
    assert!(manager.is(&id, AgentState::Unreachable));
}

#[test]
fn a_pong_counts_only_once_and_only_from_the_registered_life() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.pass(5 * SECOND);
    manager.pong(&id, 1, 1);
    for _ in 0..4 {
        manager.pass(5 * SECOND);
        manager.pong(&id, 1, 1);
        manager.pong(&id, 2, 2);
        manager.pong(&id, 1, 99);
    }
    assert!(manager.is(&id, AgentState::Unreachable));
}

#[test]
fn an_unreachable_commit_of_unknown_outcome_is_tried_again() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.holding = true;
    manager.pass(21 * SECOND);
    manager.release(Err(failed(FailureKind::ActorDied)));
    assert!(manager.is(&id, AgentState::Active));
    manager.holding = false;
    manager.pass(SECOND);
    assert!(manager.is(&id, AgentState::Unreachable));
}

#[test]
fn a_broken_connection_takes_the_agent_out_of_service_and_gives_it_time() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.give(Input::AgentExited { actor: agent_at(1) });
    assert_eq!(manager.left()[0].cause, AgentLossCause::Disconnected);
    assert!(!manager.pings(&agent_at(1))[0].connected, "it is asked to register");
    manager.pass(59 * SECOND);
    assert!(manager.is(&id, AgentState::Disconnected));
    manager.pass(2 * SECOND);
    assert!(manager.is(&id, AgentState::Unreachable));
}

#[test]
fn an_agent_that_returns_in_time_is_not_given_up() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.give(Input::AgentExited { actor: agent_at(1) });
    manager.pass(50 * SECOND);
    manager.register(registration(1, Some(id.as_str()), 1, 2)).unwrap();
    manager.pass(14 * SECOND);
    assert!(manager.is(&id, AgentState::Active));
    assert!(!manager.committed.iter().any(is_unreachable));
}

fn is_unreachable(operation: &RegistryOperation) -> bool {
    matches!(operation, RegistryOperation::MarkAgentUnreachable { .. })
}

#[test]
fn agents_that_do_not_return_after_a_failover_become_unreachable_one_by_one() {
    let names: Vec<String> = (0..20).map(|n| format!("s{n:02}")).collect();
    let admitted = AgentStanding::Admitted;
    let agents = names.iter().zip(1..).map(|(id, n)| (id.as_str(), n, admitted)).collect();
    let mut manager = Manager::leading(agents);
    for n in 1..=20 {
        assert!(!manager.pings(&agent_at(n))[0].connected, "every one is asked to register");
    }
    let unreachable = |manager: &Manager| {
        let all = manager.state.standings();
        all.values().filter(|(state, _)| *state == AgentState::Unreachable).count()
    };
    manager.pass(60 * SECOND);
    assert_eq!(unreachable(&manager), 1);
    manager.pass(SECOND);
    assert_eq!(unreachable(&manager), 11);
    manager.register(registration(20, Some("s19"), 1, 1)).unwrap();
    manager.pass(SECOND);
    assert_eq!(unreachable(&manager), 19);
    assert!(manager.is(&"s19".into(), AgentState::Active));
}

#[test]
fn an_answer_takes_an_agent_out_of_the_queue_of_removals() {
    let mut manager = Manager::leading(vec![]);
    let ids: Vec<AgentId> = (1..=30).map(|n| manager.join(n).agent_id).collect();
    manager.pass(20 * SECOND + Duration::from_millis(50));
    for id in &ids {
        manager.pong(id, 1, 4);
    }
    manager.pass(2 * SECOND);
    let lost = ids.iter().filter(|id| manager.is(id, AgentState::Unreachable)).count();
    assert_eq!(lost, 1, "only the first was given up before the others were heard");
}

#[test]
fn a_registration_that_meets_the_unreachable_commit_is_admitted_after_it() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.holding = true;
    manager.pass(21 * SECOND);
    let call = manager.call();
    let message = Box::new(registration(1, Some(id.as_str()), 1, 2));
    manager.give(Input::RegisterAgent { call, message });
    manager.holding = false;
    manager.release(Ok(()));
    assert_eq!(manager.left()[0].cause, AgentLossCause::Unreachable);
    assert_eq!(manager.joined().len(), 1);
    assert!(manager.is(&id, AgentState::Active));
    let last = manager.committed.last().unwrap();
    assert!(matches!(last, RegistryOperation::AdmitAgent { .. }), "{last:?}");
}

#[test]
fn an_operator_marks_any_agent_gone_and_the_answer_is_durable() {
    let mut manager = Manager::leading(vec![("s1", 9, AgentStanding::Admitted)]);
    let active = manager.join(1).agent_id;
    for id in [active, "s1".into()] {
        for _repeated in 0..2 {
            let call = manager.call();
            let message = MarkAgentGone { agent_id: id.clone() };
            manager.give(Input::MarkAgentGone { call, message });
            assert!(matches!(manager.answer(call), Some(Ok(_))));
        }
        assert!(manager.is(&id, AgentState::Gone));
    }
    let call = manager.call();
    let message = MarkAgentGone { agent_id: "nobody".into() };
    manager.give(Input::MarkAgentGone { call, message });
    assert_eq!(manager.answer(call).unwrap().unwrap_err().kind, FailureKind::NotFound);
}
