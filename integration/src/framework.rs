//! A framework as its author would write it: it subscribes, is offered resources, launches commands
//! and acknowledges what it hears. Every message is printed with its time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::scheduler::{Encoding, Subscription};

/// What is waited for may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of them. Dropped, it is gone without a word.
pub struct Framework {
    name: String,
    began: Instant,
    id: String,
    subscription: Subscription,
    events: Receiver<(Instant, Value)>,
    /// What it has not answered, and when it came.
    offers: VecDeque<(Instant, Value)>,
    /// The last of each task, and of each operation with an id.
    statuses: BTreeMap<String, Value>,
}

fn print(began: Instant, name: &str, arrow: &str, message: &Value) {
    eprintln!("{:>9.3} ms  {name} {arrow} {message}", began.elapsed().as_secs_f64() * 1e3);
}

impl Framework {
    /// Subscribes in one role with the capabilities that today's frameworks have. Times are printed
    /// as they are since `began`.
    pub fn subscribe(master: &str, began: Instant, name: &str, role: &str) -> Self {
        Self::subscribe_with(master, began, name, role, &[])
    }

    /// The same with more capabilities.
    pub fn subscribe_with(
        master: &str,
        began: Instant,
        name: &str,
        role: &str,
        more: &[&str],
    ) -> Self {
        let capability = |name: &&str| json!({ "type": name });
        let usual = ["MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE"];
        let capabilities: Vec<_> = usual.iter().chain(more).map(capability).collect();
        let info = json!({ "user": user(), "name": name, "roles": [role],
            "capabilities": capabilities, "failover_timeout": 600.0 });
        let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        print(began, name, "->", &call);
        let (tell, events) = channel();
        let owned = name.to_owned();
        let heard = move |record: &[u8]| {
            let event = serde_json::from_slice(record).expect("an event is JSON");
            print(began, &owned, "<-", &event);
            // The story may be over.
            let _ = tell.send((Instant::now(), event));
        };
        let body = call.to_string();
        let subscription = Subscription::open(master, Encoding::Json, body.as_bytes(), heard);
        let mut own = Self {
            name: name.to_owned(),
            began,
            id: String::new(),
            subscription: subscription.unwrap_or_else(|error| panic!("{name}: {error:#}")),
            events,
            offers: VecDeque::new(),
            statuses: BTreeMap::new(),
        };
        let (_, subscribed) = own.next("SUBSCRIBED");
        let id = subscribed["framework_id"]["value"].as_str();
        own.id = id.expect("a framework has an id").to_owned();
        own
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A call that is taken and done.
    #[track_caller]
    pub fn call(&self, kind: &str, part: &Value) {
        self.try_call(kind, part).unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
    }

    /// A call that may come too late.
    pub fn try_call(&self, kind: &str, part: &Value) -> Result<()> {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.id } });
        if !part.is_null() {
            call[kind.to_lowercase()] = part.clone();
        }
        print(self.began, &self.name, "->", &call);
        self.subscription.call(call.to_string().as_bytes())
    }

    /// Waits for an event at most so long. Offers are kept until they are answered or rescinded, and
    /// updates are acknowledged.
    pub fn hear(&mut self, limit: Duration) -> Option<(Instant, Value)> {
        let (at, event) = self.events.recv_timeout(limit).ok()?;
        match event["type"].as_str() {
            Some("OFFERS") => {
                let offers = event["offers"]["offers"].as_array().into_iter().flatten();
                self.offers.extend(offers.map(|offer| (at, offer.clone())));
            }
            Some("RESCIND") => {
                let void = &event["rescind"]["offer_id"];
                self.offers.retain(|(_, offer)| offer["id"] != *void);
            }
            Some("UPDATE") => {
                let status = &event["update"]["status"];
                self.take_status(status, "task_id", &status["uuid"], "ACKNOWLEDGE");
            }
            Some("UPDATE_OPERATION_STATUS") => {
                let status = &event["update_operation_status"]["status"];
                let (uuid, call) = (&status["uuid"]["value"], "ACKNOWLEDGE_OPERATION_STATUS");
                self.take_status(status, "operation_id", uuid, call);
            }
            _ => {}
        }
        Some((at, event))
    }

    fn take_status(&mut self, status: &Value, named: &str, uuid: &Value, call: &str) {
        let id = status[named]["value"].as_str().expect("a status is of something with an id");
        self.statuses.insert(id.to_owned(), status.clone());
        if uuid.is_string() {
            let part =
                json!({ "agent_id": status["agent_id"], named: status[named], "uuid": uuid });
            self.call(call, &part);
        }
    }

    /// The same until then.
    fn hear_by(&mut self, end: Instant) -> Option<(Instant, Value)> {
        self.hear(end.saturating_duration_since(Instant::now()))
    }

    /// Hears everything that comes for so long.
    pub fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.hear_by(end).is_some() {}
    }

    /// The next event of this type, and when it came.
    #[track_caller]
    pub fn next(&mut self, kind: &str) -> (Instant, Value) {
        let end = Instant::now() + PATIENCE;
        loop {
            let heard = self.hear_by(end);
            let (at, event) = heard.unwrap_or_else(|| panic!("{}: no {kind}", self.name));
            if event["type"] == kind {
                return (at, event[kind.to_lowercase()].clone());
            }
        }
    }

    /// The next offer, and when it came.
    #[track_caller]
    pub fn offer(&mut self) -> (Instant, Value) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.offers.pop_front() {
                return found;
            }
            let heard = self.hear_by(end);
            heard.unwrap_or_else(|| panic!("{}: no offer", self.name));
        }
    }

    /// The next offer with at least so much of each; others are declined for a moment.
    #[track_caller]
    pub fn offer_with(&mut self, wanted: &[&Value]) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, offer) = self.offer();
            if wanted.iter().all(|wanted| contains(&offer, wanted)) {
                return offer;
            }
            assert!(Instant::now() < end, "{}: no offer of {wanted:?}", self.name);
            self.decline(&offer, 0.1);
        }
    }

    /// An offer that has come and is not answered.
    pub fn take_offer(&mut self) -> Option<Value> {
        self.offers.pop_front().map(|(_, offer)| offer)
    }

    /// Keeps an offer that was taken, to be answered later.
    pub fn keep(&mut self, offer: Value) {
        self.offers.push_front((Instant::now(), offer));
    }

    /// Launches these of an offer; the rest of it may be offered again at once.
    #[track_caller]
    pub fn launch(&self, offer: &Value, tasks: &[Value]) {
        self.try_launch(offer, tasks).unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
    }

    /// The same of an offer that may be rescinded at this moment.
    pub fn try_launch(&self, offer: &Value, tasks: &[Value]) -> Result<()> {
        self.try_accept(offer, &[launch(tasks)])
    }

    /// Does this with an offer; the rest of it may be offered again at once.
    #[track_caller]
    pub fn accept(&self, offer: &Value, operations: &[Value]) {
        let accepted = self.try_accept(offer, operations);
        accepted.unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
    }

    /// The same with an offer that may be rescinded at this moment.
    pub fn try_accept(&self, offer: &Value, operations: &[Value]) -> Result<()> {
        let accept = json!({ "offer_ids": [offer["id"]], "operations": operations,
            "filters": { "refuse_seconds": 0.0 } });
        self.try_call("ACCEPT", &accept)
    }

    /// Gives an offer back for so long, if it is not rescinded at this moment.
    pub fn decline(&self, offer: &Value, seconds: f64) {
        let filters = json!({ "refuse_seconds": seconds });
        let _ =
            self.try_call("DECLINE", &json!({ "offer_ids": [offer["id"]], "filters": filters }));
    }

    /// Asks for the end of a task.
    pub fn kill(&self, task: &str) {
        self.call("KILL", &json!({ "task_id": { "value": task } }));
    }

    /// The last status of a task or an operation.
    pub fn status(&self, id: &str) -> &Value {
        self.statuses.get(id).unwrap_or(&Value::Null)
    }

    /// The tasks of which this was the last that was heard.
    pub fn tasks_in(&self, state: &str) -> Vec<&str> {
        let there = self.statuses.iter().filter(|(_, status)| status["state"] == state);
        there.map(|(id, _)| id.as_str()).collect()
    }

    /// Waits until this is the state of a task or an operation: its status.
    #[track_caller]
    pub fn wait(&mut self, id: &str, state: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        while self.status(id)["state"] != state {
            let heard = self.hear_by(end);
            heard.unwrap_or_else(|| panic!("{id} is {}, not {state}", self.status(id)));
        }
        self.status(id).clone()
    }
}

/// Whoever runs the test: nobody else may start processes as others.
pub fn user() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    user.map(|user| user.name).unwrap_or_default()
}

/// So much of a resource.
pub fn scalar(name: &str, value: f64) -> Value {
    json!({ "name": name, "type": "SCALAR", "scalar": { "value": value } })
}

/// The cpus and the memory in an offer, or in anything that has resources.
pub fn cpus_and_mem(of: &Value) -> [f64; 2] {
    let resources = of["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    ["cpus", "mem"].map(|name| {
        let found = resources.iter().find(|resource| resource["name"] == name);
        found.and_then(|resource| resource["scalar"]["value"].as_f64()).unwrap_or_default()
    })
}

/// Whether there is at least so much in an offer, in the same volume and reserved alike.
fn contains(offer: &Value, wanted: &Value) -> bool {
    let like = |mine: &&Value| {
        mine["name"] == wanted["name"]
            && mine.get("reservation").is_some() == wanted.get("reservation").is_some()
            && mine["disk"]["persistence"] == wanted["disk"]["persistence"]
    };
    let amount = |resource: &Value| resource["scalar"]["value"].as_f64().unwrap_or_default();
    let mine = offer["resources"].as_array().into_iter().flatten().find(like);
    mine.is_some_and(|mine| amount(mine) >= amount(wanted))
}

/// The operation that launches these.
pub fn launch(tasks: &[Value]) -> Value {
    json!({ "type": "LAUNCH", "launch": { "task_infos": tasks } })
}

/// A task that sleeps until it is ended.
pub fn sleeper(id: &str, agent_id: &Value, cpus: f64, mem: f64) -> Value {
    json!({
        "name": id, "task_id": { "value": id }, "agent_id": agent_id,
        "command": { "value": "exec sleep 600" },
        "resources": [scalar("cpus", cpus), scalar("mem", mem)],
    })
}
