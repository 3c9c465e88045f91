//! Peers of different versions understand each other: what a newer one adds is skipped, what an
//! older one does not send takes its default, and a word that is not known reads as unknown.

use std::fs;

use protocol::agent::ExecutorStanding;
use protocol::agents::AgentState;
use protocol::allocator::Verdict;
use protocol::constraints::{Predicate, Selector};
use protocol::explain::{FrameworkStanding, SetbackKind};
use protocol::framework::{Attribute, Capability, Operation, OperationState};
use protocol::frameworks::AgentLossCause;
use protocol::maintenance::InverseAnswer;
use protocol::registrar::{AgentStanding, RegistryOperation};
use protocol::resources::Value as ResourceValue;
use protocol::runtime::ExitReason;
use protocol::services::{DeploymentAction, KillSelection, PutMode};
use protocol::task::{ExecutorKind, Reason, Source, TaskState, Termination};
use protocol::{FailureKind, codec};
use rmpv::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::samples;
use crate::structs::for_each_struct;

#[test]
fn a_field_of_a_newer_peer_is_skipped_wherever_it_is() {
    let (mut complaints, mut nested) = (Vec::new(), 0);
    for sample in samples::all() {
        let mut value = value_of(&sample.bytes);
        let news = Value::Map(vec![("deep".into(), Value::Array(vec![Value::Nil, 1.into()]))]);
        let mut structs = 0;
        for_each_struct(&mut value, &(sample.schema)(), &mut |pairs, _| {
            pairs.insert(0, ("first_of_a_newer_peer".into(), news.clone()));
            pairs.push(("last_of_a_newer_peer".into(), news.clone()));
            structs += 1;
        });
        assert!(structs > 0, "{}: a body is a struct", sample.file);
        nested += structs - 1;
        match (sample.recode)(&bytes_of(&value)) {
            Ok(again) if again == sample.bytes => {}
            Ok(_) => complaints.push(format!("{}: an unknown field changed it", sample.file)),
            Err(failure) => complaints.push(format!("{}: {failure}", sample.file)),
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(nested > 400, "only {nested} structs within bodies were found");
}

#[test]
fn a_field_that_has_a_default_may_be_missing_wherever_it_is() {
    let mut complaints = Vec::new();
    let mut taken = 0;
    for sample in samples::all() {
        let mut value = value_of(&sample.bytes);
        for_each_struct(&mut value, &(sample.schema)(), &mut |pairs, schema| {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let before = pairs.len();
            pairs.retain(|(key, _)| required.contains(&Json::from(key.as_str())));
            taken += before - pairs.len();
        });
        if let Err(failure) = (sample.recode)(&bytes_of(&value)) {
            complaints.push(format!("{}: {failure}", sample.file));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(taken > 500, "only {taken} fields of all samples have a default");
}

/// Reads a word that nobody knows.
fn unknown<T: DeserializeOwned>() -> T {
    let word = bytes_of(&"FROM_A_NEWER_PEER".into());
    codec::decode(&word).expect("any word is read")
}

#[test]
fn a_word_of_a_newer_peer_reads_as_unknown() {
    assert_eq!(unknown::<AgentState>(), AgentState::Unknown);
    assert_eq!(unknown::<Capability>(), Capability::Unknown);
    assert_eq!(unknown::<DeploymentAction>(), DeploymentAction::Unknown);
    assert_eq!(unknown::<ExecutorKind>(), ExecutorKind::Unknown);
    assert_eq!(unknown::<ExecutorStanding>(), ExecutorStanding::Unknown);
    assert_eq!(unknown::<ExitReason>(), ExitReason::Unknown);
    assert_eq!(unknown::<FailureKind>(), FailureKind::Unknown);
    assert_eq!(unknown::<FrameworkStanding>(), FrameworkStanding::Unknown);
    assert_eq!(unknown::<InverseAnswer>(), InverseAnswer::Unknown);
    assert_eq!(unknown::<OperationState>(), OperationState::Unknown);
    assert_eq!(unknown::<Reason>(), Reason::Other);
    assert_eq!(unknown::<SetbackKind>(), SetbackKind::Unknown);
    assert_eq!(unknown::<Source>(), Source::Executor);
    assert_eq!(unknown::<TaskState>(), TaskState::Unknown);
    assert_eq!(unknown::<Verdict>(), Verdict::Unknown);
    assert_eq!(promises(), 15, "a `serde(other)` in protocol/src is not in this list, or is gone");
}

/// How many enums say that they can read any word.
fn promises() -> usize {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).into_iter().flatten();
    let texts = files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.map(|text| text.matches("other)]\n").count()).sum()
}

/// Whether neither a word that is not known nor one with something along is taken for another.
fn refuses<T: DeserializeOwned + Serialize>() -> bool {
    let word = Value::from("from_a_newer_peer");
    let along = Value::Map(vec![(word.clone(), Value::Map(Vec::new()))]);
    [word, along].iter().all(|value| {
        let read = codec::decode::<T>(&bytes_of(value));
        read.is_err_and(|failure| failure.message.contains("from_a_newer_peer"))
    })
}

#[test]
fn an_order_that_is_not_understood_is_refused_and_named() {
    assert!(refuses::<AgentLossCause>());
    assert!(refuses::<AgentStanding>());
    assert!(refuses::<Attribute>());
    assert!(refuses::<Predicate>());
    assert!(refuses::<Selector>());
    assert!(refuses::<KillSelection>());
    assert!(refuses::<Operation>());
    assert!(refuses::<PutMode>());
    assert!(refuses::<RegistryOperation>());
    assert!(refuses::<ResourceValue>());
    assert!(refuses::<Termination>());
}

fn value_of(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    rmpv::decode::read_value(&mut rest).expect("a sample is MessagePack")
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).expect("memory can be written to");
    bytes
}
