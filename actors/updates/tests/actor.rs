//! The actor on a real host with a real log, as claims.

use std::path::Path;
use std::time::Duration;

use protocol::frameworks::ForwardUpdate;
use protocol::task::{Source, TaskState, TaskStatus};
use protocol::updates::{
    ConfirmUpdate, GetPendingUpdates, PendingUpdateList, QueueUpdate, SetMaster,
};
use protocol::{Address, Time};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use updates::{NAME, Updates, UpdatesConfig};

const PATIENCE: Duration = Duration::from_secs(10);

/// Stands where a master's `frameworks` would.
struct Frameworks;

impl Actor for Frameworks {
    const ABOUT: &'static str = "takes updates";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ForwardUpdate>();
    }
}

impl Handler<ForwardUpdate> for Frameworks {
    fn handle(&mut self, _: ForwardUpdate, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

async fn host() -> Host {
    let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
    let host = Host::start(config).await.expect("a host");
    host.spawn("frameworks", SpawnOptions::default(), || Frameworks).expect("frameworks");
    host
}

fn spawn(host: &Host, work_dir: &Path) -> Address {
    let work_dir = work_dir.to_owned();
    let factory = move || Updates::new(UpdatesConfig::default(), &work_dir);
    host.spawn(NAME, Updates::spawn_options(), factory).expect("updates")
}

fn update(task: &str, id: &str, state: TaskState) -> QueueUpdate {
    let mut status = TaskStatus::new(task.into(), state, Source::Executor, Time(1));
    status.update_id = Some(id.into());
    QueueUpdate { framework_id: "f".into(), agent_id: "a".into(), status }
}

async fn pending(host: &Host, updates: &Address) -> PendingUpdateList {
    host.ask(updates, GetPendingUpdates {}, PATIENCE).await.expect("pending updates")
}

#[actix_rt::test]
async fn an_update_is_on_disk_when_it_is_answered_and_forwarded_until_acknowledged() {
    let (dir, host) = (tempfile::tempdir().unwrap(), host().await);
    let updates = spawn(&host, dir.path());
    let probe = host.probe();
    let frameworks = Some(host.address_of("frameworks"));
    host.ask(&updates, SetMaster { frameworks }, PATIENCE).await.unwrap();
    let forwarded = probe.expect_message::<ForwardUpdate>("frameworks");
    host.ask(&updates, update("t", "u1", TaskState::Running), PATIENCE).await.unwrap();
    let log = std::fs::read(dir.path().join("updates.journal")).unwrap();
    assert!(log.windows(2).any(|bytes| bytes == b"u1"));
    assert_eq!(forwarded.await.status.update_id.unwrap().as_str(), "u1");
    let again = probe.expect_message::<ForwardUpdate>("frameworks").await;
    assert_eq!(again.status.update_id.unwrap().as_str(), "u1", "a second later, once more");
    let confirm =
        ConfirmUpdate { framework_id: "f".into(), task_id: "t".into(), update_id: "u1".into() };
    assert!(!host.ask(&updates, confirm, PATIENCE).await.unwrap().task_done);
    assert_eq!(pending(&host, &updates).await.tasks, []);
}

#[actix_rt::test]
async fn what_is_unacknowledged_is_there_after_a_restart() {
    let (dir, host) = (tempfile::tempdir().unwrap(), host().await);
    let updates = spawn(&host, dir.path());
    for (task, id) in [("t1", "u1"), ("t2", "u2")] {
        host.ask(&updates, update(task, id, TaskState::Running), PATIENCE).await.unwrap();
    }
    host.stop_actor(NAME).await;
    let updates = spawn(&host, dir.path());
    assert_eq!(pending(&host, &updates).await.tasks.len(), 2);
    let forwarded = host.probe().expect_message::<ForwardUpdate>("frameworks");
    let frameworks = Some(host.address_of("frameworks"));
    host.tell(&updates, SetMaster { frameworks });
    assert_eq!(forwarded.await.status.update_id.unwrap().as_str(), "u1");
}

#[actix_rt::test]
async fn many_updates_at_once_share_their_writes_and_the_log_stays_short() {
    let (dir, host) = (tempfile::tempdir().unwrap(), host().await);
    let updates = spawn(&host, dir.path());
    let frameworks = Some(host.address_of("frameworks"));
    host.ask(&updates, SetMaster { frameworks }, PATIENCE).await.unwrap();
    for round in 0..12 {
        let names: Vec<_> = (0..400).map(|n| format!("t{round}-{n}")).collect();
        let asks = names
            .iter()
            .map(|name| host.ask(&updates, update(name, name, TaskState::Finished), PATIENCE));
        for answer in asks.collect::<Vec<_>>() {
            answer.await.unwrap();
        }
        for name in &names {
            let (task_id, update_id) = (name.as_str().into(), name.as_str().into());
            let confirm = ConfirmUpdate { framework_id: "f".into(), task_id, update_id };
            assert!(host.ask(&updates, confirm, PATIENCE).await.unwrap().task_done);
        }
    }
    host.probe().settle().await;
    let size = std::fs::metadata(dir.path().join("updates.journal")).unwrap().len();
    assert!(size < 1_300_000, "{size} bytes for nothing");
    host.stop_actor(NAME).await;
    let updates = spawn(&host, dir.path());
    assert_eq!(pending(&host, &updates).await.tasks, []);
}

#[actix_rt::test]
async fn a_log_that_cannot_be_opened_ends_the_host() {
    let (dir, host) = (tempfile::tempdir().unwrap(), host().await);
    std::fs::write(dir.path().join("updates.journal"), "something else entirely").unwrap();
    spawn(&host, dir.path());
    let why = tokio::time::timeout(PATIENCE, host.fatal()).await.expect("the host is told");
    assert!(why.contains(NAME), "{why}");
}
