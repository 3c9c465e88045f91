//! As much of an HTTP client as stories need: one request a connection, nothing hidden.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// No request of a story takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// GET from `host:port`.
pub fn get(authority: &str, path: &str) -> Result<Response> {
    request(authority, "GET", path, None)
}

/// One request with a JSON body or none.
pub fn request(
    authority: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Response> {
    let body = body.map(Value::to_string).unwrap_or_default();
    send(authority, method, path, &[("content-type", "application/json")], body.as_bytes())
}

/// One request with these headers and bytes.
pub fn send(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let mut stream = ask(authority, method, path, headers, body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).context("the answer did not end")?;
    parse(&bytes)
}

/// The connection of a request of which nothing is answered yet.
pub(crate) fn ask(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<TcpStream> {
    let mut stream =
        TcpStream::connect(authority).with_context(|| format!("cannot connect to {authority}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{headers}\
         content-length: {}\r\n\r\n",
        body.len()
    );
    // In one piece: two would wait for each other (Nagle, and acknowledgements that are delayed).
    stream.write_all(&[head.as_bytes(), body].concat())?;
    Ok(stream)
}

fn parse(bytes: &[u8]) -> Result<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.context("the answer has no end of its header")?;
    let mut response = parse_head(&bytes[..end])?;
    let chunked = response.header("transfer-encoding").is_some_and(|v| v.contains("chunked"));
    let body = if chunked { unchunk(&bytes[end + 4..]) } else { bytes[end + 4..].to_vec() };
    response.body = String::from_utf8_lossy(&body).into_owned();
    Ok(response)
}

/// What is known before the body.
pub(crate) fn parse_head(head: &[u8]) -> Result<Response> {
    let head = std::str::from_utf8(head).context("the header is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|n| n.parse().ok());
    let Some(status) = status else { bail!("not an HTTP answer: {head}") };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Response { status, headers, body: String::new() })
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..at]).ok();
        let length = length.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(length) = length.filter(|n| *n > 0 && at + 2 + n <= rest.len()) else { break };
        whole.extend_from_slice(&rest[at + 2..at + 2 + length]);
        rest = rest.get(at + 2 + length + 2..).unwrap_or_default();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = parse(answer).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "abcde"));
    }
}
