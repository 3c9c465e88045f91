//! Who may subscribe as what, and what becomes of an earlier subscription.

use protocol::FrameworkId;
use protocol::frameworks::TeardownFramework;
use serde_json::{Value, json};

use crate::client::{Client, Stream};
use crate::stage::Stage;
use crate::support::SOON;

#[actix_rt::test]
async fn what_is_wrong_with_a_framework_is_the_one_event_of_its_stream() {
    let stage = Stage::start().await;
    let client = stage.client();
    for (more, said) in [
        (json!({ "role": "a b" }), "role `a b` is not valid"),
        (json!({ "roles": ["a"] }), "'roles' must not be set without MULTI_ROLE"),
        (json!({ "failover_timeout": -1.0 }), "'failover_timeout' (-1) is invalid"),
        (
            json!({ "role": "a", "capabilities": [{ "type": "MULTI_ROLE" }] }),
            "'role' must not be set with MULTI_ROLE",
        ),
    ] {
        let error = client.open(more).await.error().await;
        assert!(error.contains(said), "{error}");
    }
    let subscribe = json!({
        "framework_info": { "user": "root", "name": "n" }, "suppressed_roles": ["other"],
    });
    let error = client.open_with(subscribe).await.error().await;
    assert!(error.contains("`other` is not one of the framework's"), "{error}");
}

#[actix_rt::test]
async fn an_old_stream_is_told_of_the_new_one_and_closed() {
    let stage = Stage::start().await;
    let old = stage.client().subscribe().await;
    let id = json!({ "id": { "value": old.id } });
    let new = stage.client().subscribe_with(id).await;
    assert_eq!(new.id, old.id);
    assert_ne!(new.stream.id, old.stream.id);
    assert_eq!(Stream::error(old.stream).await, "Framework failed over");
    new.tell("REVIVE", Value::Null).await;
}

#[actix_rt::test]
async fn a_framework_that_was_torn_down_does_not_come_back() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let id = json!({ "id": { "value": framework.id } });
    framework.tell("TEARDOWN", Value::Null).await;
    framework.stream.end().await;
    stage.routed("end the framework on S1").await;
    let error = stage.client().open(id.clone()).await.error().await;
    assert_eq!(error, "Framework has been removed");
    let call = json!({ "type": "REVIVE", "framework_id": id["id"] });
    let said = Client::answer(stage.client().post(&call)).await;
    assert_eq!(said, (400, "Framework cannot be found".to_owned()));
}

#[actix_rt::test]
async fn a_framework_that_somebody_else_tears_down_is_told() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let message = TeardownFramework { framework_id: FrameworkId::from(framework.id.as_str()) };
    stage.host.ask(&stage.host.address_of("frameworks"), message, SOON).await.unwrap();
    assert_eq!(framework.stream.error().await, "Framework has been removed");
}

#[actix_rt::test]
async fn the_principal_of_a_framework_stays_and_its_user_too() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe_with(json!({ "principal": "p" })).await;
    let id = json!({ "value": framework.id });
    let other = json!({ "id": id, "principal": "q" });
    let error = stage.client().open(other).await.error().await;
    assert_eq!(error, "Changing framework's principal is not allowed.");
    let again = json!({ "id": id, "principal": "p", "user": "other" });
    assert_eq!(stage.client().subscribe_with(again).await.id, framework.id);
}

#[actix_rt::test]
async fn a_framework_may_have_no_role_and_is_offered_nothing() {
    let stage = Stage::start().await;
    let more = json!({ "capabilities": [{ "type": "MULTI_ROLE" }], "roles": [] });
    let mut none = stage.client().subscribe_with(more).await;
    let mut some = stage.client().subscribe().await;
    some.offer().await;
    let framework_info = json!({ "user": "root", "name": "demo", "id": { "value": none.id }, "roles": ["a"],
            "failover_timeout": 60.0, "capabilities": [{ "type": "MULTI_ROLE" }] });
    let update = json!({ "framework_info": framework_info });
    let said = Client::answer(none.request("UPDATE_FRAMEWORK", &update)).await;
    assert_eq!(said, (200, String::new()));
    some.tell("SUPPRESS", Value::Null).await;
    some.tell("TEARDOWN", Value::Null).await;
    let offer = none.offer().await;
    assert_eq!(offer["allocation_info"], json!({ "role": "a" }));
    assert_eq!(offer["resources"][0]["allocation_info"], json!({ "role": "a" }));
}

#[actix_rt::test]
async fn a_framework_changes_as_a_whole_or_not_at_all() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
    let info = |more: Value| {
        let mut info = json!({ "user": "root", "name": "renamed", "failover_timeout": 60.0,
            "id": { "value": framework.id } });
        info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "framework_info": info })
    };
    for (more, said) in [
        (json!({ "principal": "p" }), "Changing framework's principal is not allowed."),
        (json!({ "user": "u" }), "Changing framework's user is not allowed."),
        (json!({ "checkpoint": true }), "Changing framework's checkpoint is not allowed."),
        (json!({ "role": "-" }), "role `-` is not valid: no level of it may start with `-`"),
    ] {
        let answer = Client::answer(framework.request("UPDATE_FRAMEWORK", &info(more))).await;
        assert_eq!(answer, (400, said.to_owned()));
    }
    let answer = Client::answer(framework.request("UPDATE_FRAMEWORK", &info(json!({})))).await;
    assert_eq!(answer, (200, String::new()));
    stage.routed("framework is now renamed").await;
}
