//! Calls and events as they are on the wire, in both encodings.

use gateway::v1::wire::scheduler::{Call, Event, call, event};
use gateway::v1::wire::{WireMessage, mesos};
use gateway::v1::{MediaType, decode, encode};

use crate::tiny::{double, id, int, message, text};

/// Both encodings say the same, and are what this side writes.
fn check<M: WireMessage>(protobuf: &[Vec<u8>], json: &str) -> M {
    let protobuf = protobuf.concat();
    let from_protobuf: M = decode(MediaType::Protobuf, &protobuf).expect("golden protobuf");
    let from_json: M = decode(MediaType::Json, json.as_bytes()).expect("golden JSON");
    assert_eq!(from_protobuf, from_json);
    assert_eq!(String::from_utf8_lossy(&encode(MediaType::Json, &from_protobuf)), json);
    assert_eq!(encode(MediaType::Protobuf, &from_json), protobuf);
    from_json
}

fn scalar(field: u64, name: &str, value: f64) -> Vec<u8> {
    message(field, &[text(1, name), int(2, 0), message(3, &[double(1, value)])])
}

#[test]
fn subscribe() {
    let info = [
        text(1, "nobody"),
        text(2, "pi"),
        id(3, "f-0001"),
        double(4, 604_800.0),
        int(5, 1),
        message(10, &[int(1, 6)]),
        message(10, &[int(1, 7)]),
        text(12, "batch/night"),
    ];
    let call: Call = check(
        &[id(1, "f-0001"), int(2, 1), message(3, &[message(1, &info), text(2, "batch/night")])],
        concat!(
            r#"{"framework_id":{"value":"f-0001"},"type":"SUBSCRIBE","subscribe":{"framework_info":{"#,
            r#""user":"nobody","name":"pi","id":{"value":"f-0001"},"failover_timeout":604800.0,"#,
            r#""checkpoint":true,"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}],"#,
            r#""roles":["batch/night"]},"suppressed_roles":["batch/night"]}}"#,
        ),
    );
    assert_eq!(call.r#type(), call::Type::Subscribe);
    assert_eq!(call.subscribe.unwrap().framework_info.failover_timeout, Some(604_800.0));
}

#[test]
fn accept_with_a_launch() {
    let command = [
        message(2, &[message(1, &[text(1, "HOME"), text(2, "/")])]),
        text(3, "sleep 1"),
        int(6, 0),
        text(7, "a"),
        text(7, "b"),
    ];
    let ports = message(
        4,
        &[text(1, "ports"), int(2, 1), message(4, &[message(1, &[int(1, 31000), int(2, 31001)])])],
    );
    let task = [
        text(1, "t"),
        id(2, "t-1"),
        id(3, "S1"),
        scalar(4, "cpus", 0.1),
        ports,
        text(6, [0, 255]),
        message(7, &command),
        message(12, &[message(1, &[int(1, 5_000_000_000)])]),
        message(15, &[text(1, "mem"), message(2, &[double(1, f64::INFINITY)])]),
    ];
    let launch = message(2, &[int(1, 1), message(2, &[message(1, &task)])]);
    let accept = message(4, &[id(1, "O1"), id(1, "O2"), launch, message(3, &[double(1, 0.5)])]);
    let call: Call = check(
        &[id(1, "f-1"), int(2, 3), accept],
        concat!(
            r#"{"framework_id":{"value":"f-1"},"type":"ACCEPT","accept":{"#,
            r#""offer_ids":[{"value":"O1"},{"value":"O2"}],"operations":[{"type":"LAUNCH","launch":{"#,
            r#""task_infos":[{"name":"t","task_id":{"value":"t-1"},"agent_id":{"value":"S1"},"resources":["#,
            r#"{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},"#,
            r#"{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31001}]}}],"#,
            r#""data":"AP8=","command":{"environment":{"variables":[{"name":"HOME","value":"/"}]},"#,
            r#""value":"sleep 1","shell":false,"arguments":["a","b"]},"#,
            r#""kill_policy":{"grace_period":{"nanoseconds":5000000000}},"#,
            r#""limits":{"mem":{"value":"Infinity"}}}]}}],"filters":{"refuse_seconds":0.5}}}"#,
        ),
    );
    let accept = call.accept.unwrap();
    assert_eq!(accept.operations[0].r#type(), mesos::offer::operation::Type::Launch);
    let task = &accept.operations[0].launch.as_ref().unwrap().task_infos[0];
    assert_eq!(task.data.as_deref(), Some([0, 255].as_slice()));
    assert_eq!(task.resources[1].ranges.as_ref().unwrap().range[0].end, 31001);
}

#[test]
fn offers() {
    let address = message(2, &[text(1, "n1"), text(2, "10.0.0.1"), int(3, 5051)]);
    let offer = [
        id(1, "O1"),
        id(2, "f-1"),
        id(3, "S1"),
        text(4, "n1"),
        scalar(5, "mem", 1024.0),
        id(6, "e-1"),
        message(7, &[text(1, "rack"), int(2, 3), message(5, &[text(1, "r\u{e9}")])]),
        message(8, &[text(1, "http"), address, text(3, "/agent")]),
        message(10, &[text(1, "*")]),
    ];
    let event: Event = check(
        &[int(1, 2), message(3, &[message(1, &offer)])],
        concat!(
            r#"{"type":"OFFERS","offers":{"offers":[{"id":{"value":"O1"},"framework_id":{"value":"f-1"},"#,
            r#""agent_id":{"value":"S1"},"hostname":"n1","#,
            r#""resources":[{"name":"mem","type":"SCALAR","scalar":{"value":1024.0}}],"#,
            r#""executor_ids":[{"value":"e-1"}],"#,
            r#""attributes":[{"name":"rack","type":"TEXT","text":{"value":"r\u00e9"}}],"#,
            r#""url":{"scheme":"http","address":{"hostname":"n1","ip":"10.0.0.1","port":5051},"path":"/agent"},"#,
            r#""allocation_info":{"role":"*"}}]}}"#,
        ),
    );
    assert_eq!(event.r#type(), event::Type::Offers);
    assert_eq!(event.offers.unwrap().offers[0].url.as_ref().unwrap().address.port, 5051);
}

#[test]
fn update() {
    let status = [
        id(1, "t-1"),
        int(2, 3),
        text(4, "out of memory"),
        id(5, "S1"),
        double(6, 1.5),
        id(7, "t-1"),
        int(9, 2),
        int(10, 8),
        text(11, [7; 16]),
        message(13, &[message(4, &[text(1, "c-1")])]),
    ];
    let event: Event = check(
        &[int(1, 4), message(5, &[message(1, &status)])],
        concat!(
            r#"{"type":"UPDATE","update":{"status":{"task_id":{"value":"t-1"},"state":"TASK_FAILED","#,
            r#""message":"out of memory","agent_id":{"value":"S1"},"timestamp":1.5,"#,
            r#""executor_id":{"value":"t-1"},"source":"SOURCE_EXECUTOR","#,
            r#""reason":"REASON_CONTAINER_LIMITATION_MEMORY","uuid":"BwcHBwcHBwcHBwcHBwcHBw==","#,
            r#""container_status":{"container_id":{"value":"c-1"}}}}}"#,
        ),
    );
    assert_eq!(event.update.unwrap().status.state(), mesos::TaskState::TaskFailed);
}

#[test]
fn a_zero_in_a_map() {
    let nothing = message(1, &[text(1, "cpus"), message(2, &[double(1, 0.0)])]);
    let filters = message(1, &[message(1, &[nothing])]);
    let info =
        [text(1, "nobody"), text(2, "pi"), message(13, &[text(1, "*"), message(2, &[filters])])];
    check::<Call>(
        &[int(2, 1), message(3, &[message(1, &info)])],
        concat!(
            r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"nobody","name":"pi","#,
            r#""offer_filters":{"*":{"min_allocatable_resources":{"quantities":[{"quantities":"#,
            r#"{"cpus":{"value":0.0}}}]}}}}}}"#,
        ),
    );
}
