//! A cluster that asks who is there: a framework on unmodified pymesos says it, and an operator.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use integration::{Cluster, http, python};
use serde_json::{Value, json};

/// `web:xyzzy` and `ops:plugh`, in the header of HTTP.
const WEB: &str = "Basic d2ViOnh5enp5";
const OPS: &str = "Basic b3BzOnBsdWdo";

/// A directory with the credentials of `web` and `ops`, and lists: `ops` may do everything, `web` may
/// have frameworks and run something as root.
fn files() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("meseta-access-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let credentials = json!({ "credentials": [
        { "principal": "web", "secret": "xyzzy" }, { "principal": "ops", "secret": "plugh" },
    ] });
    let may = |principals: &[&str], objects: &str| json!([{ "principals": { "values": principals }, objects: { "type": "ANY" } }]);
    let lists = json!({
        "permissive": false,
        "register_frameworks": may(&["web"], "roles"),
        "run_tasks": may(&["web"], "users"),
        "teardown_frameworks": may(&["ops"], "framework_principals"),
        "view_frameworks": may(&["ops"], "users"),
        "view_tasks": may(&["ops"], "users"),
        "view_executors": may(&["ops"], "users"),
        "view_roles": may(&["ops"], "roles"),
    });
    for (name, content) in [("credentials.json", credentials), ("acls.json", lists)] {
        let path = dir.join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    dir
}

fn call(master: &str, path: &str, who: Option<&str>, body: &Value) -> http::Response {
    let json = ("content-type", "application/json");
    let headers: Vec<_> = who.map(|who| ("authorization", who)).into_iter().chain([json]).collect();
    http::send(master, "POST", path, &headers, body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_pymesos_framework_with_its_secret_runs_where_nobody_else_is_let_in() {
    let dir = files();
    let (credentials, acls) = (dir.join("credentials.json"), dir.join("acls.json"));
    let keys = format!(
        "credentials = {credentials:?}\nacls = {acls:?}\n\
         schedulers = true\nreadonly = true\nreadwrite = true"
    );
    let cluster = Cluster::builder("access").access(&keys).start();
    let master = cluster.masters[0].ready().http.clone();

    let subscribe = json!({ "type": "SUBSCRIBE", "subscribe": {
        "framework_info": { "user": "root", "name": "stranger" } } });
    let stranger = call(&master, "/api/v1/scheduler", None, &subscribe);
    assert_eq!(stranger.status, 401, "{stranger:?}");
    let realm = "Basic realm=\"mesos-master-scheduler\"";
    assert_eq!(stranger.header("www-authenticate"), Some(realm));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/pymesos_scheduler.py");
    let mut command = Command::new(python::pymesos());
    command.args([script, &master, "3", "2"]).stdin(Stdio::null());
    let output = command.env("PRINCIPAL", "web").env("SECRET", "xyzzy").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("torn_down"), "{said}");

    let state = json!({ "type": "GET_STATE" });
    let of_ops = call(&master, "/api/v1", Some(OPS), &state);
    let completed = &of_ops.json()["get_state"]["get_frameworks"]["completed_frameworks"];
    assert_eq!(completed[0]["framework_info"]["principal"], "web", "{completed}");
    let of_web = call(&master, "/api/v1", Some(WEB), &state);
    assert_eq!(of_web.status, 200);
    assert_eq!(of_web.json()["get_state"]["get_frameworks"], json!({}), "{of_web:?}");
    let weights = json!({ "type": "UPDATE_WEIGHTS", "update_weights": {
        "weight_infos": [{ "role": "web", "weight": 9.0 }] } });
    let refused = call(&master, "/api/v1", Some(WEB), &weights);
    assert_eq!(refused.status, 403, "{refused:?}");
    let log = cluster.masters[0].log();
    assert!(!log.contains("xyzzy") && !log.contains("d2ViOnh5en"), "{log}");
    std::fs::remove_dir_all(dir).unwrap();
}
