//! Tools that ask again and again.

use std::collections::BTreeMap;

use protocol::task::TaskState;
use reqwest::Method;
use serde_json::Value;

use crate::subscribe::Stage;

/// The framework as `/state` has it, which is as `/frameworks` has it, and its tasks by id.
async fn poll(stage: &Stage) -> (Value, BTreeMap<String, String>) {
    let get = async |path: &str| -> Value {
        let url = format!("http://{}{path}", stage.master.gateway.address());
        reqwest::Client::new().request(Method::GET, url).send().await.unwrap().json().await.unwrap()
    };
    let (state, list) = (get("/state").await, get("/frameworks").await);
    assert_eq!(state["frameworks"], list["frameworks"]);
    let framework = &state["frameworks"][0];
    let lists = ["tasks", "unreachable_tasks", "completed_tasks"];
    let tasks = lists.iter().flat_map(|list| framework[list].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let states = tasks.map(|task| (text(&task["id"]), text(&task["state"]))).collect();
    (framework.clone(), states)
}

#[actix_rt::test]
async fn each_shows_what_has_changed_since_the_one_before() {
    let stage = Stage::start().await;
    let ids: Vec<_> = (0..300).map(|n| format!("t{n:03}")).collect();
    let running = |ids: &[String]| {
        ids.iter().map(|id| stage.task(id, TaskState::Running)).collect::<Vec<_>>()
    };
    stage.runs(1, running(&ids)).await;
    let mut expected: BTreeMap<_, _> =
        ids.iter().map(|id| (id.clone(), "TASK_RUNNING".to_owned())).collect();
    let (framework, states) = poll(&stage).await;
    assert_eq!(states, expected);
    assert_eq!(framework["used_resources"]["cpus"], 0.3);
    // Nothing has changed.
    assert_eq!(poll(&stage).await, (framework, states));

    for (at, id) in [(5, "t007"), (6, "t150"), (7, "t299")] {
        stage.update(id, TaskState::Failed, at).await;
        expected.insert(id.to_owned(), "TASK_FAILED".to_owned());
        let (framework, states) = poll(&stage).await;
        assert_eq!(states, expected, "{id}");
        assert_eq!(framework["tasks"].as_array().unwrap().len() as u64, 304 - at, "{id}");
    }
    let (framework, _) = poll(&stage).await;
    assert_eq!(framework["used_resources"]["cpus"], 0.297);

    // The agent is back without some, which have gone.
    let ids: Vec<_> = ids.into_iter().filter(|id| !id.starts_with("t2")).collect();
    stage.runs(2, running(&ids)).await;
    let (framework, states) = poll(&stage).await;
    assert_eq!(framework["tasks"].as_array().unwrap().len(), 198);
    assert_eq!(states["t250"], "TASK_LOST", "the framework is not aware of partitions");
    assert_eq!(framework["used_resources"]["cpus"], 0.198);
}
