//! What one framework declines is offered to the next: through a real master, between two schedulers
//! in this process. Beside it, what a question to the same master and its answer take.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use driver::{Scheduler, SchedulerConfig, SchedulerDriver, start_scheduler};
use hdrhistogram::Histogram;
use integration::Cluster;
use protocol::Address;
use protocol::framework::{Filters, FrameworkInfo, Offer};
use protocol::frameworks::GetOffers;
use protocol::task::TaskStatus;
use runtime::{Host, HostConfig};
use tokio::sync::mpsc;

use crate::report::{Measure, Report};

const ROUNDS: usize = 200;
/// Rounds that are not counted: connections are opened, and memory is touched for the first time.
const WARM_UP: usize = 5;
/// Before an offer is declined: the one who declined last is open for offers again. A refusal holds
/// for 100 ms at least, so that two who want nothing do not keep a master busy.
const THINKING: Duration = Duration::from_millis(120);
/// For one offer to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who has been offered something, and when it came.
struct Came {
    who: usize,
    at: Instant,
    offer: Offer,
}

pub(crate) async fn run(report: &mut Report, quick: bool) -> anyhow::Result<()> {
    let rounds = if quick { ROUNDS / 100 } else { ROUNDS };
    let cluster = Cluster::builder("bench-offers").resources("cpus=4;mem=4096").start();
    let master = cluster.masters[0].ready().actors.clone();
    let config = HostConfig { cluster: cluster.name().to_owned(), listen: None, advertise: None };
    let host = Host::start(config).await?;
    let (sender, mut offers) = mpsc::unbounded_channel();
    let mut drivers = Vec::new();
    for who in 0..2 {
        let info = FrameworkInfo::new("root", format!("bench-{who}"));
        let name = format!("scheduler-{who}");
        let config = SchedulerConfig { name, ..SchedulerConfig::new(info, vec![master.clone()]) };
        let sender = sender.clone();
        drivers
            .push(start_scheduler(&host, config, move || Watch { who, sender: sender.clone() })?);
    }
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let mut here = next(&mut offers).await?;
    for round in 0..WARM_UP + rounds {
        tokio::time::sleep(THINKING).await;
        let declined = Instant::now();
        drivers[here.who].decline(vec![here.offer.offer_id.clone()], Filters::NONE);
        let there = next(&mut offers).await?;
        if there.who != here.who && round >= WARM_UP {
            let took = there.at.duration_since(declined);
            times.saturating_record(took.as_micros() as u64);
        }
        here = there;
    }
    let bound = question(&host, &Address::new("frameworks", master), rounds).await?;
    let millis = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    report.add(
        Measure::new("declined to offered to another, p50", millis(0.5), "ms")
            .bound(bound)
            .target("< 10"),
    );
    report.add(Measure::new("declined to offered to another, p99", millis(0.99), "ms"));
    let moved = times.len() as f64 / rounds as f64 * 100.0;
    report.add(Measure::new("declines that went to the other", moved, "%").target("100"));
    drivers.iter().for_each(SchedulerDriver::teardown);
    host.shutdown().await;
    drop(cluster);
    Ok(())
}

async fn next(offers: &mut mpsc::UnboundedReceiver<Came>) -> anyhow::Result<Came> {
    let came = tokio::time::timeout(PATIENCE, offers.recv()).await;
    came.context("what was declined is not offered again")?.context("the schedulers ended")
}

/// Milliseconds from a question to its answer, the median.
async fn question(host: &Host, to: &Address, rounds: usize) -> anyhow::Result<f64> {
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for _ in 0..rounds {
        let start = Instant::now();
        host.ask(to, GetOffers {}, PATIENCE).await?;
        times.saturating_record(start.elapsed().as_micros() as u64);
    }
    Ok(times.value_at_quantile(0.5) as f64 / 1e3)
}

/// Says what it is offered.
struct Watch {
    who: usize,
    sender: mpsc::UnboundedSender<Came>,
}

impl Scheduler for Watch {
    fn offers(&mut self, _: &SchedulerDriver, offers: Vec<Offer>) {
        let at = Instant::now();
        for offer in offers {
            // Nobody listens once all is measured.
            let _ = self.sender.send(Came { who: self.who, at, offer });
        }
    }

    fn update(&mut self, _: &SchedulerDriver, _: TaskStatus) {}
}
