//! Who may do what: each call and endpoint that a list can forbid.

use std::sync::Arc;

use actix_web::http::Method;
use gateway::Realm;
use protocol::access::{Acls, Action};
use serde_json::{Value, json};

use crate::authentication::access;
use crate::client::{Client, Framework, launch};
use crate::operations::{reserve, reserved, volume};
use crate::operators::{call, of_agent, read};
use crate::stage::{AGENT, Stage};
use crate::support::leads;

/// `ops` may do everything. `web` may be in every role and see and run what is of the user `web`.
/// Nobody else may do anything.
fn lists() -> Acls {
    let mut lists = json!({ "permissive": false });
    for action in Action::ALL {
        let everything = json!({ "principals": { "values": ["ops"] },
            action.objects(): { "type": "ANY" } });
        lists[action.key()] = json!([everything]);
    }
    let mut allow = |key: &str, objects: &str, what: Value| {
        let entry = json!({ "principals": { "values": ["web"] }, objects: what });
        lists[key].as_array_mut().unwrap().push(entry);
    };
    allow("register_frameworks", "roles", json!({ "values": ["dev", "qa"] }));
    for view in ["run_tasks", "view_frameworks", "view_tasks", "view_executors"] {
        allow(view, "users", json!({ "values": ["web"] }));
    }
    allow("view_roles", "roles", json!({ "values": ["dev"] }));
    allow("get_quotas", "roles", json!({ "values": ["dev"] }));
    Acls::from_json(&lists.to_string()).unwrap()
}

async fn guarded() -> Stage {
    guarded_by(lists()).await
}

async fn guarded_by(lists: Acls) -> Stage {
    let acls = Arc::new(lists);
    let all = [Realm::Schedulers, Realm::Readonly, Realm::Readwrite];
    let leader = leads(true, "127.0.0.1:5050");
    let stage = Stage::start_guarded(leader, access(&all, &acls), acls).await;
    stage.introduce().await;
    stage.rejoin(vec![]);
    stage
}

/// A framework of a principal, with tasks of a user.
async fn framework(stage: &Stage, principal: &str, user: &str) -> Framework {
    let client = stage.client().of(principal);
    client
        .subscribe_with(json!({ "user": user, "roles": ["dev"], "capabilities": [
        { "type": "MULTI_ROLE" }, { "type": "RESERVATION_REFINEMENT" },
    ] }))
        .await
}

#[actix_rt::test]
async fn a_role_that_is_forbidden_is_an_error_on_the_stream_or_403_of_an_update() {
    let stage = guarded().await;
    let web = stage.client().of("web");
    let multi = json!([{ "type": "MULTI_ROLE" }]);
    let stream = web.open(json!({ "roles": ["dev", "prod"], "capabilities": multi })).await;
    let why = "Principal 'web' is not authorized to register a framework in role 'prod' (list \
               `register_frameworks`)";
    assert_eq!(stream.error().await, why);
    let framework = framework(&stage, "web", "web").await;
    let update = |roles: &[&str]| {
        let info = json!({ "user": "web", "name": "demo", "roles": roles,
            "id": { "value": framework.id }, "capabilities": multi });
        framework.request("UPDATE_FRAMEWORK", &json!({ "framework_info": info }))
    };
    assert_eq!(Client::answer(update(&["dev", "prod"])).await, (403, why.to_owned()));
    assert_eq!(Client::answer(update(&["dev", "qa"])).await, (200, String::new()));
}

#[actix_rt::test]
async fn a_task_as_a_forbidden_user_is_an_error_with_a_reason_of_its_own() {
    let stage = guarded().await;
    let mut framework = framework(&stage, "web", "web").await;
    let offer = framework.offer().await;
    let root = json!({ "task_id": { "value": "root" },
        "command": { "value": "true", "user": "root" } });
    let own = json!({ "task_id": { "value": "own" } });
    framework.accept(&offer, json!([launch(&[root, own])])).await;
    let mut states = std::collections::BTreeMap::new();
    while states.len() < 2 {
        let status = framework.status().await;
        states.insert(status["task_id"]["value"].as_str().unwrap().to_owned(), status);
    }
    let error = &states["root"];
    assert_eq!(
        (&error["state"], &error["reason"]),
        (&json!("TASK_ERROR"), &json!("REASON_TASK_UNAUTHORIZED"))
    );
    let why = error["message"].as_str().unwrap();
    assert!(why.contains("run a task as user 'root'"), "{why}");
    assert_eq!(states["own"]["state"], "TASK_RUNNING");
}

#[actix_rt::test]
async fn operations_that_are_forbidden_are_errors_and_the_rest_of_the_accept_is_done() {
    let stage = guarded().await;
    let mut framework = framework(&stage, "web", "web").await;
    let offer = framework.offer().await;
    let of_web = |mut resource: Value| {
        resource["reservation"]["principal"] = "web".into();
        resource
    };
    let reserve = json!({ "type": "RESERVE", "id": { "value": "r" },
        "reserve": { "resources": [of_web(reserved("cpus", 1.0))] } });
    framework
        .accept(&offer, json!([reserve, launch(&[json!({ "task_id": { "value": "t" } })])]))
        .await;
    let update = framework.stream.next("UPDATE_OPERATION_STATUS").await;
    let status = &update["update_operation_status"]["status"];
    assert_eq!(status["state"], "OPERATION_ERROR", "{status}");
    let why = status["message"].as_str().unwrap();
    assert!(why.contains("Principal 'web' is not authorized to reserve"), "{why}");
    assert_eq!(framework.status().await["state"], "TASK_RUNNING");
}

fn of_ops(mut resource: Value) -> Value {
    resource["reservation"]["principal"] = "ops".into();
    if resource.get("disk").is_some() {
        resource["disk"]["persistence"]["principal"] = "ops".into();
    }
    resource
}

fn machines() -> Value {
    json!([{ "hostname": "node" }])
}

/// Each call that a list can forbid, in an order in which all can be done.
fn calls(framework_id: &str) -> Vec<(Value, u16)> {
    let window = json!({ "machine_ids": machines(),
        "unavailability": { "start": { "nanoseconds": 4_000_000_000_000_000_000_u64 } } });
    let disk = || json!({ "resources": [of_ops(reserved("disk", 20.0))] });
    let quota = json!([{ "role": "prod", "limits": { "cpus": { "value": 4.0 } } }]);
    let call = |kind: &str, part: Value| json!({ "type": kind, kind.to_lowercase(): part });
    vec![
        (call("GET_FLAGS", json!({})), 200),
        (call("GET_METRICS", json!({})), 200),
        (call("LIST_FILES", json!({ "path": "/master/log" })), 404),
        (call("READ_FILE", json!({ "path": "/master/log", "offset": 0 })), 404),
        (
            call("UPDATE_WEIGHTS", json!({ "weight_infos": [{ "role": "prod", "weight": 2.0 }] })),
            200,
        ),
        (call("UPDATE_QUOTA", json!({ "quota_configs": quota })), 200),
        (call("REMOVE_QUOTA", json!({ "role": "prod" })), 200),
        (
            call(
                "SET_QUOTA",
                json!({ "quota_request": { "role": "prod", "force": true,
                "guarantee": [{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1.0 } }] } }),
            ),
            200,
        ),
        (of_agent("RESERVE_RESOURCES", disk()), 202),
        (of_agent("CREATE_VOLUMES", json!({ "volumes": [of_ops(volume(10.0, "v"))] })), 202),
        (
            of_agent(
                "GROW_VOLUME",
                json!({ "volume": of_ops(volume(10.0, "v")),
                "addition": of_ops(reserved("disk", 5.0)) }),
            ),
            202,
        ),
        (
            of_agent(
                "SHRINK_VOLUME",
                json!({ "volume": of_ops(volume(15.0, "v")),
                "subtract": { "value": 14.0 } }),
            ),
            202,
        ),
        (of_agent("DESTROY_VOLUMES", json!({ "volumes": [of_ops(volume(1.0, "v"))] })), 202),
        (of_agent("UNRESERVE_RESOURCES", disk()), 202),
        (call("UPDATE_MAINTENANCE_SCHEDULE", json!({ "schedule": { "windows": [window] } })), 200),
        (call("START_MAINTENANCE", json!({ "machines": machines() })), 200),
        (call("STOP_MAINTENANCE", json!({ "machines": machines() })), 200),
        (call("TEARDOWN", json!({ "framework_id": { "value": framework_id } })), 200),
    ]
}

/// What an operator of a principal is answered; again while what is wanted is being offered.
async fn say(stage: &Stage, principal: &str, wanted: &Value) -> (u16, String) {
    let client = stage.client().of(principal);
    for _ in 0..20 {
        let (status, said) = call(&client, wanted).await;
        if status != 409 {
            return (status, said);
        }
        actix_rt::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    call(&client, wanted).await
}

#[actix_rt::test]
async fn each_call_is_forbidden_to_who_may_not_and_done_for_who_may() {
    let stage = guarded().await;
    let mut framework = framework(&stage, "ops", "root").await;
    framework.launch("t").await;
    for (wanted, done) in calls(&framework.id) {
        let kind = wanted["type"].as_str().unwrap().to_owned();
        for principal in ["eve", "web"] {
            let mut tried = wanted.clone();
            // Whoever reserves or creates does it in their own name: otherwise that is said.
            if matches!(kind.as_str(), "RESERVE_RESOURCES" | "CREATE_VOLUMES") {
                tried = serde_json::from_str(
                    &tried.to_string().replace("\"ops\"", &format!("\"{principal}\"")),
                )
                .unwrap();
            }
            let (status, why) = say(&stage, principal, &tried).await;
            assert_eq!(status, 403, "{kind} of {principal}: {why}");
            let who = format!("Principal '{principal}' is not authorized to ");
            assert!(why.contains(&who), "{kind}: {why}");
        }
        let (status, why) = say(&stage, "ops", &wanted).await;
        assert_eq!(status, done, "{kind}: {why}");
    }
}

#[actix_rt::test]
async fn a_reservation_in_the_name_of_another_principal_makes_no_sense() {
    let stage = guarded().await;
    let wanted = of_agent("RESERVE_RESOURCES", reserve(&[reserved("cpus", 1.0)]));
    let (status, why) = say(&stage, "ops", &wanted).await;
    assert_eq!(status, 400, "{why}");
    assert!(why.contains("is not that of who asks, `ops`"), "{why}");
}

#[actix_rt::test]
async fn what_the_stage_cannot_do_is_forbidden_before_anybody_is_asked() {
    let stage = guarded().await;
    for wanted in [
        json!({ "type": "SET_LOGGING_LEVEL",
            "set_logging_level": { "level": 1, "duration": { "nanoseconds": 1 } } }),
        of_agent("MARK_AGENT_GONE", json!({})),
    ] {
        let (status, why) = say(&stage, "eve", &wanted).await;
        assert_eq!(status, 403, "{wanted}: {why}");
        assert_ne!(say(&stage, "ops", &wanted).await.0, 403, "{wanted}");
    }
}

#[actix_rt::test]
async fn each_endpoint_is_forbidden_to_who_may_not() {
    let stage = guarded().await;
    let framework = framework(&stage, "ops", "root").await;
    let disk = json!([of_ops(reserved("disk", 20.0))]);
    let of_eve = disk.to_string().replace("\"ops\"", "\"eve\"");
    let disks = json!([of_ops(volume(10.0, "v"))]);
    let volumes_of_eve = disks.to_string().replace("\"ops\"", "\"eve\"");
    let form = |field: &str, list: &str| format!("slaveId={AGENT}&{field}={list}");
    let window = json!({ "windows": [{ "machine_ids": machines(),
        "unavailability": { "start": { "nanoseconds": 1 } } }] });
    let quota = json!({ "role": "prod", "force": true,
        "guarantee": [{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1.0 } }] });
    let resize = json!({ "framework_id": framework.id, "cpus": 1 });
    let weights = json!([{ "role": "prod", "weight": 2.0 }]);
    for (method, path, body) in [
        (Method::GET, "/flags", String::new()),
        (Method::GET, "/metrics/snapshot", String::new()),
        (Method::GET, "/files/debug", String::new()),
        (Method::GET, "/files/read?path=/master/log", String::new()),
        (Method::GET, "/files/browse?path=/master/log", String::new()),
        (Method::GET, "/files/download?path=/master/log", String::new()),
        (Method::POST, "/logging/toggle?level=1&duration=1secs", String::new()),
        (Method::POST, "/reserve", form("resources", &of_eve)),
        (Method::POST, "/create-volumes", form("volumes", &volumes_of_eve)),
        (Method::POST, "/quota", quota.to_string()),
        (Method::DELETE, "/quota/prod", String::new()),
        (Method::PUT, "/weights", weights.to_string()),
        (Method::POST, "/maintenance/schedule", window.to_string()),
        (Method::POST, "/machine/down", machines().to_string()),
        (Method::POST, "/machine/up", machines().to_string()),
        (Method::POST, "/api/v1/tasks/t/resize", resize.to_string()),
        (Method::GET, "/api/v1/meseta/tasks", String::new()),
        (Method::GET, "/api/v1/meseta/agents", String::new()),
        (Method::GET, "/api/v1/explain/role/dev", String::new()),
        (Method::GET, "/api/v1/events", String::new()),
        (Method::POST, "/teardown", format!("frameworkId={}", framework.id)),
    ] {
        let send = |principal: &str| {
            let client = stage.client().of(principal);
            Client::answer(client.request(method.clone(), path).body(body.clone()))
        };
        let (status, why) = send("eve").await;
        assert_eq!(status, 403, "{path}: {why}");
        assert!(why.contains("Principal 'eve' is not authorized to "), "{path}: {why}");
        let (status, why) = send("ops").await;
        assert!(![401, 403].contains(&status), "{path}: {status} {why}");
    }
}

#[actix_rt::test]
async fn what_is_reserved_by_others_is_neither_unreserved_nor_destroyed_by_a_form() {
    let stage = guarded().await;
    let list = |what: Value| json!([what]).to_string();
    let form = |field: &str, list: String| format!("slaveId={AGENT}&{field}={list}");
    let post = async |principal: &str, path: &str, body: String| {
        let client = stage.client().of(principal);
        Client::answer(client.request(Method::POST, path).body(body)).await
    };
    let disk = || form("resources", list(of_ops(reserved("disk", 20.0))));
    let made = || form("volumes", list(of_ops(volume(10.0, "v"))));
    assert_eq!(post("ops", "/reserve", disk()).await.0, 202);
    assert_eq!(post("ops", "/create-volumes", made()).await.0, 202);
    for (path, body) in [("/destroy-volumes", made()), ("/unreserve", disk())] {
        if path == "/unreserve" {
            assert_eq!(post("ops", "/destroy-volumes", made()).await.0, 202);
        }
        let (status, why) = post("eve", path, body.clone()).await;
        assert_eq!(status, 403, "{path}: {why}");
        assert!(why.contains("of principal 'ops'"), "{path}: {why}");
    }
    assert_eq!(post("ops", "/unreserve", disk()).await.0, 202);
}

/// A framework of `web` with the task `seen`, and one of `root` with the task `hidden`, on what the
/// first has left.
async fn both(stage: &Stage) -> (Framework, Framework) {
    let mut of_web = framework(stage, "web", "web").await;
    of_web.launch("seen").await;
    let rest = of_web.offer().await;
    let decline = json!({ "offer_ids": [rest["id"]], "filters": { "refuse_seconds": 600.0 } });
    of_web.tell("DECLINE", decline).await;
    let mut of_root = framework(stage, "ops", "root").await;
    of_root.launch("hidden").await;
    (of_web, of_root)
}

fn names(list: &Value, path: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |item: &Value| item.pointer(path).unwrap().as_str().unwrap().to_owned();
    let mut names: Vec<_> = items.iter().map(name).collect();
    names.sort();
    names
}

#[actix_rt::test]
async fn who_may_see_some_things_sees_those_and_no_others() {
    let stage = guarded().await;
    let _both = both(&stage).await;
    let get = async |principal: &str, path: &str| -> Value {
        let client = stage.client().of(principal);
        let (status, body) = Client::answer(client.request(Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    };
    for (principal, frameworks, tasks) in
        [("ops", 2, vec!["hidden", "seen"]), ("web", 1, vec!["seen"]), ("eve", 0, vec![])]
    {
        let state = get(principal, "/state").await;
        let list = state["frameworks"].as_array().unwrap();
        assert_eq!(list.len(), frameworks, "{principal}");
        let shown: Vec<String> =
            list.iter().flat_map(|framework| names(&framework["tasks"], "/id")).collect();
        assert_eq!(shown.len(), tasks.len(), "{principal}: {shown:?}");
        // What agents have is not less for those who do not see all of it.
        let used = &state["slaves"][0]["used_resources"]["cpus"];
        assert_eq!(used, &get("ops", "/state").await["slaves"][0]["used_resources"]["cpus"]);
        assert_eq!(names(&get(principal, "/tasks").await["tasks"], "/id"), tasks, "{principal}");
        let summary = get(principal, "/state-summary").await;
        assert_eq!(summary["frameworks"].as_array().unwrap().len(), frameworks);
        let of_list = get(principal, "/frameworks").await;
        assert_eq!(of_list["frameworks"].as_array().unwrap().len(), frameworks);
        let client = stage.client().of(principal);
        let list = read(&client, "GET_TASKS").await;
        assert_eq!(names(&list["tasks"], "/task_id/value"), tasks, "{principal}");
        let list = read(&client, "GET_FRAMEWORKS").await;
        let list = list["frameworks"].as_array().map_or(0, Vec::len);
        assert_eq!(list, frameworks, "{principal}");
        let state = read(&client, "GET_STATE").await;
        assert_eq!(names(&state["get_tasks"]["tasks"], "/task_id/value"), tasks, "{principal}");
    }
}

#[actix_rt::test]
async fn who_may_see_all_but_some_things_does_not_see_those() {
    let lists = r#"{
        "view_frameworks": [{"principals": {"type": "NONE"}, "users": {"values": ["root"]}}],
        "teardown_frameworks": [
            {"principals": {"type": "NONE"}, "framework_principals": {"values": ["ops"]}}
        ],
        "view_flags": [{"principals": {"values": ["eve"]}, "flags": {"type": "NONE"}}]
    }"#;
    let stage = guarded_by(Acls::from_json(lists).unwrap()).await;
    let (of_web, of_root) = both(&stage).await;
    for path in [
        "/state",
        "/state?jsonp=show",
        "/state-summary",
        "/frameworks",
        "/tasks",
        "/roles",
        "/master/state.json",
    ] {
        let client = stage.client().of("eve");
        let (status, body) = Client::answer(client.request(Method::GET, path)).await;
        assert_eq!(status, 200, "{path}");
        assert!(body.contains(&of_web.id), "{path}: {body}");
        assert!(!body.contains(&of_root.id) && !body.contains("hidden"), "{path}: {body}");
    }
    let client = stage.client().of("eve");
    for kind in ["GET_STATE", "GET_FRAMEWORKS", "GET_TASKS", "GET_ROLES"] {
        let text = read(&client, kind).await.to_string();
        assert!(text.contains(&of_web.id), "{kind}: {text}");
        assert!(!text.contains(&of_root.id) && !text.contains("hidden"), "{kind}: {text}");
    }
    // Nor how the master was started, of which it tells those who may know.
    for (principal, empty) in [("eve", true), ("web", false)] {
        let client = stage.client().of(principal);
        let (_, body) = Client::answer(client.request(Method::GET, "/state")).await;
        let state: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(state["flags"] == json!({}), empty, "{principal}: {}", state["flags"]);
    }
    let teardown = |id: &str| {
        json!({ "type": "TEARDOWN",
        "teardown": { "framework_id": { "value": id } } })
    };
    assert_eq!(say(&stage, "web", &teardown(&of_root.id)).await.0, 403);
    assert_eq!(say(&stage, "web", &teardown(&of_web.id)).await, (200, String::new()));
}

#[actix_rt::test]
async fn roles_and_what_is_set_for_them_are_seen_by_who_may() {
    let stage = guarded().await;
    let _framework = framework(&stage, "ops", "root").await;
    let weights = json!({ "weight_infos": [
        { "role": "dev", "weight": 2.0 }, { "role": "prod", "weight": 3.0 },
    ] });
    let limit = |role: &str| json!({ "role": role, "limits": { "cpus": { "value": 4.0 } } });
    let quotas = json!({ "quota_configs": [limit("dev"), limit("prod")] });
    for (kind, part) in [("UPDATE_WEIGHTS", weights), ("UPDATE_QUOTA", quotas)] {
        let wanted = json!({ "type": kind, kind.to_lowercase(): part });
        assert_eq!(say(&stage, "ops", &wanted).await, (200, String::new()));
    }
    for (principal, roles) in [("ops", vec!["dev", "prod"]), ("web", vec!["dev"]), ("eve", vec![])]
    {
        let client = stage.client().of(principal);
        let weights = read(&client, "GET_WEIGHTS").await;
        assert_eq!(names(&weights["weight_infos"], "/role"), roles, "{principal}");
        let quota = read(&client, "GET_QUOTA").await;
        assert_eq!(names(&quota["status"]["configs"], "/role"), roles, "{principal}");
        let list = names(&read(&client, "GET_ROLES").await["roles"], "/name");
        assert_eq!(list.contains(&"dev".to_owned()), roles.contains(&"dev"), "{list:?}");
        let (status, body) = Client::answer(client.request(Method::GET, "/roles")).await;
        assert_eq!(status, 200);
        assert_eq!(body.contains("\"dev\""), roles.contains(&"dev"), "{body}");
    }
}

#[actix_rt::test]
async fn a_schedule_shows_the_machines_that_are_not_hidden() {
    let stage = guarded().await;
    let window = json!({ "machine_ids": machines(),
        "unavailability": { "start": { "nanoseconds": 4_000_000_000_000_000_000_u64 } } });
    let wanted = json!({ "type": "UPDATE_MAINTENANCE_SCHEDULE",
        "update_maintenance_schedule": { "schedule": { "windows": [window] } } });
    assert_eq!(say(&stage, "ops", &wanted).await, (200, String::new()));
    let empty = json!({ "type": "UPDATE_MAINTENANCE_SCHEDULE",
        "update_maintenance_schedule": { "schedule": { "windows": [] } } });
    // To take a machine out of the schedule is to change it, too.
    assert_eq!(say(&stage, "eve", &empty).await.0, 403);
    for (principal, count) in [("ops", 1), ("eve", 0)] {
        let client = stage.client().of(principal);
        let schedule = read(&client, "GET_MAINTENANCE_SCHEDULE").await;
        let windows = schedule["schedule"]["windows"].as_array().map_or(0, Vec::len);
        let status = read(&client, "GET_MAINTENANCE_STATUS").await;
        let draining = status["status"]["draining_machines"].as_array().map_or(0, Vec::len);
        assert_eq!((windows, draining), (count, count), "{principal}");
    }
}

#[actix_rt::test]
async fn who_follows_hears_of_what_they_may_see() {
    let stage = guarded().await;
    let follow = async |principal: &str| {
        let client = stage.client().of(principal);
        let request =
            client.request(Method::POST, "/api/v1").header("Content-Type", "application/json");
        let response = request.body(r#"{"type":"SUBSCRIBE"}"#).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    };
    let (mut ops, mut web) = (follow("ops").await, follow("web").await);
    let (of_web, of_root) = both(&stage).await;
    let info = json!({ "user": "web", "name": "the last", "id": { "value": of_web.id },
        "roles": ["dev"], "capabilities": [{ "type": "MULTI_ROLE" }] });
    let update = of_web.request("UPDATE_FRAMEWORK", &json!({ "framework_info": info }));
    assert_eq!(Client::answer(update).await, (200, String::new()));
    let heard = async |response: &mut reqwest::Response| {
        let mut text = String::new();
        while !text.contains("the last") {
            let chunk = tokio::time::timeout(crate::support::SOON, response.chunk()).await;
            text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
        }
        text
    };
    let (all, some) = (heard(&mut ops).await, heard(&mut web).await);
    assert!(all.contains("\"hidden\"") && all.contains(&of_root.id), "{all}");
    assert!(!some.contains("hidden") && !some.contains(&of_root.id), "{some}");
    for event in ["FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED", "\"seen\""] {
        assert!(some.contains(event), "{event}: {some}");
    }
}
