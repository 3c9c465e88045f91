//! What a process prints, line by line, while it runs.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The lines that nobody has looked at yet.
#[derive(Debug)]
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads to the end, so that the process never blocks on a full pipe.
    pub fn of(stdout: ChildStdout) -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Whoever has found what it wanted does not listen any more.
                let _ = tell.send(line);
            }
        });
        Self(lines)
    }

    /// What `wanted` makes of the first line that it makes something of; otherwise all the lines
    /// that came until the time was over, or the process closed its stdout.
    pub fn find<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Vec<String>> {
        let until = Instant::now() + limit;
        let mut seen = Vec::new();
        while let Ok(line) = self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
            match wanted(&line) {
                Some(found) => return Ok(found),
                None => seen.push(line),
            }
        }
        Err(seen)
    }
}
