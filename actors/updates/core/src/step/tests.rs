//! Sequences of inputs, each a claim.

use std::time::Duration;

use protocol::task::{Source, TaskState, TaskStatus};
use protocol::{Address, HostAddr};

use super::*;
use crate::settings::Settings;

/// A core under test, its clock, and everything that it has wanted done.
struct Test {
    state: State,
    now: Time,
    call: u64,
    log: Vec<Record>,
}

impl Test {
    fn new() -> Self {
        Self::recovered(Vec::new())
    }

    fn recovered(log: Vec<Record>) -> Self {
        let state = State::new(Settings::default(), log.clone());
        Self { state, now: Time::from_millis(1), call: 0, log }
    }

    #[track_caller]
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.state.step(self.now, input, &mut out);
        self.state.check().unwrap();
        for effect in &out {
            if let Effect::Append { record, .. } = effect {
                self.log.push(record.clone());
            }
        }
        out
    }

    fn queue(&mut self, status: TaskStatus) -> Vec<Effect> {
        self.call += 1;
        let framework_id = "f".into();
        let message = QueueUpdate { framework_id, agent_id: "a".into(), status };
        self.step(Input::Queue { call: CallId(self.call), message })
    }

    fn confirm(&mut self, task: &str, update: &str) -> Vec<Effect> {
        self.call += 1;
        let message = ConfirmUpdate {
            framework_id: "f".into(),
            task_id: task.into(),
            update_id: update.into(),
        };
        self.step(Input::Confirm { call: CallId(self.call), message })
    }

    fn durable(&mut self) -> Vec<Effect> {
        self.step(Input::Durable { sequence: self.state.sequence })
    }

    fn lead(&mut self, host: &str) -> Vec<Effect> {
        self.step(Input::SetMaster(SetMaster { frameworks: Some(frameworks(host)) }))
    }

    fn fire(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let (timer, at) = timer_set(effects).expect("no timer was set");
        self.now = at;
        self.step(Input::TimerFired(timer))
    }
}

fn frameworks(host: &str) -> Address {
    Address::new("frameworks", HostAddr::parse(host).unwrap())
}

fn status(task: &str, update: &str, state: TaskState) -> TaskStatus {
    let mut status = TaskStatus::new(task.into(), state, Source::Executor, Time(0));
    status.update_id = Some(update.into());
    status
}

fn running(update: &str) -> TaskStatus {
    status("t", update, TaskState::Running)
}

fn finished(update: &str) -> TaskStatus {
    status("t", update, TaskState::Finished)
}

/// The updates that were forwarded: to whom, which, and the latest state.
fn forwarded(effects: &[Effect]) -> Vec<(String, String, TaskState)> {
    let one = |effect: &Effect| match effect {
        Effect::Forward { to, message } => Some((
            to.host().to_string(),
            message.status.update_id.as_ref().unwrap().to_string(),
            message.latest_state,
        )),
        _ => None,
    };
    effects.iter().filter_map(one).collect()
}

fn replies(effects: &[Effect]) -> Vec<(u64, &Reply)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Reply { call, reply } => Some((call.0, reply)),
            _ => None,
        })
        .collect()
}

fn timer_set(effects: &[Effect]) -> Option<(Timer, Time)> {
    effects.iter().find_map(|effect| match effect {
        Effect::SetTimer { timer, at } => Some((timer.clone(), *at)),
        _ => None,
    })
}

fn done(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Reply { reply: Reply::Confirmed(UpdateConfirmed { task_done: true }), .. }
        )
    })
}

const M1: &str = "m1:7050";
const M2: &str = "m2:7050";

#[test]
fn an_update_is_answered_and_forwarded_only_when_it_is_on_disk() {
    let mut t = Test::new();
    t.lead(M1);
    let effects = t.queue(running("u1"));
    assert!(matches!(effects[..], [Effect::Append { sequence: 1, .. }]), "{effects:?}");
    let effects = t.durable();
    assert_eq!(replies(&effects), [(1, &Reply::Queued)]);
    assert_eq!(forwarded(&effects), [(M1.into(), "u1".into(), TaskState::Running)]);
}

#[test]
fn only_the_head_is_forwarded_and_carries_the_latest_state() {
    let mut t = Test::new();
    t.queue(running("u1"));
    t.queue(finished("u2"));
    t.durable();
    assert_eq!(forwarded(&t.lead(M1)), [(M1.into(), "u1".into(), TaskState::Finished)]);
    let effects = t.confirm("t", "u1");
    assert_eq!(forwarded(&effects), [(M1.into(), "u2".into(), TaskState::Finished)]);
    assert!(!done(&effects));
    assert!(done(&t.confirm("t", "u2")));
    assert_eq!(t.state.streams.len(), 0);
}

#[test]
fn a_head_is_forwarded_again_after_1_2_4_seconds_and_then_every_30() {
    let mut t = Test::new();
    t.lead(M1);
    t.queue(running("u1"));
    let mut effects = t.durable();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let sent_at = t.now;
        effects = t.fire(&effects);
        assert_eq!(forwarded(&effects).len(), 1);
        waits.push(t.now.since(sent_at).as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
}

#[test]
fn a_new_master_gets_every_head_at_once_and_the_backoff_starts_anew() {
    let mut t = Test::new();
    t.lead(M1);
    for task in ["t1", "t2"] {
        t.queue(status(task, task, TaskState::Running));
    }
    let mut effects = t.durable();
    for _ in 0..3 {
        effects = t.fire(&effects);
    }
    let effects = t.lead(M2);
    let to_m2: Vec<_> =
        forwarded(&effects).into_iter().map(|(to, update, _)| (to, update)).collect();
    assert_eq!(to_m2, [(M2.into(), "t1".into()), (M2.into(), "t2".into())]);
    assert_eq!(timer_set(&effects).unwrap().1, t.now + Duration::from_secs(1));
}

#[test]
fn without_a_master_everything_is_held() {
    let mut t = Test::new();
    t.lead(M1);
    t.queue(running("u1"));
    let sent = t.durable();
    let effects = t.step(Input::SetMaster(SetMaster { frameworks: None }));
    assert!(matches!(effects[..], [Effect::CancelTimer { .. }]), "{effects:?}");
    assert_eq!(t.fire(&sent), [], "a timer that was on its way does nothing");
    t.queue(finished("u2"));
    assert_eq!(forwarded(&t.durable()), []);
    assert_eq!(forwarded(&t.lead(M1)).len(), 1);
}

#[test]
fn a_repeat_is_answered_and_not_queued_again() {
    let mut t = Test::new();
    t.queue(running("u1"));
    assert_eq!(t.queue(running("u1")), [], "both wait for the one record");
    assert_eq!(replies(&t.durable()), [(1, &Reply::Queued), (2, &Reply::Queued)]);
    assert_eq!(replies(&t.queue(running("u1"))), [(3, &Reply::Queued)]);
    t.lead(M1);
    t.confirm("t", "u1");
    let effects = t.queue(running("u1"));
    assert_eq!(replies(&effects), [(5, &Reply::Queued)]);
    assert_eq!(effects.len(), 1, "an acknowledged update is not queued again either");
}

#[test]
fn nothing_is_queued_behind_a_terminal_update() {
    let mut t = Test::new();
    t.queue(finished("u1"));
    t.durable();
    let effects = t.queue(running("u2"));
    assert_eq!(effects, [Effect::Reply { call: CallId(2), reply: Reply::Queued }]);
}

#[test]
fn an_acknowledgement_that_is_not_for_the_head_changes_nothing() {
    let mut t = Test::new();
    t.lead(M1);
    t.queue(running("u1"));
    t.queue(finished("u2"));
    t.durable();
    for wrong in ["u2", "u0"] {
        let effects = t.confirm("t", wrong);
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert!(!done(&effects));
    }
    assert!(!done(&t.confirm("unknown", "u1")));
    t.confirm("t", "u1");
    assert!(!done(&t.confirm("t", "u1")), "a second time");
    assert_eq!(t.state.unacknowledged(), 1);
}

#[test]
fn what_is_unacknowledged_survives_a_restart_and_is_forwarded_in_order() {
    let mut t = Test::new();
    t.lead(M1);
    t.queue(status("t", "u1", TaskState::Starting));
    t.queue(running("u2"));
    t.queue(finished("u3"));
    t.queue(status("other", "u4", TaskState::Running));
    t.durable();
    t.confirm("t", "u1");
    t.confirm("other", "u4");
    let mut t = Test::recovered(t.log);
    assert_eq!(forwarded(&t.lead(M2)), [(M2.into(), "u2".into(), TaskState::Finished)]);
    assert_eq!(forwarded(&t.confirm("t", "u2")).len(), 1);
    assert!(done(&t.confirm("t", "u3")));
    assert_eq!(State::new(Settings::default(), t.log).streams.len(), 0);
}

#[test]
fn an_update_that_is_asked_for_again_after_a_restart_is_not_queued_twice() {
    let mut t = Test::new();
    t.queue(finished("u1"));
    t.durable();
    let mut t = Test::recovered(t.log);
    let effects = t.queue(finished("u1"));
    assert_eq!(effects, [Effect::Reply { call: CallId(1), reply: Reply::Queued }]);
}

#[test]
fn a_snapshot_says_what_the_whole_log_says() {
    let mut t = Test::new();
    for n in 0..20 {
        let task = format!("t{}", n % 7);
        t.queue(status(&task, &format!("u{n}"), TaskState::Running));
    }
    t.durable();
    t.lead(M1);
    for n in 0..5 {
        t.confirm(&format!("t{n}"), &format!("u{n}"));
    }
    let from_log = State::new(Settings::default(), t.log.clone());
    let from_snapshot = State::new(Settings::default(), t.state.snapshot());
    assert_eq!(from_log.snapshot(), from_snapshot.snapshot());
    assert_eq!(from_log.snapshot().len(), 15);
}

#[test]
fn a_forgotten_framework_leaves_nothing_and_its_askers_are_answered() {
    let mut t = Test::new();
    t.queue(running("u1"));
    let effects = t.step(Input::ForgetFramework(ForgetFramework { framework_id: "f".into() }));
    assert_eq!(replies(&effects), [(1, &Reply::Queued)]);
    assert_eq!(t.durable(), []);
    assert_eq!(State::new(Settings::default(), t.log.clone()).streams.len(), 0);
    let again = t.step(Input::ForgetFramework(ForgetFramework { framework_id: "f".into() }));
    assert_eq!(again, [], "nothing is written for a framework that has nothing here");
}

#[test]
fn an_update_without_an_id_is_refused_since_it_could_never_be_acknowledged() {
    let mut t = Test::new();
    let mut status = running("u");
    status.update_id = None;
    let effects = t.queue(status);
    assert!(matches!(replies(&effects)[..], [(1, Reply::Refused(_))]), "{effects:?}");
}

#[test]
fn what_is_unacknowledged_can_be_asked_for() {
    let mut t = Test::new();
    t.queue(running("u1"));
    t.queue(finished("u2"));
    let effects = t.step(Input::GetPending { call: CallId(9) });
    let [Effect::Reply { reply: Reply::Pending(list), .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(list.tasks.len(), 1);
    assert_eq!(list.tasks[0].updates.len(), 2);
}

/// Whatever is lost, repeated or delayed: in the end every update has been forwarded at least
/// once, in order, and nothing is left.
#[test]
fn eventually_every_update_is_acknowledged_in_order() {
    for seed in 1..300u64 {
        let mut t = Test::new();
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let plan: Vec<_> = (0..30).map(|n| (format!("t{}", n % 5), n / 5)).collect();
        let mut next = 0;
        let mut seen = Vec::new();
        let mut quiet = 0;
        while quiet < 50 {
            let faults = next < plan.len();
            let mut effects = match roll(5) {
                0 | 1 if next < plan.len() => {
                    let (task, n) = &plan[next];
                    next += 1;
                    let state = if *n == 5 { TaskState::Finished } else { TaskState::Running };
                    t.queue(status(task, &format!("{task}-{n}"), state))
                }
                2 if faults && roll(4) == 0 => {
                    // A crash: what was appended and not yet durable is lost, and asked for again.
                    let lost = usize::try_from(t.state.sequence - t.state.durable).unwrap();
                    t.log.truncate(t.log.len() - lost);
                    t = Test::recovered(t.log.clone());
                    next = next.saturating_sub(lost.max(1));
                    t.lead(M1)
                }
                3 => t.durable(),
                _ => t.lead(if roll(2) == 0 { M1 } else { M2 }),
            };
            let mut acknowledged = true;
            while std::mem::take(&mut acknowledged) {
                for (_, update, _) in forwarded(&std::mem::take(&mut effects)) {
                    seen.push(update.clone());
                    if !faults || roll(2) == 0 {
                        let task = update.split('-').next().unwrap().to_owned();
                        effects.extend(t.confirm(&task, &update));
                        acknowledged = true;
                    }
                }
            }
            quiet += usize::from(!faults);
        }
        assert_eq!(t.state.unacknowledged(), 0, "seed {seed}");
        for task in ["t0", "t1", "t2", "t3", "t4"] {
            let mut first: Vec<_> = seen.iter().filter(|u| u.starts_with(task)).collect();
            let mut known = std::collections::BTreeSet::new();
            first.retain(|update| known.insert(*update));
            let expected: Vec<_> = (0..6).map(|n| format!("{task}-{n}")).collect();
            assert_eq!(first, expected.iter().collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
