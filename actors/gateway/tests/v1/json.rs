//! The rules of the JSON, each with the client that needs it in mind.

use gateway::v1::wire::mesos::{
    ContainerId, Filters, Labels, OfferFilters, TaskInfo, Unavailability,
};
use gateway::v1::wire::scheduler::{Call, call};
use gateway::v1::wire::{WireMessage, mesos};
use gateway::v1::{MediaType, WireError, decode, encode};

fn read<M: WireMessage>(json: &str) -> M {
    decode(MediaType::Json, json.as_bytes()).expect("JSON that is accepted")
}

fn refused<M: WireMessage>(json: &str) -> String {
    decode::<M>(MediaType::Json, json.as_bytes()).expect_err("JSON that is refused").to_string()
}

fn written<M: WireMessage>(message: &M) -> String {
    String::from_utf8(encode(MediaType::Json, message)).expect("JSON is text")
}

#[test]
fn null_is_unset_at_any_depth() {
    let call: Call = read(
        r#"{"type":"ACCEPT","framework_id":null,"subscribe":null,"accept":{"offer_ids":[null,{"value":"o"}],
            "operations":null,"filters":{"refuse_seconds":null}}}"#,
    );
    let accept = call.accept.unwrap();
    assert_eq!((call.framework_id, call.subscribe), (None, None));
    assert_eq!(accept.offer_ids, [mesos::OfferId { value: "o".into() }]);
    assert_eq!(accept.filters, Some(Filters { refuse_seconds: None }));
    let filters: OfferFilters = read(
        r#"{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":1},"mem":null}}]}}"#,
    );
    let quantities = &filters.min_allocatable_resources.unwrap().quantities[0].quantities;
    assert_eq!(quantities.keys().collect::<Vec<_>>(), ["cpus"]);
}

#[test]
fn unknown_fields_are_ignored() {
    let call: Call =
        read(r#"{"type":"REVIVE","requests":[1],"revive":{"roles":["a"],"credentials":{}}}"#);
    assert_eq!(call.revive.unwrap().roles, ["a"]);
}

#[test]
fn names_are_those_of_the_wire_and_no_others() {
    let call: Call = read(r#"{"frameworkId":{"value":"f"},"type":"REVIVE"}"#);
    assert_eq!(call.framework_id, None);
}

#[test]
fn an_unknown_enum_name_is_unset() {
    let call: Call = read(r#"{"type":"LATER"}"#);
    assert_eq!(call.r#type, None);
    let info: mesos::FrameworkInfo =
        read(r#"{"user":"u","name":"n","capabilities":[{"type":"LATER"},{"type":"MULTI_ROLE"}]}"#);
    assert_eq!(info.capabilities[0].r#type, None);
    assert_eq!(info.capabilities.len(), 2);
}

#[test]
fn an_unknown_enum_name_of_a_required_field_is_refused() {
    assert_eq!(
        refused::<mesos::Resource>(r#"{"name":"cpus","type":"COMPLEX"}"#),
        "Failed to convert JSON into Resource protobuf: Failed to find enum for 'COMPLEX'"
    );
}

#[test]
fn integers_come_as_numbers_strings_and_doubles() {
    let range = |json: &str| read::<mesos::value::Range>(json);
    let wanted = mesos::value::Range { begin: 31000, end: u64::MAX };
    assert_eq!(range(r#"{"begin":31000,"end":18446744073709551615}"#), wanted);
    assert_eq!(range(r#"{"begin":"31000","end":"18446744073709551615"}"#), wanted);
    assert_eq!(range(r#"{"begin":31000.0,"end":18446744073709551615}"#), wanted);
    assert_eq!(range(r#"{"begin":3.1e4,"end":"18446744073709551615"}"#), wanted);
}

#[test]
fn integers_out_of_range_and_words_are_refused() {
    for number in ["-1", "\"-1\"", "18446744073709551616", "1e30", "\"Infinity\""] {
        let error = refused::<mesos::value::Range>(&format!(r#"{{"begin":{number},"end":1}}"#));
        assert!(error.contains("out of range for field 'begin'"), "{number}: {error}");
    }
    for word in ["\"x\"", "\"NaN\"", "\"\"", "\"inf\""] {
        let error = refused::<mesos::value::Range>(&format!(r#"{{"begin":{word},"end":1}}"#));
        assert!(error.contains("as a JSON number for field 'begin'"), "{word}: {error}");
    }
}

#[test]
fn integers_are_written_as_numbers() {
    let start = mesos::TimeInfo { nanoseconds: i64::MIN };
    assert_eq!(
        written(&Unavailability { start, duration: None }),
        r#"{"start":{"nanoseconds":-9223372036854775808}}"#
    );
}

#[test]
fn doubles_may_be_infinite_and_strings() {
    let filters = |json: &str| read::<Filters>(json).refuse_seconds;
    assert_eq!(filters(r#"{"refuse_seconds":"Infinity"}"#), Some(f64::INFINITY));
    assert_eq!(filters(r#"{"refuse_seconds":"-Infinity"}"#), Some(f64::NEG_INFINITY));
    assert_eq!(filters(r#"{"refuse_seconds":"0.25"}"#), Some(0.25));
    assert_eq!(filters(r#"{"refuse_seconds":4294967295}"#), Some(4_294_967_295.0));
    let infinite = Filters { refuse_seconds: Some(f64::NEG_INFINITY) };
    assert_eq!(written(&infinite), r#"{"refuse_seconds":"-Infinity"}"#);
}

#[test]
fn bytes_are_base64_with_or_without_padding() {
    let data = |json: &str| read::<call::Message>(json).data;
    let message = |data: &str| {
        format!(r#"{{"agent_id":{{"value":"a"}},"executor_id":{{"value":"e"}},"data":"{data}"}}"#)
    };
    assert_eq!(data(&message("+/8=")), [0xfb, 0xff]);
    assert_eq!(data(&message("+/8")), [0xfb, 0xff]);
    assert!(data(&message("")).is_empty());
    let error = refused::<call::Message>(&message("***"));
    let text = "Failed to convert JSON into Message protobuf: Failed to base64 decode bytes field 'data': ";
    assert!(error.starts_with(text), "{error}");
}

#[test]
fn maps_are_objects_in_the_order_of_their_keys() {
    let json = concat!(
        r#"{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"a"},"#,
        r#""limits":{"cpus":{"value":1.0},"mem":{"value":2.0}}}"#
    );
    assert_eq!(written(&read::<TaskInfo>(json)), json);
}

#[test]
fn what_is_not_set_is_left_out() {
    assert_eq!(written(&Call::default()), "{}");
    assert_eq!(written(&Filters::default()), "{}");
    assert_eq!(written(&Filters { refuse_seconds: Some(0.0) }), r#"{"refuse_seconds":0.0}"#);
}

#[test]
fn output_is_one_line_of_ascii() {
    let label = mesos::Label { key: "a\n\"\\\u{7f}é中😀z".into(), value: None };
    let labels = Labels { labels: vec![label] };
    let json = written(&labels);
    assert_eq!(
        json,
        "{\"labels\":[{\"key\":\"a\\n\\\"\\\\\u{7f}\\u00e9\\u4e2d\\ud83d\\ude00z\"}]}"
    );
    assert_eq!(read::<Labels>(&json), labels);
}

#[test]
fn a_value_of_another_kind_is_refused_by_the_name_of_its_field() {
    let cases = [
        (r#"{"type":1}"#, "Not expecting a JSON number for field 'type'"),
        (r#"{"framework_id":"f"}"#, "Not expecting a JSON string for field 'framework_id'"),
        (r#"{"framework_id":[]}"#, "Not expecting a JSON array for field 'framework_id'"),
        (r#"{"framework_id":{"value":true}}"#, "Not expecting a JSON boolean for field 'value'"),
        (r#"{"framework_id":{"value":{}}}"#, "Not expecting a JSON object for field 'value'"),
        ("[]", "Expecting a JSON object"),
    ];
    for (json, reason) in cases {
        assert_eq!(
            refused::<Call>(json),
            format!("Failed to convert JSON into Call protobuf: {reason}")
        );
    }
}

fn nested(depth: usize) -> String {
    let mut json = r#"{"value":"c"}"#.to_owned();
    for _ in 0..depth {
        json = format!(r#"{{"value":"c","parent":{json}}}"#);
    }
    json
}

#[test]
fn json_nests_as_deep_as_protobuf_at_most() {
    assert!(decode::<ContainerId>(MediaType::Json, nested(50).as_bytes()).is_ok());
    let deeper_than_protobuf = decode::<ContainerId>(MediaType::Json, nested(110).as_bytes());
    assert!(
        matches!(deeper_than_protobuf, Err(WireError::NotMessage { .. })),
        "{deeper_than_protobuf:?}"
    );
    for depth in [200, 20_000] {
        let error = decode::<ContainerId>(MediaType::Json, nested(depth).as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with("Failed to parse body into JSON: recursion limit"),
            "{error}"
        );
    }
}
