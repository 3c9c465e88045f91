//! Operators' reservations, volumes and quotas, before the real frameworks manager and allocator.

use actix_web::http::Method;
use gateway::v1::wire::master::Call;
use gateway::v1::{MediaType, decode, encode};
use serde_json::{Value, json};

use crate::client::{Client, launch};
use crate::operations::{amount, reserve, reserved, scalar, subscribed, volume};
use crate::stage::{AGENT, Stage};

pub(crate) async fn read(client: &Client, kind: &str) -> Value {
    let (status, body) = call(client, &json!({ "type": kind })).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body[kind.to_lowercase()].clone()
}

pub(crate) async fn call(client: &Client, call: &Value) -> (u16, String) {
    let request =
        client.request(Method::POST, "/api/v1").header("Content-Type", "application/json");
    Client::answer(request.body(call.to_string())).await
}

/// Tries again while what is wanted is being offered to somebody.
async fn insist(client: &Client, wanted: &Value) -> (u16, String) {
    for _ in 0..20 {
        let (status, said) = call(client, wanted).await;
        if status != 409 {
            return (status, said);
        }
        actix_rt::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    call(client, wanted).await
}

/// A call about the agent.
pub(crate) fn of_agent(kind: &str, mut part: Value) -> Value {
    part["agent_id"] = json!({ "value": AGENT });
    json!({ "type": kind, kind.to_lowercase(): part })
}

async fn form(client: &Client, path: &str, fields: &[(&str, String)]) -> (u16, String) {
    let body: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let request = client.request(Method::POST, path);
    Client::answer(request.body(body.join("&"))).await
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[actix_rt::test]
async fn an_operator_reserves_and_makes_volumes_and_takes_it_all_back() {
    let stage = Stage::start().await;
    let client = stage.client();
    let accepted = (202, String::new());
    for (kind, part) in [
        ("RESERVE_RESOURCES", reserve(&[reserved("disk", 100.0)])),
        ("CREATE_VOLUMES", json!({ "volumes": [volume(10.0, "v")] })),
        ("GROW_VOLUME", json!({ "volume": volume(10.0, "v"), "addition": reserved("disk", 5.0) })),
        ("SHRINK_VOLUME", json!({ "volume": volume(15.0, "v"), "subtract": { "value": 14.0 } })),
        ("DESTROY_VOLUMES", json!({ "volumes": [volume(1.0, "v")] })),
        ("UNRESERVE_RESOURCES", reserve(&[reserved("disk", 100.0)])),
    ] {
        assert_eq!(call(&client, &of_agent(kind, part)).await, accepted, "{kind}");
    }
    stage.routed("operate UNRESERVE").await;
}

#[actix_rt::test]
async fn an_operator_gives_a_reservation_to_another_role() {
    let stage = Stage::start().await;
    let client = stage.client();
    let accepted = (202, String::new());
    let wanted = of_agent("RESERVE_RESOURCES", reserve(&[reserved("cpus", 3.0)]));
    assert_eq!(call(&client, &wanted).await, accepted);
    let mut moved = reserved("cpus", 3.0);
    moved["role"] = "qa".into();
    let update = json!({ "source": [reserved("cpus", 3.0)], "resources": [moved] });
    assert_eq!(call(&client, &of_agent("RESERVE_RESOURCES", update.clone())).await, accepted);
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let of_others = amount(&offer, "cpus", true, None);
    assert_eq!((amount(&offer, "cpus", false, None), of_others), (5.0, 0.0));
    // It is no longer there.
    let (status, why) = call(&client, &of_agent("RESERVE_RESOURCES", update)).await;
    assert_eq!(status, 409, "{why}");
}

#[actix_rt::test]
async fn an_operator_does_the_same_over_protobuf() {
    let stage = Stage::start().await;
    let client = stage.client();
    let wanted = of_agent("RESERVE_RESOURCES", reserve(&[reserved("disk", 100.0)]));
    let wanted: Call = decode(MediaType::Json, wanted.to_string().as_bytes()).unwrap();
    let request = client
        .request(Method::POST, "/api/v1")
        .header("Content-Type", MediaType::Protobuf.as_str())
        .header("Accept", MediaType::Protobuf.as_str())
        .body(encode(MediaType::Protobuf, &wanted));
    assert_eq!(Client::answer(request).await, (202, String::new()));
    stage.routed("operate RESERVE").await;
}

#[actix_rt::test]
async fn what_an_operator_needs_is_rescinded() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    let wanted = of_agent("RESERVE_RESOURCES", reserve(&[reserved("cpus", 3.0)]));
    assert_eq!(insist(&stage.client(), &wanted).await.0, 202);
    let rescinded = framework.stream.next("RESCIND").await;
    assert_eq!(rescinded["rescind"]["offer_id"], offer["id"]);
    // One that was made while the operator tried again is rescinded, too.
    while amount(&framework.offer_with_all().await, "cpus", true, None) != 3.0 {}
}

#[actix_rt::test]
async fn what_an_operator_cannot_have_is_refused_with_the_status_of_mesos() {
    let stage = Stage::start().await;
    let client = stage.client();
    let mut framework = subscribed(&stage).await;
    let offer = framework.offer().await;
    framework
        .accept(&offer, json!([launch(&[json!({ "resources": [scalar("cpus", 6.0)] })])]))
        .await;
    framework.status().await;
    let mut elsewhere = of_agent("RESERVE_RESOURCES", reserve(&[reserved("cpus", 1.0)]));
    elsewhere["reserve_resources"]["agent_id"]["value"] = "S9".into();
    let update = json!({ "source": [reserved("cpus", 1.0)], "resources": [reserved("cpus", 1.0)] });
    for (wanted, status, why) in [
        (elsewhere, 400, "No agent found with specified ID"),
        (
            of_agent("RESERVE_RESOURCES", reserve(&[reserved("cpus", 3.0)])),
            409,
            "Insufficient resources",
        ),
        (
            of_agent("RESERVE_RESOURCES", reserve(&[scalar("cpus", 1.0)])),
            400,
            "Invalid operation: resource cpus:1 is not dynamically reserved",
        ),
        (of_agent("RESERVE_RESOURCES", update), 400, "unreserve it instead"),
        (
            of_agent("UNRESERVE_RESOURCES", reserve(&[reserved("cpus", 1.0)])),
            409,
            "Insufficient resources",
        ),
        (
            of_agent("CREATE_VOLUMES", json!({ "volumes": [volume(1.0, "v")] })),
            409,
            "Insufficient resources",
        ),
        (
            of_agent("DESTROY_VOLUMES", json!({ "volumes": [reserved("disk", 1.0)] })),
            400,
            "is not a persistent volume",
        ),
        (json!({ "type": "CREATE_VOLUMES" }), 400, "Expecting 'create_volumes' to be present"),
        (
            json!({ "type": "GROW_VOLUME", "grow_volume": { "volume": volume(1.0, "v"),
                "addition": reserved("disk", 1.0) } }),
            400,
            "Expecting 'agent_id' to be present",
        ),
    ] {
        let (got, said) = call(&client, &wanted).await;
        assert_eq!(got, status, "{wanted}: {said}");
        assert!(said.contains(why), "{wanted}: {said}");
    }
}

#[actix_rt::test]
async fn the_forms_of_old_do_the_same() {
    let stage = Stage::start().await;
    let client = stage.client();
    let slave = || ("slaveId", AGENT.to_owned());
    let list = |name: &'static str, value: Value| (name, json!([value]).to_string());
    for (path, what) in [
        ("/reserve", list("resources", reserved("disk", 100.0))),
        ("/master/create-volumes", list("volumes", volume(10.0, "v"))),
        ("/destroy-volumes", list("volumes", volume(10.0, "v"))),
        ("/master/unreserve", list("resources", reserved("disk", 100.0))),
    ] {
        assert_eq!(form(&client, path, &[slave(), what]).await, (202, String::new()), "{path}");
    }
    let cpus = |n| list("resources", reserved("cpus", n));
    for (path, fields, status, why) in [
        ("/reserve", vec![slave()], 400, "Missing 'resources' query parameter"),
        ("/reserve", vec![cpus(1.0)], 400, "Missing 'slaveId' query parameter"),
        ("/create-volumes", vec![slave()], 400, "Missing 'volumes' query parameter"),
        (
            "/reserve",
            vec![slave(), list("resources", scalar("cpus", 1.0))],
            400,
            "Invalid operation: resource cpus:1 is not dynamically reserved",
        ),
        ("/reserve", vec![slave(), ("resources", "[".into())], 400, "Error in parsing 'resources'"),
        ("/reserve", vec![slave(), ("resources", "[1]".into())], 400, "Error in parsing"),
        ("/reserve", vec![slave(), cpus(99.0)], 409, "Insufficient resources"),
        ("/unreserve", vec![slave(), cpus(1.0)], 409, "Insufficient resources"),
        ("/reserve", vec![("slaveId", "S9".into()), cpus(1.0)], 400, "No agent found"),
    ] {
        let (got, said) = form(&client, path, &fields).await;
        assert_eq!(got, status, "{path} {fields:?}: {said}");
        assert!(said.contains(why), "{path}: {said}");
    }
    let get = Client::answer(client.request(Method::GET, "/reserve")).await;
    assert_eq!(get, (405, "Expecting one of { 'POST' }, but received 'GET'".to_owned()));
}

#[actix_rt::test]
async fn volumes_are_destroyed_if_they_are_there_and_nobody_has_them() {
    let stage = Stage::start().await;
    let client = stage.client();
    let accepted = (202, String::new());
    let reserve = of_agent("RESERVE_RESOURCES", reserve(&[reserved("disk", 100.0)]));
    assert_eq!(call(&client, &reserve).await, accepted);
    let volumes = || json!({ "volumes": [volume(10.0, "v")] });
    let destroy = of_agent("DESTROY_VOLUMES", volumes());
    let (status, said) = call(&client, &destroy).await;
    assert_eq!(status, 400, "{said}");
    assert!(said.starts_with("Invalid operation: Persistent volumes not found"), "{said}");
    assert_eq!(call(&client, &of_agent("CREATE_VOLUMES", volumes())).await, accepted);
    // What a volume is made of is not free.
    let unreserve = of_agent("UNRESERVE_RESOURCES", self::reserve(&[reserved("disk", 100.0)]));
    assert_eq!(call(&client, &unreserve).await.0, 409);
    let mut of_others = reserved("disk", 10.0);
    of_others["role"] = "qa".into();
    of_others["disk"] = volume(10.0, "w")["disk"].clone();
    let create = of_agent("CREATE_VOLUMES", json!({ "volumes": [of_others] }));
    assert_eq!(call(&client, &create).await.0, 409);
    let taken = of_agent("CREATE_VOLUMES", volumes());
    let (status, said) = call(&client, &taken).await;
    assert_eq!(status, 400, "{said}");
    assert!(said.contains("persistence id `v` is already used for role `dev`"), "{said}");

    let mut framework = subscribed(&stage).await;
    let offer = framework.offer_with_all().await;
    let task = json!({ "resources": [scalar("cpus", 1.0), volume(10.0, "v")] });
    framework.accept(&offer, json!([launch(&[task])])).await;
    framework.status().await;
    let (status, said) = call(&client, &destroy).await;
    assert_eq!(status, 400, "{said}");
    assert!(said.starts_with("Invalid operation: Persistent volumes in use"), "{said}");
    let list = json!([volume(10.0, "v")]).to_string();
    let fields = [("slaveId", AGENT.to_owned()), ("volumes", list)];
    assert_eq!(form(&client, "/destroy-volumes", &fields).await.0, 400);
    framework.tell("KILL", json!({ "task_id": { "value": "t" } })).await;
    framework.status().await;
    // Until it is on offer it may be on its way to be.
    let has_it = |offer: &Value| amount(offer, "disk", true, Some("v")) == 10.0;
    while !framework.offers(1).await.iter().any(has_it) {}
    assert_eq!(insist(&client, &destroy).await, accepted);
}

#[actix_rt::test]
async fn shrinking_needs_an_agent_too_and_less_than_the_size() {
    let stage = Stage::start().await;
    let client = stage.client();
    let shrink =
        |subtract: f64| json!({ "volume": volume(10.0, "v"), "subtract": { "value": subtract } });
    let without = json!({ "type": "SHRINK_VOLUME", "shrink_volume": shrink(1.0) });
    let (status, said) = call(&client, &without).await;
    assert_eq!(status, 400);
    assert!(said.contains("Expecting 'agent_id' to be present"), "{said}");
    for (subtract, status) in [(10.0, 400), (0.0, 400), (-1.0, 400), (1.0, 409)] {
        let wanted = of_agent("SHRINK_VOLUME", shrink(subtract));
        assert_eq!(call(&client, &wanted).await.0, status, "{subtract}");
    }
    let other = json!({ "volume": volume(10.0, "v"), "addition": scalar("disk", 1.0) });
    assert_eq!(call(&client, &of_agent("GROW_VOLUME", other)).await.0, 400);
}

#[actix_rt::test]
async fn a_limit_below_what_a_role_holds_is_refused_unless_it_is_forced() {
    let stage = Stage::start().await;
    let mut framework = subscribed(&stage).await;
    framework.launch("t").await;
    let update = |force: bool| {
        let limits = json!({ "cpus": { "value": 0.1 } });
        let configs = json!([{ "role": "dev", "limits": limits }]);
        let part = json!({ "force": force, "quota_configs": configs });
        json!({ "type": "UPDATE_QUOTA", "update_quota": part })
    };
    let (status, said) = call(&stage.client(), &update(false)).await;
    assert_eq!(status, 400, "{said}");
    assert!(said.starts_with("Invalid QuotaConfig: "), "{said}");
    assert!(said.ends_with("(use 'force' flag to bypass this check)"), "{said}");
    assert_eq!(call(&stage.client(), &update(true)).await, (200, String::new()));
}
