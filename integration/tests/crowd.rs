//! Ten thousand frameworks that have nothing to do are subscribed with one master, and whoever has
//! something to do is served beside them as before. `make bench` measures the same with optimisation.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::{Duration, Instant};

use integration::{Cluster, Crowd, Framework, crowd};

const CROWD: usize = 10_000;
/// Fewer say nothing of what a crowd costs.
const FEWEST: usize = 1000;
/// So often each declines what the other is offered then.
const ROUNDS: usize = 5;
/// How long it may take until the other is offered it, one time with another: once, a busy machine
/// may be late.
const SOON: Duration = Duration::from_secs(1);
/// A heartbeat comes every 15 s; a busy machine may be late.
const HEARTBEAT: Duration = Duration::from_secs(30);

#[test]
fn idle_frameworks_cost_those_that_work_nothing() {
    let size = CROWD.min(crowd::room());
    assert!(size >= FEWEST, "a process may open files for {size} frameworks only: raise the limit");
    if size < CROWD {
        eprintln!("this system lets a process open files for {size} of {CROWD} frameworks only");
    }
    let cluster = Cluster::builder("crowd").start();
    let (master, pid) = (cluster.masters[0].http(), cluster.masters[0].pid().unwrap());
    let mut pair = ["one", "other"].map(|it| Framework::subscribe(master, Instant::now(), it, "*"));
    let alone = crowd::declines(&mut pair, ROUNDS);

    let (began, before) = (Instant::now(), crowd::resident(pid));
    let mut crowd = Crowd::subscribe(master, size).unwrap();
    let took = began.elapsed();
    let each = crowd::resident(pid).saturating_sub(before) / size as u64;
    eprintln!("{size} frameworks subscribed in {took:?}; each takes {each} bytes of the master");

    let beside = crowd::declines(&mut pair, ROUNDS);
    let half = ROUNDS;
    eprintln!(
        "declined to offered to another: alone {:?}, beside them {:?}",
        alone[half], beside[half]
    );
    assert!(beside[half] < SOON, "{beside:?}");

    let heard = crowd.hear().unwrap();
    eprintln!("each of them has heard a heartbeat within {heard:?}");
    assert!(heard < HEARTBEAT, "{heard:?}");
}
