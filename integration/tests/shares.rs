//! Two frameworks whose roles have weights compete for a full cluster: as tasks end, their shares
//! become those that the weights say, and those of other weights when an operator changes them.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use integration::framework::{cpus_and_mem, sleeper};
use integration::{Cluster, Framework, http};
use serde_json::{Value, json};

/// Agents, and what each has: room for so many tasks. One task is 1.25 % of the cluster.
const AGENTS: usize = 4;
const RESOURCES: &str = "cpus=10;mem=640;disk=0";
const ROOM: usize = AGENTS * 20;
/// A task.
const CPUS: f64 = 0.5;
const MEM: f64 = 32.0;
/// How far from what the weights say a share may be, in parts of the cluster.
const TOLERANCE: f64 = 0.02;
/// So many tasks end at a time.
const ENDING: usize = 4;
/// So many may end until the shares are right: a turnover.
const TURNOVER: usize = ROOM;
/// The cluster fills up, or replaces what has ended, within this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A framework that wants as many tasks as it can get, and launches one for each offer.
struct Greedy {
    framework: Framework,
    role: &'static str,
    launched: usize,
    /// Those that run or are about to, the oldest first, with the times of their launches.
    alive: VecDeque<(Instant, String)>,
}

impl Greedy {
    fn subscribe(master: &str, began: Instant, role: &'static str) -> Self {
        let framework = Framework::subscribe(master, began, role, role);
        Self { framework, role, launched: 0, alive: VecDeque::new() }
    }

    /// Takes what has come.
    fn serve(&mut self) {
        while self.framework.hear(Duration::ZERO).is_some() {}
        while let Some(offer) = self.framework.take_offer() {
            let [cpus, mem] = cpus_and_mem(&offer);
            if cpus < CPUS || mem < MEM {
                self.framework.decline(&offer, 1.0);
                continue;
            }
            let id = format!("{}-{}", self.role, self.launched);
            let task = sleeper(&id, &offer["agent_id"], CPUS, MEM);
            // It may be rescinded at this moment, because weights have changed.
            if self.framework.try_launch(&offer, &[task]).is_ok() {
                self.launched += 1;
                self.alive.push_back((Instant::now(), id));
            }
        }
    }

    fn running(&self) -> usize {
        let runs = |id: &str| self.framework.status(id)["state"] == "TASK_RUNNING";
        self.alive.iter().filter(|(_, id)| runs(id)).count()
    }

    /// What the allocator says of its role.
    fn share(&self, master: &str) -> f64 {
        let told = http::get(master, &format!("/api/v1/explain/role/{}", self.role)).unwrap();
        told.json()["dominant_share"].as_f64().unwrap_or_else(|| panic!("{told:?}"))
    }
}

/// Serves both until every place is taken by a task that runs.
fn fill(frameworks: &mut [Greedy; 2]) {
    let until = Instant::now() + PATIENCE;
    while frameworks.iter().map(Greedy::running).sum::<usize>() < ROOM {
        frameworks.iter_mut().for_each(Greedy::serve);
        std::thread::sleep(Duration::from_millis(2));
        let running = frameworks.each_ref().map(Greedy::running);
        assert!(Instant::now() < until, "of {ROOM} run {running:?}");
    }
}

/// The oldest tasks end, whoever's they are.
fn end_some(frameworks: &mut [Greedy; 2]) {
    for _ in 0..ENDING {
        let oldest = frameworks.iter_mut().min_by_key(|it| it.alive.front().map(|(at, _)| *at));
        let owner = oldest.unwrap();
        let (_, task) = owner.alive.pop_front().expect("both have tasks");
        owner.framework.kill(&task);
    }
}

/// Lets tasks end until the shares are `wanted`: how many had to.
fn converge(master: &str, frameworks: &mut [Greedy; 2], wanted: [f64; 2]) -> usize {
    let mut ended = 0;
    loop {
        fill(frameworks);
        let counted = frameworks.each_ref().map(|it| it.running() as f64 / ROOM as f64);
        let told = frameworks.each_ref().map(|it| it.share(master));
        eprintln!("after {ended} ends: {counted:.4?} run, the allocator says {told:.4?}");
        assert!(counted.iter().zip(told).all(|(one, other)| (one - other).abs() < 1e-3));
        if counted.iter().zip(wanted).all(|(share, wanted)| (share - wanted).abs() <= TOLERANCE) {
            return ended;
        }
        assert!(ended < TURNOVER, "{counted:?} is not {wanted:?}");
        end_some(frameworks);
        ended += ENDING;
    }
}

fn set_weights(master: &str, weights: [(&str, f64); 2]) {
    let weights = weights.map(|(role, weight)| json!({ "role": role, "weight": weight }));
    let body = Value::from(weights.to_vec());
    eprintln!("operator -> PUT /weights {body}");
    let answer = http::request(master, "PUT", "/weights", Some(&body)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn shares_become_what_weights_say_and_follow_them() {
    let cluster = Cluster::builder("shares").agents(AGENTS).resources(RESOURCES).start();
    let master = cluster.masters[0].http();
    set_weights(master, [("one", 1.0), ("three", 3.0)]);
    let began = Instant::now();
    let mut frameworks = ["one", "three"].map(|role| Greedy::subscribe(master, began, role));

    let ended = converge(master, &mut frameworks, [0.25, 0.75]);
    eprintln!("shares are 1:3 in a full cluster after {ended} of {ROOM} tasks have ended");
    // They stay there while tasks come and go.
    for _ in 0..3 {
        end_some(&mut frameworks);
        assert_eq!(converge(master, &mut frameworks, [0.25, 0.75]), 0);
    }

    set_weights(master, [("one", 1.0), ("three", 1.0)]);
    let ended = converge(master, &mut frameworks, [0.5, 0.5]);
    eprintln!("shares are 1:1 after {ended} of {ROOM} tasks have ended");
    let launched = frameworks.each_ref().map(|it| it.launched);
    eprintln!("{launched:?} tasks were launched in {:?}", began.elapsed());
}
