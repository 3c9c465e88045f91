//! Why things are as they are, from the command line of a real cluster.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use integration::{Cluster, Meseta, eventually};
use serde_json::{Value, json};

fn create(meseta: &Meseta, app: &Value) {
    let created = meseta.run_with(&["app", "create", "-"], &app.to_string());
    assert_eq!(created.code, 0, "{created:?}");
}

/// The explanation of an app once its summary has this in it.
fn explained(meseta: &Meseta, app: &str, part: &str) -> Value {
    eventually(&format!("{app} is explained by `{part}`"), || {
        let told = meseta.json(&["explain", "app", app])?;
        let summary = told["summary"].as_str().unwrap_or_default();
        if summary.contains(part) { Ok(told.clone()) } else { Err(told.to_string()) }
    })
}

#[test]
fn an_app_a_framework_and_a_role_are_explained() {
    let cluster = Cluster::builder("explain").services().start();
    let meseta = cluster.meseta();
    create(&meseta, &json!({ "id": "/giant", "cmd": "sleep 1000", "cpus": 1000, "mem": 32 }));
    let told = explained(&meseta, "giant", "none of 1 agents is large enough");
    assert_eq!((&told["waiting"], &told["instances"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(told["offers"]["fit"]["too_small"], json!({ "cpus": 1 }), "{told}");
    let framework = told["framework_id"].as_str().unwrap().to_owned();

    create(&meseta, &json!({ "id": "/small", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32 }));
    explained(&meseta, "/small", "1 of 1 instances run");
    let table = meseta.run(&["explain", "app", "giant"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.starts_with("/giant: 0 of 1 instances run, 1 wait"), "{table:?}");

    let told = eventually("the framework has declined", || {
        let told = meseta.json(&["explain", "framework", &framework])?;
        if told["declined"] == json!([]) { Err(told.to_string()) } else { Ok(told) }
    });
    assert_eq!(told["standing"], "active");
    let table = meseta.run(&["explain", "framework", &framework]);
    assert!(table.stdout.starts_with(&format!("{framework}: ")), "{table:?}");
    assert!(table.stdout.contains("the framework gave it back"), "{table:?}");
    let role = meseta.json(&["explain", "role", "*"]).unwrap();
    assert_eq!(role["frameworks"][0]["framework_id"], framework.as_str(), "{role}");
    assert!(meseta.run(&["explain", "role", "*"]).stdout.starts_with("*: "));

    for unknown in [["framework", "nobody"], ["role", "no/such"], ["app", "none"]] {
        let answer = meseta.run(&[&["explain"], &unknown[..]].concat());
        assert_eq!(answer.code, 77, "{answer:?}");
        assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    }
}
