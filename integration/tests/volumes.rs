//! Data outlives tasks, and the agent's process: a framework reserves disk, makes a volume of it and
//! writes a file from a task; the agent is killed; another task reads the file; then all of it is
//! given back.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use integration::Cluster;
use integration::framework::{scalar, user};
use integration::scheduler::{Encoding, Subscription};
use serde_json::{Value, json};

/// An event may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Framework {
    id: String,
    subscription: Subscription,
    events: Receiver<Value>,
    /// The last states of tasks and operations.
    states: RefCell<BTreeMap<String, String>>,
}

impl Framework {
    fn subscribe(master: &str) -> Self {
        let info = json!({ "user": user(), "name": "keeper", "roles": ["db"],
            "capabilities": [{ "type": "MULTI_ROLE" }, { "type": "SHARED_RESOURCES" }],
            "failover_timeout": 600.0 });
        let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        let (tell, events) = channel();
        let heard = move |record: &[u8]| {
            let event: Value = serde_json::from_slice(record).unwrap();
            eprintln!("<- {event}");
            // The story may be over.
            let _ = tell.send(event);
        };
        let body = call.to_string();
        let subscription =
            Subscription::open(master, Encoding::Json, body.as_bytes(), heard).unwrap();
        let mut own = Self { id: String::new(), subscription, events, states: RefCell::default() };
        let subscribed = own.next("SUBSCRIBED");
        own.id = subscribed["framework_id"]["value"].as_str().unwrap().to_owned();
        own
    }

    fn call(&self, kind: &str, part: &Value) {
        self.try_call(kind, part).unwrap();
    }

    fn try_call(&self, kind: &str, part: &Value) -> anyhow::Result<()> {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.id } });
        call[kind.to_lowercase()] = part.clone();
        eprintln!("-> {call}");
        self.subscription.call(call.to_string().as_bytes())
    }

    /// The next event. News of tasks and operations are acknowledged and remembered.
    fn event(&self) -> Value {
        let event = self.events.recv_timeout(PATIENCE).expect("an event");
        for (kind, named, call) in [
            ("update", "task_id", "ACKNOWLEDGE"),
            ("update_operation_status", "operation_id", "ACKNOWLEDGE_OPERATION_STATUS"),
        ] {
            let status = &event[kind]["status"];
            let uuid = if kind == "update" { &status["uuid"] } else { &status["uuid"]["value"] };
            if let (Some(id), Some(state)) =
                (status[named]["value"].as_str(), status["state"].as_str())
            {
                self.states.borrow_mut().insert(id.to_owned(), state.to_owned());
            }
            if uuid.is_string() {
                let part =
                    json!({ "agent_id": status["agent_id"], named: status[named], "uuid": uuid });
                self.call(call, &part);
            }
        }
        event
    }

    /// The next event of this type.
    fn next(&self, kind: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == kind {
                return event[kind.to_lowercase()].clone();
            }
        }
    }

    /// An offer with at least this much of each; others are declined.
    fn offer(&self, wanted: &[&Value]) -> Value {
        let has = |offer: &&Value| wanted.iter().all(|wanted| contains(offer, wanted));
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "no offer of {wanted:?}");
            let offers = self.next("OFFERS")["offers"].clone();
            if let Some(offer) = offers.as_array().unwrap().iter().find(has) {
                return offer.clone();
            }
            self.decline(&offers);
        }
    }

    fn decline(&self, offers: &Value) {
        for offer in offers.as_array().unwrap() {
            let part = json!({ "offer_ids": [offer["id"]], "filters": { "refuse_seconds": 0.1 } });
            // It may have been rescinded meanwhile.
            let _ = self.try_call("DECLINE", &part);
        }
    }

    fn accept(&self, offer: &Value, operations: &Value) {
        self.try_accept(offer, operations).unwrap();
    }

    fn try_accept(&self, offer: &Value, operations: &Value) -> anyhow::Result<()> {
        let accept = json!({ "offer_ids": [offer["id"]], "operations": operations,
            "filters": { "refuse_seconds": 0.1 } });
        self.try_call("ACCEPT", &accept)
    }

    /// Waits until a task or an operation is said to be in this state. What is offered meanwhile is
    /// not wanted yet.
    fn wait(&self, id: &str, state: &str) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "{id} is not {state}");
            match self.states.borrow().get(id).map(String::as_str) {
                Some(said) if said == state => return,
                Some("TASK_FAILED" | "OPERATION_DROPPED" | "OPERATION_ERROR") => {
                    panic!("{id} is {:?}, not {state}", self.states.borrow().get(id))
                }
                _ => {}
            }
            let event = self.event();
            if event["type"] == "OFFERS" {
                self.decline(&event["offers"]["offers"]);
            }
        }
    }
}

fn contains(offer: &Value, wanted: &Value) -> bool {
    let like = |mine: &&Value| {
        mine["name"] == wanted["name"]
            && mine.get("reservation").is_some() == wanted.get("reservation").is_some()
            && mine["disk"]["persistence"] == wanted["disk"]["persistence"]
    };
    let amount = |resource: &Value| resource["scalar"]["value"].as_f64().unwrap_or_default();
    let mine = offer["resources"].as_array().unwrap().iter().find(like);
    mine.is_some_and(|mine| amount(mine) >= amount(wanted))
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

fn launch(tasks: &[Value]) -> Value {
    json!({ "type": "LAUNCH", "launch": { "task_infos": tasks } })
}

#[test]
fn a_volume_keeps_what_a_task_wrote_for_the_next_one() {
    let mut cluster = Cluster::builder("volumes").resources("cpus=4;mem=4096;disk=1024").start();
    let framework = Framework::subscribe(cluster.masters[0].http());

    let offer = framework.offer(&[&scalar("disk", 1024.0)]);
    let reserve = json!({ "type": "RESERVE", "id": { "value": "reserve" },
        "reserve": { "resources": [reserved_disk(100.0)] } });
    let create = json!({ "type": "CREATE", "id": { "value": "create" },
        "create": { "volumes": [volume()] } });
    let write = task("writer", &offer["agent_id"], "echo precious > data/file");
    framework.accept(&offer, &json!([reserve, create, write]));
    framework.wait("create", "OPERATION_FINISHED");
    framework.wait("writer", "TASK_FINISHED");

    cluster.agents[0].kill();
    cluster.agents[0].start();

    let plain = [&scalar("cpus", 0.1), &scalar("mem", 32.0)];
    // What was offered before the agent went is void.
    loop {
        let offer = framework.offer(&[plain[0], plain[1], &volume(), &reserved_disk(36.0)]);
        let read = task("reader", &offer["agent_id"], "test \"$(cat data/file)\" = precious");
        if framework.try_accept(&offer, &json!([read])).is_ok() {
            break;
        }
    }
    framework.wait("reader", "TASK_FINISHED");

    let offer = framework.offer(&[&volume(), &reserved_disk(36.0)]);
    let destroy = json!({ "type": "DESTROY", "destroy": { "volumes": [volume()] } });
    let unreserve = json!({ "type": "UNRESERVE", "id": { "value": "unreserve" },
        "unreserve": { "resources": [reserved_disk(100.0)] } });
    framework.accept(&offer, &json!([destroy, unreserve]));
    framework.wait("unreserve", "OPERATION_FINISHED");
    framework.offer(&[&scalar("disk", 1024.0)]);
}

#[test]
fn two_tasks_talk_through_a_shared_volume() {
    let cluster = Cluster::builder("sharing").resources("cpus=4;mem=4096;disk=1024").start();
    let framework = Framework::subscribe(cluster.masters[0].http());
    let offer = framework.offer(&[&scalar("disk", 1024.0)]);
    let reserve = json!({ "type": "RESERVE", "reserve": { "resources": [reserved_disk(64.0)] } });
    let create = json!({ "type": "CREATE", "create": { "volumes": [shared_volume()] } });
    // Each waits for what the other writes, so that both have to run at once.
    let asks = "echo ping > data/ask; until [ -f data/answer ]; do sleep 0.05; done";
    let answers = "until [ -f data/ask ]; do sleep 0.05; done; echo pong > data/answer";
    let talk = |id, command| task_with(&shared_volume(), id, &offer["agent_id"], command);
    let both = launch(&[talk("asks", asks), talk("answers", answers)]);
    framework.accept(&offer, &json!([reserve, create, both]));
    framework.wait("asks", "TASK_FINISHED");
    framework.wait("answers", "TASK_FINISHED");
    let offer = framework.offer(&[&scalar("cpus", 4.0), &shared_volume()]);
    let destroy = json!({ "type": "DESTROY", "id": { "value": "destroy" },
        "destroy": { "volumes": [shared_volume()] } });
    framework.accept(&offer, &json!([destroy]));
    framework.wait("destroy", "OPERATION_FINISHED");
    framework.offer(&[&reserved_disk(64.0)]);
}
