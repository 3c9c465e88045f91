//! The actor on a real host, as claims.

use std::time::Duration;

use monitor::{Monitor, MonitorConfig, NAME};
use protocol::Scalar;
use protocol::isolator::{ContainerUsage, GetContainerUsage, UsageList};
use protocol::monitor::GetUsage;
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};

const PATIENCE: Duration = Duration::from_secs(10);

/// Has one container.
struct Isolator;

impl Actor for Isolator {
    const ABOUT: &'static str = "has one container";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetContainerUsage>();
    }
}

impl Handler<GetContainerUsage> for Isolator {
    fn handle(&mut self, _: GetContainerUsage, _: &mut Context<Self>) -> Outcome<UsageList> {
        let container = ContainerUsage {
            container_id: "c".into(),
            framework_id: "f".into(),
            executor_id: "e".into(),
            cpu_seconds: 1.5,
            cpus_limit: Scalar::from_f64(0.5).expect("a half"),
            mem_bytes: 1,
            mem_limit_bytes: 2,
            processes: 1,
            oom_kills: 0,
        };
        Outcome::Reply(UsageList { containers: vec![container] })
    }
}

async fn host(interval_ms: u64) -> Host {
    let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
    let host = Host::start(config).await.expect("a host");
    let factory = move || Monitor::new(&MonitorConfig { interval_ms }, std::path::Path::new("/"));
    host.spawn(NAME, Monitor::spawn_options(), factory).expect("monitor");
    host
}

#[actix_rt::test]
async fn the_first_question_waits_for_the_first_sample() {
    let host = host(60_000).await;
    host.spawn("isolator", SpawnOptions::default(), || Isolator).unwrap();
    let report = host.ask(&host.address_of(NAME), GetUsage {}, PATIENCE).await.unwrap();
    assert!(report.machine.cpus > 0 && report.machine.mem_total_bytes > 0);
}

#[actix_rt::test]
async fn samples_are_renewed_and_carry_the_containers() {
    let host = host(100).await;
    host.spawn("isolator", SpawnOptions::default(), || Isolator).unwrap();
    let monitor = host.address_of(NAME);
    let first = host.ask(&monitor, GetUsage {}, PATIENCE).await.unwrap();
    let probe = host.probe();
    for _ in 0..2 {
        probe.expect_message::<GetContainerUsage>("isolator").await;
    }
    let later = host.ask(&monitor, GetUsage {}, PATIENCE).await.unwrap();
    assert!(later.time > first.time);
    assert_eq!(later.containers.len(), 1);
}

#[actix_rt::test]
async fn the_machine_is_sampled_without_an_isolator() {
    let host = host(60_000).await;
    let report = host.ask(&host.address_of(NAME), GetUsage {}, PATIENCE).await.unwrap();
    assert_eq!(report.containers, []);
}
