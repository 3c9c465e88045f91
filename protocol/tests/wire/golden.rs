//! The bytes of every message and of every reply are on record in `tests/golden`, one file each;
//! `<Message>.<n>.msgpack` is a form that it had before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use protocol::RECEIVERS;
use rmpv::Value;

use crate::samples::Sample;
use crate::{record, samples};

#[test]
fn every_message_has_a_sample() {
    let samples = samples::all();
    let have: BTreeSet<&str> = samples.iter().map(|sample| sample.file.as_str()).collect();
    assert_eq!(have.len(), samples.len(), "two samples share a file");
    let messages = RECEIVERS
        .iter()
        .flat_map(|(receiver, names)| names.iter().map(move |name| (receiver, name)));
    let missing = messages
        .map(|(receiver, name)| format!("{receiver}/{name}.msgpack"))
        .filter(|file| !have.contains(file.as_str()))
        .map(|file| format!("{file}: there is no sample of it in protocol/tests/samples"));
    record::expect_none(missing.collect());
}

#[test]
fn every_module_that_declares_messages_is_a_receiver() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let declares = fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .filter(|path| fs::read_to_string(path).unwrap().contains("\nmessages! {"));
    let modules: BTreeSet<String> =
        declares.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let receivers = RECEIVERS.iter().map(|(receiver, _)| (*receiver).to_owned()).collect();
    assert_eq!(modules, receivers, "modules with `messages!` and protocol::RECEIVERS differ");
}

#[test]
fn every_field_of_every_sample_is_filled_in_somewhere() {
    let complaints = samples::all().into_iter().flat_map(|sample| {
        let mut filled = BTreeMap::new();
        mark_filled(&value_of(&sample.bytes), String::new(), &mut filled);
        let hollow = filled.into_iter().filter(|(path, filled)| !filled && !path.is_empty());
        hollow.map(|(path, _)| format!("{}: nothing in {path}", sample.file)).collect::<Vec<_>>()
    });
    record::expect_none(complaints.collect());
}

/// For each field, by its path: whether it is neither absent nor empty. The items of a list stand
/// for each other.
fn mark_filled(value: &Value, path: String, filled: &mut BTreeMap<String, bool>) {
    let something = match value {
        Value::Nil => false,
        Value::String(text) => !text.as_bytes().is_empty(),
        Value::Binary(bytes) => !bytes.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Map(pairs) => !pairs.is_empty(),
        _ => true,
    };
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| mark_filled(item, format!("{path}[]"), filled));
        }
        Value::Map(pairs) => {
            pairs.iter().for_each(|(key, v)| mark_filled(v, format!("{path}.{key}"), filled));
        }
        _ => {}
    }
    *filled.entry(path).or_default() |= something;
}

#[test]
fn every_message_is_written_as_it_is_on_record() {
    let complaint = |sample: &Sample| record::compare(&sample.file, &sample.bytes, show);
    record::expect_none(samples::all().iter().filter_map(complaint).collect());
}

#[test]
fn what_is_on_record_is_read_and_written_back_byte_for_byte() {
    let complaints = samples::all().into_iter().filter_map(|sample| {
        // One that is missing is the complaint of another test.
        let recorded = fs::read(record::dir().join(&sample.file)).ok()?;
        match (sample.recode)(&recorded) {
            Ok(again) if again == recorded => None,
            Ok(_) => Some(format!("{}: written back otherwise", sample.file)),
            Err(failure) => Some(format!("{}: cannot be read: {failure}", sample.file)),
        }
    });
    record::expect_none(complaints.collect());
}

#[test]
fn an_older_form_is_read_and_keeps_what_it_said() {
    let mut complaints = Vec::new();
    for sample in samples::all() {
        for file in older_forms(&sample.file) {
            let recorded = fs::read(record::dir().join(&file)).unwrap();
            match (sample.recode)(&recorded) {
                Ok(again) if keeps(&value_of(&again), &value_of(&recorded)) => {}
                Ok(again) => complaints.push(format!(
                    "{file}: reads as something else\n{}became\n{}",
                    show(&recorded),
                    show(&again)
                )),
                Err(failure) => complaints.push(format!("{file}: cannot be read: {failure}")),
            }
        }
    }
    record::expect_none(complaints);
}

#[test]
fn nothing_is_on_record_that_is_no_message() {
    let mut known = BTreeSet::new();
    for sample in samples::all() {
        known.extend(older_forms(&sample.file));
        known.insert(sample.file);
    }
    let mut complaints = Vec::new();
    for (receiver, _) in RECEIVERS {
        let files = fs::read_dir(record::dir().join(receiver)).into_iter().flatten();
        for file in files.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            let file = format!("{receiver}/{file}");
            if !known.contains(&file) {
                complaints.push(format!("{file}: no sample has this name; was a message removed?"));
            }
        }
    }
    record::expect_none(complaints);
}

/// `agent/Ping.1.msgpack`, … for `agent/Ping.msgpack`.
fn older_forms(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".msgpack").expect("the files of messages end so");
    (1..)
        .map(|n| format!("{stem}.{n}.msgpack"))
        .take_while(|f| record::dir().join(f).exists())
        .collect()
}

/// Whether everything that `old` says is still said by `new`, which may say more.
fn keeps(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Map(new), Value::Map(old)) => {
            old.iter().all(|(key, value)| new.iter().any(|(k, v)| k == key && keeps(v, value)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| keeps(new, old))
        }
        _ => new == old,
    }
}

fn value_of(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    let value = rmpv::decode::read_value(&mut rest).expect("a golden file is MessagePack");
    assert!(rest.is_empty(), "a golden file is one value");
    value
}

/// One line for each leaf, with the path to it.
fn show(bytes: &[u8]) -> String {
    let mut out = String::new();
    show_in(&value_of(bytes), "", &mut out);
    out
}

fn show_in(value: &Value, path: &str, out: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                show_in(item, &format!("{path}[{i}]"), out);
            }
        }
        Value::Map(pairs) if !pairs.is_empty() => {
            for (key, item) in pairs {
                show_in(item, &format!("{path}.{}", key.as_str().unwrap_or("?")), out);
            }
        }
        leaf => out.push_str(&format!("{path} = {leaf}\n")),
    }
}
