//! The envelope and its frame: what goes over a connection between two hosts.
//!
//! A frame is a big-endian `u32` length and that many bytes of MessagePack: an array of
//! `[to, from, name, kind, id, deadline_ms, trace, body]`. The shape is fixed by the version that
//! the handshake settles; `body` is opaque bytes, so a message that the receiver does not know
//! never breaks the stream. `protocol/README.md` specifies this for other languages.

use bytes::{Buf, Bytes, BytesMut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::id::Incarnation;

/// The newest version of envelope and handshake that this build speaks.
pub const MAX_VERSION: u16 = 1;
/// The oldest one it still speaks.
pub const MIN_VERSION: u16 = 1;

/// The largest frame, in bytes after the length. A full registry or a 200-task accept is under
/// 1 MiB; 16 MiB leaves room for sandbox reads and snapshots and bounds what one peer can make a
/// host allocate.
pub const MAX_FRAME_LEN: usize = 16 * 1024 * 1024;

/// The bytes before the envelope: its length.
pub const LENGTH_PREFIX: usize = 4;

/// What an envelope is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One-way.
    Tell = 0,
    /// Wants a `Reply` or an `Error` with the same id.
    Ask = 1,
    /// Answers an ask; body is the message's reply type.
    Reply = 2,
    /// Answers an ask; body is a [`crate::Failure`].
    Error = 3,
    /// `from` wants to hear when `to` ends.
    Link = 4,
    /// `from` no longer wants to.
    Unlink = 5,
    /// `from` ended; sent to those that linked to it. Body is [`crate::runtime::Exited`].
    Exited = 6,
    /// Are you there? Answered with `Pong`, by the connection and not by an actor.
    Ping = 7,
    /// Answers a `Ping`.
    Pong = 8,
    /// First frame of the side that dialled. Body is [`Hello`].
    Hello = 9,
    /// Answers `Hello`. Body is [`Welcome`].
    Welcome = 10,
    /// Refuses `Hello`; the connection then closes. Body is [`crate::Failure`].
    Reject = 11,
}

impl Kind {
    /// The kind of a number on the wire; `None` for one that this version does not know.
    pub fn from_wire(n: u8) -> Option<Self> {
        use Kind::*;
        [Tell, Ask, Reply, Error, Link, Unlink, Exited, Ping, Pong, Hello, Welcome, Reject]
            .get(usize::from(n))
            .copied()
    }
}

/// An envelope whose text and body borrow from the frame that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Name of the receiving actor on the receiving host.
    pub to: &'a str,
    /// The sender: a bare name is an actor of the sending host; else a full address.
    pub from: &'a str,
    /// Name of the message.
    pub name: &'a str,
    pub kind: Kind,
    /// Correlates an ask with its answer, chosen by the asker; 0 where there is none.
    pub id: u64,
    /// How long the asker will wait, in milliseconds; 0 is no limit.
    pub deadline_ms: u32,
    /// What this belongs to, given by whoever started it and kept by every message that follows
    /// from it; 0 is none.
    pub trace: u64,
    pub body: &'a [u8],
}

/// Why bytes are not a frame. The connection that sent them is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("frame of {0} bytes, at most {MAX_FRAME_LEN} are accepted")]
    TooLong(usize),
    #[error("frame is not an envelope: {0}")]
    Malformed(&'static str),
    #[error("unknown envelope kind {0}")]
    UnknownKind(u8),
}

impl<'a> Envelope<'a> {
    /// Reads the bytes of one frame, without its length prefix. Elements after the eighth are
    /// ignored.
    pub fn decode(frame: &'a [u8]) -> Result<Self, FrameError> {
        let mut r = Reader { rest: frame };
        let elements = r.array()?;
        if elements < 8 {
            return Err(FrameError::Malformed("array of fewer than 8 elements"));
        }
        let (to, from, name) = (r.text()?, r.text()?, r.text()?);
        let kind = u8::try_from(r.uint()?).unwrap_or(u8::MAX);
        let kind = Kind::from_wire(kind).ok_or(FrameError::UnknownKind(kind))?;
        let id = r.uint()?;
        let deadline_ms = u32::try_from(r.uint()?).unwrap_or(u32::MAX);
        let trace = r.uint()?;
        let body = r.binary()?;
        Ok(Self { to, from, name, kind, id, deadline_ms, trace, body })
    }

    /// Appends this envelope as a whole frame.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let header = EnvelopeHeader {
            to: self.to,
            from: self.from,
            name: self.name,
            kind: self.kind,
            id: self.id,
            deadline_ms: self.deadline_ms,
            trace: self.trace,
        };
        let open = header.open(out);
        out.extend_from_slice(self.body);
        open.close(out)
    }
}

/// Everything of an envelope but its body, for writing the body in place.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeHeader<'a> {
    pub to: &'a str,
    pub from: &'a str,
    pub name: &'a str,
    pub kind: Kind,
    pub id: u64,
    pub deadline_ms: u32,
    pub trace: u64,
}

/// A frame whose body is being appended to the buffer; lengths are filled in by `close`.
#[must_use]
pub struct OpenFrame {
    start: usize,
    body: usize,
}

impl EnvelopeHeader<'_> {
    /// Writes the header; the caller appends the body and then closes the frame.
    pub fn open(&self, out: &mut Vec<u8>) -> OpenFrame {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_PREFIX]);
        out.push(0x98); // fixarray of 8
        put_text(out, self.to);
        put_text(out, self.from);
        put_text(out, self.name);
        out.push(self.kind as u8); // positive fixint
        put_uint(out, self.id);
        put_uint(out, u64::from(self.deadline_ms));
        put_uint(out, self.trace);
        out.extend_from_slice(&[0xc6, 0, 0, 0, 0]); // bin32: its length is known at close
        OpenFrame { start, body: out.len() }
    }
}

impl OpenFrame {
    /// Fills in the lengths. A frame that became too long is taken back from the buffer.
    pub fn close(self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let frame_len = out.len() - self.start - LENGTH_PREFIX;
        if frame_len > MAX_FRAME_LEN {
            self.abandon(out);
            return Err(FrameError::TooLong(frame_len));
        }
        let body_len = out.len() - self.body;
        out[self.body - 4..self.body].copy_from_slice(&(body_len as u32).to_be_bytes());
        out[self.start..self.start + LENGTH_PREFIX]
            .copy_from_slice(&(frame_len as u32).to_be_bytes());
        Ok(())
    }

    /// Takes the unfinished frame back from the buffer.
    pub fn abandon(self, out: &mut Vec<u8>) {
        out.truncate(self.start);
    }
}

/// Takes one whole frame (without its length) off the front of `buffer`; `None` until it is all
/// there. A length over the limit fails before anything is allocated for it.
pub fn take_frame(buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
    let Some(length) = frame_at(buffer)? else { return Ok(None) };
    buffer.advance(LENGTH_PREFIX);
    Ok(Some(buffer.split_to(length)))
}

/// Takes everything that is whole frames off the front of `buffer`, for [`next_frame`]; nothing
/// until there is one. Many small frames so share one piece of memory. Fails only if the first one
/// does: those before a bad one come first.
pub fn take_frames(buffer: &mut BytesMut) -> Result<Bytes, FrameError> {
    let mut whole = 0;
    while let Some(length) = match frame_at(&buffer[whole..]) {
        Err(error) if whole == 0 => return Err(error),
        at => at.unwrap_or(None),
    } {
        whole += LENGTH_PREFIX + length;
    }
    Ok(buffer.split_to(whole).freeze())
}

/// The next of the frames that [`take_frames`] took, without its length.
pub fn next_frame(frames: &mut Bytes) -> Option<Bytes> {
    let length = frame_at(frames).ok()??;
    frames.advance(LENGTH_PREFIX);
    Some(frames.split_to(length))
}

/// The length of the frame that `bytes` begin with, if it is all there.
fn frame_at(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = bytes.first_chunk::<LENGTH_PREFIX>() else { return Ok(None) };
    let length = u32::from_be_bytes(*prefix) as usize;
    if length > MAX_FRAME_LEN {
        return Err(FrameError::TooLong(length));
    }
    Ok((bytes.len() >= LENGTH_PREFIX + length).then_some(length))
}

/// Who dials, and what it can speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    pub min_version: u16,
    pub max_version: u16,
    /// Name of the cluster; hosts of different clusters refuse each other.
    pub cluster: String,
    /// How the dialling host is addressed; port 0 if it does not listen.
    pub host: HostAddr,
    /// Which life of that host this is.
    pub incarnation: Incarnation,
}

/// Accepts a `Hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    pub version: u16,
    pub host: HostAddr,
    pub incarnation: Incarnation,
}

/// The version both sides speak, or the reason that there is none. Pure, so that both ends agree.
pub fn negotiate(hello: &Hello, cluster: &str) -> Result<u16, String> {
    if hello.cluster != cluster {
        return Err(format!(
            "this host belongs to cluster `{cluster}`, the peer to `{}`",
            hello.cluster
        ));
    }
    let version = hello.max_version.min(MAX_VERSION);
    if version < hello.min_version.max(MIN_VERSION) {
        return Err(format!(
            "no common version: this host speaks {MIN_VERSION} to {MAX_VERSION}, the peer {} to {}",
            hello.min_version, hello.max_version
        ));
    }
    Ok(version)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        n @ 0..=31 => out.push(0xa0 | n as u8),
        n @ 32..=255 => out.extend_from_slice(&[0xd9, n as u8]),
        n => {
            out.push(0xda);
            out.extend_from_slice(&(n.min(usize::from(u16::MAX)) as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&text.as_bytes()[..text.len().min(usize::from(u16::MAX))]);
}

fn put_uint(out: &mut Vec<u8>, n: u64) {
    match n {
        0..=0x7f => out.push(n as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, n as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// Reads the few MessagePack shapes that an envelope is made of, without copying.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], FrameError> {
        let (head, rest) =
            self.rest.split_at_checked(n).ok_or(FrameError::Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        Ok(self.take(1)?[0])
    }

    fn big_endian(&mut self, n: usize) -> Result<u64, FrameError> {
        Ok(self.take(n)?.iter().fold(0, |sum, b| sum << 8 | u64::from(*b)))
    }

    fn array(&mut self) -> Result<u64, FrameError> {
        match self.byte()? {
            b @ 0x90..=0x9f => Ok(u64::from(b & 0x0f)),
            0xdc => self.big_endian(2),
            0xdd => self.big_endian(4),
            _ => Err(FrameError::Malformed("expected an array")),
        }
    }

    fn text(&mut self) -> Result<&'a str, FrameError> {
        let length = match self.byte()? {
            b @ 0xa0..=0xbf => u64::from(b & 0x1f),
            0xd9 => self.big_endian(1)?,
            0xda => self.big_endian(2)?,
            0xdb => self.big_endian(4)?,
            _ => return Err(FrameError::Malformed("expected a string")),
        };
        std::str::from_utf8(self.take(length as usize)?)
            .map_err(|_| FrameError::Malformed("string is not UTF-8"))
    }

    fn uint(&mut self) -> Result<u64, FrameError> {
        match self.byte()? {
            b @ 0..=0x7f => Ok(u64::from(b)),
            0xcc => self.big_endian(1),
            0xcd => self.big_endian(2),
            0xce => self.big_endian(4),
            0xcf => self.big_endian(8),
            0xc0 => Ok(0), // nil stands for "none"
            _ => Err(FrameError::Malformed("expected an unsigned integer")),
        }
    }

    fn binary(&mut self) -> Result<&'a [u8], FrameError> {
        let length = match self.byte()? {
            0xc4 => self.big_endian(1)?,
            0xc5 => self.big_endian(2)?,
            0xc6 => self.big_endian(4)?,
            _ => return Err(FrameError::Malformed("expected binary")),
        };
        self.take(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Envelope<'static> {
        Envelope {
            to: "allocator",
            from: "cli-1@localhost:0",
            name: "GetRoles",
            kind: Kind::Ask,
            id: 70_000,
            deadline_ms: 5_000,
            trace: u64::MAX,
            body: &[0x80],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        sample().encode_into(&mut out).unwrap();
        let mut buffer = BytesMut::from(&out[..]);
        let frame = take_frame(&mut buffer).unwrap().unwrap();
        assert_eq!(Envelope::decode(&frame).unwrap(), sample());
        assert!(buffer.is_empty());
    }

    #[test]
    fn any_messagepack_library_can_read_and_write_it() {
        let tuple = ("a", "b", "M", 0u8, 0u64, 0u32, 0u64, serde_bytes::Bytes::new(b"xyz"));
        let mut bytes = Vec::new();
        tuple.serialize(&mut rmp_serde::Serializer::new(&mut bytes)).unwrap();
        let envelope = Envelope::decode(&bytes).unwrap();
        assert_eq!((envelope.to, envelope.body), ("a", &b"xyz"[..]));
    }

    #[test]
    fn a_half_frame_waits_and_a_long_one_is_refused_at_its_length() {
        let mut out = Vec::new();
        sample().encode_into(&mut out).unwrap();
        for cut in 0..out.len() {
            assert_eq!(take_frame(&mut BytesMut::from(&out[..cut])).unwrap(), None);
        }
        let huge = take_frame(&mut BytesMut::from(&[0xff, 0xff, 0xff, 0xff, 0][..]));
        assert_eq!(huge, Err(FrameError::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn whole_frames_are_taken_together_and_a_bad_one_after_them_fails_next() {
        let mut out = Vec::new();
        for _ in 0..3 {
            sample().encode_into(&mut out).unwrap();
        }
        let one = out.len() / 3;
        let mut buffer = BytesMut::from(&out[..]);
        buffer.extend_from_slice(&[0xff; 4]);
        let mut frames = take_frames(&mut buffer).unwrap();
        for _ in 0..3 {
            let frame = next_frame(&mut frames).unwrap();
            assert_eq!(Envelope::decode(&frame).unwrap(), sample());
        }
        assert_eq!(next_frame(&mut frames), None);
        assert_eq!(take_frames(&mut buffer), Err(FrameError::TooLong(u32::MAX as usize)));
        let mut half = BytesMut::from(&out[..one + 7]);
        assert_eq!(take_frames(&mut half).unwrap().len(), one);
        assert_eq!(half.len(), 7);
    }

    #[test]
    fn a_body_over_the_limit_leaves_the_buffer_as_it_was() {
        let mut out = vec![1, 2, 3];
        let body = vec![0; MAX_FRAME_LEN];
        let envelope = Envelope { body: &body, ..sample() };
        assert!(matches!(envelope.encode_into(&mut out), Err(FrameError::TooLong(_))));
        assert_eq!(out, [1, 2, 3]);
    }

    #[test]
    fn versions_and_clusters_are_settled_or_refused_with_a_reason() {
        let hello = |min, max, cluster: &str| Hello {
            min_version: min,
            max_version: max,
            cluster: cluster.into(),
            host: HostAddr::parse("h:1").unwrap(),
            incarnation: Incarnation(1),
        };
        assert_eq!(negotiate(&hello(1, 9, "c"), "c"), Ok(1));
        assert!(negotiate(&hello(2, 9, "c"), "c").unwrap_err().contains("no common version"));
        assert!(negotiate(&hello(1, 1, "d"), "c").unwrap_err().contains("cluster `c`"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::decode(&bytes);
            let _ = take_frame(&mut BytesMut::from(&bytes[..]));
            if let Ok(mut frames) = take_frames(&mut BytesMut::from(&bytes[..])) {
                while next_frame(&mut frames).is_some() {}
                assert!(frames.is_empty());
            }
        }
    }
}
