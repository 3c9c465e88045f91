//! Messages between two processes over loopback TCP, beside raw sockets moving the same bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use protocol::Address;
use runtime::{Host, HostConfig, SpawnOptions};

use crate::actor::{Tally, note};
use crate::local::{WINDOW, ask, ask_in_turn, rate, tell};
use crate::report::{Measure, Report};

const TELLS: usize = 3_000_000;
const ASKS: usize = 60_000;
const TURNS: usize = 9;
const DEEP_ASKS: usize = 600_000;
/// A frame with a 100-byte body: length, envelope, body.
const FRAME: usize = 4 + 24 + 100;
const RAW_FRAMES: usize = 20_000_000;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let raw_tells = raw_one_way()?;
    let server = Server::start()?;
    let config = HostConfig { cluster: "bench".into(), listen: None, advertise: None };
    let host = Host::start(config).await?;
    ask_in_turn(&host, &server.tally, 1000).await;
    // Two of these are half a mailbox, and enough that neither side waits for the other.
    let tells = tell(&host, &server.tally, &note(), TELLS, 2 * WINDOW).await;
    report.add(
        Measure::new("remote tell, 100 B, 1 connection", tells, "msg/s")
            .bound(raw_tells)
            .target(">= 1500000"),
    );
    let (asks, raw_asks) = round_trips(&host, &server).await?;
    report.add(
        Measure::new("remote ask round trip, depth 1", asks, "us")
            .bound(raw_asks)
            .target("ratio <= 1.5"),
    );
    let asks = ask(&host, &server.tally, DEEP_ASKS, 128).await;
    report.add(Measure::new("remote ask, depth 128", asks, "ask/s").target(">= 400000"));
    host.shutdown().await;
    Ok(())
}

/// Microseconds of an ask and of a raw echo: the medians of turns taken in alternation, so that
/// whatever else the machine does falls on both.
async fn round_trips(host: &Host, server: &Server) -> anyhow::Result<(f64, f64)> {
    let (mut asks, mut echoes) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        echoes.push(1e6 / raw_echo(&server.echo)?);
        asks.push(1e6 / ask_in_turn(host, &server.tally, ASKS / TURNS).await);
    }
    asks.sort_by(f64::total_cmp);
    echoes.sort_by(f64::total_cmp);
    Ok((asks[TURNS / 2], echoes[TURNS / 2]))
}

/// The other process.
struct Server {
    child: Child,
    tally: Address,
    /// Where a plain thread of it sends back what it reads.
    echo: String,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("failed to find this program")?;
        let mut child = Command::new(program)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start the second process")?;
        let output = child.stdout.take().context("the second process has no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut line = || lines.next().context("the second process ended")?.map_err(Into::into);
        let (tally, echo): (anyhow::Result<String>, _) = (line(), line());
        Ok(Self { tally: tally?.parse()?, echo: echo?, child })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is worth an end in good order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the second process runs: an actor on the thread of its connections.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listen = Some(([127, 0, 0, 1], 0).into());
    let config = HostConfig { cluster: "bench".into(), listen, advertise: None };
    let host = Host::start(config).await?;
    let tally = host.spawn("tally", SpawnOptions::default(), Tally::default)?;
    let echo = TcpListener::bind("127.0.0.1:0")?;
    println!("{tally}\n{}", echo.local_addr()?);
    std::thread::spawn(move || echo.incoming().flatten().for_each(send_back));
    std::io::stdout().flush()?;
    // Its input ends with the process that started it, however that ends.
    let wait = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    actix_rt::task::spawn_blocking(wait).await??;
    host.shutdown().await;
    Ok(())
}

/// Frames per second when a thread writes 64 KiB at a time and another only reads.
fn raw_one_way() -> anyhow::Result<f64> {
    let (mut from, mut to) = pair()?;
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut left = RAW_FRAMES * FRAME;
        while left > 0 {
            match to.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(n) => left = left.saturating_sub(n),
            }
        }
    });
    let chunk = vec![0; 64 * 1024];
    let start = Instant::now();
    let mut left = RAW_FRAMES * FRAME;
    while left > 0 {
        let n = left.min(chunk.len());
        from.write_all(&chunk[..n])?;
        left -= n;
    }
    reader.join().map_err(|_| anyhow::anyhow!("the reading thread panicked"))?;
    Ok(rate(RAW_FRAMES, start))
}

/// Round trips per second of one frame, one at a time, between threads of two processes that block
/// on their sockets.
fn raw_echo(at: &str) -> anyhow::Result<f64> {
    let mut here = TcpStream::connect(at)?;
    here.set_nodelay(true)?;
    let mut buffer = [0; FRAME];
    let start = Instant::now();
    for _ in 0..ASKS / TURNS {
        here.write_all(&buffer)?;
        here.read_exact(&mut buffer)?;
    }
    Ok(rate(ASKS / TURNS, start))
}

fn send_back(mut stream: TcpStream) {
    let mut buffer = [0; FRAME];
    // Without it the echo would wait for the other side's acknowledgement.
    let _ = stream.set_nodelay(true);
    while stream.read_exact(&mut buffer).and_then(|()| stream.write_all(&buffer)).is_ok() {}
}

fn pair() -> anyhow::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    Ok((one, other))
}
