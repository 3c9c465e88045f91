//! A machine is serviced: operators say when, frameworks are asked to leave, the machine goes down
//! with all that still runs there, and serves again when it is up. Its agent's process goes on.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use integration::framework::sleeper;
use integration::{Cluster, Framework, eventually, http, processes};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn machines() -> Value {
    json!([{ "hostname": "agent-1" }])
}

/// The operator's: answered with 200.
fn post(master: &str, path: &str, body: &Value) {
    eprintln!("operator -> POST {path} {body}");
    let answer = http::request(master, "POST", path, Some(body)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn get(master: &str, path: &str) -> Value {
    let answer = http::get(master, path).unwrap();
    eprintln!("operator <- {path} {}", answer.body);
    answer.json()
}

/// The agents that serve, by machine.
fn serving(master: &str) -> Result<Vec<(String, String)>, String> {
    let slaves = http::get(master, "/slaves").map_err(|error| format!("{error:#}"))?.json();
    let slaves = slaves["slaves"].as_array().cloned().ok_or_else(|| slaves.to_string())?;
    let active = slaves.iter().filter(|slave| slave["active"] == true);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> =
        active.map(|slave| (text(&slave["hostname"]), text(&slave["id"]))).collect();
    found.sort();
    Ok(found)
}

/// Offers of both machines, in their order.
fn both(framework: &mut Framework) -> [Value; 2] {
    let mut offers = [framework.offer().1, framework.offer().1];
    offers.sort_by_key(|offer| offer["hostname"].to_string());
    assert_eq!(
        (&offers[0]["hostname"], &offers[1]["hostname"]),
        (&json!("agent-1"), &json!("agent-2"))
    );
    offers
}

/// The processes of an agent's tasks.
fn tasks_of(cluster: &Cluster, agent: usize) -> Vec<processes::Found> {
    let dir = cluster.agents[agent].dir().join("work");
    let all = processes::that_mention(&dir).into_iter();
    all.filter(|it| it.command.contains("sleep")).collect()
}

#[test]
fn a_machine_drains_goes_down_and_serves_again_when_it_is_up() {
    let mut cluster = Cluster::builder("maintenance").agents(2).machines().start();
    let master = cluster.masters[0].http().to_owned();
    let mut framework = Framework::subscribe(&master, Instant::now(), "tenant", "*");
    for (offer, task) in both(&mut framework).iter().zip(["leaves", "stays"]) {
        framework.launch(offer, &[sleeper(task, &offer["agent_id"], 0.5, 64.0)]);
        framework.wait(task, "TASK_RUNNING");
    }
    let before = serving(&master).unwrap();
    assert_eq!((before.len(), tasks_of(&cluster, 0).len()), (2, 1));

    drain(&master, &mut framework);

    post(&master, "/machine/down", &machines());
    let status = framework.wait("leaves", "TASK_GONE");
    assert_eq!(status["agent_id"]["value"], before[0].1, "{status}");
    eventually("nothing runs on the machine any more, and one agent serves", || {
        let (left, agents) = (tasks_of(&cluster, 0), serving(&master)?);
        let done = left.is_empty() && agents == before[1..];
        if done { Ok(()) } else { Err(format!("{left:?} {agents:?}")) }
    });
    assert_eq!(get(&master, "/maintenance/status")["down_machines"][0]["hostname"], "agent-1");
    // The agent goes on asking, and is told no.
    framework.listen(Duration::from_secs(2));
    assert_eq!(serving(&master).unwrap(), before[1..]);
    assert!(cluster.agents[0].is_running());

    post(&master, "/machine/up", &machines());
    let up = eventually("the machine serves again", || {
        let agents = serving(&master)?;
        if agents.len() == 2 { Ok(agents) } else { Err(format!("{agents:?}")) }
    });
    assert_eq!((&up[0].0, &up[1]), (&before[0].0, &before[1]));
    assert_ne!(up[0].1, before[0].1, "it is another agent");
    let offer = loop {
        let (_, offer) = framework.offer();
        if offer["agent_id"]["value"] == up[0].1.as_str() {
            break offer;
        }
    };
    assert_eq!(offer.get("unavailability"), None, "nothing is planned");
    framework.launch(&offer, &[sleeper("returns", &offer["agent_id"], 0.5, 64.0)]);
    framework.wait("returns", "TASK_RUNNING");
    assert_eq!(framework.status("stays")["state"], "TASK_RUNNING");
}

/// The operator plans, the framework is asked to leave, and says that it will.
fn drain(master: &str, framework: &mut Framework) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let soon = Duration::from_secs(now + 60);
    let unavailability = json!({ "start": { "nanoseconds": soon.as_nanos() as u64 },
        "duration": { "nanoseconds": HOUR.as_nanos() as u64 } });
    let window = json!({ "machine_ids": machines(), "unavailability": unavailability });
    post(master, "/maintenance/schedule", &json!({ "windows": [window] }));
    let (_, asked) = framework.next("INVERSE_OFFERS");
    let inverse = &asked["inverse_offers"][0];
    assert_eq!(inverse["unavailability"], unavailability);
    assert_eq!(inverse.get("resources"), None, "it is to leave with everything");
    let status = || get(master, "/maintenance/status")["draining_machines"][0].clone();
    assert_eq!(status()["statuses"][0]["status"], "UNKNOWN");
    framework.call("ACCEPT_INVERSE_OFFERS", &json!({ "inverse_offer_ids": [inverse["id"]] }));
    let draining = status();
    assert_eq!(draining["id"]["hostname"], "agent-1");
    assert_eq!(draining["statuses"][0]["status"], "ACCEPT");
    assert_eq!(draining["statuses"][0]["framework_id"]["value"], framework.id());
}
