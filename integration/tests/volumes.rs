//! Data outlives tasks, and the agent's process: a framework reserves disk, makes a volume of it and
//! writes a file from a task; the agent is killed; another task reads the file; then all of it is
//! given back.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::Instant;

use integration::framework::{launch, scalar};
use integration::{Cluster, Framework};
use serde_json::{Value, json};

fn keeper(cluster: &Cluster) -> Framework {
    let master = cluster.masters[0].http();
    Framework::subscribe_with(master, Instant::now(), "keeper", "db", &["SHARED_RESOURCES"])
}

fn reserved_disk(value: f64) -> Value {
    let mut disk = scalar("disk", value);
    disk["role"] = "db".into();
    disk["reservation"] = json!({});
    disk
}

fn volume() -> Value {
    let mut volume = reserved_disk(64.0);
    volume["disk"] = json!({
        "persistence": { "id": "data-1" },
        "volume": { "container_path": "data", "mode": "RW" },
    });
    volume
}

fn shared_volume() -> Value {
    let mut volume = volume();
    volume["shared"] = json!({});
    volume
}

fn task(id: &str, agent_id: &Value, command: &str) -> Value {
    launch(&[task_with(&volume(), id, agent_id, command)])
}

fn task_with(volume: &Value, id: &str, agent_id: &Value, command: &str) -> Value {
    json!({
        "name": id, "task_id": { "value": id }, "agent_id": agent_id,
        "command": { "value": command },
        "resources": [scalar("cpus", 0.1), scalar("mem", 32.0), volume],
    })
}

#[test]
fn a_volume_keeps_what_a_task_wrote_for_the_next_one() {
    let mut cluster = Cluster::builder("volumes").resources("cpus=4;mem=4096;disk=1024").start();
    let mut framework = keeper(&cluster);

    let offer = framework.offer_with(&[&scalar("disk", 1024.0)]);
    let reserve = json!({ "type": "RESERVE", "id": { "value": "reserve" },
        "reserve": { "resources": [reserved_disk(100.0)] } });
    let create = json!({ "type": "CREATE", "id": { "value": "create" },
        "create": { "volumes": [volume()] } });
    let write = task("writer", &offer["agent_id"], "echo precious > data/file");
    framework.accept(&offer, &[reserve, create, write]);
    framework.wait("create", "OPERATION_FINISHED");
    framework.wait("writer", "TASK_FINISHED");

    cluster.agents[0].kill();
    cluster.agents[0].start();

    let plain = [&scalar("cpus", 0.1), &scalar("mem", 32.0)];
    // What was offered before the agent went is void.
    loop {
        let offer = framework.offer_with(&[plain[0], plain[1], &volume(), &reserved_disk(36.0)]);
        let read = task("reader", &offer["agent_id"], "test \"$(cat data/file)\" = precious");
        if framework.try_accept(&offer, &[read]).is_ok() {
            break;
        }
    }
    framework.wait("reader", "TASK_FINISHED");

    let offer = framework.offer_with(&[&volume(), &reserved_disk(36.0)]);
    let destroy = json!({ "type": "DESTROY", "destroy": { "volumes": [volume()] } });
    let unreserve = json!({ "type": "UNRESERVE", "id": { "value": "unreserve" },
        "unreserve": { "resources": [reserved_disk(100.0)] } });
    framework.accept(&offer, &[destroy, unreserve]);
    framework.wait("unreserve", "OPERATION_FINISHED");
    framework.offer_with(&[&scalar("disk", 1024.0)]);
}

#[test]
fn two_tasks_talk_through_a_shared_volume() {
    let cluster = Cluster::builder("sharing").resources("cpus=4;mem=4096;disk=1024").start();
    let mut framework = keeper(&cluster);
    let offer = framework.offer_with(&[&scalar("disk", 1024.0)]);
    let reserve = json!({ "type": "RESERVE", "reserve": { "resources": [reserved_disk(64.0)] } });
    let create = json!({ "type": "CREATE", "create": { "volumes": [shared_volume()] } });
    // Each waits for what the other writes, so that both have to run at once.
    let asks = "echo ping > data/ask; until [ -f data/answer ]; do sleep 0.05; done";
    let answers = "until [ -f data/ask ]; do sleep 0.05; done; echo pong > data/answer";
    let talk = |id, command| task_with(&shared_volume(), id, &offer["agent_id"], command);
    let both = launch(&[talk("asks", asks), talk("answers", answers)]);
    framework.accept(&offer, &[reserve, create, both]);
    framework.wait("asks", "TASK_FINISHED");
    framework.wait("answers", "TASK_FINISHED");
    let offer = framework.offer_with(&[&scalar("cpus", 4.0), &shared_volume()]);
    let destroy = json!({ "type": "DESTROY", "id": { "value": "destroy" },
        "destroy": { "volumes": [shared_volume()] } });
    framework.accept(&offer, &[destroy]);
    framework.wait("destroy", "OPERATION_FINISHED");
    framework.offer_with(&[&reserved_disk(64.0)]);
}
