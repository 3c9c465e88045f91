//! Messages between actors of one host, beside bounded tokio channels doing the same.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use protocol::{Address, Message};
use runtime::{Host, HostConfig, Placement, SpawnOptions};
use tokio::sync::{mpsc, oneshot};

use crate::actor::{Tally, Tick, Total, note};
use crate::report::{Measure, Report};

const DEADLINE: Duration = Duration::from_secs(30);
/// Tells between two asks that make sure all were handled: two windows are well within a mailbox.
pub(crate) const WINDOW: usize = 1024;
const TICK: Tick = Tick { number: 1 };
const TELLS: usize = 4_000_000;
const ASKS: usize = 100_000;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let config = HostConfig { cluster: "bench".into(), listen: None, advertise: None };
    let host = Host::start(config).await?;
    let own = host.spawn("own", SpawnOptions::own(), Tally::default)?;
    let shared = host.spawn("shared", SpawnOptions::default(), Tally::default)?;
    let tell_bound = channel_tells().await;
    let tells = tell(&host, &own, &TICK, TELLS, WINDOW).await;
    report.add(
        Measure::new("local tell, across threads", tells, "msg/s")
            .bound(tell_bound)
            .target(">= 5000000"),
    );
    let tells = tell(&host, &shared, &TICK, TELLS, WINDOW).await;
    report.add(Measure::new("local tell, same thread", tells, "msg/s").bound(tell_bound));
    let ask_bound = channel_asks().await;
    let asks = ask_in_turn(&host, &shared, ASKS).await;
    report.add(Measure::new("local ask, same thread", asks, "ask/s").bound(ask_bound));
    let asks = ask_in_turn(&host, &own, ASKS).await;
    report.add(Measure::new("local ask, across threads", asks, "ask/s"));
    let worst = idle_beside_flood(&host).await?;
    report
        .add(Measure::new("ask to an idle actor beside a flood, worst", worst, "ms").target("< 5"));
    host.shutdown().await;
    Ok(())
}

/// Tells per second, in windows closed by an ask. While one window is handled the next is told, so
/// both sides are busy, as with any sender that has a credit; more than two never wait.
pub(crate) async fn tell<M: Message + Clone>(
    host: &Host,
    to: &Address,
    message: &M,
    count: usize,
    window: usize,
) -> f64 {
    let start = Instant::now();
    let mut before = None;
    for _ in 0..count / window {
        for _ in 0..window {
            host.tell(to, message.clone());
        }
        let handled = host.ask(to, Total {}, DEADLINE);
        if let Some(before) = before.replace(handled) {
            before.await.expect("the actor answers");
        }
    }
    if let Some(last) = before {
        last.await.expect("the actor answers");
    }
    rate(count, start)
}

/// Asks per second, each after the answer to the one before.
pub(crate) async fn ask_in_turn(host: &Host, to: &Address, count: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        host.ask(to, note(), DEADLINE).await.expect("the actor answers");
    }
    rate(count, start)
}

/// Asks per second with `depth` under way at once.
pub(crate) async fn ask(host: &Host, to: &Address, count: usize, depth: usize) -> f64 {
    let start = Instant::now();
    let mut under_way = FuturesUnordered::new();
    for n in 0..count {
        if n >= depth {
            let answer: Option<Result<(), _>> = under_way.next().await;
            answer.expect("one is under way").expect("the actor answers");
        }
        under_way.push(host.ask(to, note(), DEADLINE));
    }
    while let Some(answer) = under_way.next().await {
        answer.expect("the actor answers");
    }
    rate(count, start)
}

pub(crate) fn rate(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

enum Item {
    Tick(Tick),
    Barrier(oneshot::Sender<()>),
}

/// A receiver on a thread of its own.
fn channel_receiver() -> mpsc::Sender<Item> {
    let (sender, mut receiver) = mpsc::channel(8192);
    actix_rt::Arbiter::new().spawn(async move {
        let mut seen = 0;
        while let Some(item) = receiver.recv().await {
            match item {
                Item::Tick(tick) => seen += tick.number,
                Item::Barrier(done) => {
                    let _ = done.send(());
                }
            }
        }
        std::hint::black_box(seen);
    });
    sender
}

async fn channel_tells() -> f64 {
    let sender = channel_receiver();
    let start = Instant::now();
    let mut before = None;
    for _ in 0..TELLS / WINDOW {
        for _ in 0..WINDOW {
            put(&sender, Item::Tick(TICK)).await;
        }
        if let Some(before) = before.replace(barrier(&sender).await) {
            before.await.expect("the receiver answers");
        }
    }
    if let Some(last) = before {
        last.await.expect("the receiver answers");
    }
    rate(TELLS, start)
}

async fn put(sender: &mpsc::Sender<Item>, item: Item) {
    let sent = sender.send(item).await;
    sent.unwrap_or_else(|_| unreachable!("the receiver outlives the sender"));
}

/// Resolves when everything before it was received.
async fn barrier(sender: &mpsc::Sender<Item>) -> oneshot::Receiver<()> {
    let (done, wait) = oneshot::channel();
    put(sender, Item::Barrier(done)).await;
    wait
}

async fn channel_asks() -> f64 {
    let (sender, mut receiver) = mpsc::channel::<Item>(8192);
    actix_rt::spawn(async move {
        while let Some(item) = receiver.recv().await {
            if let Item::Barrier(done) = item {
                let _ = done.send(());
            }
        }
    });
    let start = Instant::now();
    for _ in 0..ASKS {
        barrier(&sender).await.await.expect("the receiver answers");
    }
    rate(ASKS, start)
}

/// The slowest of a hundred asks to an idle actor, in milliseconds, while a neighbour on its thread
/// is told as much as its mailbox takes, for a second.
async fn idle_beside_flood(host: &Host) -> anyhow::Result<f64> {
    let options = SpawnOptions { placement: Placement::Shared, ..SpawnOptions::default() };
    let flooded = host.spawn("flooded", options, Tally::default)?;
    let idle = host.spawn("idle", options, Tally::default)?;
    let flooding = host.clone();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let flood = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            flooding.tell(&flooded, note());
        }
    });
    let mut worst = 0.0_f64;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let start = Instant::now();
        host.ask(&idle, Total {}, DEADLINE).await?;
        worst = worst.max(start.elapsed().as_secs_f64() * 1000.0);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().map_err(|_| anyhow::anyhow!("the flooding thread panicked"))?;
    Ok(worst)
}
