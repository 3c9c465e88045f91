//! The registrar's promises, step by step.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

use std::collections::BTreeMap;

use protocol::elector::{Leader, Leadership};
use protocol::framework::AgentInfo;
use protocol::registrar::{AgentStanding, ApplyOperations, RegistryOperation};
use protocol::{AgentId, CallId, Epoch, FailureKind, HostAddr, Resources, Time};
use registrar_core::{Answer, Committed, Effect, Input, MAX_WRITES, RecordWrite, State};

struct Registrar {
    state: State,
    store: BTreeMap<String, Vec<u8>>,
}

impl Registrar {
    fn leading(epoch: u64) -> Self {
        let mut this = Self { state: State::new(), store: BTreeMap::new() };
        this.elect(epoch);
        this
    }

    fn elect(&mut self, epoch: u64) {
        let effects = self.step(Input::LeaderChanged(leadership(epoch)));
        assert_eq!(effects, [Effect::Load { epoch: Epoch(epoch) }]);
        let result = Ok(self.store.clone());
        assert_eq!(self.step(Input::Loaded { epoch: Epoch(epoch), result }), []);
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.state.step(Time(0), input, &mut out);
        out
    }

    fn apply(&mut self, call: u64, epoch: u64, operations: Vec<RegistryOperation>) -> Vec<Effect> {
        let request = ApplyOperations { epoch: Epoch(epoch), operations };
        self.step(Input::Apply { call: CallId(call), request })
    }

    fn committed(&mut self, epoch: u64, result: Committed) -> Vec<Effect> {
        self.step(Input::Committed { epoch: Epoch(epoch), result })
    }

    fn write(&mut self, effects: &[Effect]) {
        for write in writes(effects) {
            match &write.value {
                Some(value) => drop(self.store.insert(write.key.clone(), value.clone())),
                None => drop(self.store.remove(&write.key)),
            }
        }
    }
}

fn leadership(epoch: u64) -> Leadership {
    let host = HostAddr::parse("m:1").unwrap();
    let leader = Leader { host, http: "m:2".into(), epoch: Epoch(epoch) };
    Leadership { leader: Some(leader), leading: true }
}

fn writes(effects: &[Effect]) -> Vec<RecordWrite> {
    let of = |effect: &Effect| match effect {
        Effect::Commit { writes, .. } => writes.clone(),
        _ => Vec::new(),
    };
    effects.iter().flat_map(of).collect()
}

fn answered(effects: &[Effect]) -> Vec<(u64, bool)> {
    let of = |effect: &Effect| match effect {
        Effect::Reply { call, result } => Some((call.0, result.is_ok())),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn admit(id: &str) -> RegistryOperation {
    let info = AgentInfo {
        hostname: "h".into(),
        host: HostAddr::parse("h:1").unwrap(),
        http: "h:2".into(),
        resources: Resources::EMPTY,
        attributes: BTreeMap::new(),
        boot_id: "b".into(),
        version: "1".into(),
    };
    RegistryOperation::AdmitAgent { agent_id: id.into(), info }
}

#[test]
fn a_change_is_answered_and_visible_only_when_it_is_durable() {
    let mut registrar = Registrar::leading(1);
    let effects = registrar.apply(1, 1, vec![admit("a")]);
    assert_eq!(answered(&effects), []);
    assert!(registrar.state.registry().unwrap().agents.is_empty());
    assert_eq!(answered(&registrar.committed(1, Committed::Done)), [(1, true)]);
    assert!(registrar.state.registry().unwrap().agents.contains_key("a"));
}

#[test]
fn what_is_asked_during_a_commit_goes_together_as_the_next() {
    let mut registrar = Registrar::leading(1);
    assert_eq!(writes(&registrar.apply(1, 1, vec![admit("a")])).len(), 1);
    assert_eq!(registrar.apply(2, 1, vec![admit("b")]), []);
    assert_eq!(registrar.apply(3, 1, vec![admit("c")]), []);
    let effects = registrar.committed(1, Committed::Done);
    assert_eq!(answered(&effects), [(1, true)]);
    assert_eq!(writes(&effects).len(), 2);
    assert_eq!(answered(&registrar.committed(1, Committed::Done)), [(2, true), (3, true)]);
}

#[test]
fn a_commit_never_has_more_writes_than_the_store_takes() {
    let mut registrar = Registrar::leading(1);
    registrar.apply(0, 1, vec![admit("first")]);
    for n in 0..MAX_WRITES + 10 {
        registrar.apply(n as u64 + 1, 1, vec![admit(&format!("a{n}"))]);
    }
    assert_eq!(writes(&registrar.committed(1, Committed::Done)).len(), MAX_WRITES);
    assert_eq!(writes(&registrar.committed(1, Committed::Done)).len(), 10);
    let many = (0..=MAX_WRITES).map(|n| admit(&format!("b{n}"))).collect();
    assert_eq!(answered(&registrar.apply(999, 1, many)), [(999, false)]);
}

#[test]
fn another_epoch_and_a_standby_are_refused() {
    let mut registrar = Registrar::leading(5);
    assert_eq!(answered(&registrar.apply(1, 4, vec![admit("a")])), [(1, false)]);
    let mut standby = Registrar { state: State::new(), store: BTreeMap::new() };
    let effects = standby.apply(1, 4, vec![admit("a")]);
    let [Effect::Reply { result: Err(failure), .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(failure.kind, FailureKind::NotLeader);
}

#[test]
fn an_unknown_outcome_answers_nobody_and_ends_the_incarnation() {
    let mut registrar = Registrar::leading(1);
    registrar.apply(1, 1, vec![admit("a")]);
    registrar.apply(2, 1, vec![admit("b")]);
    let effects = registrar.committed(1, Committed::Unknown("timeout".into()));
    assert_eq!(effects, [Effect::Fail("timeout".into())]);
}

#[test]
fn a_refused_commit_is_refused_to_its_askers_and_the_next_goes_on() {
    let mut registrar = Registrar::leading(1);
    registrar.apply(1, 1, vec![admit("a")]);
    registrar.apply(2, 1, vec![admit("b")]);
    let effects = registrar.committed(1, Committed::Refused("deposed".into()));
    assert_eq!(answered(&effects), [(1, false)]);
    assert_eq!(writes(&effects).len(), 1);
}

#[test]
fn a_deposed_leader_refuses_what_waits_and_ignores_late_results() {
    let mut registrar = Registrar::leading(1);
    registrar.apply(1, 1, vec![admit("a")]);
    registrar.apply(2, 1, vec![admit("b")]);
    let none = Leadership { leader: None, leading: false };
    assert_eq!(answered(&registrar.step(Input::LeaderChanged(none))), [(1, false), (2, false)]);
    assert_eq!(registrar.committed(1, Committed::Done), []);
}

#[test]
fn operations_are_idempotent_and_survive_the_way_through_the_store() {
    let mut registrar = Registrar::leading(1);
    let id = AgentId::from("a");
    let unreachable =
        |since| RegistryOperation::MarkAgentUnreachable { agent_id: id.clone(), since };
    let gone = RegistryOperation::MarkAgentGone { agent_id: id.clone(), since: Time(9) };
    for (n, operations) in [
        vec![admit("a"), admit("b")],
        vec![unreachable(Time(3))],
        vec![unreachable(Time(4))],
        vec![gone.clone()],
        vec![gone, admit("a")],
        vec![RegistryOperation::RemoveAgent { agent_id: "b".into() }],
        vec![RegistryOperation::RemoveAgent { agent_id: "b".into() }],
    ]
    .into_iter()
    .enumerate()
    {
        let effects = registrar.apply(n as u64, 1, operations);
        registrar.write(&effects);
        assert_eq!(answered(&registrar.committed(1, Committed::Done)), [(n as u64, true)]);
        if n == 2 {
            let since = registrar.state.registry().unwrap().agents["a"].standing;
            assert_eq!(since, AgentStanding::Unreachable { since: Time(3) });
        }
    }
    let before = registrar.state.registry().unwrap().clone();
    assert_eq!(before.agents["a"].standing, AgentStanding::Gone { since: Time(9) });
    registrar.elect(2);
    assert_eq!(registrar.state.registry().unwrap(), &before);
    let effects = registrar.step(Input::GetRegistry { call: CallId(7) });
    let [Effect::Reply { result: Ok(Answer::Registry(found)), .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((found.epoch, &found.registry), (Epoch(2), &before));
}

#[test]
fn a_record_that_cannot_be_read_is_not_passed_over() {
    let mut registrar = Registrar { state: State::new(), store: BTreeMap::new() };
    registrar.step(Input::LeaderChanged(leadership(1)));
    let result = Ok(BTreeMap::from([("agents/a".to_owned(), vec![0xc1])]));
    let effects = registrar.step(Input::Loaded { epoch: Epoch(1), result });
    assert!(matches!(&effects[..], [Effect::Fail(why)] if why.contains("agents/a")), "{effects:?}");
}
