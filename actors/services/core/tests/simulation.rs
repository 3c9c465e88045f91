//! Whatever is lost, repeated or interrupted: once it stops, every app has what it wants.
//!
//! What must hold all the time is asserted where it would break, in [`World`]: nothing is launched
//! before it is durable, no end is acknowledged before it is, no task id is used twice, no offer is
//! overdrawn, no call is answered twice.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod world;

use std::time::Duration;

use proptest::prelude::*;
use protocol::services::*;
use protocol::task::TaskState;
use protocol::{AgentId, Time};
use services_core::Input;
use world::{World, spec};

#[derive(Clone, Debug)]
enum Action {
    Put {
        app: u8,
        instances: u8,
        cmd: u8,
    },
    Scale {
        app: u8,
        instances: u8,
    },
    Restart {
        app: u8,
    },
    Delete {
        app: u8,
    },
    KillOne {
        app: u8,
        nth: usize,
    },
    Offer,
    Progress,
    Deliver,
    /// Deliver only every other update, and those twice.
    DeliverBadly {
        first: bool,
    },
    /// What is said once is not heard.
    Deafen,
    Write,
    End {
        nth: usize,
        state: TaskState,
    },
    Crash {
        durable: usize,
    },
    Disconnect,
    LoseAgent {
        agent: u8,
    },
    ReturnAgent {
        agent: u8,
    },
    Advance {
        seconds: u64,
    },
}

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    let ends = prop_oneof![
        Just(TaskState::Failed),
        Just(TaskState::Finished),
        Just(TaskState::Killed),
        Just(TaskState::Lost)
    ];
    prop_oneof![
        3 => (0..3u8, 0..4u8, 0..2u8)
            .prop_map(|(app, instances, cmd)| Put { app, instances, cmd }),
        2 => (0..3u8, 0..5u8).prop_map(|(app, instances)| Scale { app, instances }),
        1 => (0..3u8).prop_map(|app| Restart { app }),
        1 => (0..3u8).prop_map(|app| Delete { app }),
        1 => (0..3u8, 0..4usize).prop_map(|(app, nth)| KillOne { app, nth }),
        5 => Just(Offer),
        5 => Just(Progress),
        4 => Just(Deliver),
        3 => any::<bool>().prop_map(|first| DeliverBadly { first }),
        1 => Just(Deafen),
        6 => Just(Write),
        2 => (0..6usize, ends).prop_map(|(nth, state)| End { nth, state }),
        1 => (0..4usize).prop_map(|durable| Crash { durable }),
        1 => Just(Disconnect),
        1 => (0..3u8).prop_map(|agent| LoseAgent { agent }),
        1 => (0..3u8).prop_map(|agent| ReturnAgent { agent }),
        2 => (0..40u64).prop_map(|seconds| Advance { seconds }),
    ]
}

fn name(app: u8) -> String {
    format!("/app-{app}")
}

fn agent(agent: u8) -> AgentId {
    format!("S{agent}").into()
}

fn perform(world: &mut World, action: Action) {
    match action {
        Action::Put { app, instances, cmd } => {
            let spec = spec(&name(app), instances.into());
            let spec = AppSpec { cmd: Some(format!("run {cmd}")), ..spec };
            let message = PutApp { spec, mode: PutMode::Upsert, force: true, if_version: None };
            world.start_call(|call| Input::PutApp { call, message });
        }
        Action::Scale { app, instances } => {
            let message = ScaleApp { id: name(app), instances: instances.into(), force: true };
            world.start_call(|call| Input::ScaleApp { call, message });
        }
        Action::Restart { app } => {
            let message = RestartApp { id: name(app), force: true };
            world.start_call(|call| Input::RestartApp { call, message });
        }
        Action::Delete { app } => {
            let message = DeleteApp { id: name(app), force: true };
            world.start_call(|call| Input::DeleteApp { call, message });
        }
        Action::KillOne { app, nth } => {
            if let Some(task_id) = world.tasks(&name(app)).get(nth).cloned() {
                let task_id = Some(task_id);
                let message = KillInstances {
                    id: name(app),
                    task_id,
                    host: None,
                    scale: false,
                    force: false,
                };
                world.start_call(|call| Input::KillInstances { call, message });
            }
        }
        Action::Offer => world.offer(),
        Action::Progress => world.master.progress(world.now),
        Action::Deliver => world.deliver(),
        Action::DeliverBadly { first } => {
            let updates = world.master.take_updates();
            for status in updates.into_iter().skip(usize::from(first)).step_by(2) {
                world.input(Input::Update { status: status.clone() });
                world.input(Input::Update { status });
            }
        }
        Action::Deafen => world.master.once.clear(),
        Action::Write => {
            if let Some(persisted) = world.write_one() {
                world.input(persisted);
            }
        }
        Action::End { nth, state } => {
            let there =
                |task: &&world::master::Task| !world.master.away.contains(&task.info.agent_id);
            let tasks = world.master.tasks.values().filter(there);
            if let Some(id) = tasks.map(|t| t.info.task_id.clone()).nth(nth) {
                world.master.end(world.now, &id, state);
            }
        }
        Action::Crash { durable } => world.crash(durable),
        Action::Disconnect => {
            world.master.connected = false;
            world.input(Input::Disconnected);
            let id = world.master.frameworks.first().cloned();
            let framework_id = world.master.subscribe(id);
            world.input(Input::Subscribed { framework_id });
        }
        Action::LoseAgent { agent: a } => world.master.lose_agent(world.now, &agent(a)),
        Action::ReturnAgent { agent: a } => world.master.return_agent(world.now, &agent(a)),
        Action::Advance { seconds } => world.advance(Duration::from_secs(seconds)),
    }
}

/// Every app has exactly what it wants, and nothing else runs.
fn eventually_every_app_has_what_it_wants(world: &mut World) {
    let wanted: Vec<(String, usize)> = world
        .store
        .apps
        .values()
        .map(|record| (record.app.spec.id.clone(), record.app.spec.instances as usize))
        .collect();
    let total: usize = wanted.iter().map(|(_, instances)| instances).sum();
    for (id, instances) in wanted {
        assert_eq!(world.running(&id), instances, "{id}");
        let status = world.app(&id).unwrap();
        let change = status.app.last_config_change_at;
        assert!(status.instances.iter().all(|i| i.version >= change && !i.killing));
        assert!(status.deployments.is_empty());
    }
    assert_eq!(world.master.tasks.len(), total, "nothing else runs");
    let durable: Vec<_> = world.store.instances.keys().collect();
    let real: Vec<_> = world.master.tasks.keys().collect();
    assert_eq!(durable, real);
    assert!(world.deployments().is_empty() && world.master.suppressed);
    assert!(world.master.unacknowledged.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn apps_converge_when_faults_stop(actions in proptest::collection::vec(action(), 1..120)) {
        let mut world = World::new(3);
        world.instant = false;
        for action in actions {
            perform(&mut world, action);
            world.now = Time(world.now.0 + 1000);
        }
        world.instant = true;
        while let Some(persisted) = world.write_one() {
            world.input(persisted);
        }
        for a in 0..3 {
            world.master.return_agent(world.now, &agent(a));
        }
        world.settle_for_long();
        eventually_every_app_has_what_it_wants(&mut world);
    }
}
