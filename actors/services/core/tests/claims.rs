//! What people rely on, one scenario each.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod world;

use std::time::Duration;

use protocol::FailureKind;
use protocol::explain::ExplainApp;
use protocol::services::*;
use protocol::task::TaskState;
use services_core::{Answer, Event, Input};
use world::{World, accepted, spec};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn an_app_gets_its_instances_and_no_more_offers() {
    let mut world = World::new(2);
    assert!(world.master.suppressed, "nothing is wanted yet");
    let done = world.put(spec("/web", 3));
    assert!(done.created && !done.deployment_id.is_empty());
    assert!(!world.master.suppressed);
    world.settle();
    assert_eq!(world.running("/web"), 3);
    assert!(world.master.suppressed && world.deployments().is_empty());
    let status = world.app("/web").unwrap();
    assert_eq!(status.instances.len(), 3);
    assert!(status.instances.iter().all(|i| i.started_at.is_some() && i.ports.len() == 1));
}

#[test]
fn instances_spread_over_agents_and_take_distinct_ports() {
    let mut world = World::new(3);
    world.put(spec("/web", 6));
    world.settle();
    let instances = world.app("/web").unwrap().instances;
    for agent in ["S0", "S1", "S2"] {
        let there: Vec<_> = instances.iter().filter(|i| i.agent_id.as_str() == agent).collect();
        assert_eq!(there.len(), 2);
        assert_ne!(there[0].ports, there[1].ports);
    }
}

#[test]
fn a_port_is_not_used_again_at_once() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let first = world.app("/web").unwrap().instances[0].clone();
    world.end(&first.task_id, TaskState::Failed);
    world.advance(seconds(2));
    world.settle();
    let second = world.app("/web").unwrap().instances[0].clone();
    assert_ne!(first.ports, second.ports);
}

#[test]
fn an_instance_that_fails_comes_back_after_its_backoff_as_the_next_run() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let first = world.tasks("/web")[0].clone();
    world.end(&first, TaskState::Failed);
    world.settle();
    assert_eq!(world.running("/web"), 0, "held back for a second");
    let status = world.app("/web").unwrap();
    assert!(status.delayed_until.is_some());
    assert_eq!(status.last_failure.unwrap().task_id, first);
    assert!(world.master.suppressed);
    world.advance(seconds(1));
    world.settle();
    assert_eq!(world.tasks("/web")[0].as_str(), first.as_str().replace("._app.1", "._app.2"));
}

#[test]
fn a_success_is_held_back_too_and_a_kill_is_not() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let task = world.tasks("/web")[0].clone();
    world.end(&task, TaskState::Killed);
    world.settle();
    assert_eq!(world.running("/web"), 1);
    let task = world.tasks("/web")[0].clone();
    world.end(&task, TaskState::Finished);
    world.settle();
    assert_eq!(world.running("/web"), 0);
    assert_eq!(world.app("/web").unwrap().last_failure, None, "a success is no failure");
}

#[test]
fn scaling_changes_only_the_count() {
    let mut world = World::new(2);
    world.put(spec("/web", 1));
    world.settle();
    let first = world.tasks("/web");
    world.scale("/web", 5);
    world.settle();
    assert_eq!(world.running("/web"), 5);
    assert!(world.tasks("/web").contains(&first[0]), "nothing was restarted");
    world.scale("/web", 1);
    world.settle();
    assert_eq!(world.tasks("/web"), first, "the youngest went");
    let app = world.app("/web").unwrap().app;
    assert!(app.version > app.last_config_change_at && app.version == app.last_scaling_at);
}

#[test]
fn a_scale_does_not_forgive_failures_and_a_change_does() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let task = world.tasks("/web")[0].clone();
    world.end(&task, TaskState::Failed);
    world.scale("/web", 2);
    world.settle();
    assert_eq!(world.running("/web"), 0);
    world.put(AppSpec { cmd: Some("other".into()), ..spec("/web", 2) });
    world.settle();
    assert_eq!(world.running("/web"), 2);
}

#[test]
fn a_change_replaces_every_instance_without_a_gap() {
    let mut world = World::new(2);
    world.put(spec("/web", 2));
    world.settle();
    let old = world.tasks("/web");
    world.put(AppSpec { cmd: Some("other".into()), ..spec("/web", 2) });
    for _ in 0..20 {
        world.offer();
        world.deliver();
        assert!(world.running("/web") >= 2, "never fewer than wanted");
        world.master.progress(world.now);
    }
    world.settle();
    let new = world.tasks("/web");
    assert_eq!(new.len(), 2);
    assert!(old.iter().all(|task| !new.contains(task)));
    assert!(world.deployments().is_empty());
}

#[test]
fn what_did_not_fit_is_offered_for_again_when_it_asks_for_less() {
    let mut world = World::new(1);
    world.put(AppSpec { cpus: protocol::Scalar::from_milli(64_000), ..spec("/web", 1) });
    world.settle();
    assert!(world.tasks("/web").is_empty());
    let revivals = world.master.revivals;
    world.advance(seconds(1));
    world.put(spec("/web", 1));
    assert_eq!(world.master.revivals, revivals + 1);
    world.settle();
    assert_eq!(world.running("/web"), 1);
}

#[test]
fn a_restart_replaces_what_is_unchanged() {
    let mut world = World::new(1);
    let before = world.put(spec("/web", 1));
    world.settle();
    let old = world.tasks("/web");
    let after = world.restart("/web");
    assert!(after.version > before.version);
    world.settle();
    assert_eq!(world.running("/web"), 1);
    assert_ne!(world.tasks("/web"), old);
}

#[test]
fn the_same_again_changes_nothing() {
    let mut world = World::new(1);
    let first = world.put(spec("/web", 1));
    world.settle();
    let tasks = world.tasks("/web");
    let again = world.put(spec("/web", 1));
    assert_eq!((again.version, again.created), (first.version, false));
    world.settle();
    assert_eq!(world.tasks("/web"), tasks);
    assert!(world.deployments().is_empty());
}

#[test]
fn a_deleted_app_leaves_nothing() {
    let mut world = World::new(1);
    world.put(spec("/web", 2));
    world.settle();
    world.delete("/web");
    assert_eq!(world.app("/web").unwrap_err().kind, FailureKind::NotFound);
    assert_eq!(world.deployments().len(), 1);
    world.settle();
    assert_eq!(world.tasks("/web").len(), 0);
    assert!(world.deployments().is_empty());
    let store = &world.store;
    assert!(store.apps.is_empty() && store.versions.is_empty() && store.instances.is_empty());
}

#[test]
fn the_instances_of_an_app_deleted_before_a_crash_are_killed_after_it() {
    let mut world = World::new(1);
    world.put(spec("/web", 2));
    world.settle();
    world.master.connected = false;
    world.delete("/web");
    world.crash(0);
    world.settle();
    assert_eq!(world.tasks("/web").len(), 0);
    assert!(world.store.instances.is_empty());
}

#[test]
fn running_instances_outlive_the_scheduler() {
    let mut world = World::new(2);
    world.put(spec("/web", 3));
    world.settle();
    let before = world.app("/web").unwrap();
    let tasks = world.tasks("/web");
    world.crash(0);
    world.settle();
    assert_eq!(world.tasks("/web"), tasks);
    assert_eq!(world.app("/web").unwrap().instances, before.instances);
    assert_eq!(world.master.frameworks.len(), 1, "the same framework");
}

#[test]
fn what_ended_while_the_scheduler_was_away_is_replaced() {
    let mut world = World::new(1);
    world.put(spec("/web", 2));
    world.settle();
    let gone = world.tasks("/web")[0].clone();
    world.master.tasks.remove(&gone);
    world.crash(0);
    world.settle();
    assert_eq!(world.running("/web"), 2);
    assert!(!world.tasks("/web").contains(&gone));
}

#[test]
fn a_launch_that_was_durable_and_never_sent_is_made_up_for() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.instant = false;
    world.offer();
    assert_eq!(world.writing.len(), 1, "the instance");
    world.instant = true;
    world.crash(1);
    assert_eq!(world.store.instances.len(), 1);
    world.settle();
    assert_eq!(world.running("/web"), 1);
    assert_eq!(world.store.instances.len(), 1);
}

#[test]
fn nothing_is_answered_or_launched_before_it_is_durable() {
    let mut world = World::new(1);
    world.instant = false;
    let message =
        PutApp { spec: spec("/web", 1), mode: PutMode::Create, force: false, if_version: None };
    let put = world.start_call(|call| Input::PutApp { call, message });
    let get = world.start_call(|call| Input::GetApps { call });
    assert!(world.replies.is_empty(), "not even a question about it is answered");
    let persisted = world.write_one().unwrap();
    world.input(persisted);
    assert!(world.replies.contains_key(&put) && world.replies.contains_key(&get));
    world.offer();
    assert!(world.master.tasks.is_empty());
    let persisted = world.write_one().unwrap();
    world.input(persisted);
    assert_eq!(world.master.tasks.len(), 1);
}

#[test]
fn an_unreachable_instance_is_replaced_and_killed_when_it_returns() {
    let mut world = World::new(2);
    world.put(spec("/web", 2));
    world.settle();
    let agent = world.app("/web").unwrap().instances[0].agent_id.clone();
    world.master.lose_agent(world.now, &agent);
    world.settle();
    assert_eq!(world.app("/web").unwrap().instances.len(), 2);
    world.master.return_agent(world.now, &agent);
    world.settle();
    assert_eq!(world.running("/web"), 2);
    let known: Vec<_> = world.app("/web").unwrap().instances;
    assert!(known.iter().all(|i| i.agent_id != agent));
}

#[test]
fn a_kill_is_repeated_until_it_has_worked() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let task = world.tasks("/web")[0].clone();
    world.scale("/web", 0);
    for _ in 0..3 {
        world.advance(seconds(30));
    }
    assert_eq!(world.master.kills[&task], 4);
    world.settle();
    world.advance(seconds(300));
    assert_eq!(world.master.kills[&task], 4, "it has ended");
}

#[test]
fn an_instance_that_does_not_come_up_is_given_up() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.offer();
    let stuck = world.tasks("/web")[0].clone();
    world.advance(seconds(301));
    assert_eq!(world.master.kills.get(&stuck), Some(&1));
    world.settle();
    assert_eq!(world.running("/web"), 1);
}

#[test]
fn killing_an_instance_by_request_replaces_it_once_it_has_ended() {
    let mut world = World::new(1);
    world.put(spec("/web", 2));
    world.settle();
    let task = world.tasks("/web")[0].clone();
    let kill = |task_id, scale| KillInstances {
        id: "/web".into(),
        task_id: Some(task_id),
        host: None,
        scale,
        force: false,
    };
    let message = kill(task.clone(), false);
    let answer = world.call(|call| Input::KillInstances { call, message }).unwrap();
    let Answer::Killed(killed) = answer else { panic!("{answer:?}") };
    assert_eq!(killed.instances[0].task_id, task);
    world.offer();
    assert_eq!(world.tasks("/web").len(), 2, "not before it has ended");
    world.settle();
    assert_eq!(world.running("/web"), 2);
    let victim = world.tasks("/web")[1].clone();
    let message = kill(victim.clone(), true);
    accepted(world.call(|call| Input::KillInstances { call, message }));
    world.settle();
    assert_eq!(world.app("/web").unwrap().app.spec.instances, 1);
    assert!(world.running("/web") == 1 && !world.tasks("/web").contains(&victim));
    let message = kill("nobody".into(), false);
    let refused = world.call(|call| Input::KillInstances { call, message }).unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotFound);
}

#[test]
fn refusals_say_which() {
    let mut world = World::new(0);
    world.put(spec("/web", 1));
    let mut put = |mode, spec, force, if_version| {
        let message = PutApp { spec, mode, force, if_version };
        world.call(|call| Input::PutApp { call, message }).map_err(|failure| failure.kind)
    };
    let changed = || AppSpec { cmd: Some("other".into()), ..spec("/web", 1) };
    let refused = |kind| Err(kind);
    assert_eq!(
        put(PutMode::Create, spec("/web", 1), false, None).map(drop),
        refused(FailureKind::AlreadyExists)
    );
    assert_eq!(
        put(PutMode::Update, spec("/x", 1), false, None).map(drop),
        refused(FailureKind::NotFound)
    );
    assert_eq!(
        put(PutMode::Update, changed(), false, None).map(drop),
        refused(FailureKind::Conflict)
    );
    let stale = Some(protocol::Time(1));
    assert_eq!(
        put(PutMode::Update, changed(), true, stale).map(drop),
        refused(FailureKind::Conflict)
    );
    assert_eq!(
        put(PutMode::Create, spec("no path", 1), true, None).map(drop),
        refused(FailureKind::Refused)
    );
    assert!(put(PutMode::Update, changed(), true, None).is_ok());
}

#[test]
fn service_ports_are_chosen_once() {
    let mut world = World::new(0);
    let ports = |done: AppAccepted| done.app.unwrap().app.spec.ports[0].port;
    assert_eq!(ports(world.put(spec("/a", 1))), 10_000);
    assert_eq!(ports(world.put(spec("/b", 1))), 10_001);
    assert_eq!(ports(world.put(AppSpec { cmd: Some("x".into()), ..spec("/b", 1) })), 10_001);
    world.delete("/a");
    assert_eq!(ports(world.put(spec("/c", 1))), 10_000);
}

#[test]
fn versions_are_kept_newest_first() {
    let mut world = World::new(0);
    world.put(spec("/web", 1));
    for i in 0..30 {
        world.put(AppSpec { cmd: Some(format!("run {i}")), ..spec("/web", 1) });
    }
    let versions = |world: &mut World| {
        let message = GetAppVersions { id: "/web".into() };
        match world.call(|call| Input::GetAppVersions { call, message }) {
            Ok(Answer::Versions(list)) => list.versions,
            other => panic!("{other:?}"),
        }
    };
    let kept = versions(&mut world);
    assert_eq!(kept.len(), 20);
    assert_eq!(kept[0].spec.cmd.as_deref(), Some("run 29"));
    assert!(kept.is_sorted_by(|a, b| a.version > b.version));
    world.crash(0);
    assert_eq!(versions(&mut world), kept);
}

#[test]
fn a_standby_refuses_and_a_deposed_leader_answers_nothing_else() {
    let mut world = World::new(1);
    world.instant = false;
    let message =
        PutApp { spec: spec("/web", 1), mode: PutMode::Create, force: false, if_version: None };
    let call = world.start_call(|call| Input::PutApp { call, message });
    let leadership = protocol::elector::Leadership { leader: None, leading: false };
    world.input(Input::LeaderChanged(leadership));
    let kind = |world: &World, call| world.replies[&call].clone().unwrap_err().kind;
    assert_eq!(kind(&world, call), FailureKind::NotLeader);
    assert!(!world.master.connected && world.timers.is_empty());
    let late = world.write_one().unwrap();
    world.input(late);
    let call = world.start_call(|call| Input::GetApps { call });
    assert_eq!(kind(&world, call), FailureKind::NotLeader);
}

#[test]
fn a_framework_that_was_removed_begins_anew() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    world.master.tasks.clear();
    world.input(Input::Rejected { removed: true, why: "torn down".into() });
    assert_eq!(world.master.frameworks.len(), 2);
    world.settle();
    assert_eq!(world.running("/web"), 1);
}

#[test]
fn those_who_follow_along_are_told() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    world.scale("/web", 0);
    world.settle();
    world.delete("/web");
    let kinds: Vec<&str> = world.events.iter().map(Event::kind).collect();
    assert_eq!(
        kinds,
        [
            "app_created",
            "instance_changed",
            "instance_changed",
            "app_updated",
            "instance_changed",
            "instance_changed",
            "app_deleted"
        ]
    );
}

#[test]
fn an_app_is_explained_by_what_it_waits_for() {
    let mut world = World::new(1);
    world.put(spec("/web", 1));
    world.settle();
    let message = ExplainApp { id: "/web".into() };
    world.start_call(|call| Input::ExplainApp { call, message });
    world.put(AppSpec { cpus: protocol::Scalar::from_milli(1_000_000), ..spec("/giant", 2) });
    world.settle();
    let message = ExplainApp { id: "/giant".into() };
    world.start_call(|call| Input::ExplainApp { call, message });
    let [web, giant] = &world.explained[..] else { panic!("{:?}", world.explained) };
    assert_eq!((web.running, web.waiting, web.connected), (1, 0, true));
    assert_eq!((giant.running, giant.starting, giant.waiting), (0, 0, 2));
    assert_eq!((giant.need.ports, giant.need.role.as_str()), (1, "*"));
    assert_eq!(giant.need.resources.scalar("cpus").milli(), 1_000_000);
    let message = ExplainApp { id: "/none".into() };
    let unknown = world.call(|call| Input::ExplainApp { call, message });
    assert_eq!(unknown.unwrap_err().kind, FailureKind::NotFound);
}
