//! Whole frames as they travel, length included, are on record in `tests/golden/frames`: one of
//! every kind.

use bytes::BytesMut;
use protocol::envelope::{Envelope, Hello, Kind, LENGTH_PREFIX, Welcome, take_frame};
use protocol::runtime::{ExitReason, Exited};
use protocol::{Address, Failure, FailureKind, HostAddr, Incarnation, codec};
use serde::Serialize;

use crate::record;

const BARE: Envelope<'static> = Envelope {
    to: "",
    from: "",
    name: "",
    kind: Kind::Ping,
    id: 0,
    deadline_ms: 0,
    trace: 0,
    body: &[],
};

/// A sample with its file and what its body says.
struct Frame {
    file: &'static str,
    head: Envelope<'static>,
    body: Vec<u8>,
}

impl Frame {
    fn new(file: &'static str, head: Envelope<'static>, body: &impl Serialize) -> Self {
        Self { file, head, body: codec::encode(body).expect("a body can be written") }
    }

    fn bare(file: &'static str, head: Envelope<'static>) -> Self {
        Self { file, head, body: Vec::new() }
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope { body: &self.body, ..self.head }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.envelope().encode_into(&mut out).expect("a sample is short enough");
        out
    }
}

fn host(text: &str) -> HostAddr {
    HostAddr::parse(text).expect("it is a host")
}

fn handshake() -> Vec<Frame> {
    let head = |name, kind| Envelope { name, kind, ..BARE };
    let hello = Hello {
        min_version: 1,
        max_version: 2,
        cluster: "meseta".into(),
        host: host("python-1:0"),
        incarnation: Incarnation(70_000),
    };
    let welcome =
        Welcome { version: 1, host: host("10.0.0.1:7050"), incarnation: Incarnation(300) };
    let refused = Failure::refused("this host belongs to cluster `meseta`, the peer to `other`");
    let crossed = Failure::refused("both hosts dialled at once");
    vec![
        Frame::new("hello", head("Hello", Kind::Hello), &hello),
        Frame::new("welcome", head("Welcome", Kind::Welcome), &welcome),
        Frame::new("reject", head("Reject", Kind::Reject), &refused),
        Frame::new("crossed", head("Crossed", Kind::Reject), &crossed),
        Frame::bare("ping", head("", Kind::Ping)),
        Frame::bare("pong", head("", Kind::Pong)),
    ]
}

fn messages() -> Vec<Frame> {
    let to_allocator = Envelope { to: "allocator", from: "me", name: "GetRoles", ..BARE };
    let ask = Envelope { kind: Kind::Ask, id: 70_000, deadline_ms: 5000, ..to_allocator };
    let body = codec::encode(&protocol::allocator::GetRoles {}).expect("it can be written");
    let unknown = Failure::new(FailureKind::UnknownMessage, "no message `GetRolls`");
    let unit = codec::encode(&()).expect("it can be written");
    vec![
        Frame {
            file: "tell",
            head: Envelope { kind: Kind::Tell, ..to_allocator },
            body: body.clone(),
        },
        Frame { file: "ask", head: ask, body: body.clone() },
        // From an actor of a third host, as a forwarded ask is, and traced.
        Frame {
            file: "forwarded",
            head: Envelope { from: "me@10.0.0.3:7050", trace: u64::MAX, id: u64::MAX, ..ask },
            body,
        },
        Frame {
            file: "reply",
            head: Envelope { kind: Kind::Reply, id: 70_000, ..BARE },
            body: unit,
        },
        Frame::new("error", Envelope { kind: Kind::Error, id: 70_000, ..BARE }, &unknown),
    ]
}

fn links() -> Vec<Frame> {
    let link = Envelope { to: "allocator", from: "me", kind: Kind::Link, ..BARE };
    let exited = Exited {
        actor: Address::new("allocator", host("10.0.0.1:7050")),
        reason: ExitReason::Stopped,
    };
    let head = Envelope { to: "me", from: "allocator", name: "Exited", kind: Kind::Exited, ..BARE };
    vec![
        Frame::bare("link", link),
        Frame::bare("unlink", Envelope { kind: Kind::Unlink, ..link }),
        Frame::new("exited", head, &exited),
    ]
}

fn all() -> Vec<Frame> {
    [handshake(), messages(), links()].into_iter().flatten().collect()
}

fn file(frame: &Frame) -> String {
    format!("frames/{}.frame", frame.file)
}

#[test]
fn every_kind_has_a_frame() {
    let have: Vec<u8> = all().iter().map(|frame| frame.head.kind as u8).collect();
    let kinds = (0..=u8::MAX).filter(|n| Kind::from_wire(*n).is_some());
    for kind in kinds {
        assert!(have.contains(&kind), "no frame of kind {:?}", Kind::from_wire(kind).unwrap());
    }
}

#[test]
fn every_frame_is_written_as_it_is_on_record() {
    let complaint = |frame: &Frame| record::compare(&file(frame), &frame.bytes(), show);
    record::expect_none(all().iter().filter_map(complaint).collect());
}

#[test]
fn what_is_on_record_is_read_as_the_envelope_that_it_was() {
    for frame in all() {
        let Ok(recorded) = std::fs::read(record::dir().join(file(&frame))) else { continue };
        let mut buffer = BytesMut::from(&recorded[..]);
        let bytes = take_frame(&mut buffer).unwrap().unwrap();
        assert_eq!(Envelope::decode(&bytes).unwrap(), frame.envelope(), "{}", frame.file);
        assert!(buffer.is_empty(), "{}", frame.file);
    }
}

#[test]
fn an_envelope_may_grow_at_its_end() {
    for frame in all() {
        let mut bytes = frame.bytes().split_off(LENGTH_PREFIX);
        assert_eq!(bytes[0], 0x98, "an array of eight");
        bytes[0] = 0x99;
        bytes.push(0xc0);
        assert_eq!(Envelope::decode(&bytes).unwrap(), frame.envelope(), "{}", frame.file);
    }
}

#[test]
fn a_handshake_may_grow_by_fields() {
    let grown = |file: &str| {
        let frame = handshake().into_iter().find(|frame| frame.file == file).unwrap();
        let mut rest = &frame.body[..];
        let value = rmpv::decode::read_value(&mut rest).unwrap();
        let rmpv::Value::Map(mut pairs) = value else { panic!("a body is a map") };
        pairs.insert(0, ("secret".into(), "s".into()));
        let mut body = Vec::new();
        rmpv::encode::write_value(&mut body, &rmpv::Value::Map(pairs)).unwrap();
        (body, frame.body)
    };
    let (new, old) = grown("hello");
    assert_eq!(codec::decode::<Hello>(&new), codec::decode(&old));
    let (new, old) = grown("welcome");
    assert_eq!(codec::decode::<Welcome>(&new), codec::decode(&old));
    let (new, old) = grown("reject");
    assert_eq!(codec::decode::<Failure>(&new), codec::decode(&old));
}

fn show(bytes: &[u8]) -> String {
    let envelope = bytes.get(LENGTH_PREFIX..).map(Envelope::decode);
    format!("{envelope:?} = {bytes:02x?}")
}
