//! The example with which two-level scheduling is explained, on a real cluster: what one framework
//! leaves of an agent is offered to the next one at once. Every message is printed with its time.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use integration::Cluster;
use integration::scheduler::{Encoding, Subscription};
use serde_json::{Value, json};

/// An event may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is free must be offered within this time: far less than the ten seconds after which the
/// allocator looks at everything again.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A framework whose messages are printed.
struct Framework {
    name: &'static str,
    began: Instant,
    id: String,
    subscription: Subscription,
    events: Receiver<(Instant, Value)>,
}

fn print(began: Instant, name: &str, arrow: &str, message: &Value) {
    eprintln!("{:>9.3} ms  {name} {arrow} {message}", began.elapsed().as_secs_f64() * 1e3);
}

impl Framework {
    fn subscribe(master: &str, began: Instant, name: &'static str) -> Self {
        let info = json!({ "user": user(), "name": name });
        let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        print(began, name, "->", &call);
        let (tell, events) = channel();
        let heard = move |record: &[u8]| {
            let event: Value = serde_json::from_slice(record).unwrap();
            print(began, name, "<-", &event);
            // The story may be over.
            let _ = tell.send((Instant::now(), event));
        };
        let body = call.to_string();
        let subscription =
            Subscription::open(master, Encoding::Json, body.as_bytes(), heard).unwrap();
        let mut own = Self { name, began, id: String::new(), subscription, events };
        let (_, subscribed) = own.next("SUBSCRIBED");
        own.id = subscribed["framework_id"]["value"].as_str().unwrap().to_owned();
        own
    }

    fn call(&self, kind: &str, part: &Value) {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.id } });
        call[kind.to_lowercase()] = part.clone();
        print(self.began, self.name, "->", &call);
        self.subscription.call(call.to_string().as_bytes()).unwrap();
    }

    /// The next event of this type, and when it came; others are passed over.
    fn next(&self, kind: &str) -> (Instant, Value) {
        loop {
            let event = self.events.recv_timeout(PATIENCE);
            let (at, event) = event.unwrap_or_else(|_| panic!("{}: no {kind}", self.name));
            if event["type"] == kind {
                return (at, event[kind.to_lowercase()].clone());
            }
        }
    }

    /// The next offers, which must be one.
    fn offer(&self) -> (Instant, Value) {
        let (at, offers) = self.next("OFFERS");
        assert_eq!(offers["offers"].as_array().unwrap().len(), 1, "{offers}");
        (at, offers["offers"][0].clone())
    }
}

/// Whoever runs the test: nobody else may start processes as others.
fn user() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap();
    user.map(|user| user.name).unwrap_or_default()
}

/// The cpus and the memory in an offer.
fn cpus_and_mem(offer: &Value) -> [f64; 2] {
    let resources = offer["resources"].as_array().unwrap();
    ["cpus", "mem"].map(|name| {
        let found = resources.iter().find(|resource| resource["name"] == name);
        found.and_then(|resource| resource["scalar"]["value"].as_f64()).unwrap_or_default()
    })
}

fn task(id: &str, agent_id: &Value, cpus: f64, mem: f64) -> Value {
    let scalar = |name: &str, value: f64| json!({ "name": name, "type": "SCALAR", "scalar": { "value": value } });
    json!({
        "name": id, "task_id": { "value": id }, "agent_id": agent_id,
        "command": { "value": "sleep 600" },
        "resources": [scalar("cpus", cpus), scalar("mem", mem)],
    })
}

#[test]
fn what_one_framework_leaves_is_offered_to_the_next_at_once() {
    let cluster = Cluster::builder("textbook").resources("cpus=4;mem=4096").start();
    let master = cluster.masters[0].http();
    let began = Instant::now();

    let first = Framework::subscribe(master, began, "framework 1");
    let (_, offer) = first.offer();
    assert_eq!(cpus_and_mem(&offer), [4.0, 4096.0]);
    // It is there while nothing is free.
    let second = Framework::subscribe(master, began, "framework 2");

    let agent_id = &offer["agent_id"];
    let tasks = [task("task-1", agent_id, 2.0, 1024.0), task("task-2", agent_id, 1.0, 2048.0)];
    let launch = json!({ "type": "LAUNCH", "launch": { "task_infos": tasks } });
    let accepted = Instant::now();
    first.call("ACCEPT", &json!({ "offer_ids": [offer["id"]], "operations": [launch] }));

    let (offered, rest) = second.offer();
    assert_eq!(cpus_and_mem(&rest), [1.0, 1024.0]);
    let took = offered.duration_since(accepted);
    eprintln!("framework 2 is offered the rest {took:?} after framework 1 began to accept");
    assert!(took < AT_ONCE, "{took:?}");

    let mut running = Vec::new();
    while running.len() < 2 {
        let (_, update) = first.next("UPDATE");
        let status = &update["status"];
        let acknowledge = json!({ "agent_id": status["agent_id"], "task_id": status["task_id"],
            "uuid": status["uuid"] });
        first.call("ACKNOWLEDGE", &acknowledge);
        if status["state"] == "TASK_RUNNING" {
            running.push(status["task_id"]["value"].as_str().unwrap().to_owned());
        }
    }
    running.sort();
    assert_eq!(running, ["task-1", "task-2"]);
}
