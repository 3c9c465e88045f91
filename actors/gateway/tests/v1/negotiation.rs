//! Which encoding, and what is said to a request that has none or cannot be read.

use actix_web::http::StatusCode;
use gateway::v1::media::check_method;
use gateway::v1::wire::mesos::ContainerId;
use gateway::v1::wire::scheduler::Call;
use gateway::v1::{MediaType, WireError, decode};

use crate::tiny::{id, int, message, text};

fn says(error: &WireError, status: StatusCode, text: &str) {
    assert_eq!((error.status(), error.to_string().as_str()), (status, text));
}

#[test]
fn calls_are_posted() {
    assert_eq!(check_method("POST"), Ok(()));
    let error = check_method("GET").unwrap_err();
    assert_eq!(error.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn the_type_of_a_body_is_named_literally() {
    assert_eq!(MediaType::of_body(Some("application/json")), Ok(MediaType::Json));
    assert_eq!(MediaType::of_body(Some("application/x-protobuf")), Ok(MediaType::Protobuf));
    says(
        &MediaType::of_body(None).unwrap_err(),
        StatusCode::BAD_REQUEST,
        "Expecting 'Content-Type' to be present",
    );
    for name in ["", "text/plain", "application/json; charset=utf-8", "Application/JSON", "*/*"] {
        says(
            &MediaType::of_body(Some(name)).unwrap_err(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        );
    }
}

#[test]
fn an_answer_is_json_unless_that_is_not_accepted() {
    for accept in
        ["*/*", "application/*", "application/json", "application/x-protobuf, application/json"]
    {
        assert_eq!(MediaType::of_answer(Some(accept)), Ok(MediaType::Json), "{accept}");
    }
    assert_eq!(MediaType::of_answer(None), Ok(MediaType::Json));
    for accept in ["application/x-protobuf", "text/html, application/x-protobuf;q=0.5"] {
        assert_eq!(MediaType::of_answer(Some(accept)), Ok(MediaType::Protobuf), "{accept}");
    }
    for accept in ["", "text/html", "text/*", "application/jsonp"] {
        says(
            &MediaType::of_answer(Some(accept)).unwrap_err(),
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        );
    }
}

#[test]
fn bytes_that_are_no_protobuf_are_refused() {
    for bytes in [&[0xff_u8][..], b"{}", &[0x0a, 5, 1]] {
        says(
            &decode::<Call>(MediaType::Protobuf, bytes).unwrap_err(),
            StatusCode::BAD_REQUEST,
            "Failed to parse body into Call protobuf",
        );
    }
}

#[test]
fn text_that_is_no_json_is_refused_with_the_place() {
    says(
        &decode::<Call>(MediaType::Json, b"{\"type\":").unwrap_err(),
        StatusCode::BAD_REQUEST,
        "Failed to parse body into JSON: EOF while parsing a value at line 1 column 8",
    );
    assert!(decode::<Call>(MediaType::Json, b"").is_err());
    assert!(decode::<Call>(MediaType::Json, b"{} {}").is_err());
}

#[test]
fn missing_fields_are_named_by_their_paths_in_both_encodings() {
    let text = "Failed to validate scheduler::Call: Not initialized: subscribe.framework_info.name";
    let json = r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u"}}}"#;
    let error = decode::<Call>(MediaType::Json, json.as_bytes()).unwrap_err();
    says(&error, StatusCode::BAD_REQUEST, text);
    let protobuf = [int(2, 1), message(3, &[message(1, &[self::text(1, "u")])])].concat();
    assert_eq!(decode::<Call>(MediaType::Protobuf, &protobuf), Err(error));
}

#[test]
fn missing_fields_are_found_in_lists_and_maps_and_all_at_once() {
    let json = r#"{"accept":{"operations":[{},{"launch":{"task_infos":[{"name":"t","agent_id":{},
        "task_id":{"value":"t"},"limits":{"mem":{}}}]}}]},"kill":{}}"#;
    let error = decode::<Call>(MediaType::Json, json.as_bytes()).unwrap_err();
    let task = "accept.operations[1].launch.task_infos[0]";
    assert_eq!(
        error.to_string(),
        format!(
            "Failed to validate scheduler::Call: Not initialized: {task}.agent_id.value, {task}.limits[mem].value, kill.task_id"
        )
    );
}

#[test]
fn enum_values_of_later_versions_are_unset_in_protobuf_too() {
    let call: Call = decode(MediaType::Protobuf, &[id(1, "f"), int(2, 99)].concat()).unwrap();
    assert_eq!(call.r#type, None);
    let resource = [text(1, "cpus"), int(2, 99)];
    let task = [text(1, "t"), id(2, "t"), id(3, "a"), message(4, &resource)];
    let launch = message(2, &[message(2, &[message(1, &task)])]);
    let error = decode::<Call>(MediaType::Protobuf, &message(4, &[launch])).unwrap_err();
    assert!(error.to_string().ends_with("task_infos[0].resources[0].type"), "{error}");
}

fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = text(1, "c");
    for _ in 0..depth {
        bytes = [text(1, "c"), text(2, bytes)].concat();
    }
    bytes
}

#[test]
fn protobuf_nests_a_hundred_deep_at_most() {
    assert!(decode::<ContainerId>(MediaType::Protobuf, &nested(90)).is_ok());
    for depth in [101, 5_000] {
        let error = decode::<ContainerId>(MediaType::Protobuf, &nested(depth)).unwrap_err();
        assert_eq!(error, WireError::NotProtobuf { message: "ContainerID" });
    }
}
