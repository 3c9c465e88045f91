//! The endpoints that tools poll.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::calls::domain;
use crate::stage::Stage;
use crate::support::{SOON, leads};

#[actix_rt::test]
async fn the_state_is_in_the_shape_of_mesos() {
    let stage = Stage::new().await;
    let state = stage.get("/state").await;
    for (field, expected) in [
        ("version", json!(gateway::v1::MESOS_VERSION)),
        ("pid", json!("master@10.0.0.1:5050")),
        ("leader", json!("master@10.0.0.1:5050")),
        ("hostname", json!("10.0.0.1")),
        ("cluster", json!("test")),
        ("activated_slaves", json!(1)),
        ("deactivated_slaves", json!(0)),
        ("unreachable_slaves", json!(0)),
        ("orphan_tasks", json!([])),
        ("unregistered_frameworks", json!([])),
    ] {
        assert_eq!(state[field], expected, "{field}");
    }
    assert_eq!(state["leader_info"]["port"], 5050);
    assert_eq!(state["domain"], domain("master"));
    assert_eq!(state["leader_info"]["domain"], domain("master"));
    assert_eq!(state["slaves"][0]["domain"], domain("a1"));
    assert_eq!(state["flags"]["cluster"], "test");
    assert_eq!(state["completed_frameworks"][0]["id"], "f0");
    assert_eq!(state["completed_frameworks"][0]["unregistered_time"], 4.0);
}

#[actix_rt::test]
async fn a_slave_has_what_capacity_tools_add_up() {
    let stage = Stage::new().await;
    let state = stage.get("/state").await;
    let slave = &state["slaves"][0];
    assert_eq!(slave["id"], "a1");
    assert_eq!((&slave["pid"], &slave["port"]), (&json!("slave(1)@10.0.0.3:5051"), &json!(5051)));
    let all = json!({
        "cpus": 8.0, "gpus": 0.0, "mem": 1024.0, "disk": 0.0, "ports": "[31000-32000]",
    });
    assert_eq!(slave["resources"], all);
    assert_eq!(slave["unreserved_resources"], all);
    assert_eq!(slave["reserved_resources"], json!({}));
    assert_eq!(slave["used_resources"]["cpus"], 2.0);
    assert_eq!(slave["offered_resources"]["mem"], 256.0);
    assert_eq!((&slave["active"], &slave["registered_time"]), (&json!(true), &json!(1.5)));
    assert_eq!(state["recovered_slaves"][0]["id"], "a2");
}

#[actix_rt::test]
async fn a_framework_has_what_service_discovery_reads() {
    let stage = Stage::new().await;
    let state = stage.get("/state").await;
    let framework = &state["frameworks"][0];
    for (field, expected) in [
        ("id", json!("f1")),
        ("name", json!("pi")),
        ("role", json!("eng")),
        ("user", json!("nobody")),
        ("active", json!(true)),
        ("connected", json!(true)),
        ("recovered", json!(false)),
        ("registered_time", json!(2.0)),
        ("failover_timeout", json!(0.0)),
    ] {
        assert_eq!(framework[field], expected, "{field}");
    }
    assert_eq!(framework["offers"][0]["id"], "o1");
    assert_eq!(framework["executors"][0]["executor_id"], "e1");
    assert_eq!(framework["unreachable_tasks"][0]["id"], "t2");
    assert_eq!(framework["completed_tasks"][0]["id"], "t3");
    assert_eq!(
        framework["tasks"],
        json!([{
            "id": "t1", "name": "task t1", "framework_id": "f1", "executor_id": "",
            "slave_id": "a1", "state": "TASK_RUNNING", "role": "eng",
            "resources": { "cpus": 1.0, "gpus": 0.0, "mem": 128.0, "disk": 0.0 },
            "statuses": [{
                "state": "TASK_RUNNING", "timestamp": 3.0,
                "container_status": { "container_id": { "value": "c1" } },
            }],
            "labels": [{ "key": "k", "value": "v" }],
        }])
    );
}

#[actix_rt::test]
async fn the_summary_counts_tasks_by_their_state() {
    let stage = Stage::new().await;
    let summary = stage.get("/state-summary").await;
    let (slave, framework) = (&summary["slaves"][0], &summary["frameworks"][0]);
    for (field, count) in
        [("TASK_RUNNING", 1), ("TASK_UNREACHABLE", 1), ("TASK_FINISHED", 1), ("TASK_LOST", 0)]
    {
        assert_eq!((&slave[field], &framework[field]), (&json!(count), &json!(count)), "{field}");
    }
    assert_eq!(slave["framework_ids"], json!(["f1"]));
    assert_eq!(framework["slave_ids"], json!(["a1"]));
    assert_eq!(framework["tasks"], Value::Null);
}

#[actix_rt::test]
async fn lists_can_be_narrowed_down() {
    let stage = Stage::new().await;
    let slaves = stage.get("/slaves?slave_id=a1").await;
    assert_eq!(slaves["slaves"][0]["unreserved_resources_full"][0]["name"], "cpus");
    assert_eq!(slaves["recovered_slaves"], json!([]));
    assert_eq!(stage.get("/slaves?slave_id=x").await["slaves"], json!([]));
    let frameworks = stage.get("/frameworks?framework_id=f0").await;
    assert_eq!(frameworks["frameworks"], json!([]));
    assert_eq!(frameworks["completed_frameworks"][0]["id"], "f0");
    let ids = async |path: &str| {
        let list = stage.get(path).await;
        let ids = list["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("/tasks").await, ["t1", "t2", "t3"]);
    assert_eq!(ids("/tasks?limit=1&offset=1&order=asc").await, ["t2"]);
    assert_eq!(ids("/tasks?task_id=t3&framework_id=f1").await, ["t3"]);
    assert_eq!(ids("/tasks?framework_id=x").await, [""; 0]);
}

#[actix_rt::test]
async fn the_other_lists_are_there() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/roles").await, json!({ "roles": [] }));
    assert_eq!(stage.get("/flags").await["flags"]["agents.ping_ms"], "5");
    let metrics = stage.get("/metrics/snapshot").await;
    assert_eq!(metrics["master/elected"], 1.0);
    assert_eq!(metrics["master/tasks_running"], 1.0);
    assert!(stage.get("/version").await["version"].is_string());
}

#[actix_rt::test]
async fn every_endpoint_has_its_old_names() {
    let stage = Stage::new().await;
    for name in ["state", "state-summary", "slaves", "frameworks", "tasks", "roles", "flags"] {
        let plain = stage.get(&format!("/{name}")).await;
        for path in
            [format!("/{name}.json"), format!("/master/{name}"), format!("/master/{name}.json")]
        {
            assert_eq!(stage.get(&path).await, plain, "{path}");
        }
    }
    for path in ["/metrics/snapshot.json", "/master/metrics/snapshot", "/master/version.json"] {
        stage.get(path).await;
    }
}

#[actix_rt::test]
async fn an_answer_can_be_a_script() {
    let stage = Stage::new().await;
    let script = stage.request(Method::GET, "/flags?jsonp=see").send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript");
    let text = script.text().await.unwrap();
    assert!(text.starts_with("see({") && text.ends_with("});"), "{text}");
    let request = stage.request(Method::GET, "/state?jsonp=alert(1)//");
    let (status, text) = Stage::answer(request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
}

#[actix_rt::test]
async fn a_framework_is_torn_down_by_a_form() {
    let stage = Stage::new().await;
    let post = |body: &'static str| stage.request(Method::POST, "/master/teardown").body(body);
    let answer = |status, text: &str| (status, text.to_owned());
    assert_eq!(Stage::answer(post("frameworkId=f1")).await, answer(StatusCode::OK, ""));
    let unknown = "No framework found with specified ID";
    let expected = answer(StatusCode::BAD_REQUEST, unknown);
    assert_eq!(Stage::answer(post("frameworkId=f9")).await, expected);
    let missing = "Missing 'frameworkId' query parameter in the request body";
    assert_eq!(Stage::answer(post("x=y")).await, answer(StatusCode::BAD_REQUEST, missing));
    let get = stage.request(Method::GET, "/teardown").send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");
}

#[actix_rt::test]
async fn a_master_that_does_not_lead_answers_for_its_machine_and_sends_the_client_on_for_the_rest()
{
    let stage = Stage::new().await;
    stage.world.elect(leads(false, "10.0.0.2:5050")).await;
    let redirected = async {
        loop {
            let response = stage.request(Method::GET, "/state.json").send().await.unwrap();
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                return response;
            }
        }
    };
    let response = tokio::time::timeout(SOON, redirected).await.unwrap();
    assert_eq!(response.headers()["location"], "//10.0.0.2:5050/state.json");
    let metrics = stage.get("/metrics/snapshot").await;
    assert_eq!(
        (&metrics["master/elected"], &metrics["master/cpus_total"]),
        (&json!(0.0), &Value::Null)
    );
    stage.get("/flags").await;
}

#[actix_rt::test]
async fn a_master_that_still_reads_the_registry_is_to_be_asked_again() {
    let stage = Stage::new().await;
    stage.recovering().await;
    let response = stage.request(Method::GET, "/state").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
}

#[actix_rt::test]
async fn a_master_has_no_files_and_says_what_is_wrong_with_a_question_for_one() {
    let stage = Stage::new().await;
    let ask = async |path: &str| Stage::answer(stage.request(Method::GET, path)).await;
    let bad = |text: &str| (StatusCode::BAD_REQUEST, text.to_owned());
    for name in ["browse", "read", "download", "browse.json"] {
        let missing = bad("Expecting 'path=value' in query.\n");
        assert_eq!(ask(&format!("/files/{name}")).await, missing);
        assert_eq!(ask(&format!("/files/{name}?path=")).await, missing);
        for path in ["/master/log", "/etc/passwd", "../../etc/passwd", "%2e%2e/x"] {
            let unknown = (StatusCode::NOT_FOUND, String::new());
            assert_eq!(ask(&format!("/files/{name}?path={path}&offset=-1")).await, unknown);
        }
    }
    let negative = bad("Negative offset provided: -2.\n");
    assert_eq!(ask("/files/read?path=/master/log&offset=-2").await, negative);
    let (status, text) = ask("/files/read?path=/master/log&length=x").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("Failed to parse length: "), "{text}");
    assert_eq!(stage.get("/files/debug").await, json!({}));
    let list = json!({ "type": "LIST_FILES", "list_files": { "path": "/master/log" } });
    let part = json!({ "path": "/master/log", "offset": 0 });
    let read = json!({ "type": "READ_FILE", "read_file": part });
    for call in [list, read] {
        assert_eq!(stage.call(&call).await, (StatusCode::NOT_FOUND, String::new()));
    }
}

#[actix_rt::test]
async fn the_machine_is_told_of_by_every_master() {
    let stage = Stage::new().await;
    stage.world.elect(leads(false, "10.0.0.2:5050")).await;
    let stats = stage.get("/system/stats.json").await;
    for name in ["cpus_total", "avg_load_1min", "avg_load_15min", "mem_total_bytes"] {
        assert!(stats[name].is_number(), "{name}: {stats}");
    }
    assert_eq!(stats.as_object().unwrap().keys().find(|name| name.contains('/')), None);
}

#[actix_rt::test]
async fn what_is_not_served_is_not_found_and_a_question_that_cannot_be_read_is_a_bad_request() {
    let stage = Stage::new().await;
    for path in [
        "/registrar(1)/registry",
        "/redirect/elsewhere",
        "/profiler/start",
        "/memory-profiler/state",
        "/help",
        "/__processes__",
        "/app/index.html",
        "/hierarchical-drf(1)/offer_constraints_debug",
    ] {
        let (status, text) = Stage::answer(stage.request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {text}");
    }
    for path in ["/tasks?limit=many", "/tasks?offset=-1"] {
        let (status, text) = Stage::answer(stage.request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {text}");
    }
}
