//! A framework that speaks protobuf, written from the table of the wire alone, on a real cluster:
//! no type of ours, and no generated one, is on its side.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

#[path = "../../actors/gateway/tests/v1/fields.rs"]
mod fields;
#[path = "../../actors/gateway/tests/v1/tiny.rs"]
mod tiny;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use integration::framework::user;
use integration::scheduler::{Encoding, Subscription};
use integration::{Cluster, eventually, http};

use fields::Fields;
use tiny::{double, id, int, message, text};

/// Tasks that end by themselves, and tasks that do not.
const BRIEF: usize = 190;
const LASTING: usize = 10;
/// An event may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

// Values of TaskState.
const STARTING: u64 = 0;
const RUNNING: u64 = 1;
const FINISHED: u64 = 2;
const KILLED: u64 = 4;
const LOST: u64 = 5;
/// Of TaskStatus.Reason.
const RECONCILIATION: u64 = 9;

/// What the framework knows, whichever scheduler learned it.
#[derive(Default)]
struct Ledger {
    /// Not launched yet, the next one last.
    wanted: Vec<String>,
    /// The states of every task as its updates told them, without repeats.
    courses: BTreeMap<String, Vec<u64>>,
    agents: BTreeSet<String>,
    /// The uuids of the updates.
    heard: BTreeSet<Vec<u8>>,
    /// The answers to the last questions.
    answers: BTreeMap<String, u64>,
}

impl Ledger {
    fn new() -> Self {
        let lasting = (0..LASTING).map(|n| format!("lasting-{n}"));
        let brief = (0..BRIEF).map(|n| format!("brief-{n}"));
        Self { wanted: brief.chain(lasting).collect(), ..Self::default() }
    }

    /// The tasks whose last state this is.
    fn in_state(&self, state: u64) -> Vec<String> {
        let last = self.courses.iter().filter(|(_, states)| states.last() == Some(&state));
        last.map(|(task, _)| task.clone()).collect()
    }
}

/// One scheduler of the framework.
struct Scheduler {
    id: String,
    subscription: Subscription,
    events: Receiver<Fields>,
}

impl Scheduler {
    /// The first one of a framework, or the next one.
    fn subscribe(master: &str, framework_id: Option<&str>) -> Self {
        // FrameworkInfo: user 1, name 2, id 3, failover_timeout 4.
        let own = framework_id.map(|own| id(3, own)).unwrap_or_default();
        let info = [text(1, user()), text(2, "wire"), own, double(4, 60.0)];
        // Call: framework_id 1, type 2, subscribe 3.
        let own = framework_id.map(|own| id(1, own)).unwrap_or_default();
        let call = [own, int(2, 1), message(3, &[message(1, &info)])].concat();
        let (tell, events) = channel();
        // The story may have dropped this scheduler.
        let heard = move |record: &[u8]| drop(tell.send(Fields::read(record)));
        let subscription = Subscription::open(master, Encoding::Protobuf, &call, heard).unwrap();
        let first = events.recv_timeout(PATIENCE).unwrap();
        assert_eq!(first.int(1), 1, "the first event is SUBSCRIBED");
        Self { id: first.part(2).id(1), subscription, events }
    }

    /// A call of this type with this part.
    fn call(&self, kind: u64, part: Vec<u8>) {
        let call = [id(1, &self.id), int(2, kind), part].concat();
        self.subscription.call(&call).unwrap();
    }

    /// Takes events until this is so.
    fn until(&self, ledger: &mut Ledger, what: &str, met: impl Fn(&Ledger) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !met(ledger) {
            let event = self.events.recv_timeout(until.saturating_duration_since(Instant::now()));
            let event = event.unwrap_or_else(|e| panic!("not {what}: {e}; {:?}", ledger.courses));
            match event.int(1) {
                2 => event.part(3).parts(1).iter().for_each(|offer| self.on_offer(ledger, offer)),
                4 => self.on_status(ledger, &event.part(5).part(1)),
                7 => panic!("an error: {}", event.part(8).text(1)),
                _ => {}
            }
        }
    }

    /// Offer: id 1, agent_id 3, resources 5.
    fn on_offer(&self, ledger: &mut Ledger, offer: &Fields) {
        let cpus = offer.parts(5).into_iter().find(|resource| resource.text(1) == "cpus");
        let cpus = cpus.map_or(0.0, |resource| resource.part(3).double(1));
        let room = (cpus * 10.0 + 1e-6) as usize;
        let rest = ledger.wanted.len().saturating_sub(room);
        let agent = offer.id(3);
        let tasks: Vec<String> = ledger.wanted.drain(rest..).rev().collect();
        for task in &tasks {
            let launched_before = ledger.courses.insert(task.clone(), Vec::new());
            assert_eq!(launched_before, None);
        }
        if tasks.is_empty() {
            // Decline: offer_ids 1, filters 2 { refuse_seconds 1 }.
            return self
                .call(4, message(5, &[id(1, &offer.id(1)), message(2, &[double(1, 3600.0)])]));
        }
        let infos: Vec<Vec<u8>> = tasks.iter().map(|t| message(1, &[task(t, &agent)])).collect();
        let launch = message(2, &[int(1, 1), message(2, &infos)]);
        // Accept: offer_ids 1, operations 2, filters 3 { refuse_seconds 1 }.
        self.call(3, message(4, &[id(1, &offer.id(1)), launch, message(3, &[double(1, 0.0)])]));
        ledger.agents.insert(agent);
    }

    /// TaskStatus: task_id 1, state 2, agent_id 5, reason 10, uuid 11.
    fn on_status(&self, ledger: &mut Ledger, status: &Fields) {
        let (task, state) = (status.id(1), status.int(2));
        if !status.has(11) {
            assert_eq!(status.int(10), RECONCILIATION, "{task} is in state {state}");
            ledger.answers.insert(task, state);
            return;
        }
        let uuid = status.bytes(11);
        // Acknowledge: agent_id 1, task_id 2, uuid 3.
        self.call(8, message(8, &[id(1, &status.id(5)), id(2, &task), text(3, &uuid)]));
        // It is repeated until it is acknowledged.
        if ledger.heard.insert(uuid) {
            ledger.courses.get_mut(&task).unwrap().push(state);
        }
    }

    /// Asks what became of these tasks (of all, if there are none), and waits for these answers.
    fn reconcile(&self, ledger: &mut Ledger, tasks: &[String], expected: &[String]) {
        ledger.answers.clear();
        let tasks: Vec<Vec<u8>> = tasks.iter().map(|task| message(1, &[id(1, task)])).collect();
        self.call(9, message(9, &tasks));
        self.until(ledger, "reconciled", |ledger| {
            expected.iter().all(|task| ledger.answers.contains_key(task))
        });
    }
}

/// A TaskInfo: name 1, task_id 2, agent_id 3, resources 4 { name 1, type 2, scalar 3 }, command 7.
fn task(name: &str, agent: &str) -> Vec<u8> {
    let scalar = |name: &str, value: f64| {
        message(4, &[text(1, name), int(2, 0), message(3, &[double(1, value)])])
    };
    let command = if name.starts_with("brief") { "exit 0" } else { "sleep 600" };
    let command = message(7, &[text(3, command)]);
    let ids = [text(1, name), id(2, name), id(3, agent)].concat();
    [ids, scalar("cpus", 0.1), scalar("mem", 16.0), command].concat()
}

#[test]
fn a_framework_over_protobuf_fails_over_and_every_task_takes_its_course_once() {
    let cluster = Cluster::builder("protobuf").agents(3).resources("cpus=4;mem=2048").start();
    let master = cluster.masters[0].http();
    let (mut ledger, began) = (Ledger::new(), Instant::now());
    let first = Scheduler::subscribe(master, None);
    first.until(&mut ledger, "half done", |ledger| ledger.in_state(FINISHED).len() >= BRIEF / 2);
    eprintln!("half of {BRIEF} tasks were done after {:?}", began.elapsed());

    // One that has gone without a word.
    let framework_id = first.id.clone();
    drop(first);
    let second = Scheduler::subscribe(master, Some(&framework_id));
    assert_eq!(second.id, framework_id);
    second.until(&mut ledger, "done", |ledger| {
        ledger.in_state(FINISHED).len() == BRIEF && ledger.in_state(RUNNING).len() == LASTING
    });
    eprintln!("all of them were done after {:?}", began.elapsed());

    let lasting = ledger.in_state(RUNNING);
    second.reconcile(&mut ledger, &[], &lasting);
    assert!(ledger.answers.values().all(|state| *state == RUNNING), "{:?}", ledger.answers);
    assert_eq!(ledger.answers.len(), LASTING);
    let asked = [lasting[0].clone(), "nobody".to_owned()];
    second.reconcile(&mut ledger, &asked, &asked);
    assert_eq!(ledger.answers, asked.into_iter().zip([RUNNING, LOST]).collect());

    // Kill: task_id 1.
    lasting.iter().skip(1).for_each(|task| second.call(6, message(6, &[id(1, task)])));
    second.until(&mut ledger, "killed", |l| l.in_state(KILLED).len() == LASTING - 1);
    for (task, course) in &ledger.courses {
        let end = match ledger.in_state(KILLED).contains(task) {
            true => vec![RUNNING, KILLED],
            false if *task == lasting[0] => vec![RUNNING],
            false => vec![RUNNING, FINISHED],
        };
        let course: Vec<u64> = course.iter().copied().filter(|state| *state != STARTING).collect();
        assert_eq!(course, end, "{task}");
    }
    assert_eq!((ledger.courses.len(), ledger.agents.len()), (BRIEF + LASTING, 3));

    // Its last task ends with it.
    second.call(2, Vec::new());
    eventually("nothing of the framework is left", || {
        let found = http::get(master, "/api/v1/meseta/frameworks").map_err(|e| e.to_string())?;
        let tasks = cluster.tasks(false)?;
        let frameworks = found.json()["frameworks"].as_array().cloned().unwrap_or_default();
        if frameworks.is_empty() && tasks.is_empty() { Ok(()) } else { Err(found.body) }
    });
    eprintln!("the story took {:?}", began.elapsed());
}
