//! Reservations and volumes in accepts, before the real frameworks manager and allocator.

use serde_json::{Value, json};

use crate::client::{Framework, launch};
use crate::operators::{call, of_agent, read};
use crate::stage::{AGENT, Stage, UUID};

pub(crate) fn scalar(name: &str, amount: f64) -> Value {
    json!({ "name": name, "type": "SCALAR", "scalar": { "value": amount } })
}

/// In the format of old, as frameworks without refinement have it.
pub(crate) fn reserved(name: &str, amount: f64) -> Value {
    let mut resource = scalar(name, amount);
    resource["role"] = "dev".into();
    resource["reservation"] = json!({});
    resource
}

pub(crate) fn volume(size: f64, id: &str) -> Value {
    let mut volume = reserved("disk", size);
    volume["disk"] = json!({
        "persistence": { "id": id },
        "volume": { "container_path": "data", "mode": "RW" },
    });
    volume
}

fn operation(kind: &str, id: Option<&str>, part: Value) -> Value {
    let mut operation = json!({ "type": kind, kind.to_lowercase(): part });
    if let Some(id) = id {
        operation["id"] = json!({ "value": id });
    }
    operation
}

pub(crate) fn reserve(resources: &[Value]) -> Value {
    json!({ "resources": resources })
}

/// The amount of something in an offer: plain, reserved, or of the volume of an id.
pub(crate) fn amount(offer: &Value, name: &str, reserved: bool, volume: Option<&str>) -> f64 {
    let is = |r: &&Value| {
        let id = r["disk"]["persistence"]["id"].as_str();
        r["name"] == name && (r["role"] == "dev") == reserved && id == volume
    };
    let found = offer["resources"].as_array().unwrap().iter().find(is);
    found.map_or(0.0, |r| r["scalar"]["value"].as_f64().unwrap())
}

pub(crate) async fn subscribed(stage: &Stage) -> Framework {
    stage
        .client()
        .subscribe_with(json!({ "roles": ["dev"],
        "capabilities": [{ "type": "MULTI_ROLE" }] }))
        .await
}

impl Framework {
    /// Uses an offer, and wants no more of its agent: others are offered what is left.
    async fn accept_last(&mut self, offer: &Value, operations: Value) {
        let accept = json!({ "offer_ids": [offer["id"]], "operations": operations,
            "filters": { "refuse_seconds": 3600.0 } });
        self.tell("ACCEPT", accept).await;
    }

    /// The status in the next update of an operation.
    async fn operation_status(&mut self) -> Value {
        let event = self.stream.next("UPDATE_OPERATION_STATUS").await;
        event["update_operation_status"]["status"].clone()
    }

    /// What is offered after these were done with an offer.
    async fn apply(&mut self, offer: &Value, operations: &[Value]) -> Value {
        self.accept(offer, json!(operations)).await;
        self.offer_with_all().await
    }

    /// An offer of everything: parts that come one by one are given back.
    pub(crate) async fn offer_with_all(&mut self) -> Value {
        loop {
            let offer = self.offer().await;
            let sum = |name: &str| {
                let all = offer["resources"].as_array().unwrap().iter();
                let all = all.filter(|r| r["name"] == name);
                all.map(|r| r["scalar"]["value"].as_f64().unwrap()).sum::<f64>()
            };
            if (sum("cpus"), sum("disk")) == (8.0, 10_000.0) {
                return offer;
            }
            let decline =
                json!({ "offer_ids": [offer["id"]], "filters": { "refuse_seconds": 0.0 } });
            self.tell("DECLINE", decline).await;
        }
    }
}

#[actix_rt::test]
async fn every_operation_is_done_and_offered() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let all = [
        operation("RESERVE", None, reserve(&[reserved("cpus", 1.0), reserved("disk", 100.0)])),
        operation("CREATE", None, json!({ "volumes": [volume(10.0, "v")] })),
    ];
    let offer = framework.apply(&offer, &all).await;
    assert_eq!(amount(&offer, "cpus", true, None), 1.0);
    assert_eq!(amount(&offer, "disk", true, None), 90.0);
    assert_eq!(amount(&offer, "disk", true, Some("v")), 10.0);
    let grow = json!({ "volume": volume(10.0, "v"), "addition": reserved("disk", 5.0) });
    let offer = framework.apply(&offer, &[operation("GROW_VOLUME", None, grow)]).await;
    assert_eq!(amount(&offer, "disk", true, Some("v")), 15.0);
    let shrink = json!({ "volume": volume(15.0, "v"), "subtract": { "value": 8.0 } });
    let offer = framework.apply(&offer, &[operation("SHRINK_VOLUME", None, shrink)]).await;
    assert_eq!(amount(&offer, "disk", true, Some("v")), 7.0);
    let all = [
        operation("DESTROY", None, json!({ "volumes": [volume(7.0, "v")] })),
        operation("UNRESERVE", None, reserve(&[reserved("cpus", 1.0), reserved("disk", 100.0)])),
    ];
    let offer = framework.apply(&offer, &all).await;
    assert_eq!(amount(&offer, "cpus", false, None), 8.0);
    assert_eq!(amount(&offer, "disk", false, None), 10_000.0);
}

#[actix_rt::test]
async fn the_outcome_of_one_with_an_id_is_told_acknowledged_and_known() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let wanted = operation("RESERVE", Some("o1"), reserve(&[reserved("cpus", 1.0)]));
    framework.accept(&offer, json!([wanted])).await;
    let status = framework.operation_status().await;
    assert_eq!(status["state"], "OPERATION_FINISHED");
    assert_eq!(status["operation_id"]["value"], "o1");
    assert_eq!(status["agent_id"]["value"], AGENT);
    assert_eq!(status["converted_resources"][0]["role"], "dev");
    assert_eq!(status["uuid"]["value"], "Z+VQRBCxQm+SR7toDl/gyA==");
    let operations = read(&stage.client(), "GET_OPERATIONS").await;
    let known = &operations["operations"][0];
    assert_eq!(known["latest_status"]["state"], "OPERATION_FINISHED");
    assert_eq!(known["info"]["type"], "RESERVE");
    assert_eq!(known["info"]["reserve"]["resources"][0]["reservations"][0]["role"], "dev");
    assert_eq!(known["framework_id"]["value"], framework.id.as_str());
    let question = json!({ "operations": [{ "operation_id": { "value": "o1" } }] });
    framework.tell("RECONCILE_OPERATIONS", question.clone()).await;
    let status = framework.operation_status().await;
    assert_eq!((&status["state"], status.get("uuid")), (&json!("OPERATION_FINISHED"), None));
    let acknowledge = json!({ "agent_id": { "value": AGENT }, "operation_id": { "value": "o1" },
        "uuid": "Z+VQRBCxQm+SR7toDl/gyA==" });
    framework.tell("ACKNOWLEDGE_OPERATION_STATUS", acknowledge).await;
    stage.routed(&format!("acknowledge operation {UUID}")).await;
    assert_eq!(read(&stage.client(), "GET_OPERATIONS").await, json!({}));
    framework.tell("RECONCILE_OPERATIONS", question).await;
    assert_eq!(framework.operation_status().await["state"], "OPERATION_UNKNOWN");
}

#[actix_rt::test]
async fn every_operation_that_cannot_be_is_an_error_that_the_caller_sees() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let other = json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1 },
        "role": "qa", "reservation": {} });
    let mut absolute = volume(1.0, "v");
    absolute["disk"]["volume"]["container_path"] = "/data".into();
    let mut read_only = volume(1.0, "v");
    read_only["disk"]["volume"]["mode"] = "RO".into();
    let mut plain = volume(1.0, "v");
    plain.as_object_mut().unwrap().retain(|key, _| key != "role" && key != "reservation");
    let grow = json!({ "volume": volume(1.0, "v"), "addition": scalar("disk", 1.0) });
    let shrink = json!({ "volume": volume(1.0, "v"), "subtract": { "value": 1 } });
    let update = json!({ "source": [reserved("cpus", 1.0)], "resources": [reserved("cpus", 1.0)] });
    let disk = json!({ "source": scalar("disk", 1.0), "target_type": "MOUNT" });
    for (kind, part, why) in [
        ("RESERVE", json!({}), "RESERVE: no resources are named"),
        ("RESERVE", reserve(&[scalar("cpus", 1.0)]), "is not dynamically reserved"),
        ("RESERVE", reserve(&[other]), "while the offers are for role `dev`"),
        ("RESERVE", reserve(&[reserved("cpus", 99.0)]), "more than the available cpus:8"),
        ("RESERVE", update, "Reservation updates are not yet implemented"),
        ("UNRESERVE", reserve(&[scalar("cpus", 1.0)]), "is not dynamically reserved"),
        ("UNRESERVE", reserve(&[reserved("cpus", 1.0)]), "more than the available"),
        ("UNRESERVE", reserve(&[volume(1.0, "v")]), "destroy it first"),
        ("CREATE", json!({ "volumes": [volume(1.0, "v")] }), "more than the available"),
        ("CREATE", json!({ "volumes": [plain] }), "unreserved resources"),
        ("CREATE", json!({ "volumes": [absolute] }), "must be relative"),
        ("CREATE", json!({ "volumes": [read_only] }), "disk.volume.mode' must be RW"),
        ("CREATE", json!({ "volumes": [volume(1.0, "a/b")] }), "persistence id `a/b`"),
        ("DESTROY", json!({ "volumes": [reserved("disk", 1.0)] }), "is not a persistent volume"),
        ("DESTROY", json!({ "volumes": [volume(1.0, "v")] }), "more than the available"),
        ("GROW_VOLUME", grow, "disk with the same reservation"),
        ("SHRINK_VOLUME", shrink, "less than the size of the volume"),
        ("CREATE_DISK", disk.clone(), "resource provider, and this cluster has none"),
        ("DESTROY_DISK", json!({ "source": scalar("disk", 1.0) }), "this cluster has none"),
    ] {
        let offer = framework.offer_with_all().await;
        framework.accept(&offer, json!([operation(kind, Some("o"), part.clone())])).await;
        let status = framework.operation_status().await;
        assert_eq!(status["state"], "OPERATION_ERROR", "{kind} {part}");
        let said = status["message"].as_str().unwrap();
        assert!(said.contains(why), "{kind} {part}: {said}");
        // Without an id there is no event that could say it.
        let offer = framework.offer_with_all().await;
        let accept = json!({ "offer_ids": [offer["id"]],
            "operations": [operation(kind, None, part)], "filters": { "refuse_seconds": 0.0 } });
        let said = framework.reason("ACCEPT", accept).await.unwrap();
        assert!(said.contains(why), "{kind}: {said}");
    }
}

#[actix_rt::test]
async fn a_task_takes_what_was_reserved_before_it_in_the_same_accept() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let task = json!({ "resources": [reserved("cpus", 1.0), volume(5.0, "v")] });
    let all = json!([
        operation("RESERVE", None, reserve(&[reserved("cpus", 1.0), reserved("disk", 5.0)])),
        operation("CREATE", None, json!({ "volumes": [volume(5.0, "v")] })),
        launch(&[task]),
    ]);
    framework.accept(&offer, all).await;
    assert_eq!(framework.status().await["state"], "TASK_RUNNING");
    let mut routed = stage.routed.lock().unwrap().clone();
    routed.retain(|what| !what.starts_with("down"));
    assert_eq!(routed[..2], ["operate RESERVE", "operate CREATE"]);
}

#[actix_rt::test]
async fn what_operations_have_made_is_offered_at_once_however_long_the_rest_is_refused() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let wanted = operation("RESERVE", None, reserve(&[reserved("cpus", 1.0)]));
    let filters = json!({ "refuse_seconds": 600.0 });
    let accept = json!({ "offer_ids": [offer["id"]], "operations": [wanted], "filters": filters });
    framework.tell("ACCEPT", accept).await;
    let offer = framework.offer().await;
    assert_eq!(amount(&offer, "cpus", true, None), 1.0);
}

#[actix_rt::test]
async fn a_volume_that_has_grown_is_not_for_use_in_the_same_accept() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let made = [
        operation("RESERVE", None, reserve(&[reserved("disk", 10.0)])),
        operation("CREATE", None, json!({ "volumes": [volume(5.0, "v")] })),
    ];
    let offer = framework.apply(&offer, &made).await;
    let grow = json!({ "volume": volume(5.0, "v"), "addition": reserved("disk", 5.0) });
    let task = json!({ "resources": [scalar("cpus", 1.0), volume(10.0, "v")] });
    framework.accept(&offer, json!([operation("GROW_VOLUME", None, grow), launch(&[task])])).await;
    let status = framework.status().await;
    assert_eq!(status["state"], "TASK_ERROR");
    assert!(status["message"].as_str().unwrap().contains("more than available"), "{status}");
    let offer = framework.offer_with_all().await;
    assert_eq!(amount(&offer, "disk", true, Some("v")), 10.0);
}

#[actix_rt::test]
async fn a_framework_makes_nothing_in_the_name_of_another_principal() {
    let stage = Stage::start().await;
    let more = json!({ "roles": ["dev"], "principal": "ops",
        "capabilities": [{ "type": "MULTI_ROLE" }] });
    let mut framework = stage.client().subscribe_with(more).await;
    for (principal, state) in [
        (json!({ "principal": "eve" }), "OPERATION_ERROR"),
        (json!({}), "OPERATION_ERROR"),
        (json!({ "principal": "ops" }), "OPERATION_FINISHED"),
    ] {
        let mut cpus = reserved("cpus", 1.0);
        cpus["reservation"] = principal;
        let offer = framework.offer().await;
        let wanted = operation("RESERVE", Some("o"), reserve(&[cpus]));
        framework.accept(&offer, json!([wanted])).await;
        let status = framework.operation_status().await;
        assert_eq!(status["state"], state, "{status}");
    }
}

#[actix_rt::test]
async fn a_reservation_is_refined_by_those_who_understand_it() {
    let stage = Stage::start_with(&[(AGENT, "cpus=1;cpus(dev)=1;mem=64")]).await;
    let layers = json!([{ "type": "STATIC", "role": "dev" },
        { "type": "DYNAMIC", "role": "dev/web" }]);
    let mut cpus = scalar("cpus", 1.0);
    cpus["reservations"] = layers;
    for (more, state) in [
        (json!([{ "type": "MULTI_ROLE" }]), "OPERATION_ERROR"),
        (
            json!([{ "type": "MULTI_ROLE" }, { "type": "RESERVATION_REFINEMENT" }]),
            "OPERATION_FINISHED",
        ),
    ] {
        let more = json!({ "roles": ["dev/web"], "capabilities": more });
        let mut framework = stage.client().subscribe_with(more).await;
        let offer = framework.offer().await;
        let wanted = operation("RESERVE", Some("o"), reserve(std::slice::from_ref(&cpus)));
        framework.accept(&offer, json!([wanted])).await;
        let status = framework.operation_status().await;
        assert_eq!(status["state"], state, "{status}");
        framework.tell("TEARDOWN", Value::Null).await;
    }
}

fn shared(size: f64, id: &str) -> Value {
    let mut volume = volume(size, id);
    volume["shared"] = json!({});
    volume
}

#[actix_rt::test]
async fn tasks_and_frameworks_use_a_shared_volume_at_once() {
    let stage = Stage::start().await;
    let sharing = || {
        json!({ "roles": ["dev"],
            "capabilities": [{ "type": "MULTI_ROLE" }, { "type": "SHARED_RESOURCES" }] })
    };
    let mut one = stage.client().subscribe_with(sharing()).await;
    let offer = one.offer().await;
    let task = |id: &str| json!({ "task_id": { "value": id }, "resources": [scalar("cpus", 1.0), shared(5.0, "v")] });
    let all = json!([
        operation("RESERVE", None, reserve(&[reserved("disk", 5.0)])),
        operation("CREATE", None, json!({ "volumes": [shared(5.0, "v")] })),
        launch(&[task("t1"), task("t2")]),
    ]);
    one.accept_last(&offer, all).await;
    for _ in 0..2 {
        assert_eq!(one.status().await["state"], "TASK_RUNNING");
    }
    let mut two = stage.client().subscribe_with(sharing()).await;
    let is_shared = |offer: &Value| {
        offer["resources"].as_array().unwrap().iter().any(|r| r.get("shared").is_some())
    };
    let offer = two.offer().await;
    assert!(is_shared(&offer), "{offer}");
    two.accept(&offer, json!([launch(&[task("t3")])])).await;
    assert_eq!(two.status().await["state"], "TASK_RUNNING");
    let offer = two.offer().await;
    let destroy = operation("DESTROY", Some("o"), json!({ "volumes": [shared(5.0, "v")] }));
    two.accept_last(&offer, json!([destroy])).await;
    let status = two.operation_status().await;
    assert_eq!(status["state"], "OPERATION_ERROR");
    assert!(status["message"].as_str().unwrap().contains("a task uses it"), "{status}");
    let wanted = of_agent("DESTROY_VOLUMES", json!({ "volumes": [shared(5.0, "v")] }));
    assert_eq!(call(&stage.client(), &wanted).await.0, 400);
    let mut other = subscribed(&stage).await;
    let offer = other.offer().await;
    assert!(!is_shared(&offer), "without the capability: {offer}");
    let create = operation("CREATE", Some("o"), json!({ "volumes": [shared(1.0, "w")] }));
    other.accept(&offer, json!([create])).await;
    let status = other.operation_status().await;
    assert!(status["message"].as_str().unwrap().contains("SHARED_RESOURCES"), "{status}");
}
