//! What a framework says of the offers that it wants, and what it is asked to give back.

use actix_web::http::Method;
use protocol::framework::{InverseAllocation, Unavailability};
use protocol::frameworks::{AgentLossCause, SendInverseOffers};
use protocol::id::Generation;
use protocol::{FrameworkId, Time};
use serde_json::{Value, json};

use crate::client::{Client, Framework, Stream};
use crate::fields::Fields;
use crate::stage::{AGENT, Stage};
use crate::tiny::{int, message, text};

/// Constraints of the default role: one group of one constraint.
fn only(selector: Value, predicate: Value) -> Value {
    let constraint = json!({ "selector": selector, "predicate": predicate });
    json!({ "role_constraints": { "*": { "groups": [{ "attribute_constraints": [constraint] }] } } })
}

fn hostname() -> Value {
    json!({ "pseudoattribute_type": "HOSTNAME" })
}

fn subscribe_with(constraints: &Value) -> Value {
    json!({ "framework_info": { "user": "root", "name": "demo", "failover_timeout": 60.0 },
        "offer_constraints": constraints })
}

async fn subscribe(stage: &Stage, subscribe: Value) -> Framework {
    let client = stage.client();
    let mut stream = client.open_with(subscribe).await;
    let subscribed = stream.event().await;
    assert_eq!(subscribed["type"], "SUBSCRIBED", "{subscribed}");
    let id = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    Framework { client, id, stream }
}

/// The answer to an update to this.
async fn update(framework: &Framework, info: Value, constraints: Option<Value>) -> (u16, String) {
    let mut all = json!({ "user": "root", "name": "demo", "failover_timeout": 60.0,
        "id": { "value": framework.id } });
    all.as_object_mut().unwrap().extend(info.as_object().unwrap().clone());
    let mut update = json!({ "framework_info": all });
    if let Some(constraints) = constraints {
        update["offer_constraints"] = constraints;
    }
    Client::answer(framework.request("UPDATE_FRAMEWORK", &update)).await
}

fn updated() -> (u16, String) {
    (200, String::new())
}

/// Whether the framework is offered nothing while another, that comes later, is.
async fn is_left_out(stage: &Stage) -> Framework {
    let mut other = stage.client().subscribe().await;
    other.offer().await;
    other
}

#[actix_rt::test]
async fn agents_that_are_excluded_are_not_offered_until_the_constraints_are_gone() {
    let stage = Stage::start().await;
    let constraints = only(hostname(), json!({ "text_not_equals": { "value": "node" } }));
    let mut framework = subscribe(&stage, subscribe_with(&constraints)).await;
    let other = is_left_out(&stage).await;
    other.tell("TEARDOWN", Value::Null).await;
    assert_eq!(update(&framework, json!({}), None).await, updated());
    assert_eq!(framework.offer().await["agent_id"]["value"], AGENT);
}

#[actix_rt::test]
async fn every_predicate_reaches_the_allocator() {
    let rack = json!({ "attribute_name": "rack" });
    for (selector, predicate) in [
        (&rack, json!({ "exists": {} })),
        (&json!({ "attribute_name": "none" }), json!({ "not_exists": {} })),
        (&rack, json!({ "text_equals": { "value": "r1" } })),
        (&rack, json!({ "text_not_equals": { "value": "r2" } })),
        (&rack, json!({ "text_matches": { "regex": "r[0-9]" } })),
        (&hostname(), json!({ "text_not_matches": { "regex": "r.*" } })),
        (&json!({ "pseudoattribute_type": "ZONE" }), json!({ "text_equals": { "value": "b" } })),
        (&json!({ "pseudoattribute_type": "REGION" }), json!({ "exists": {} })),
    ] {
        let stage = Stage::start().await;
        let constraints = only(selector.clone(), predicate);
        let mut framework = subscribe(&stage, subscribe_with(&constraints)).await;
        assert_eq!(framework.offer().await["agent_id"]["value"], AGENT, "{constraints}");
    }
}

/// Constraints that cannot be kept, and what is said to them.
fn faulty() -> [(Value, &'static str); 9] {
    let exists = json!({ "exists": {} });
    let group = |groups: Value| json!({ "role_constraints": { "*": { "groups": groups } } });
    let two = json!({ "exists": {}, "not_exists": {} });
    let both = json!({ "pseudoattribute_type": "ZONE", "attribute_name": "a" });
    [
        (group(json!([])), "has an empty 'RoleConstraints::groups' for role *"),
        (group(json!([{}])), "for role * contains an empty RoleConstraints::Group"),
        (
            only(json!({}), exists.clone()),
            "Exactly one of 'AttributeConstraint::Selector::name' or",
        ),
        (only(both, exists.clone()), "Exactly one of 'AttributeConstraint::Selector::name' or"),
        (
            only(json!({ "pseudoattribute_type": "UNKNOWN" }), exists),
            "Unknown pseudoattribute type",
        ),
        (
            only(hostname(), json!({})),
            "A role * has an invalid 'AttributeConstraint': Unknown predicate",
        ),
        (only(hostname(), two), "Unknown predicate type"),
        (
            only(hostname(), json!({ "text_matches": { "regex": "(" } })),
            "Failed to construct regex from pattern '('",
        ),
        (
            only(hostname(), json!({ "text_matches": { "regex": "((a{100}){100}){100}" } })),
            "is too complex",
        ),
    ]
}

#[actix_rt::test]
async fn constraints_that_cannot_be_kept_are_an_error_or_a_bad_request() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    for (constraints, said) in faulty() {
        let error = stage.client().open_with(subscribe_with(&constraints)).await.error().await;
        assert!(error.starts_with("Offer constraints are not valid: "), "{error}");
        assert!(error.contains(said), "{error}");
        assert_eq!(update(&framework, json!({}), Some(constraints)).await, (400, error));
    }
    let mut other = only(hostname(), json!({ "exists": {} }));
    other["role_constraints"]["x"] = other["role_constraints"]["*"].clone();
    let said = "Offer constraints specify `role_constraints` for a role 'x' not contained in the set of roles";
    let error = stage.client().open_with(subscribe_with(&other)).await.error().await;
    assert_eq!(error, said);
    assert_eq!(update(&framework, json!({}), Some(other)).await, (400, said.to_owned()));
}

/// `offer_filters` of the default role.
fn at_least(quantities: Value) -> Value {
    let filters = json!({ "min_allocatable_resources": { "quantities": quantities } });
    json!({ "offer_filters": { "*": filters } })
}

#[actix_rt::test]
async fn offers_contain_what_the_framework_needs_at_least() {
    let stage = Stage::start().await;
    let too_much = at_least(json!([{ "quantities": { "cpus": { "value": 9 } } }]));
    let mut framework = stage.client().subscribe_with(too_much).await;
    let other = is_left_out(&stage).await;
    other.tell("TEARDOWN", Value::Null).await;
    let enough = at_least(json!([
        { "quantities": { "cpus": { "value": 9 } } },
        { "quantities": { "cpus": { "value": 1 }, "mem": { "value": 1 } } },
    ]));
    assert_eq!(update(&framework, enough, None).await, updated());
    framework.offer().await;
}

#[actix_rt::test]
async fn filters_that_cannot_be_kept_are_an_error_or_a_bad_request() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let cpus = |value: Value| json!([{ "quantities": { "cpus": { "value": value } } }]);
    for (quantities, said) in [
        (json!([{}]), "Resource quantities must contain at least one quantity"),
        (cpus(json!(-1)), "Invalid resource quantity for 'cpus': Negative values not supported"),
        (
            cpus(json!("Infinity")),
            "Invalid resource quantity for 'cpus': Infinite values not supported",
        ),
        (cpus(json!("NaN")), "Invalid resource quantity for 'cpus': NaN not supported"),
    ] {
        let filters = at_least(quantities);
        assert_eq!(stage.client().open(filters.clone()).await.error().await, said);
        assert_eq!(update(&framework, filters, None).await, (400, said.to_owned()));
    }
}

#[actix_rt::test]
async fn constraints_over_protobuf() {
    let stage = Stage::start().await;
    // Selector: attribute_name 2; Predicate: text_equals 3 { value 1 } or text_matches 5 { regex 1 }.
    let subscribe = |predicate: Vec<u8>| {
        let constraint = [message(1, &[text(2, "rack")]), message(2, &[predicate])];
        let group = message(1, &[message(1, &constraint)]);
        let role = message(1, &[text(1, "*"), message(2, &[group])]);
        let info = message(1, &[text(1, "root"), text(2, "wire")]);
        let call = [int(2, 1), message(3, &[info, message(3, &[role])])].concat();
        let request = stage.client().request(Method::POST, "/api/v1/scheduler").body(call);
        let protobuf = "application/x-protobuf";
        request.header("Content-Type", protobuf).header("Accept", protobuf).send()
    };
    let mut stream = Stream::of(subscribe(message(3, &[text(1, "r1")])).await.unwrap());
    loop {
        let event = Fields::read(&stream.record().await.unwrap());
        if event.int(1) == 2 {
            assert_eq!(event.part(3).part(1).id(3), AGENT);
            break;
        }
    }
    let mut stream = Stream::of(subscribe(message(5, &[text(1, "(")])).await.unwrap());
    let error = Fields::read(&stream.record().await.unwrap());
    // ERROR, error 8 { message 1 }.
    assert_eq!(error.int(1), 7);
    assert!(error.part(8).text(1).contains("Failed to construct regex"));
}

#[actix_rt::test]
async fn a_request_is_for_a_role_of_the_framework() {
    let stage = Stage::start().await;
    let framework = stage.client().subscribe().await;
    let cpus = |role: Option<&str>| {
        let mut cpus = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 2 } });
        if let Some(role) = role {
            cpus["allocation_info"] = json!({ "role": role });
        }
        json!({ "requests": [{ "resources": [cpus] }] })
    };
    framework.tell("REQUEST", cpus(None)).await;
    framework.tell("REQUEST", cpus(Some("*"))).await;
    let reason = framework.reason("REQUEST", cpus(Some("x"))).await.unwrap();
    assert_eq!(reason, "role `x` is not one of the framework's: *");
    let text = json!({ "requests": [{ "resources": [{ "name": "a", "type": "TEXT" }] }] });
    let reason = framework.reason("REQUEST", text).await.unwrap();
    assert_eq!(reason, "'requests[0].resources[0].type' must be SCALAR, RANGES or SET");
}

/// The allocator wants the framework to leave the agent.
fn ask_to_leave(stage: &Stage, framework: &Framework) {
    let wish = InverseAllocation {
        framework_id: FrameworkId::from(framework.id.as_str()),
        agent_id: AGENT.into(),
        generation: Generation(1),
        unavailability: Unavailability { start: Time(5), duration_ms: Some(2) },
    };
    // After its first reset.
    let message = SendInverseOffers { round: 1, inverse_offers: vec![wish] };
    stage.host.tell(&stage.host.address_of("frameworks"), message);
}

#[actix_rt::test]
async fn an_inverse_offer_is_accepted_or_declined_once() {
    let stage = Stage::start().await;
    let mut framework = stage.client().subscribe().await;
    framework.offer().await;
    for kind in ["ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS"] {
        ask_to_leave(&stage, &framework);
        let event = framework.stream.next("INVERSE_OFFERS").await;
        let offer = &event["inverse_offers"]["inverse_offers"][0];
        assert_eq!(offer["agent_id"]["value"], AGENT);
        assert_eq!(offer["framework_id"]["value"], framework.id.as_str());
        assert_eq!(
            offer["unavailability"],
            json!({ "start": { "nanoseconds": 5000 }, "duration": { "nanoseconds": 2_000_000 } })
        );
        assert_eq!(offer.get("resources"), None, "all of it");
        let answer =
            json!({ "inverse_offer_ids": [offer["id"]], "filters": { "refuse_seconds": 1.0 } });
        framework.tell(kind, answer.clone()).await;
        let reason = framework.reason(kind, answer).await.unwrap();
        assert!(reason.starts_with("inverse offers are no longer valid: "), "{reason}");
    }
    ask_to_leave(&stage, &framework);
    let event = framework.stream.next("INVERSE_OFFERS").await;
    stage.leave(AgentLossCause::Disconnected);
    let rescinded = framework.stream.next("RESCIND_INVERSE_OFFER").await;
    assert_eq!(
        rescinded["rescind_inverse_offer"]["inverse_offer_id"],
        event["inverse_offers"]["inverse_offers"][0]["id"]
    );
}
