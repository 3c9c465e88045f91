//! The ring of events and the reading of it; no waiting, no messages.

use std::collections::VecDeque;

use protocol::events::{Event, EventBatch, types};
use protocol::id::Epoch;
use protocol::{Failure, FailureKind, Time};
use serde_json::Value;

/// Events that are kept. At the hundred tasks a second of one agent, with five events each, this is
/// half a minute, longer than any reconnect; at the common 500 bytes of an event, 8 MB.
pub const KEPT: usize = 16_384;
/// Bytes that are kept, estimated: sixteen times the above, for events with long texts.
const KEPT_BYTES: usize = 128 << 20;
/// The most events in one answer, whatever is asked for.
pub(crate) const MAX_BATCH: usize = 1000;
/// Bytes of one answer, estimated, unless its first event has more: a quarter of a frame, as what is
/// small here may be longer there and takes ten times as much where it is read.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// The most bytes of one event, estimated: more than twice the longest app.
pub(crate) const MAX_EVENT_BYTES: usize = 1 << 20;
/// How deep an event's data may be nested: half of what bodies and JSON may be, as it travels within
/// both.
pub(crate) const MAX_EVENT_DEPTH: usize = 64;

/// A set of event types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u64);

impl Types {
    /// The types of these names; all of them if none is named.
    pub(crate) fn named(names: &[String]) -> Result<Self, Failure> {
        if names.is_empty() {
            return Ok(Self(u64::MAX));
        }
        let bits = names.iter().map(|name| Self::one(name).map(|one| one.0));
        Ok(Self(bits.collect::<Result<Vec<_>, _>>()?.into_iter().fold(0, |all, one| all | one)))
    }

    /// The type of this name.
    pub(crate) fn one(name: &str) -> Result<Self, Failure> {
        let at = types::ALL.iter().position(|known| *known == name);
        at.map(|at| Self(1 << at)).ok_or_else(|| {
            let known = types::ALL.join(", ");
            Failure::refused(format!("there is no event type `{name}`; there are: {known}"))
        })
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The last events, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    ring: VecDeque<(Types, Event)>,
    last: u64,
    /// What the data of the events weighs.
    bytes: usize,
}

impl Log {
    /// The number of the newest event; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The number of the oldest that is kept; one after the newest if none is.
    fn first(&self) -> u64 {
        self.last + 1 - self.ring.len() as u64
    }

    /// Adds an event and gives it back as it stands in the log.
    pub(crate) fn append(
        &mut self,
        (kind, name): (Types, String),
        data: Value,
        epoch: Epoch,
        time: Time,
    ) -> &Event {
        self.bytes += weight(&data);
        while self.ring.len() >= KEPT || (self.bytes > KEPT_BYTES && !self.ring.is_empty()) {
            let oldest = self.ring.pop_front();
            self.bytes -= oldest.map_or(0, |(_, event)| weight(&event.data));
        }
        self.last += 1;
        self.ring.push_back((kind, Event { seq: self.last, epoch, time, kind: name, data }));
        &self.ring.back().expect("it was just pushed").1
    }

    /// The answer to somebody who has seen everything.
    pub(crate) fn end(&self) -> EventBatch {
        let epoch = self.ring.back().map(|(_, event)| event.epoch);
        EventBatch { events: Vec::new(), next: self.last, epoch, missed: 0 }
    }

    /// What comes after `after`, up to `max` events of `types`.
    pub(crate) fn after(&self, after: u64, types: Types, max: usize) -> EventBatch {
        let max = if max == 0 { MAX_BATCH } else { max.min(MAX_BATCH) };
        let from = self.first().max(after + 1);
        let mut batch = EventBatch { missed: from - (after + 1), ..self.end() };
        let mut last = (batch.next, batch.epoch);
        let mut bytes = 0;
        for (kind, event) in self.ring.range((from - self.first()) as usize..) {
            let wanted = types.contains(*kind);
            bytes += if wanted { weight(&event.data) } else { 0 };
            let full = bytes > MAX_BATCH_BYTES && !batch.events.is_empty();
            if batch.events.len() == max || full {
                (batch.next, batch.epoch) = last;
                break;
            }
            last = (event.seq, Some(event.epoch));
            if wanted {
                batch.events.push(event.clone());
            }
        }
        batch
    }

    /// Whether a reader that has seen `after`, in `epoch`, has seen it here.
    pub(crate) fn check_position(&self, after: u64, epoch: Option<Epoch>) -> Result<(), Failure> {
        if after > self.last {
            return Err(no_such_event(format!(
                "the log has come to {}, not to {after}",
                self.last
            )));
        }
        let (Some(epoch), true) = (epoch, after >= self.first()) else { return Ok(()) };
        let (_, event) = &self.ring[(after - self.first()) as usize];
        if event.epoch != epoch {
            let text = format!("event {after} is of epoch {}, not of {epoch}", event.epoch);
            return Err(no_such_event(text));
        }
        Ok(())
    }
}

/// Whether those who read events could read one with this data.
pub(crate) fn check_data(data: &Value) -> Result<(), Failure> {
    if weight(data) > MAX_EVENT_BYTES {
        let text = format!("an event is more than {MAX_EVENT_BYTES} bytes long");
        return Err(Failure::refused(text));
    }
    if depth(data) > MAX_EVENT_DEPTH {
        let text = format!("an event is nested more than {MAX_EVENT_DEPTH} deep");
        return Err(Failure::refused(text));
    }
    Ok(())
}

/// How many lists and objects are within each other. It recurses no further than what was read.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// About how much memory a value takes.
fn weight(value: &Value) -> usize {
    let below = match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, v)| name.len() + weight(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + below
}

fn no_such_event(why: String) -> Failure {
    let text = format!("{why}: it is another log than the one that was read; start anew");
    Failure::new(FailureKind::NotFound, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64) -> Log {
        let mut log = Log::default();
        for n in 0..count {
            let name = types::ALL[n as usize % 2];
            let kind = (Types::one(name).unwrap(), name.to_owned());
            log.append(kind, Value::Null, Epoch(1 + n / 10), Time(n));
        }
        log
    }

    fn seqs(batch: &EventBatch) -> Vec<u64> {
        batch.events.iter().map(|event| event.seq).collect()
    }

    const ALL: Types = Types(u64::MAX);

    #[test]
    fn events_are_numbered_from_one_and_read_in_order() {
        let log = log(5);
        let batch = log.after(2, ALL, 2);
        assert_eq!((seqs(&batch), batch.next, batch.missed), (vec![3, 4], 4, 0));
        assert_eq!(batch.epoch, Some(Epoch(1)));
        let batch = log.after(4, ALL, 2);
        assert_eq!((seqs(&batch), batch.next), (vec![5], 5));
        assert_eq!(log.after(5, ALL, 0).events, []);
    }

    #[test]
    fn a_filter_skips_and_still_moves_on() {
        let log = log(6);
        let second = Types::named(&[types::ALL[1].to_owned()]).unwrap();
        let batch = log.after(0, second, 0);
        assert_eq!((seqs(&batch), batch.next), (vec![2, 4, 6], 6));
        let batch = log.after(0, second, 1);
        assert_eq!((seqs(&batch), batch.next), (vec![2], 2));
    }

    #[test]
    fn who_is_behind_is_told_how_many_are_gone() {
        let log = log(KEPT as u64 + 10);
        let batch = log.after(3, ALL, 1);
        assert_eq!((seqs(&batch), batch.missed), (vec![11], 7));
        assert_eq!(log.after(10, ALL, 1).missed, 0);
        assert_eq!(log.len(), KEPT);
    }

    #[test]
    fn long_texts_push_out_more_than_one_event() {
        let mut log = log(100);
        let kind = (Types::one(types::TASK_UPDATED).unwrap(), types::TASK_UPDATED.to_owned());
        for _ in 0..3 {
            let text = Value::String("x".repeat(KEPT_BYTES / 2));
            log.append(kind.clone(), text, Epoch(1), Time(0));
        }
        assert_eq!((log.len(), log.last()), (1, 103));
        let batch = log.after(100, ALL, 0);
        assert_eq!((seqs(&batch), batch.missed), (vec![103], 2));
        assert_eq!(log.bytes, weight(&batch.events[0].data));
    }

    #[test]
    fn long_events_come_in_several_answers() {
        let mut log = log(0);
        let kind = (Types::one(types::TASK_UPDATED).unwrap(), types::TASK_UPDATED.to_owned());
        for _ in 0..10 {
            let text = Value::String("x".repeat(MAX_BATCH_BYTES / 4));
            log.append(kind.clone(), text, Epoch(1), Time(0));
        }
        let mut seen = Vec::new();
        while seen.len() < 10 {
            let batch = log.after(seen.last().copied().unwrap_or(0), ALL, 0);
            assert!((1..=4).contains(&batch.events.len()));
            seen.extend(seqs(&batch));
            assert_eq!(batch.next, seen[seen.len() - 1]);
        }
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn an_event_that_nobody_could_read_is_refused() {
        let nested = |depth| (0..depth).fold(Value::Null, |inner, _| serde_json::json!([inner]));
        assert!(check_data(&nested(MAX_EVENT_DEPTH)).is_ok());
        let failure = check_data(&nested(MAX_EVENT_DEPTH + 1)).unwrap_err();
        assert!(failure.message.contains("64 deep"), "{failure}");
        let failure = check_data(&Value::String("x".repeat(MAX_EVENT_BYTES))).unwrap_err();
        assert!(failure.message.contains("bytes long"), "{failure}");
    }

    #[test]
    fn a_position_in_another_log_is_refused() {
        let log = log(20);
        assert!(log.check_position(20, None).is_ok());
        assert_eq!(log.check_position(21, None).unwrap_err().kind, FailureKind::NotFound);
        assert!(log.check_position(15, Some(Epoch(2))).is_ok());
        assert!(log.check_position(15, Some(Epoch(1))).is_err());
    }

    #[test]
    fn an_unknown_type_is_refused_with_those_there_are() {
        let failure = Types::named(&["task_died".to_owned()]).unwrap_err();
        assert!(failure.message.contains("task_updated"), "{failure}");
    }
}
