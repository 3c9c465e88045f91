//! A scheduler's side of the v1 API, for both of its encodings: the stream of events, and calls on
//! connections of their own. What the records mean is left to the story.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::http::{self, Response};

const PATH: &str = "/api/v1/scheduler";

/// How calls and events are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Protobuf,
}

impl Encoding {
    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }
}

/// A subscription. Dropped, it is gone without a word, as if the scheduler had died.
#[derive(Debug)]
pub struct Subscription {
    master: String,
    encoding: Encoding,
    stream_id: String,
    stream: TcpStream,
}

impl Subscription {
    /// Subscribes with this call. Every event is given to `heard`, on a thread of its own, at the
    /// moment at which it comes.
    pub fn open(
        master: &str,
        encoding: Encoding,
        call: &[u8],
        heard: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<Self> {
        let headers = [("content-type", encoding.media()), ("accept", encoding.media())];
        let stream = http::ask(master, "POST", PATH, &headers, call)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let head = read_head(&mut reader)?;
        ensure!(head.status == 200, "the subscription is answered with {}", head.status);
        ensure!(head.header("content-type") == Some(encoding.media()), "{head:?}");
        let stream_id = head.header("mesos-stream-id").context("the stream has no id")?.to_owned();
        // Heartbeats come every 15 s only.
        stream.set_read_timeout(None)?;
        thread::spawn(move || read_records(reader, heard));
        Ok(Self { master: master.to_owned(), encoding, stream_id, stream })
    }

    /// A call, which must be taken: 202 and nothing else.
    pub fn call(&self, body: &[u8]) -> Result<()> {
        let headers =
            [("content-type", self.encoding.media()), ("mesos-stream-id", self.stream_id.as_str())];
        let answer = http::send(&self.master, "POST", PATH, &headers, body)?;
        ensure!(answer.status == 202 && answer.body.is_empty(), "the call is answered: {answer:?}");
        let refused = answer.header("meseta-refused");
        ensure!(refused.is_none(), "the call was not done: {refused:?}");
        Ok(())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // The master may have closed it before.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn read_head(reader: &mut impl BufRead) -> Result<Response> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(reader.read_until(b'\n', &mut head)? > 0, "the answer has no end of its header");
    }
    http::parse_head(&head)
}

/// Until the stream ends, or says something that is none.
fn read_records(reader: impl BufRead, mut heard: impl FnMut(&[u8])) {
    let mut chunks = Chunks { reader, left: 0 };
    while let Ok(record) = read_record(&mut chunks) {
        heard(&record);
    }
}

/// RecordIO: the length in decimal, a newline, and as many bytes.
fn read_record(chunks: &mut impl Read) -> Result<Vec<u8>> {
    let mut length: usize = 0;
    loop {
        let mut byte = [0];
        chunks.read_exact(&mut byte)?;
        match byte[0] {
            b'\n' => break,
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            other => bail!("byte {other} in the length of a record"),
        }
    }
    let mut record = vec![0; length];
    chunks.read_exact(&mut record)?;
    Ok(record)
}

/// A body in chunks, without them.
struct Chunks<R> {
    reader: R,
    /// Of the present chunk.
    left: usize,
}

impl<R: BufRead> Chunks<R> {
    /// The length of the next chunk; 0 behind the last one.
    fn next(&mut self) -> std::io::Result<usize> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Ok(0);
            }
            // The chunk before ends with an empty line.
            if let Some(text) = Some(line.trim()).filter(|text| !text.is_empty()) {
                return usize::from_str_radix(text, 16).map_err(std::io::Error::other);
            }
        }
    }
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            self.left = self.next()?;
        }
        let wanted = out.len().min(self.left);
        let count = self.reader.read(&mut out[..wanted])?;
        self.left -= count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_wherever_chunks_divide_them() {
        let whole = b"5\r\n3\nabc\r\n4\r\n12\nx\r\nb\r\nyyyyyyyyyyy\r\n0\r\n\r\n";
        let mut found = Vec::new();
        read_records(&whole[..], |record| found.push(record.to_vec()));
        assert_eq!(found, [b"abc".to_vec(), b"xyyyyyyyyyyy".to_vec()]);
    }
}
