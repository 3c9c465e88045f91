//! What a call must say beyond its required fields.

use gateway::v1::validate::scheduler_call;
use gateway::v1::wire::scheduler::Call;
use gateway::v1::{MediaType, decode};

fn verdict(json: &str, principal: Option<&str>) -> String {
    let call: Call = decode(MediaType::Json, json.as_bytes()).expect("a call");
    match scheduler_call(&call, principal) {
        Ok(()) => "fine".to_owned(),
        Err(error) => error.to_string().replace("Failed to validate scheduler::Call: ", ""),
    }
}

#[test]
fn every_type_needs_its_part() {
    let cases = [
        ("ACCEPT", "accept"),
        ("DECLINE", "decline"),
        ("ACCEPT_INVERSE_OFFERS", "accept_inverse_offers"),
        ("DECLINE_INVERSE_OFFERS", "decline_inverse_offers"),
        ("KILL", "kill"),
        ("SHUTDOWN", "shutdown"),
        ("ACKNOWLEDGE", "acknowledge"),
        ("ACKNOWLEDGE_OPERATION_STATUS", "acknowledge_operation_status"),
        ("RECONCILE", "reconcile"),
        ("RECONCILE_OPERATIONS", "reconcile_operations"),
        ("MESSAGE", "message"),
        ("REQUEST", "request"),
        ("SUBSCRIBE", "subscribe"),
        ("UPDATE_FRAMEWORK", "update_framework"),
    ];
    for (kind, part) in cases {
        let json = format!(r#"{{"framework_id":{{"value":"f"}},"type":"{kind}"}}"#);
        assert_eq!(verdict(&json, None), format!("Expecting '{part}' to be present"));
    }
    for kind in ["TEARDOWN", "REVIVE", "SUPPRESS", "UNKNOWN"] {
        let json = format!(r#"{{"framework_id":{{"value":"f"}},"type":"{kind}"}}"#);
        assert_eq!(verdict(&json, None), "fine");
    }
}

#[test]
fn a_call_has_a_type_and_all_but_subscribe_an_id() {
    assert_eq!(verdict("{}", None), "Expecting 'type' to be present");
    assert_eq!(verdict(r#"{"type":"LATER"}"#, None), "Expecting 'type' to be present");
    assert_eq!(verdict(r#"{"type":"ACCEPT"}"#, None), "Expecting 'framework_id' to be present");
}

#[test]
fn a_subscription_agrees_with_itself() {
    let with = |id: &str, inner: &str| {
        let info = format!(r#"{{"user":"u","name":"n"{inner}}}"#);
        format!(r#"{{{id}"type":"SUBSCRIBE","subscribe":{{"framework_info":{info}}}}}"#)
    };
    let differs = "'framework_id' differs from 'subscribe.framework_info.id'";
    assert_eq!(verdict(&with("", ""), None), "fine");
    assert_eq!(verdict(&with("", r#","id":{"value":""}"#), None), "fine");
    assert_eq!(verdict(&with("", r#","id":{"value":"f"}"#), None), differs);
    let id = r#""framework_id":{"value":"f"},"#;
    assert_eq!(verdict(&with(id, r#","id":{"value":"f"}"#), None), "fine");
    assert_eq!(verdict(&with(id, ""), None), differs);
}

#[test]
fn the_principal_is_the_authenticated_one() {
    let json = r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","principal":"y"}}}"#;
    assert_eq!(verdict(json, None), "fine");
    assert_eq!(verdict(json, Some("y")), "fine");
    assert_eq!(
        verdict(json, Some("x")),
        "Authenticated principal 'x' does not match principal 'y' set in `FrameworkInfo`"
    );
}

#[test]
fn an_acknowledgement_names_a_uuid() {
    let with = |uuid: &str| {
        format!(
            r#"{{"framework_id":{{"value":"f"}},"type":"ACKNOWLEDGE","acknowledge":{{"agent_id":{{"value":"a"}},
                "task_id":{{"value":"t"}},"uuid":"{uuid}"}}}}"#
        )
    };
    assert_eq!(verdict(&with("BwcHBwcHBwcHBwcHBwcHBw=="), None), "fine");
    assert_eq!(verdict(&with("Bwc="), None), "Invalid UUID: not one of a status update");
}
