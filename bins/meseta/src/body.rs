//! Bodies: JSON on the command line, MessagePack on the wire, JSON on the screen.
//!
//! Nothing here knows a message: the receiver reads the fields by name and says what is wrong.

use protocol::codec;
use rmpv::Value as Packed;
use serde_json::{Map, Value};

use crate::error::CliError;

/// JSON text as MessagePack. The error points at the place.
pub(crate) fn pack(text: &str) -> Result<Vec<u8>, CliError> {
    let value: Value = serde_json::from_str(text).map_err(|error| CliError::Json {
        line: error.line(),
        column: error.column(),
        near: near(text, error.line(), error.column()),
        reason: reason_of(&error),
    })?;
    codec::encode(&value)
        .map_err(|error| CliError::Failed(format!("cannot pack the body: {error}")))
}

/// serde_json's message without the position, which is told apart from it.
fn reason_of(error: &serde_json::Error) -> String {
    let full = error.to_string();
    full.split(" at line ").next().unwrap_or(&full).to_owned()
}

/// A few characters before the place where reading ended.
fn near(text: &str, line: usize, column: usize) -> String {
    const SHOWN: usize = 16;
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let read: Vec<char> = line.chars().take(column).collect();
    read[read.len().saturating_sub(SHOWN)..].iter().collect()
}

/// MessagePack as JSON. Bytes that are text become text, others a list of numbers.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Value, CliError> {
    let mut rest = bytes;
    let packed = rmpv::decode::read_value(&mut rest)
        .map_err(|error| CliError::Failed(format!("the answer is not MessagePack: {error}")))?;
    Ok(to_json(packed))
}

fn to_json(packed: Packed) -> Value {
    match packed {
        Packed::Nil => Value::Null,
        Packed::Boolean(b) => Value::Bool(b),
        Packed::Integer(n) => integer(n),
        Packed::F32(f) => Value::from(f),
        Packed::F64(f) => Value::from(f),
        Packed::String(s) => Value::String(String::from_utf8_lossy(s.as_bytes()).into_owned()),
        Packed::Binary(bytes) => binary(bytes),
        Packed::Array(items) => items.into_iter().map(to_json).collect(),
        Packed::Map(pairs) => Value::Object(pairs.into_iter().map(entry).collect::<Map<_, _>>()),
        Packed::Ext(kind, bytes) => serde_json::json!({ "extension": kind, "bytes": bytes }),
    }
}

fn integer(n: rmpv::Integer) -> Value {
    match (n.as_u64(), n.as_i64()) {
        (Some(n), _) => Value::from(n),
        (None, Some(n)) => Value::from(n),
        (None, None) => Value::Null,
    }
}

fn binary(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => Value::from(error.into_bytes()),
    }
}

fn entry((key, value): (Packed, Packed)) -> (String, Value) {
    let key = match to_json(key) {
        Value::String(key) => key,
        other => other.to_string(),
    };
    (key, to_json(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::agent::ReadSandbox;
    use protocol::{Blob, TaskId};

    #[test]
    fn json_reads_as_the_message_that_it_describes() {
        let bytes = pack(r#"{"task_id": "t1", "path": "stdout", "length": 5}"#).unwrap();
        let message: ReadSandbox = codec::decode(&bytes).unwrap();
        assert_eq!((message.task_id, message.length), (TaskId::from("t1".to_owned()), 5));
    }

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        for text in ["null", "true", "-3", "18446744073709551615", "0.5", r#"{"a":[1,"x",{}]}"#] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(unpack(&pack(text).unwrap()).unwrap(), value);
        }
        let text = codec::encode(&Blob::from("hi")).unwrap();
        assert_eq!(unpack(&text).unwrap(), Value::from("hi"));
        let bytes = codec::encode(&Blob::from(vec![0xff, 1])).unwrap();
        assert_eq!(unpack(&bytes).unwrap(), serde_json::json!([255, 1]));
    }

    #[test]
    fn bad_json_is_located() {
        let error = pack("{\"task_id\": \n  oops}").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 2, column 3"), "{text}");
        assert!(text.contains("expected"), "{text}");
    }
}
