//! A running task gets more or less: allocator, ledger and agent agree, or nothing changes.

use frameworks_core::{
    AllocatorQuestion, Answer, Effect, Input, News, QuestionId, Request, Timer, ToAgents,
    ToScheduler,
};
use protocol::allocator::GrowHolding;
use protocol::elector::Leadership;
use protocol::frameworks::{AgentLossCause, TeardownFramework};
use protocol::id::Generation;
use protocol::resize::{ReportResize, ResizeTask, RouteResize};
use protocol::task::{Reason, TaskState};
use protocol::{Failure, FailureKind, FrameworkId, Resources, Scalar};

use crate::fixture::*;

/// A task of 1 cpu and 100 MB runs on an agent of 4 cpus and 4000 MB.
fn running() -> (Bench, FrameworkId) {
    let (mut bench, id) = Bench::with_task();
    bench.update(&id, "t1", TaskState::Running, "u1");
    (bench, id)
}

fn wish(id: &FrameworkId, cpus: Option<i64>, mem: Option<i64>) -> Request {
    let whole = |amount: i64| Scalar::from_milli(amount * 1000);
    Request::Resize(ResizeTask {
        framework_id: id.clone(),
        task_id: "t1".into(),
        agent_id: None,
        cpus: cpus.map(whole),
        mem: mem.map(whole),
    })
}

fn asked(out: &Out) -> Option<(QuestionId, &GrowHolding)> {
    out.0.iter().find_map(|effect| match effect {
        Effect::AskAllocator { question, message: AllocatorQuestion::Grow(growth) } => {
            Some((*question, growth))
        }
        _ => None,
    })
}

fn routed(out: &Out) -> Option<&RouteResize> {
    out.to_agents().into_iter().find_map(|message| match message {
        ToAgents::Resize(route) => Some(route),
        _ => None,
    })
}

fn answer(bench: &mut Bench, question: QuestionId, result: Result<(), Failure>) -> Out {
    bench.step(Input::AllocatorAnswered { question, result })
}

fn report(bench: &mut Bench, route: &RouteResize, refused: Option<&str>) -> Out {
    bench.tell(News::Resized(ReportResize {
        agent_id: route.agent_id.clone(),
        generation: route.generation,
        framework_id: route.framework_id.clone(),
        task_id: route.task_id.clone(),
        number: route.number,
        refused: refused.map(str::to_owned),
    }))
}

/// What is offered or used on the agent.
fn held(bench: &Bench) -> Resources {
    bench
        .state
        .term()
        .unwrap()
        .allocated(&"a1".into())
        .into_values()
        .collect::<Vec<_>>()
        .iter()
        .sum()
}

fn size(bench: &Bench) -> Resources {
    let mut tasks = bench.state.term().unwrap().tasks();
    tasks.next().map(|(_, entry)| entry.task().resources.clone()).unwrap_or_default()
}

/// Asks for 3 cpus; the allocator has granted it, and the agent is asked.
fn granted(bench: &mut Bench, id: &FrameworkId) -> RouteResize {
    let out = bench.call(wish(id, Some(3), None));
    let (question, _) = asked(&out).unwrap();
    let out = answer(bench, question, Ok(()));
    routed(&out).unwrap().clone()
}

#[test]
fn a_growth_is_granted_then_held_then_done_and_told() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, Some(3), Some(200)));
    assert!(!out.is_answered());
    let (question, growth) = asked(&out).unwrap();
    assert_eq!(growth.resources, bag("cpus=2;mem=100"));
    assert_eq!((growth.holder.role.as_str(), growth.generation), ("dev", Generation(1)));
    assert_eq!(held(&bench), bag("cpus=1;mem=100"), "nothing is held before it is granted");

    let out = answer(&mut bench, question, Ok(()));
    let route = routed(&out).unwrap().clone();
    assert_eq!(route.resources, bag("cpus=3;mem=200"));
    assert_eq!(held(&bench), bag("cpus=3;mem=200"));
    assert_eq!(size(&bench), bag("cpus=1;mem=100"), "the task does not have it yet");

    let out = report(&mut bench, &route, None);
    let Ok(Answer::Resized(resized)) = out.answer() else { panic!("{out:?}") };
    assert_eq!(resized.resources, bag("cpus=3;mem=200"));
    assert_eq!((held(&bench), size(&bench)), (resized.resources.clone(), resized.resources));
    let [status] = out.statuses()[..] else { panic!("{out:?}") };
    assert_eq!((status.state, status.update_id.as_ref()), (TaskState::Running, None));
    assert_eq!(status.reason, Some(Reason::Reconciliation));
    assert!(status.message.contains("cpus:3"), "{}", status.message);
    assert!(out.recovered().is_empty());
}

#[test]
fn what_a_task_shrinks_by_is_held_until_the_agent_has_taken_it() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, None, Some(40)));
    assert!(asked(&out).is_none(), "nobody need grant that");
    let route = routed(&out).unwrap().clone();
    assert_eq!(route.resources, bag("cpus=1;mem=40"));
    assert_eq!(held(&bench), bag("cpus=1;mem=100"));
    let out = report(&mut bench, &route, None);
    assert_eq!(out.given_back(), bag("mem=60"));
    assert_eq!((held(&bench), size(&bench)), (bag("cpus=1;mem=40"), bag("cpus=1;mem=40")));
}

#[test]
fn one_grows_while_the_other_shrinks() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, Some(2), Some(50)));
    let (question, growth) = asked(&out).unwrap();
    assert_eq!(growth.resources, bag("cpus=1"));
    let out = answer(&mut bench, question, Ok(()));
    assert_eq!(held(&bench), bag("cpus=2;mem=100"));
    let route = routed(&out).unwrap().clone();
    let out = report(&mut bench, &route, None);
    assert_eq!(out.given_back(), bag("mem=50"));
    assert_eq!(size(&bench), bag("cpus=2;mem=50"));
}

#[test]
fn an_agent_that_says_no_changes_nothing() {
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    let out = report(&mut bench, &route, Some("104857600 bytes of memory are in use"));
    out.refused_as(FailureKind::Refused, "in use");
    assert_eq!(out.given_back(), bag("cpus=2"));
    assert_eq!((held(&bench), size(&bench)), (bag("cpus=1;mem=100"), bag("cpus=1;mem=100")));
    assert!(out.statuses().is_empty());
    // And the next may begin.
    assert!(asked(&bench.call(wish(&id, Some(2), None))).is_some());
}

/// The allocator refuses, and is asked again a little later, when what it has just allocated has come.
fn refuse(bench: &mut Bench, question: QuestionId, why: &str) -> Out {
    let out = answer(bench, question, Err(Failure::refused(why)));
    assert!(asked(&out).is_none());
    let key = bench.state.term().unwrap().tasks().next().unwrap().0.clone();
    let timer = Timer::Resize(key);
    match out.timer(&timer) {
        Some(at) => {
            bench.now = at;
            bench.fire(timer)
        }
        None => out,
    }
}

#[test]
fn an_allocator_that_says_no_is_asked_again_and_then_believed() {
    let (mut bench, id) = running();
    let mut out = bench.call(wish(&id, Some(3), None));
    for attempt in 1..=3 {
        let (question, _) = asked(&out).unwrap_or_else(|| panic!("attempt {attempt}"));
        out = refuse(&mut bench, question, "role dev: its limit allows no more");
    }
    out.refused_as(FailureKind::Refused, "its limit allows no more");
    assert!(out.to_agents().is_empty());
    assert_eq!(held(&bench), bag("cpus=1;mem=100"));
}

#[test]
fn an_allocation_of_the_same_moment_is_rescinded() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, Some(4), None));
    let (question, _) = asked(&out).unwrap();
    bench.offer(&id, "a1", "cpus=3;mem=3000");
    let out = refuse(&mut bench, question, "agent a1: cpus is short");
    assert_eq!(out.rescinded(), 1);
    let gives_back = out.place(|e| matches!(e, Effect::ToAllocator(_)));
    let asks = out.place(|e| matches!(e, Effect::AskAllocator { .. }));
    assert!(gives_back < asks, "what is rescinded is free before the question");
    let (question, _) = asked(&out).unwrap();
    let out = answer(&mut bench, question, Ok(()));
    assert!(routed(&out).is_some());
}

#[test]
fn no_more_offers_are_rescinded_than_are_in_the_way() {
    let (mut bench, id) = running();
    bench.offer(&id, "a1", "cpus=1;mem=1000");
    bench.offer(&id, "a1", "mem=1000");
    let out = bench.call(wish(&id, Some(3), None));
    assert_eq!(out.rescinded(), 0, "2 cpus are neither used nor offered");
    let (question, _) = asked(&out).unwrap();
    let out = answer(&mut bench, question, Ok(()));
    let route = routed(&out).unwrap().clone();
    report(&mut bench, &route, None);
    let out = bench.call(wish(&id, Some(4), None));
    assert_eq!(out.rescinded(), 1, "the one with the last cpu");
}

#[test]
fn a_task_that_ends_while_the_allocator_is_asked_leaves_nothing_held() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, Some(3), None));
    let (question, _) = asked(&out).unwrap();
    bench.update(&id, "t1", TaskState::Finished, "u2");
    let out = answer(&mut bench, question, Ok(()));
    out.refused_as(FailureKind::Refused, "ended");
    assert_eq!(out.given_back(), bag("cpus=2"));
    assert_eq!(held(&bench), Resources::EMPTY);
}

#[test]
fn a_task_that_ends_while_the_agent_is_asked_gives_back_both() {
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    let out = bench.update(&id, "t1", TaskState::Finished, "u2");
    assert_eq!(out.given_back(), bag("cpus=3;mem=100"));
    let out = report(&mut bench, &route, Some("the task has ended"));
    out.refused_as(FailureKind::Refused, "ended");
    assert_eq!(out.given_back(), Resources::EMPTY);
    assert_eq!(held(&bench), Resources::EMPTY);
    // Even if the agent was quicker than the end.
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    bench.update(&id, "t1", TaskState::Failed, "u2");
    report(&mut bench, &route, None).refused_as(FailureKind::Refused, "ended");
    assert_eq!(held(&bench), Resources::EMPTY);
}

#[test]
fn an_agent_that_is_gone_in_the_middle_has_the_last_word_when_it_is_back() {
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    let out = bench.leave("a1", 1, AgentLossCause::Disconnected);
    out.refused_as(FailureKind::Refused, "was disconnected");
    let task = protocol::task::Task {
        resources: bag("cpus=3;mem=100"),
        ..reported(&id, "t1", "a1", TaskState::Running)
    };
    let out = bench.join("a1", 2, vec![task]);
    assert_eq!(held(&bench), bag("cpus=3;mem=100"));
    let told = out.statuses().into_iter().any(|status| status.message.contains("cpus:3"));
    assert!(told, "{out:?}");
    // What was said in the registration before is void.
    assert!(report(&mut bench, &route, Some("no")).0.is_empty());
    assert_eq!(size(&bench), bag("cpus=3;mem=100"));
}

#[test]
fn an_agent_that_registers_anew_without_having_left_ends_it_too() {
    for granted_already in [true, false] {
        let (mut bench, id) = running();
        if granted_already {
            granted(&mut bench, &id);
        } else {
            bench.call(wish(&id, Some(3), None));
        }
        let task = reported(&id, "t1", "a1", TaskState::Running);
        let out = bench.join("a1", 2, vec![task]);
        out.refused_as(FailureKind::Refused, "was disconnected");
        assert_eq!(held(&bench), bag("cpus=1;mem=100"));
    }
}

#[test]
fn a_grant_for_an_earlier_registration_is_not_held() {
    let (mut bench, id) = running();
    let out = bench.call(wish(&id, Some(3), None));
    let (question, _) = asked(&out).unwrap();
    bench.join("a1", 2, vec![reported(&id, "t1", "a1", TaskState::Running)]);
    let out = answer(&mut bench, question, Ok(()));
    assert!(out.to_agents().is_empty() && out.recovered().is_empty(), "{out:?}");
    assert_eq!(held(&bench), bag("cpus=1;mem=100"));
}

#[test]
fn a_lost_allocator_ends_what_it_was_asked_and_nothing_else() {
    let (mut bench, id) = running();
    bench.call(wish(&id, Some(3), None));
    let out = bench.step(Input::AllocatorExited);
    out.refused_as(FailureKind::Refused, "told everything anew");
    let route = granted(&mut bench, &id);
    assert!(!bench.step(Input::AllocatorExited).is_answered());
    let out = bench.fire(Timer::ResetAllocator);
    assert_eq!(out.added_agent().used[0].resources, bag("cpus=3;mem=100"));
    assert!(report(&mut bench, &route, None).answer().is_ok());
}

#[test]
fn an_agent_that_does_not_answer_is_asked_the_same_again() {
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    let key = bench.state.term().unwrap().tasks().next().unwrap().0.clone();
    let out = bench.fire(Timer::Resize(key.clone()));
    assert_eq!(routed(&out), Some(&route));
    assert!(out.timer(&Timer::Resize(key)).is_some());
    let earlier = RouteResize { number: route.number - 1, ..route.clone() };
    assert!(report(&mut bench, &earlier, None).0.is_empty(), "of another question");
    assert!(report(&mut bench, &route, None).answer().is_ok());
    assert!(report(&mut bench, &route, None).0.is_empty(), "once");
}

#[test]
fn a_second_wish_has_to_wait_for_the_first() {
    let (mut bench, id) = running();
    let route = granted(&mut bench, &id);
    bench.call(wish(&id, Some(2), None)).refused_as(FailureKind::Conflict, "is being resized");
    assert!(report(&mut bench, &route, None).answer().is_ok());
    let out = bench.call(wish(&id, Some(3), None));
    assert!(matches!(out.answer(), Ok(Answer::Resized(_))), "it has that already");
    assert!(out.to_agents().is_empty());
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let (mut bench, id) = running();
    for (cpus, mem, says) in [
        (None, None, "neither cpus nor mem"),
        (Some(0), None, "expected more than 0"),
        (None, Some(-1), "expected more than 0"),
        (Some(5), None, "has only cpus:3 that is not used; cpus:4 more is wanted"),
    ] {
        bench.call(wish(&id, cpus, mem)).refused_as(FailureKind::Refused, says);
    }
    let wish = |framework: &FrameworkId, task: &str, agent: Option<&str>| {
        Request::Resize(ResizeTask {
            framework_id: framework.clone(),
            task_id: task.into(),
            agent_id: agent.map(Into::into),
            cpus: Some(Scalar::from_milli(2000)),
            mem: None,
        })
    };
    bench.call(wish(&id, "none", None)).refused_as(FailureKind::NotFound, "there is no task none");
    bench.call(wish(&id, "t1", Some("a9"))).refused_as(FailureKind::NotFound, "on agent a9");
    let stranger = "stranger".into();
    bench.call(wish(&stranger, "t1", None)).refused_as(FailureKind::NotFound, "stranger");
    bench.launch(&id, "t2");
    bench.call(wish(&id, "t2", None)).refused_as(FailureKind::Refused, "TASK_STAGING");
    bench.update(&id, "t1", TaskState::Finished, "u2");
    bench.call(wish(&id, "t1", None)).refused_as(FailureKind::Refused, "TASK_FINISHED");
    bench.leave("a1", 1, AgentLossCause::Unreachable);
    bench.call(wish(&id, "t2", None)).refused_as(FailureKind::Refused, "unreachable");
}

#[test]
fn anyone_may_ask_and_an_agent_that_is_away_cannot_be_asked() {
    let (mut bench, id) = running();
    let operator = address("gateway@10.0.0.1:7050");
    assert!(asked(&bench.ask(&operator, wish(&id, Some(2), None))).is_some());
    let (mut bench, id) = running();
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    let out = bench.call(wish(&id, Some(2), None));
    out.refused_as(FailureKind::Refused, "not connected");
}

#[test]
fn the_end_of_the_framework_and_of_the_term_end_it() {
    let (mut bench, id) = running();
    granted(&mut bench, &id);
    bench.call(Request::Teardown(TeardownFramework { framework_id: id.clone() }));
    let out = bench.recorded(&id, Ok(()));
    let refused = out.0.iter().filter(|e| matches!(e, Effect::Reply { result: Err(_), .. }));
    assert_eq!(refused.count(), 1, "{out:?}");
    assert_eq!(out.given_back(), bag("cpus=3;mem=100"));

    let (mut bench, id) = running();
    granted(&mut bench, &id);
    let lost = Leadership { leader: None, leading: false };
    let out = bench.step(Input::LeaderChanged { leadership: lost, run: "other".into() });
    assert_eq!(out.refused().kind, FailureKind::NotLeader);
    let cancelled = |e: &Effect| matches!(e, Effect::CancelTimer { timer: Timer::Resize(_) });
    assert!(out.0.iter().any(cancelled), "{out:?}");
}

#[test]
fn reserved_resources_are_used_before_those_anyone_may_use() {
    let (mut bench, id) = running();
    let mut info = agent_info("cpus=4;mem=4000");
    let plain = bag("cpus=1");
    let reserved = plain.iter().map(|cpus| protocol::Resource {
        reservations: vec![protocol::resources::Reservation {
            role: "dev".into(),
            dynamic: false,
            principal: None,
            labels: Default::default(),
        }],
        ..cpus.clone()
    });
    let reserved: Resources = reserved.collect();
    info.resources.add_all(&reserved);
    let task = reported(&id, "t1", "a1", TaskState::Running);
    bench.tell(News::AgentJoined(protocol::frameworks::AgentJoined {
        info,
        ..joined("a1", 2, vec![task])
    }));
    let out = bench.call(wish(&id, Some(3), None));
    assert_eq!(asked(&out).unwrap().1.resources, &reserved + &bag("cpus=1"));
}

#[test]
fn a_scheduler_is_told_and_so_is_nobody_else() {
    let (mut bench, id) = running();
    let other = address("scheduler@10.0.0.8:1");
    bench.subscribe_as(&other, info("other"));
    let route = granted(&mut bench, &id);
    let out = report(&mut bench, &route, None);
    let told = out.0.iter().filter_map(|effect| match effect {
        Effect::ToScheduler { scheduler, message: ToScheduler::Update(_) } => Some(scheduler),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [&scheduler()]);
}
