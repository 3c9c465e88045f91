//! The elector, step by step.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use elector_core::{Candidate, Effect, Input, Reply, Seen, State, Timer};
use protocol::elector::Leadership;
use protocol::{CallId, Epoch, Time};

fn candidate(n: u8) -> Candidate {
    Candidate {
        host: format!("10.0.0.{n}:7050").parse().unwrap(),
        http: format!("10.0.0.{n}:5050"),
    }
}

fn seen(n: u8, epoch: u64) -> Input {
    Input::Observed(Some(Seen { epoch: Epoch(epoch), candidate: Some(candidate(n)) }))
}

struct Elector {
    state: State,
    now: Time,
}

impl Elector {
    /// Host 1, a candidate.
    fn started() -> Self {
        let mut elector = Self { state: State::new(candidate(1)), now: Time::from_millis(1000) };
        let out = elector.give(Input::Started);
        assert!(matches!(&out[..], [Effect::Publish(_), Effect::Campaign]), "{out:?}");
        elector
    }

    fn leading(epoch: u64) -> Self {
        let mut elector = Self::started();
        elector.give(Input::Elected { epoch: Epoch(epoch) });
        elector.give(seen(1, epoch));
        elector
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        let mut out = vec![];
        self.state.step(self.now, input, &mut out);
        self.state.check().unwrap();
        out
    }
}

fn published(out: &[Effect]) -> Vec<&Leadership> {
    let published = out.iter().filter_map(|effect| match effect {
        Effect::Publish(changed) => Some(&changed.leadership),
        _ => None,
    });
    published.collect()
}

fn leads(leadership: &Leadership) -> Option<(u8, u64)> {
    let leader = leadership.leader.as_ref()?;
    let host = leader.host.host().rsplit_once('.').unwrap().1.parse().unwrap();
    Some((host, leader.epoch.0))
}

#[test]
fn a_host_that_is_elected_says_so() {
    let mut elector = Elector::started();
    let out = elector.give(Input::Elected { epoch: Epoch(5) });
    let [leadership] = published(&out)[..] else { panic!("{out:?}") };
    assert!(leadership.leading);
    assert_eq!(leads(leadership), Some((1, 5)));
    assert_eq!(elector.give(seen(1, 5)), [], "seeing it is no news");
}

#[test]
fn a_standby_follows_whom_the_store_shows() {
    let mut elector = Elector::started();
    let out = elector.give(seen(2, 7));
    assert_eq!(leads(published(&out)[0]), Some((2, 7)));
    assert!(!published(&out)[0].leading);
    let out = elector.give(Input::Observed(None));
    assert_eq!(leads(published(&out)[0]), None);
    assert_eq!(elector.give(Input::Observed(None)), []);
    let unreadable = Seen { epoch: Epoch(8), candidate: None };
    assert_eq!(elector.give(Input::Observed(Some(unreadable))), []);
}

#[test]
fn what_the_store_shows_late_does_not_depose() {
    let mut elector = Elector::started();
    elector.give(seen(2, 7));
    elector.give(Input::Elected { epoch: Epoch(9) });
    for late in [seen(2, 7), Input::Observed(None), seen(1, 9)] {
        assert_eq!(elector.give(late), []);
        assert!(elector.state.leadership().leading);
    }
}

#[test]
fn a_lost_term_is_published_at_once_and_the_host_is_a_candidate_again() {
    let mut elector = Elector::leading(5);
    let out = elector.give(Input::TermEnded { epoch: Epoch(5), why: "x".into() });
    assert!(matches!(&out[..], [Effect::Publish(_), Effect::Campaign]), "{out:?}");
    assert_eq!(*published(&out)[0], Leadership { leader: None, leading: false });
    let out = elector.give(seen(2, 6));
    assert_eq!(leads(published(&out)[0]), Some((2, 6)));
}

#[test]
fn a_leader_that_the_store_has_forgotten_gives_up() {
    for other in [Input::Observed(None), seen(2, 6)] {
        let mut elector = Elector::leading(5);
        let out = elector.give(other);
        assert!(!published(&out)[0].leading);
        assert!(out.contains(&Effect::Resign { epoch: Epoch(5) }), "{out:?}");
    }
    let mut unseen = Elector::started();
    unseen.give(Input::Elected { epoch: Epoch(5) });
    let out = unseen.give(seen(2, 6));
    assert!(out.contains(&Effect::Resign { epoch: Epoch(5) }), "{out:?}");
}

#[test]
fn who_resigns_stops_leading_first_and_is_answered_when_the_store_knows() {
    let mut elector = Elector::leading(5);
    let out = elector.give(Input::Resign { call: CallId(1) });
    assert!(
        matches!(&out[..], [Effect::Publish(_), Effect::Resign { epoch: Epoch(5) }]),
        "{out:?}"
    );
    assert_eq!(elector.give(Input::Resign { call: CallId(2) }), []);
    let out = elector.give(Input::TermEnded { epoch: Epoch(5), why: "resigned".into() });
    for call in [CallId(1), CallId(2)] {
        assert!(out.contains(&Effect::Reply { call, result: Ok(Reply::Resigned) }), "{out:?}");
    }
    assert!(!out.contains(&Effect::Campaign), "others come first");
    assert_eq!(elector.give(Input::TimerFired(Timer::Campaign)), [Effect::Campaign]);
}

#[test]
fn a_candidate_that_resigns_withdraws() {
    let mut elector = Elector::started();
    let out = elector.give(Input::Resign { call: CallId(1) });
    assert_eq!(out[0], Effect::Withdraw);
    assert!(out.contains(&Effect::Reply { call: CallId(1), result: Ok(Reply::Resigned) }));
    let out = elector.give(Input::Elected { epoch: Epoch(5) });
    assert_eq!(out, [Effect::Resign { epoch: Epoch(5) }], "it was too late to withdraw");
    assert!(!elector.state.leadership().leading);
}

#[test]
fn a_candidacy_that_fails_is_tried_again_after_a_pause() {
    let mut elector = Elector::started();
    let out = elector.give(Input::CampaignFailed { why: "no etcd".into() });
    let [Effect::SetTimer { timer, at }] = out[..] else { panic!("{out:?}") };
    assert!(at > elector.now);
    assert_eq!(elector.give(Input::TimerFired(timer)), [Effect::Campaign]);
    assert_eq!(elector.give(Input::TimerFired(timer)), []);
}

#[test]
fn the_end_of_an_earlier_term_is_no_news() {
    let mut elector = Elector::leading(5);
    elector.give(Input::TermEnded { epoch: Epoch(5), why: "x".into() });
    elector.give(Input::Elected { epoch: Epoch(8) });
    assert_eq!(elector.give(Input::TermEnded { epoch: Epoch(5), why: "x".into() }), []);
    assert!(elector.state.leadership().leading);
}
