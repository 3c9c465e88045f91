//! Ten thousand frameworks that want nothing, subscribed with a real master, and a decline beside
//! them.

use std::time::Instant;

use anyhow::Context as _;
use integration::{Cluster, Crowd, Framework, crowd};

use crate::report::{Measure, Report};

const CROWD: usize = 10_000;
const ROUNDS: usize = 50;

pub(crate) fn run(report: &mut Report, quick: bool) -> anyhow::Result<()> {
    let size = if quick { CROWD / 100 } else { CROWD };
    let cluster = Cluster::builder("bench-crowd").start();
    let (master, pid) = (cluster.masters[0].http(), cluster.masters[0].pid());
    let pid = pid.context("the master runs")?;
    let mut pair = ["one", "other"].map(|it| Framework::subscribe(master, Instant::now(), it, "*"));
    let alone = decline(&mut pair);

    let (began, before) = (Instant::now(), crowd::resident(pid));
    let mut crowd = Crowd::subscribe(master, size)?;
    let took = began.elapsed().as_secs_f64();
    let each = crowd::resident(pid).saturating_sub(before) as f64 / size as f64;
    let beside = decline(&mut pair);
    let heard = crowd.hear()?;

    report.add(Measure::new(format!("{size} idle frameworks subscribed"), took, "s"));
    report.add(Measure::new("memory of the master for each", each / 1024.0, "KiB"));
    report.add(
        Measure::new("declined to offered beside them, p50", beside, "ms")
            .bound(alone)
            .target("< 10"),
    );
    let seconds = heard.as_secs_f64();
    report.add(Measure::new("until all have a heartbeat", seconds, "s").target("<= 15"));
    Ok(())
}

/// Milliseconds from a decline to the offer to the other, the median.
fn decline(pair: &mut [Framework; 2]) -> f64 {
    crowd::declines(pair, ROUNDS)[ROUNDS].as_secs_f64() * 1e3
}
