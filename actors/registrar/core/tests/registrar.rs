//! The registrar's promises, step by step.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

use std::collections::BTreeMap;

use protocol::elector::{Leader, Leadership};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::maintenance::{MachineId, Maintenance};
use protocol::quota::Quota;
use protocol::registrar::{AgentStanding, ApplyOperations, FrameworkRecord, RegistryOperation};
use protocol::{AgentId, CallId, Epoch, FailureKind, HostAddr, Resources, Scalar, Time};
use registrar_core::{
    Answer, Committed, Effect, Input, KEPT_FOR, Limits, MAX_WRITES, RecordWrite, State, Timer,
};

struct Registrar {
    state: State,
    store: BTreeMap<String, Vec<u8>>,
    now: Time,
}

impl Registrar {
    fn standby() -> Self {
        Self { state: State::new(), store: BTreeMap::new(), now: Time(0) }
    }

    fn leading(epoch: u64) -> Self {
        let mut this = Self::standby();
        this.elect(epoch);
        this
    }

    fn elect(&mut self, epoch: u64) {
        let effects = self.step(Input::LeaderChanged(leadership(epoch)));
        assert_eq!(effects.last(), Some(&Effect::Load { epoch: Epoch(epoch) }));
        let result = Ok(self.store.clone());
        self.step(Input::Loaded { epoch: Epoch(epoch), result });
        assert!(self.state.registry().is_some());
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.state.step(self.now, input, &mut out);
        self.state.check().unwrap();
        out
    }

    fn apply(&mut self, call: u64, epoch: u64, operations: Vec<RegistryOperation>) -> Vec<Effect> {
        let request = ApplyOperations { epoch: Epoch(epoch), operations };
        self.step(Input::Apply { call: CallId(call), request })
    }

    /// Applies under epoch 1, to the end; how many records that took.
    fn apply_durably(&mut self, call: u64, operations: Vec<RegistryOperation>) -> usize {
        let mut effects = self.apply(call, 1, operations);
        self.write(&effects);
        let records = writes(&effects).len();
        if records > 0 {
            effects = self.committed(1, Committed::Done);
        }
        assert_eq!(answered(&effects), [(call, true)]);
        records
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
        domain: None,
        boot_id: "b".into(),
        version: "1".into(),
    };
    RegistryOperation::AdmitAgent { agent_id: id.into(), info }
}

fn framework(id: &str, removed: Option<Time>) -> RegistryOperation {
    let info =
        FrameworkInfo { id: Some(id.into()), roles: vec![], ..FrameworkInfo::new("root", id) };
    let record = FrameworkRecord { info, registered: Time(1), removed };
    RegistryOperation::PutFramework { framework_id: id.into(), record }
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
    registrar.committed(1, Committed::Done);
    let many = (0..=MAX_WRITES).map(|n| admit(&format!("b{n}"))).collect();
    assert_eq!(answered(&registrar.apply(999, 1, many)), [(999, false)]);
}

#[test]
fn another_epoch_and_a_standby_are_refused() {
    let mut registrar = Registrar::leading(5);
    assert_eq!(answered(&registrar.apply(1, 4, vec![admit("a")])), [(1, false)]);
    let mut standby = Registrar::standby();
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
    let gone = |since| RegistryOperation::MarkAgentGone { agent_id: id.clone(), since };
    let remove = |id: &str| RegistryOperation::RemoveAgent { agent_id: id.into() };
    for (n, operations, records) in [
        (0, vec![admit("a"), admit("b")], 2),
        (1, vec![unreachable(Time(3))], 1),
        (2, vec![unreachable(Time(4))], 0),
        (3, vec![gone(Time(9))], 1),
        (4, vec![gone(Time(10)), unreachable(Time(11)), remove("a")], 0),
        (5, vec![remove("b")], 1),
        (6, vec![remove("b")], 0),
    ] {
        assert_eq!(registrar.apply_durably(n, operations), records, "step {n}");
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
fn a_request_that_cannot_be_applied_is_refused_whole_and_alone() {
    let mut registrar = Registrar::leading(1);
    let gone = RegistryOperation::MarkAgentGone { agent_id: "a".into(), since: Time(1) };
    registrar.apply_durably(1, vec![admit("a"), gone]);
    registrar.apply(2, 1, vec![admit("b")]);
    registrar.apply(3, 1, vec![admit("c"), admit("a")]);
    let nobody = RegistryOperation::MarkAgentGone { agent_id: "nobody".into(), since: Time(1) };
    registrar.apply(4, 1, vec![nobody]);
    registrar.apply(5, 1, vec![admit("d")]);
    let effects = registrar.committed(1, Committed::Done);
    assert_eq!(answered(&effects), [(2, true), (3, false), (4, false)]);
    let keys: Vec<_> = writes(&effects).into_iter().map(|write| write.key).collect();
    assert_eq!(keys, ["agents/d"]);
}

#[test]
fn a_framework_that_has_ended_does_not_come_back() {
    let mut registrar = Registrar::leading(1);
    registrar.apply_durably(1, vec![framework("f", None)]);
    registrar.apply_durably(2, vec![framework("f", Some(Time(5)))]);
    assert_eq!(answered(&registrar.apply(3, 1, vec![framework("f", None)])), [(3, false)]);
    assert_eq!(registrar.apply_durably(4, vec![framework("f", Some(Time(6)))]), 0);
    let record = &registrar.state.registry().unwrap().frameworks["f"];
    assert_eq!(record.removed, Some(Time(5)));
}

#[test]
fn a_commit_never_has_more_bytes_than_the_store_takes() {
    let mut registrar = Registrar::standby();
    registrar.state = State::with_limits(Limits { writes: 128, bytes: 1000 });
    registrar.elect(1);
    registrar.apply(0, 1, vec![admit("first")]);
    for n in 1..=20 {
        registrar.apply(n, 1, vec![admit(&format!("a{n}"))]);
    }
    let mut last = 0;
    while last < 20 {
        let effects = registrar.committed(1, Committed::Done);
        let size = |write: &RecordWrite| write.key.len() + write.value.as_ref().unwrap().len();
        let bytes: usize = writes(&effects).iter().map(size).sum();
        assert!(bytes <= 1000, "{bytes} bytes at once");
        last = answered(&effects).last().unwrap().0;
    }
    let many = (0..30).map(|n| admit(&format!("b{n}"))).collect();
    assert_eq!(answered(&registrar.apply(99, 1, many)), [(99, false)]);
}

#[test]
fn a_commit_that_the_store_refuses_for_its_epoch_ends_the_term() {
    let mut registrar = Registrar::leading(1);
    registrar.apply(1, 1, vec![admit("a")]);
    registrar.apply(2, 1, vec![admit("b")]);
    let effects = registrar.committed(1, Committed::Deposed);
    let kinds = effects.iter().filter_map(|effect| match effect {
        Effect::Reply { call, result: Err(failure) } => Some((call.0, failure.kind)),
        _ => None,
    });
    let not_leader = FailureKind::NotLeader;
    assert_eq!(kinds.collect::<Vec<_>>(), [(2, not_leader), (1, not_leader)]);
    assert_eq!(answered(&registrar.apply(3, 1, vec![admit("c")])), [(3, false)]);
    let get = registrar.step(Input::GetRegistry { call: CallId(4) });
    assert_eq!(answered(&get), [(4, false)]);
    registrar.elect(2);
}

#[test]
fn whoever_asks_for_the_registry_while_it_is_read_is_answered_when_it_is() {
    let mut registrar = Registrar::standby();
    let get = registrar.step(Input::GetRegistry { call: CallId(1) });
    assert_eq!(answered(&get), [(1, false)]);
    registrar.step(Input::LeaderChanged(leadership(1)));
    assert_eq!(registrar.step(Input::GetRegistry { call: CallId(2) }), []);
    let failed = Input::Loaded { epoch: Epoch(1), result: Err("away".into()) };
    let effects = registrar.step(failed);
    assert!(matches!(effects[..], [Effect::SetTimer { timer: Timer::Load, .. }]));
    assert_eq!(registrar.step(Input::TimerFired(Timer::Load)), [Effect::Load { epoch: Epoch(1) }]);
    let loaded = Input::Loaded { epoch: Epoch(1), result: Ok(BTreeMap::new()) };
    assert_eq!(answered(&registrar.step(loaded)), [(2, true)]);
}

#[test]
fn old_records_are_forgotten_but_never_that_an_agent_is_gone() {
    let mut registrar = Registrar::leading(1);
    let unreachable =
        |id: &str, since| RegistryOperation::MarkAgentUnreachable { agent_id: id.into(), since };
    let gone = RegistryOperation::MarkAgentGone { agent_id: "gone".into(), since: Time(1) };
    let late = Time(1) + KEPT_FOR;
    registrar.apply_durably(1, vec![admit("old"), admit("late"), admit("here"), admit("gone")]);
    registrar.apply_durably(2, vec![unreachable("old", Time(1)), unreachable("late", late), gone]);
    registrar.apply_durably(3, vec![framework("old", Some(Time(1))), framework("here", None)]);
    registrar.now = late + std::time::Duration::from_secs(60);
    let effects = registrar.step(Input::TimerFired(Timer::Prune));
    registrar.write(&effects);
    registrar.committed(1, Committed::Done);
    let registry = registrar.state.registry().unwrap();
    assert_eq!(
        registry.agents.keys().map(AgentId::as_str).collect::<Vec<_>>(),
        ["gone", "here", "late"]
    );
    assert!(registry.frameworks.contains_key("here") && registry.frameworks.len() == 1);
}

#[test]
fn a_record_that_cannot_be_read_is_not_passed_over() {
    let mut registrar = Registrar::standby();
    registrar.step(Input::LeaderChanged(leadership(1)));
    let result = Ok(BTreeMap::from([("agents/a".to_owned(), vec![0xc1])]));
    let effects = registrar.step(Input::Loaded { epoch: Epoch(1), result });
    assert!(matches!(&effects[..], [Effect::Fail(why)] if why.contains("agents/a")), "{effects:?}");
}

fn cpus(guarantee: i64, limit: i64) -> Quota {
    let amount = |milli| BTreeMap::from([("cpus".to_owned(), Scalar::from_milli(milli))]);
    Quota { guarantees: amount(guarantee), limits: amount(limit) }
}

#[test]
fn quotas_and_weights_are_records_of_their_own_and_come_and_go_by_role() {
    let mut registrar = Registrar::leading(1);
    let quota = |role: &str, quota| RegistryOperation::SetQuota { role: role.into(), quota };
    let weight = |role: &str, weight| RegistryOperation::SetWeight { role: role.into(), weight };
    let both = vec![quota("eng/web", Some(cpus(1, 2))), weight("eng", Some(2.5))];
    assert_eq!(registrar.apply_durably(1, both.clone()), 2);
    assert_eq!(registrar.apply_durably(2, both), 0, "it is like that already");
    let keys: Vec<_> = registrar.store.keys().cloned().collect();
    assert_eq!(keys, ["quotas/eng/web", "weights/eng"]);
    let none = vec![quota("ops", Some(Quota::default())), weight("nobody", None)];
    assert_eq!(registrar.apply_durably(3, none), 1, "a quota of nothing is one, too");
    let before = registrar.state.registry().unwrap().clone();
    assert_eq!((before.quotas["eng/web"].clone(), before.weights["eng"]), (cpus(1, 2), 2.5));
    registrar.elect(2);
    assert_eq!(registrar.state.registry().unwrap(), &before);
    let effects = registrar.apply(4, 2, vec![quota("eng/web", None), weight("eng", None)]);
    assert!(writes(&effects).iter().all(|write| write.value.is_none()), "{effects:?}");
    registrar.committed(2, Committed::Done);
    assert_eq!(registrar.state.registry().unwrap().quotas.len(), 1);
}

#[test]
fn what_is_planned_for_maintenance_is_one_record_and_is_there_for_the_next_leader() {
    let mut registrar = Registrar::leading(1);
    let machine = MachineId { hostname: "node-1".into(), ip: String::new() };
    let put = |down: &[MachineId]| {
        let down = down.iter().cloned().collect();
        let maintenance = Maintenance { windows: Vec::new(), down };
        RegistryOperation::PutMaintenance { maintenance }
    };
    assert_eq!(registrar.apply_durably(1, vec![put(&[])]), 1);
    assert_eq!(registrar.apply_durably(2, vec![put(std::slice::from_ref(&machine))]), 1);
    let keys: Vec<_> = registrar.store.keys().cloned().collect();
    assert_eq!(keys, ["maintenance/cluster"]);
    registrar.elect(2);
    let registry = registrar.state.registry().unwrap();
    assert_eq!(registry.maintenance[Maintenance::CLUSTER].down, [machine].into());
}

#[test]
fn a_quota_or_weight_that_makes_no_sense_is_refused_with_all_of_its_request() {
    let mut registrar = Registrar::leading(1);
    let bad = RegistryOperation::SetQuota { role: "eng".into(), quota: Some(cpus(3, 2)) };
    assert_eq!(answered(&registrar.apply(1, 1, vec![admit("a"), bad])), [(1, false)]);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let bad = RegistryOperation::SetWeight { role: "eng".into(), weight: Some(weight) };
        assert_eq!(answered(&registrar.apply(2, 1, vec![admit("a"), bad])), [(2, false)]);
    }
    assert_eq!(registrar.state.registry().unwrap(), &Default::default());
}

#[test]
fn what_waits_and_what_is_stored_are_counted() {
    let mut registrar = Registrar::standby();
    assert!(registrar.state.metrics().is_empty());
    registrar.elect(1);
    let queued = |registrar: &Registrar| registrar.state.metrics()["registrar/queued_operations"];
    let bytes = |registrar: &Registrar| {
        let stored = registrar.store.iter().map(|(key, value)| key.len() + value.len());
        let counted = registrar.state.metrics()["registrar/registry_size_bytes"];
        assert_eq!(counted, stored.sum::<usize>() as f64);
        counted
    };
    assert_eq!((queued(&registrar), bytes(&registrar)), (0.0, 0.0));
    registrar.apply_durably(1, vec![admit("a"), admit("b")]);
    let two = bytes(&registrar);
    registrar.apply_durably(2, vec![RegistryOperation::RemoveAgent { agent_id: "a".into() }]);
    assert!(0.0 < bytes(&registrar) && bytes(&registrar) < two);
    registrar.apply(3, 1, vec![admit("c")]);
    registrar.apply(4, 1, vec![admit("d")]);
    assert_eq!(queued(&registrar), 2.0, "one is being written, and one waits");
    registrar.elect(2);
    assert_eq!((queued(&registrar), bytes(&registrar) > 0.0), (0.0, true));
}
