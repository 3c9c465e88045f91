//! Whatever bytes a peer sends as a body or a frame, reading them ends soon in a value or a failure:
//! it neither panics nor overflows the stack, and takes a small multiple of the memory of the frame.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use protocol::codec::{self, MAX_DEPTH, MAX_UNFOLDED};
use protocol::envelope::{Envelope, MAX_FRAME_LEN, take_frame};
use protocol::events::Report;
use protocol::resources::{Ranges, Value as Amount};
use protocol::services::PutMode;
use protocol::task::TaskInfo;
use protocol::{Address, Blob, Failure, FailureKind, Resource, Resources, Scalar, TaskId};
use rmpv::Value;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::samples::Sample;
use crate::{effort, memory, samples};

const MIB: usize = 1024 * 1024;

/// Of the cpu's time: far more than reading any body takes, far less than what grows with the square
/// of a frame's length.
const SOON: Duration = Duration::from_secs(20);

/// What reading one body may take, whatever it says: the text, and items and entries, with twice as
/// much again for lists that grow and for the counts that shared text comes with.
const MOST_MEMORY: usize = 3 * MAX_UNFOLDED + 2 * MAX_FRAME_LEN;

fn all() -> &'static [Sample] {
    static ALL: OnceLock<Vec<Sample>> = OnceLock::new();
    ALL.get_or_init(samples::all)
}

/// Reads `bytes` as what `sample` is.
fn read(sample: &Sample, bytes: &[u8]) {
    let before = effort::of_this_thread();
    if let Err(failure) = (sample.recode)(bytes) {
        assert_eq!(failure.kind, FailureKind::BadMessage, "{}", sample.file);
    }
    let took = effort::of_this_thread() - before;
    assert!(took < SOON, "{} took {took:?}", sample.file);
}

fn refused<T: DeserializeOwned>(bytes: &[u8]) -> Failure {
    let (read, taken) = memory::peak_of(|| codec::decode::<T>(bytes));
    assert!(taken < MOST_MEMORY, "{} MiB were taken", taken / MIB);
    let Err(failure) = read else { panic!("it was read") };
    assert_eq!(failure.kind, FailureKind::BadMessage);
    failure
}

/// What a peer does to a body.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// The next byte that announces a length, or any other, announces the largest.
    Inflate(Index, u8),
    /// The rest is that of another sample.
    Splice(Index, Index, Index),
    Repeat(Index, Index),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(i, bits)| Damage::Flip(i, bits)),
        at().prop_map(Damage::Cut),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(i, bytes)| Damage::Insert(i, bytes)),
        (at(), 0u8..6).prop_map(|(i, kind)| Damage::Inflate(i, kind)),
        (at(), at(), at()).prop_map(|(i, other, j)| Damage::Splice(i, other, j)),
        (at(), at()).prop_map(|(i, j)| Damage::Repeat(i, j)),
    ]
}

fn damage(bytes: &mut Vec<u8>, damage: Damage) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match damage {
        Damage::Flip(i, bits) => bytes[i.index(len)] ^= bits,
        Damage::Cut(i) => bytes.truncate(i.index(len)),
        Damage::Insert(i, more) => drop(bytes.splice(i.index(len)..i.index(len), more)),
        Damage::Inflate(i, kind) => inflate(bytes, i.index(len), kind),
        Damage::Splice(i, other, j) => {
            let other = &all()[other.index(all().len())].bytes;
            bytes.truncate(i.index(len));
            bytes.extend_from_slice(&other[j.index(other.len())..]);
        }
        Damage::Repeat(i, j) => {
            let (i, j) = (i.index(len).min(j.index(len)), i.index(len).max(j.index(len)));
            let part = bytes[i..j].repeat(3);
            bytes.splice(j..j, part);
        }
    }
}

fn inflate(bytes: &mut Vec<u8>, from: usize, kind: u8) {
    let announces = |b: &u8| matches!(b, 0x80..=0xbf | 0xc4..=0xc9 | 0xd9..=0xdf);
    let at = from + bytes[from..].iter().position(announces).unwrap_or(0);
    let markers = [0xc6, 0xc9, 0xdb, 0xdd, 0xdf]; // bin32, ext32, str32, array32, map32
    match markers.get(usize::from(kind)) {
        Some(marker) => drop(bytes.splice(at..=at, [*marker, 0xff, 0xff, 0xff, 0xff])),
        None => bytes[at] = 0xdc, // the two bytes that follow become the length of an array
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_damaged_body_is_read_or_refused(
        which: Index,
        damages in vec(any_damage(), 1..5),
    ) {
        let sample = &all()[which.index(all().len())];
        let mut bytes = sample.bytes.clone();
        damages.into_iter().for_each(|each| damage(&mut bytes, each));
        read(sample, &bytes);
    }

    #[test]
    fn a_body_of_another_message_is_read_or_refused(which: Index, other: Index) {
        read(&all()[which.index(all().len())], &all()[other.index(all().len())].bytes);
    }

    #[test]
    fn a_damaged_frame_is_read_or_refused(
        which: Index,
        damages in vec(any_damage(), 1..5),
    ) {
        let frames = frames();
        let mut bytes = frames[which.index(frames.len())].clone();
        damages.into_iter().for_each(|each| damage(&mut bytes, each));
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = take_frame(&mut buffer) {
            let _ = Envelope::decode(&frame);
        }
    }
}

/// The frames on record.
fn frames() -> &'static [Vec<u8>] {
    static FRAMES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/frames");
        let files = std::fs::read_dir(recorded).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    })
}

/// `depth` lists or maps, each in the other, around nil. The last is all there is of 0xc0.
fn nested(open: &[u8], depth: usize) -> Vec<u8> {
    let mut bytes = open.repeat(depth);
    bytes.push(0xc0);
    bytes
}

/// The body of a `Report` whose data is `data`.
fn report(data: &[u8]) -> Vec<u8> {
    [b"\x82\xa4kind\xa1k\xa4data", data].concat()
}

const LIST: &[u8] = &[0x91];
const MAP: &[u8] = &[0x81, 0xa0];

#[test]
fn nesting_ends_at_a_limit_that_is_named() {
    for open in [LIST, MAP] {
        assert!(codec::decode::<Json>(&nested(open, MAX_DEPTH)).is_ok());
        assert!(codec::decode::<Report>(&report(&nested(open, MAX_DEPTH - 1))).is_ok());
        for depth in [MAX_DEPTH + 1, 1025, 100_000, MAX_FRAME_LEN / open.len() - 20] {
            let failure = refused::<Json>(&nested(open, depth));
            assert!(failure.message.contains("128 deep"), "{failure}");
            refused::<Report>(&report(&nested(open, depth)));
        }
    }
}

#[test]
fn nesting_in_what_is_skipped_ends_there_too() {
    for open in [LIST, MAP] {
        for sample in all() {
            let mut bytes = b"\x81\xa7unknown".to_vec();
            bytes.extend(nested(open, 100_000));
            assert!((sample.recode)(&bytes).is_err(), "{}", sample.file);
        }
    }
}

#[test]
fn a_length_that_is_announced_and_not_there_takes_no_memory() {
    let announced: [&[u8]; 5] = [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"];
    let data = announced.map(|marker| [marker, &[0xff; 4]].concat());
    for (field, sample) in all().iter().flat_map(|sample| holes(sample).map(move |h| (h, sample))) {
        for data in &data {
            let body = field.filled(data);
            let (read, taken) = memory::peak_of(|| (sample.recode)(&body));
            assert!(read.is_err(), "{}", sample.file);
            // serde sets aside at most 1 MiB for a list before it has seen an item.
            assert!(taken < 3 * MIB, "{}: {taken} bytes", sample.file);
        }
    }
    assert!(data.iter().all(|data| codec::decode::<Json>(data).is_err()));
}

/// A body with a place in it where any bytes can be put.
struct Hole {
    before: Vec<u8>,
    after: Vec<u8>,
    /// What was there.
    value: Value,
}

impl Hole {
    fn filled(&self, with: &[u8]) -> Vec<u8> {
        [&self.before, with, &self.after].concat()
    }
}

/// Every value within the body of a sample as a hole; of a list's items only the first.
fn holes(sample: &Sample) -> impl Iterator<Item = Hole> + use<> {
    holes_in(&value_of(&sample.bytes)).into_iter()
}

fn holes_in(body: &Value) -> Vec<Hole> {
    const MARK: &[u8] = b"\xd7\x55a hole! ";
    let mut found = Vec::new();
    let mut n = 0;
    loop {
        let (mut marked, mut left) = (body.clone(), n);
        let Some(value) = nth(&mut marked, &mut left) else { return found };
        let value = std::mem::replace(value, Value::Ext(0x55, b"a hole! ".to_vec()));
        let bytes = bytes_of(&marked);
        let at = bytes.windows(MARK.len()).position(|window| window == MARK).unwrap();
        let after = bytes[at + MARK.len()..].to_vec();
        found.push(Hole { before: bytes[..at].to_vec(), after, value });
        n += 1;
    }
}

/// The value that is reached after `left` others.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.first_mut().and_then(|item| nth(item, left)),
        Value::Map(pairs) => pairs.iter_mut().find_map(|(_, item)| nth(item, left)),
        _ => None,
    }
}

/// Reads `body` and sees what that takes; whether it could be read.
fn within_bounds(what: &str, body: &[u8], read: impl FnOnce(&[u8]) -> Result<(), Failure>) -> bool {
    let before = effort::of_this_thread();
    let (read, taken) = memory::peak_of(|| read(body));
    assert!(taken < MOST_MEMORY, "{what}: {} MiB of memory", taken / MIB);
    let took = effort::of_this_thread() - before;
    assert!(took < SOON, "{what} took {took:?}");
    read.is_ok()
}

#[test]
fn sixteen_million_nils_take_a_small_multiple_of_their_frame_in_any_list() {
    let mut lists = 0;
    let nils = list_of(&[0xc0], MAX_FRAME_LEN);
    for sample in all() {
        for hole in holes(sample).filter(|hole| hole.value.is_array()) {
            let body = hole.filled(&nils);
            within_bounds(&sample.file, &body, |body| (sample.recode)(body).map(drop));
            lists += 1;
        }
    }
    assert!(lists > 100, "only {lists} lists");
}

/// As many of `item` in a list as go into `room`.
fn list_of(item: &[u8], room: usize) -> Vec<u8> {
    let count = room / item.len();
    let mut bytes = Vec::with_capacity(room + 5);
    bytes.push(0xdd);
    bytes.extend((count as u32).to_be_bytes());
    bytes.extend(item.repeat(count));
    bytes
}

/// Reads a frame full of `item`.
fn full_of<T: DeserializeOwned>(item: &[u8]) -> bool {
    let what = format!("{} of {item:02x?}", std::any::type_name::<T>());
    within_bounds(&what, &list_of(item, MAX_FRAME_LEN), |body| codec::decode::<T>(body).map(drop))
}

#[test]
fn a_frame_full_of_what_is_short_there_and_long_here_is_refused() {
    assert!(!full_of::<Json>(b"\xc0"), "nil");
    assert!(!full_of::<Json>(b"\x91\xc0"), "lists of nil");
    assert!(!full_of::<Json>(b"\x81\xa0\xc0"), "maps of nil");
    assert!(!full_of::<Json>(b"\xa1x"), "texts");
    assert!(!full_of::<Vec<String>>(b"\xa0"));
    assert!(!full_of::<Vec<TaskId>>(b"\xa0"));
    assert!(!full_of::<Vec<TaskInfo>>(b"\x94\xa0\xa0\xa0\x90"));
    assert!(!full_of::<Vec<BTreeMap<String, String>>>(b"\x81\xa0\xa0"));
    assert!(!full_of::<Resources>(b"\x92\xa1x\x81\xa3set\x91\xa0"));
    assert!(!full_of::<Resources>(b"\x93\xa0\x81\xa6scalar\x01\x92\x91\xa0\x91\xa0"));
}

#[test]
fn a_frame_full_of_what_is_as_long_here_is_read() {
    assert!(full_of::<Blob>(b"\x01"), "bytes that somebody typed as numbers");
    assert!(full_of::<Ranges>(b"\x92\x01\x02"));
    assert!(full_of::<Resources>(&codec::encode(&scalar("cpus", 1)).unwrap()));
}

/// What a cluster says is nowhere near the bound: 2 MiB of any item of any list are read.
#[test]
fn an_eighth_of_a_frame_full_of_any_sample_is_read() {
    let mut tried = BTreeSet::new();
    for sample in all() {
        for hole in holes(sample) {
            // The two ends of an interval are a list of two, and of no other length.
            let Some([item, ..]) = hole.value.as_array().map(Vec::as_slice) else { continue };
            // Many messages have the same list, of the same items under the same name, which is
            // what ends just before it.
            let name = hole.before[hole.before.len().saturating_sub(5)..].to_vec();
            if !tried.insert((name, bytes_of(item))) {
                continue;
            }
            let body = hole.filled(&list_of(&bytes_of(item), MAX_FRAME_LEN / 8));
            let interval = item.is_u64() && (sample.recode)(&hole.filled(b"\x91\x01")).is_err();
            let read = |body: &[u8]| (sample.recode)(body).map(drop);
            let read = within_bounds(&sample.file, &body, read);
            assert!(read || interval, "{}: a list of {item}", sample.file);
        }
    }
}

fn scalar(name: &str, milli: i64) -> Resource {
    Resource::new(name, Amount::Scalar(Scalar::from_milli(milli)))
}

/// A quarter of a million entries would take hours if each moved those behind it.
#[test]
fn a_frame_of_small_resources_in_the_worst_order_is_read_soon() {
    let names = (0..250_000).rev().map(|n| scalar(&format!("{n:06}"), 1));
    let ranges = (0..250_000).rev().map(|n| (2 * n, 2 * n));
    let ports = ranges.map(|(b, e)| Resource::new("ports", Amount::Ranges(Ranges::single(b, e))));
    let sets = (0..250_000).map(|n| Resource::new("set", Amount::Set([n.to_string()].into())));
    let lists: [Vec<Resource>; 3] = [names.collect(), ports.collect(), sets.collect()];
    for (list, entries) in lists.iter().zip([250_000, 1, 1]) {
        let body = codec::encode(list).unwrap();
        assert!(body.len() < 2 * MAX_FRAME_LEN);
        let before = effort::of_this_thread();
        let bag: Resources = codec::decode(&body).unwrap();
        assert_eq!(bag.iter().count(), entries);
        let mut both = bag.clone();
        both.add_all(&bag);
        both.remove_all(&bag);
        both.remove_all(&bag);
        let took = effort::of_this_thread() - before;
        assert!(took < SOON, "{took:?}");
    }
}

#[test]
fn a_complaint_is_short_however_long_what_it_is_about() {
    let long = codec::encode(&"ä".repeat(MIB)).unwrap();
    for failure in [
        refused::<Address>(&long),
        refused::<u64>(&long),
        refused::<PutMode>(&long),
        refused::<Scalar>(&long),
    ] {
        assert!(failure.message.len() < 1100, "{} bytes", failure.message.len());
        assert!(failure.message.ends_with('…') || failure.message.len() < 200, "{failure}");
    }
}

fn value_of(mut bytes: &[u8]) -> Value {
    rmpv::decode::read_value(&mut bytes).unwrap()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    bytes
}
