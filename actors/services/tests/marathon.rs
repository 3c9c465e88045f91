//! Marathon's API over real HTTP: status codes, headers and bodies as its clients need them.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod common;

use common::{Ledger, Sut};
use reqwest::Method;
use serde_json::{Value, json};

async fn sut() -> (tempfile::TempDir, Sut) {
    let folder = tempfile::tempdir().unwrap();
    let sut = Sut::start(folder.path(), Ledger::default()).await;
    (folder, sut)
}

fn web(instances: u32) -> Value {
    json!({ "id": "web", "cmd": "serve", "cpus": 0.5, "mem": 16, "instances": instances })
}

#[actix_rt::test]
async fn a_new_app_is_answered_whole_and_runs() {
    let (_folder, sut) = sut().await;
    let answer = sut.post("/v2/apps", web(2)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let app = answer.json();
    assert_eq!(answer.header("location"), "/web");
    assert_eq!(app["deployments"], json!([{ "id": answer.header("marathon-deployment-id") }]));
    assert_eq!(answer.header("x-marathon-leader"), sut.base);
    assert!(answer.header("cache-control").contains("no-store"));
    for (name, expected) in [
        ("id", json!("/web")),
        ("cpus", json!(0.5)),
        ("mem", json!(16)),
        ("disk", json!(0)),
        ("backoffSeconds", json!(1)),
        ("backoffFactor", json!(1.15)),
        ("maxLaunchDelaySeconds", json!(300)),
        ("killSelection", json!("YOUNGEST_FIRST")),
        ("requirePorts", json!(false)),
        ("tasksRunning", json!(0)),
        ("tasksStaged", json!(0)),
    ] {
        assert_eq!(app[name], expected, "{name}");
    }
    assert_eq!(app["portDefinitions"][0]["port"], 10_000);
    assert_eq!(app["version"], app["versionInfo"]["lastConfigChangeAt"]);
    sut.settled("web", 2).await;
    let tasks = sut.get("/v2/tasks").await.ok(200);
    let task = &tasks["tasks"][0];
    assert_eq!((&task["appId"], &task["state"]), (&json!("/web"), &json!("TASK_RUNNING")));
    assert_eq!(task["servicePorts"], json!([10_000]));
    assert_eq!(task["ipAddresses"], json!([{ "ipAddress": "127.0.0.1", "protocol": "IPv4" }]));
    assert!(task["startedAt"].as_str().unwrap().ends_with('Z'));
    sut.stop().await;
}

#[actix_rt::test]
async fn tasks_are_started_as_their_app_says() {
    let (_folder, sut) = sut().await;
    let app = json!({
        "id": "/shop/web", "args": ["serve", "-v"], "cpus": 0.1, "mem": 16, "user": "www",
        "env": { "GREETING": "hello" }, "labels": { "tier": "front" },
        "uris": ["file:///etc/hosts", "http://h/a.tgz"], "portDefinitions": [{ "name": "http" }],
        "taskKillGracePeriodSeconds": 7,
    });
    sut.post("/v2/apps", app).await.ok(201);
    sut.settled("shop/web", 1).await;
    let task = sut.ledger.tasks().into_values().next().unwrap();
    assert!(task.task_id.as_str().starts_with("shop_web.instance-"));
    assert_eq!((task.name.as_str(), task.kill_policy.unwrap().grace_ms), ("web.shop", Some(7000)));
    let command = task.command.unwrap();
    assert_eq!((command.shell, command.user.as_deref()), (false, Some("www")));
    assert_eq!(command.arguments, ["serve", "-v"]);
    let extracted: Vec<bool> = command.uris.iter().map(|uri| uri.extract).collect();
    assert_eq!(extracted, [false, true]);
    let env = command.environment;
    let port: u16 = env["PORT_HTTP"].parse().unwrap();
    assert!((31_000..31_100).contains(&port));
    assert_eq!((env["PORT0"].as_str(), env["GREETING"].as_str()), (&*env["PORT"], "hello"));
    sut.stop().await;
}

#[actix_rt::test]
async fn an_app_is_scaled_restarted_and_deleted() {
    let (_folder, sut) = sut().await;
    sut.post("/v2/apps", web(1)).await.ok(201);
    let first = sut.settled("web", 1).await;
    let scaled = sut.put("/v2/apps//web", json!({ "instances": 3 })).await;
    assert_eq!(scaled.status, 200, "{scaled:?}");
    assert_eq!(scaled.json()["deploymentId"], scaled.header("marathon-deployment-id"));
    let three = sut.settled("web", 3).await;
    assert!(three.contains(&first[0]), "nothing was restarted");
    sut.put("/v2/apps/web", json!({ "instances": 1 })).await.ok(200);
    sut.settled("web", 1).await;
    sut.post("/v2/apps/web/restart?force=False", json!({})).await.ok(200);
    let second = sut.settled("web", 1).await;
    assert!(!three.contains(&second[0]));
    sut.delete("/v2/apps/web").await.ok(200);
    sut.eventually("nothing is left", async || sut.ledger.tasks().is_empty()).await;
    let missing = sut.get("/v2/apps/web").await.ok(404);
    assert_eq!(missing, json!({ "message": "App '/web' does not exist" }));
    assert_eq!(sut.get("/v2/apps").await.ok(200), json!({ "apps": [] }));
    sut.stop().await;
}

#[actix_rt::test]
async fn an_update_replaces_top_level_members_and_keeps_the_rest() {
    let (_folder, sut) = sut().await;
    let mut app = web(1);
    app["env"] = json!({ "A": "1", "B": "2" });
    sut.post("/v2/apps", app).await.ok(201);
    sut.settled("web", 1).await;
    sut.put("/v2/apps/web", json!({ "env": { "C": "3" } })).await.ok(200);
    sut.settled("web", 1).await;
    let now = sut.get("/v2/apps/web").await.ok(200)["app"].clone();
    assert_eq!((&now["env"], &now["cmd"]), (&json!({ "C": "3" }), &json!("serve")));
    assert_eq!(now["portDefinitions"][0]["port"], 10_000, "service ports are kept");
    let whole = "/v2/apps/web?partialUpdate=false";
    sut.put(whole, json!({ "cmd": "other", "mem": 32 })).await.ok(200);
    sut.settled("web", 1).await;
    let now = sut.get("/v2/apps/web").await.ok(200)["app"].clone();
    assert_eq!((&now["env"], &now["cpus"]), (&json!({}), &json!(1)), "back to the defaults");
    let created = sut.put("/v2/apps/other", web(1)).await;
    assert_eq!((created.status, created.header("location")), (201, "/other"), "the URL wins");
    let patched = sut.send(Method::PATCH, "/v2/apps/nobody", "{}").await;
    assert_eq!(patched.status, 404);
    sut.stop().await;
}

#[actix_rt::test]
async fn an_earlier_version_can_be_seen_and_gone_back_to() {
    let (_folder, sut) = sut().await;
    let created = sut.post("/v2/apps", web(1)).await.ok(201);
    let first = created["version"].as_str().unwrap().to_owned();
    sut.settled("web", 1).await;
    sut.put("/v2/apps/web", json!({ "cmd": "other" })).await.ok(200);
    sut.settled("web", 1).await;
    let versions = sut.get("/v2/apps//web/versions").await.ok(200);
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    let old = sut.get(&format!("/v2/apps/web/versions/{first}")).await.ok(200);
    assert_eq!((&old["cmd"], &old["version"]), (&json!("serve"), &json!(first)));
    sut.put("/v2/apps/web", json!({ "version": first })).await.ok(200);
    sut.settled("web", 1).await;
    assert_eq!(sut.get("/v2/apps/web").await.ok(200)["app"]["cmd"], "serve");
    let unknown = sut.get("/v2/apps/web/versions/2001-01-01T00:00:00.000Z").await;
    assert_eq!(unknown.status, 404);
    sut.stop().await;
}

#[actix_rt::test]
async fn tasks_are_killed_and_replaced_or_the_app_is_smaller() {
    let (_folder, sut) = sut().await;
    sut.post("/v2/apps", web(3)).await.ok(201);
    let tasks = sut.settled("web", 3).await;
    let killed = sut.delete(&format!("/v2/apps/web/tasks/{}", tasks[0])).await.ok(200);
    assert_eq!(killed["task"]["id"], json!(tasks[0]));
    sut.eventually("it is gone", async || !sut.ledger.tasks().contains_key(tasks[0].as_str()))
        .await;
    let tasks = sut.settled("web", 3).await;
    let path = format!("/v2/apps/web/tasks/{}?scale=True&wipe=False", tasks[1]);
    let scaled = sut.delete(&path).await.ok(200);
    assert!(scaled["deploymentId"].is_string());
    sut.settled("web", 2).await;
    let all = sut.delete("/v2/apps/web/tasks?host=127.0.0.1").await.ok(200);
    assert_eq!(all["tasks"].as_array().unwrap().len(), 2);
    sut.settled("web", 2).await;
    let left: Vec<String> = sut.settled("web", 2).await;
    let given = json!({ "ids": [left[0], "nobody.instance-x._app.1"] });
    let answer = sut.post("/v2/tasks/delete?scale=true", given).await.ok(200);
    assert!(answer["deploymentId"].is_string());
    sut.settled("web", 1).await;
    let missing = sut.delete("/v2/apps/web/tasks/nobody").await.ok(404);
    assert_eq!(missing["message"], "Task 'nobody' does not exist");
    assert_eq!(
        sut.delete("/v2/apps/x/tasks/t").await.ok(404)["message"],
        "App '/x' does not exist"
    );
    assert_eq!(sut.delete("/v2/apps/web/tasks?scale=true&wipe=true").await.status, 400);
    sut.stop().await;
}

#[actix_rt::test]
async fn bad_definitions_are_refused_in_marathons_words_and_change_nothing() {
    let (_folder, sut) = sut().await;
    let refused =
        async |body: &str, status: u16| sut.send(Method::POST, "/v2/apps", body).await.ok(status);
    let malformed = refused("{\"id\":", 400).await;
    assert_eq!(malformed["message"], "Invalid JSON");
    assert!(malformed["details"].is_string());
    assert_eq!(refused("", 400).await["message"], "Please specify data in JSON format");
    let shape = |path: &str, error: &str| json!({ "message": "Invalid JSON", "details": [{ "path": path, "errors": [error] }] });
    let wrong = r#"{"id":1,"cmd":"x"}"#;
    assert_eq!(refused(wrong, 422).await, shape("/id", "error.expected.jsstring"));
    assert_eq!(refused(r#"{"cmd":"x"}"#, 422).await, shape("/id", "error.path.missing"));
    assert_eq!(refused("[]", 422).await["details"][0]["errors"][0], "error.expected.jsobject");
    let meaning = |path: &str, error: &str| {
        let details = json!([{ "path": path, "errors": [error] }]);
        json!({ "message": "Object is not valid", "details": details })
    };
    let over = r#"{"id":"a","cmd":"x","upgradeStrategy":{"minimumHealthCapacity":2,"maximumOverCapacity":1}}"#;
    let path = "/upgradeStrategy/minimumHealthCapacity";
    assert_eq!(refused(over, 422).await, meaning(path, "is greater than 1"));
    let docker = r#"{"id":"a","cmd":"x","container":{"docker":{"image":"x"}}}"#;
    assert_eq!(refused(docker, 422).await, meaning("/container", "is not supported"));
    assert_eq!(refused(r#"{"id":"Bad_Id","cmd":"x"}"#, 422).await["details"][0]["path"], "/id");
    assert_eq!(refused(r#"{"id":"a"}"#, 422).await["details"][0]["path"], "/");
    let huge = format!(r#"{{"id":"a","cmd":"{}"}}"#, "x".repeat(3 << 20));
    assert_eq!(sut.send(Method::POST, "/v2/apps", &huge).await.status, 413);
    let large = format!(r#"{{"id":"a","cmd":"{}"}}"#, "x".repeat(500_000));
    assert_eq!(refused(&large, 422).await["details"][0]["path"], "/");
    assert_eq!(sut.get("/v2/apps").await.ok(200), json!({ "apps": [] }));
    sut.stop().await;
}

#[actix_rt::test]
async fn conflicts_say_with_what() {
    let (_folder, sut) = sut().await;
    let mut unplaceable = web(1);
    unplaceable["cpus"] = json!(1000);
    let created = sut.post("/v2/apps", unplaceable).await.ok(201);
    let deployment = created["deployments"][0]["id"].clone();
    let exists = sut.post("/v2/apps", web(1)).await.ok(409);
    assert_eq!(exists["message"], "An app with id [/web] already exists.");
    let locked = sut.put("/v2/apps/web", json!({ "cpus": 0.5 })).await.ok(409);
    assert!(locked["message"].as_str().unwrap().starts_with("App is locked by one or more"));
    assert_eq!(locked["deployments"], json!([{ "id": deployment }]));
    let listed = sut.get("/v2/deployments").await.ok(200);
    assert_eq!((&listed[0]["id"], &listed[0]["affectedApps"]), (&deployment, &json!(["/web"])));
    assert_eq!(sut.delete("/v2/apps/web?force=False").await.status, 409);
    sut.put("/v2/apps/web?force=True", json!({ "cpus": 0.5 })).await.ok(200);
    sut.settled("web", 1).await;
    sut.stop().await;
}

#[actix_rt::test]
async fn apps_are_found_by_id_command_and_label() {
    let (_folder, sut) = sut().await;
    for (id, label) in [("/shop/web", "front"), ("/shop/db", "back"), ("/other", "back")] {
        let app = json!({ "id": id, "cmd": format!("run {id}"), "labels": { "tier": label },
            "instances": 0 });
        sut.post("/v2/apps", app).await.ok(201);
    }
    let found = async |query: &str| {
        let apps = sut.get(&format!("/v2/apps?{query}")).await.ok(200);
        let ids = apps["apps"].as_array().unwrap().iter();
        ids.map(|app| app["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("id=SHOP").await, ["/shop/db", "/shop/web"]);
    assert_eq!(found("cmd=run%20/other").await, ["/other"]);
    assert_eq!(found("label=tier%3D%3Dback,tier").await, ["/other", "/shop/db"]);
    assert_eq!(sut.get("/v2/apps?label=a%20b").await.status, 422);
    let below = sut.get("/v2/apps/shop/*").await.ok(200);
    assert_eq!(below["*"].as_array().unwrap().len(), 2);
    sut.stop().await;
}

#[actix_rt::test]
async fn several_apps_are_put_at_once_or_not_at_all() {
    let (_folder, sut) = sut().await;
    let bad = json!([{ "id": "a", "cmd": "x" }, { "id": "b", "cmd": 1 }]);
    let refused = sut.put("/v2/apps", bad).await.ok(422);
    assert_eq!(refused["details"][0]["path"], "(1)/cmd");
    assert_eq!(sut.get("/v2/apps").await.ok(200), json!({ "apps": [] }));
    let good = json!([{ "id": "a", "cmd": "x", "mem": 16, "cpus": 0.1 },
                      { "id": "b", "cmd": "x", "mem": 16, "cpus": 0.1 }]);
    assert!(sut.put("/v2/apps", good).await.ok(200)["deploymentId"].is_string());
    sut.settled("a", 1).await;
    sut.settled("b", 1).await;
    sut.stop().await;
}

#[actix_rt::test]
async fn why_instances_run_or_wait_is_explained() {
    let (_folder, sut) = sut().await;
    sut.post("/v2/apps", web(2)).await.ok(201);
    sut.settled("web", 2).await;
    for path in ["/api/v1/explain/app/web", "/api/v1/explain/app//web"] {
        let told = sut.get(path).await.ok(200);
        assert_eq!((&told["id"], &told["running"]), (&json!("/web"), &json!(2)), "{told}");
        assert_eq!(told["summary"], "2 of 2 instances run");
    }
    let giant = json!({ "id": "/team/giant", "cmd": "x", "cpus": 100, "mem": 16 });
    sut.post("/v2/apps", giant).await.ok(201);
    let told = sut.get("/api/v1/explain/app/team/giant").await.ok(200);
    assert_eq!((&told["waiting"], &told["connected"]), (&json!(1), &json!(true)), "{told}");
    assert_eq!(told["framework_id"], "F-0000");
    // The master of this test knows nothing of offers, and that is said.
    assert!(told["unexplained"].is_string(), "{told}");
    let missing = sut.get("/api/v1/explain/app/none").await.ok(404);
    assert!(missing["message"].as_str().unwrap().contains("/none"), "{missing}");
    sut.stop().await;
}

#[actix_rt::test]
async fn the_scheduler_says_who_it_is() {
    let (_folder, sut) = sut().await;
    let info = sut.get("/v2/info").await.ok(200);
    let http = sut.base.strip_prefix("http://").unwrap();
    assert_eq!((&info["name"], &info["elected"]), (&json!("marathon"), &json!(true)));
    assert_eq!((&info["leader"], &info["frameworkId"]), (&json!(http), &json!("F-0000")));
    let version: Vec<&str> = info["version"].as_str().unwrap().split('.').collect();
    assert!(version.len() == 3 && version.iter().all(|part| part.parse::<u32>().is_ok()));
    assert_eq!(sut.get("/v2/leader").await.ok(200), json!({ "leader": http }));
    assert_eq!(sut.get("/ping").await.text, "pong");
    assert_eq!(sut.send(Method::PATCH, "/v2/apps/web/tasks", "{}").await.status, 405);
    sut.stop().await;
}

#[actix_rt::test]
async fn after_a_restart_apps_are_there_and_their_tasks_are_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let sut = Sut::start(folder.path(), ledger.clone()).await;
    sut.post("/v2/apps", web(2)).await.ok(201);
    let tasks = sut.settled("web", 2).await;
    let before = sut.get("/v2/apps/web").await.ok(200);
    sut.stop().await;
    assert_eq!(ledger.tasks().len(), 2, "tasks outlive the scheduler");
    let sut = Sut::start(folder.path(), ledger.clone()).await;
    assert_eq!(sut.settled("web", 2).await, tasks);
    assert_eq!(sut.get("/v2/apps/web").await.ok(200), before);
    let came_with: Vec<bool> = ledger.frameworks().iter().map(Option::is_some).collect();
    assert_eq!(came_with, [false, true], "the second time with the id of the first");
    sut.stop().await;
}

#[actix_rt::test]
async fn a_scheduler_that_fails_goes_on_from_what_is_durable() {
    let (_folder, sut) = sut().await;
    sut.post("/v2/apps", web(2)).await.ok(201);
    let tasks = sut.settled("web", 2).await;
    let error = protocol::scheduler::FrameworkError {
        framework_id: "F-0000".into(),
        message: "Framework failed over".into(),
    };
    sut.host.tell(&sut.host.address_of("services"), error);
    sut.eventually("it has subscribed again", async || sut.ledger.frameworks().len() == 2).await;
    assert_eq!(sut.settled("web", 2).await, tasks);
    sut.put("/v2/apps/web", json!({ "instances": 3 })).await.ok(200);
    sut.settled("web", 3).await;
    sut.stop().await;
}

#[actix_rt::test]
async fn changes_made_at_the_same_time_are_all_made() {
    let (_folder, sut) = sut().await;
    sut.post("/v2/apps", web(0)).await.ok(201);
    let change = |name: &str| sut.put("/v2/apps/web?force=true", json!({ name: { "x": "y" } }));
    let both = tokio::join!(change("env"), change("labels"));
    assert_eq!((both.0.status, both.1.status), (200, 200), "{both:?}");
    let app = sut.get("/v2/apps/web").await.ok(200)["app"].clone();
    assert_eq!((&app["env"], &app["labels"]), (&json!({ "x": "y" }), &json!({ "x": "y" })));
    sut.stop().await;
}
