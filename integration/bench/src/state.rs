//! `/state` of a large cluster, and what it costs others that twenty tools poll it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use protocol::id::Generation;
use serde_json::{Value, json};

use crate::report::{Measure, Report};
use crate::stage::Stage;

const AGENTS: usize = 20_000;
const TASKS_EACH: usize = 10;
const POLLING: usize = 20;
/// The best of so many is taken: what else the machine does is not ours.
const RUNS: usize = 5;
/// What is new since the answer before: the tasks of one in so many agents.
const SINCE: [(&str, Option<usize>); 3] =
    [("all", Some(1)), ("1 in 100", Some(100)), ("none", None)];
/// Latencies are measured in so many windows while nobody polls, and in as many between these while
/// all do: the machine has better and worse moments.
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(4);
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) async fn run(report: &mut Report, quick: bool) -> anyhow::Result<()> {
    let (agents, window) = match quick {
        true => (AGENTS / 100, WINDOW / 10),
        false => (AGENTS, WINDOW),
    };
    let stage = Stage::start(agents, TASKS_EACH).await?;
    let tasks = agents * TASKS_EACH;
    let bytes = check(&stage, tasks).await?;
    let bound = socket(bytes)?;
    let mut generation = Generation(1);
    for (what, every) in SINCE {
        let changed = every.map_or_else(Vec::new, |every| some(agents, every));
        let mut took = f64::INFINITY;
        for _ in 0..RUNS {
            generation = generation.next();
            stage.join(changed.clone(), TASKS_EACH, generation).await?;
            took = took.min(answer(&stage, bytes).await?);
        }
        let name = format!("/state, {agents} agents, {tasks} tasks, {what} new");
        report.add(Measure::new(name, took, "ms").bound(bound).target("< 500"));
    }
    let megabytes = bytes as f64 / 1e6;
    report.add(Measure::new("/state, its size", megabytes, "MB"));

    latencies(&stage, bytes, window, report).await?;
    stage.stop().await;
    Ok(())
}

/// How long a call takes while nobody polls and while all do.
async fn latencies(
    stage: &Stage,
    bytes: usize,
    window: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let scheduler = Caller::subscribe(stage).await?;
    let (mut quiet, mut polled, mut rounds) = (Vec::new(), Vec::new(), 0);
    for _ in 0..WINDOWS {
        quiet.push(scheduler.latency(window).await?);
        let pollers = Pollers::start(stage, bytes);
        // Everybody polls before anything is measured.
        pollers.until_each_has_read().await;
        polled.push(scheduler.latency(window).await?);
        let answers = pollers.stop().await;
        ensure!(answers > 0, "those who poll were not answered: nothing was measured");
        rounds += answers;
    }
    let (alone, beside) = (Latency::of(&quiet)?, Latency::of(&polled)?);
    let who = ["call over HTTP", "call over HTTP, 20 poll /state"];
    for (who, latency, target) in [(who[0], &alone, ""), (who[1], &beside, "no change")] {
        let name = |what: &str| format!("{who}, {what}");
        report.add(Measure::new(name("p50"), latency.p50, "us").bound(alone.p50));
        let p99 = Measure::new(name("p99"), latency.p99, "us").bound(alone.p99);
        report.add(p99.target(target));
        // How far windows of the same kind are apart is what no change can be told from.
        report.add(Measure::new(name("p99 of the best window"), latency.best, "us"));
        report.add(Measure::new(name("p99 of the worst window"), latency.worst, "us"));
    }
    let rate = rounds as f64 / (window * WINDOWS as u32).as_secs_f64();
    report.add(Measure::new("/state, answers to 20 that poll", rate, "/s"));
    Ok(())
}

/// In microseconds: of all windows together, and the 99th percentiles of the best and the worst.
struct Latency {
    p50: f64,
    p99: f64,
    best: f64,
    worst: f64,
}

impl Latency {
    fn of(windows: &[Histogram<u64>]) -> anyhow::Result<Self> {
        let mut all = windows.first().context("nothing was measured")?.clone();
        for window in &windows[1..] {
            all.add(window)?;
        }
        let micros = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64;
        let p99s = || windows.iter().map(|window| micros(window, 0.99));
        let (best, worst) = (p99s().fold(f64::INFINITY, f64::min), p99s().fold(0.0, f64::max));
        Ok(Self { p50: micros(&all, 0.5), p99: micros(&all, 0.99), best, worst })
    }
}

/// One in so many agents, of any remainder: their tasks are of any framework.
fn some(agents: usize, every: usize) -> Vec<usize> {
    (0..agents / every).map(|n| n * every + n % every).collect()
}

/// It says what is there, in so many bytes.
async fn check(stage: &Stage, tasks: usize) -> anyhow::Result<usize> {
    let body = reqwest::get(stage.url("/state")).await?.error_for_status()?.bytes().await?;
    let state: Value = serde_json::from_slice(&body)?;
    let frameworks = state["frameworks"].as_array().context("no frameworks")?;
    let of = |framework: &Value| framework["tasks"].as_array().map_or(0, Vec::len);
    let found: usize = frameworks.iter().map(of).sum();
    ensure!(found == tasks, "{found} tasks of {tasks} are in /state");
    Ok(body.len())
}

/// Milliseconds until the last byte of an answer is there. It is read as the bound is read: what a
/// client does with the bytes is not the master's cost.
async fn answer(stage: &Stage, bytes: usize) -> anyhow::Result<f64> {
    let address = stage.gateway.address();
    let read = move || read_all(address, GET_STATE, bytes + ROOM_FOR_HEAD);
    let (took, read) = tokio::task::spawn_blocking(read).await??;
    ensure!(read > bytes, "an answer has {read} bytes, not {bytes} and a head");
    Ok(took)
}

const GET_STATE: &[u8] = b"GET /state HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n";
/// For the head of an answer, in bytes.
const ROOM_FOR_HEAD: usize = 4096;

/// Milliseconds from a request until the other end has sent everything and closes, and the bytes.
fn read_all(address: SocketAddr, request: &[u8], room: usize) -> anyhow::Result<(f64, usize)> {
    let mut stream = TcpStream::connect(address)?;
    let mut answer = Vec::with_capacity(room);
    let start = Instant::now();
    stream.write_all(request)?;
    stream.read_to_end(&mut answer)?;
    Ok((start.elapsed().as_secs_f64() * 1e3, answer.len()))
}

/// Milliseconds to send so many bytes over a socket of this machine and to read them, as they are.
fn socket(bytes: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let sender = std::thread::spawn(move || -> std::io::Result<()> {
        let body = vec![b'x'; bytes];
        for _ in 0..RUNS {
            let (mut stream, _) = listener.accept()?;
            stream.read_exact(&mut [0])?;
            stream.write_all(&body)?;
        }
        Ok(())
    });
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        best = best.min(read_all(address, b"?", bytes)?.0);
    }
    sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    Ok(best)
}

/// A framework over HTTP that makes calls.
struct Caller {
    client: reqwest::Client,
    url: String,
    framework_id: String,
    stream_id: String,
    /// Open for as long as it is subscribed.
    _events: reqwest::Response,
}

impl Caller {
    async fn subscribe(stage: &Stage) -> anyhow::Result<Self> {
        let client = reqwest::Client::new();
        let url = stage.url("/api/v1/scheduler");
        let info = json!({ "user": "root", "name": "caller", "failover_timeout": 60.0 });
        let subscribe = json!({ "framework_info": info, "suppressed_roles": ["*"] });
        let call = json!({ "type": "SUBSCRIBE", "subscribe": subscribe });
        let mut events = post(&client, &url, &call).send().await?.error_for_status()?;
        let stream_id = events.headers().get("mesos-stream-id").context("no stream id")?;
        let stream_id = stream_id.to_str()?.to_owned();
        let chunk = events.chunk().await?.context("no event")?;
        let newline = chunk.iter().position(|byte| *byte == b'\n').context("no length")?;
        let event: Value = serde_json::from_slice(&chunk[newline + 1..])?;
        let id = event["subscribed"]["framework_id"]["value"].as_str().context("no id")?;
        let framework_id = id.to_owned();
        Ok(Self { client, url, framework_id, stream_id, _events: events })
    }

    /// How long a call takes that the frameworks manager answers, in microseconds.
    async fn latency(&self, measured: Duration) -> anyhow::Result<Histogram<u64>> {
        let mut times = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        let framework_id = json!({ "value": self.framework_id });
        let call = json!({ "type": "SUPPRESS", "framework_id": framework_id, "suppress": {} });
        let end = Instant::now() + measured;
        while Instant::now() < end {
            let request = post(&self.client, &self.url, &call);
            let start = Instant::now();
            let response = request.header("Mesos-Stream-Id", &self.stream_id).send().await?;
            ensure!(response.status() == 202, "{}", response.status());
            times.saturating_record(start.elapsed().as_micros() as u64);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(times)
    }
}

fn post(client: &reqwest::Client, url: &str, call: &Value) -> reqwest::RequestBuilder {
    client.post(url).header("Content-Type", "application/json").body(call.to_string())
}

/// Tools that ask for `/state` again as soon as they have it. On threads of their own, and no further
/// than bytes: what they do with the answer is not the master's cost. They have machines of their
/// own, too; here they take what others leave of the processors.
struct Pollers {
    over: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Pollers {
    /// They go on while an answer has at least so many bytes.
    fn start(stage: &Stage, bytes: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let address = stage.gateway.address();
        let threads = (0..POLLING).map(|_| {
            let (over, rounds) = (Arc::clone(&over), Arc::clone(&rounds));
            std::thread::spawn(move || {
                if let Err(error) = runtime::give_way(19) {
                    eprintln!("meseta-bench: pollers compete with what is measured: {error}");
                }
                let mut buffer = vec![0; 1 << 16];
                while !over.load(Ordering::Relaxed)
                    && poll(address, &mut buffer).is_ok_and(|read| read >= bytes)
                {
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self { threads: threads.collect(), over, rounds }
    }

    async fn until_each_has_read(&self) {
        while self.rounds.load(Ordering::Relaxed) < POLLING
            && self.threads.iter().any(|thread| !thread.is_finished())
        {
            tokio::time::sleep(PAUSE).await;
        }
        self.rounds.store(0, Ordering::Relaxed);
    }

    async fn stop(self) -> usize {
        let rounds = self.rounds.load(Ordering::Relaxed);
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            while !thread.is_finished() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        rounds
    }
}

/// The bytes of an answer.
fn poll(address: SocketAddr, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(GET_STATE)?;
    let mut bytes = 0;
    loop {
        match stream.read(buffer)? {
            0 => return Ok(bytes),
            read => bytes += read,
        }
        // One that works for long is left alone by the kernel for some milliseconds.
        std::thread::yield_now();
    }
}
