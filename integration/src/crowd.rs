//! Very many frameworks that have subscribed and want nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use boot::limits::raise_open_files;
use serde_json::json;

use crate::Framework;

/// So many subscribe at the same time.
const DOORS: usize = 16;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(60);
const HEARTBEAT: &[u8] = b"HEARTBEAT";

/// Descriptors that a master, or a story, needs beside those of the crowd.
const OTHERS: u64 = 1000;

/// How large a crowd may be: either side needs a descriptor for each.
pub fn room() -> usize {
    raise_open_files();
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
    let (most, _) = limit.expect("every process has a limit of open files");
    usize::try_from(most.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// Their streams. Dropped, they are gone without a word.
#[derive(Debug)]
pub struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// Subscribes `size` of them, and waits until each has heard so.
    pub fn subscribe(master: &str, size: usize) -> Result<Self> {
        raise_open_files();
        let part = |door: usize| {
            let master = master.to_owned();
            thread::spawn(move || {
                (door..size).step_by(DOORS).map(|n| idle(&master, n)).collect::<Result<Vec<_>>>()
            })
        };
        let parts: Vec<_> = (0..DOORS).map(part).collect();
        let mut streams = Vec::with_capacity(size);
        for part in parts {
            streams.extend(part.join().expect("a subscription does not panic")?);
        }
        Ok(Self(streams))
    }

    /// Waits until each has heard one more heartbeat, and how long that took.
    pub fn hear(&mut self) -> Result<Duration> {
        let began = Instant::now();
        for (n, stream) in self.0.iter_mut().enumerate() {
            hear(stream, HEARTBEAT).with_context(|| format!("idle-{n}"))?;
        }
        Ok(began.elapsed())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for stream in &self.0 {
            // The master may have ended.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// One that is suppressed: it has its first heartbeat.
fn idle(master: &str, n: usize) -> Result<TcpStream> {
    let info = json!({ "user": "nobody", "name": format!("idle-{n}") });
    let subscribe = json!({ "framework_info": info, "suppressed_roles": ["*"] });
    let body = json!({ "type": "SUBSCRIBE", "subscribe": subscribe }).to_string();
    let mut stream = TcpStream::connect(master).context("cannot connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = "POST /api/v1/scheduler HTTP/1.1\r\ncontent-type: application/json";
    let length = body.len();
    let request = format!("{head}\r\nhost: {master}\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes())?;
    hear(&mut stream, HEARTBEAT).with_context(|| format!("idle-{n}"))?;
    Ok(stream)
}

/// Reads until this was said.
fn hear(stream: &mut TcpStream, what: &[u8]) -> Result<()> {
    let mut said = Vec::new();
    let mut buffer = [0; 2048];
    while !said.windows(what.len()).any(|part| part == what) {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "the stream ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}

/// A declined offer is not made to the same framework again within 100 ms.
const FILTERED: Duration = Duration::from_millis(150);

/// Two frameworks decline the only offer in turns: how long it takes each time until the other has
/// it, the shortest first.
pub fn declines(pair: &mut [Framework; 2], rounds: usize) -> Vec<Duration> {
    let (mut times, mut offer) = (Vec::new(), pair[0].offer().1);
    for round in 0..2 * rounds {
        thread::sleep(FILTERED);
        let declined = Instant::now();
        pair[round % 2].decline(&offer, 0.0);
        let (came, next) = pair[(round + 1) % 2].offer();
        times.push(came.duration_since(declined));
        offer = next;
    }
    // The first one has it at last, as before.
    pair[0].keep(offer);
    times.sort();
    times
}

/// The memory that a process has in use, in bytes.
pub fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
