//! The worked example of the paper on dominant resource fairness (Ghodsi et al., NSDI 2011, section
//! 4.1): 9 cpus and 18 GB; tasks of A take <1 cpu, 4 GB>, tasks of B <3 cpus, 1 GB>. A gets three
//! tasks and B two, and the dominant share of each is two thirds.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::time::{Duration, Instant};

use integration::framework::{cpus_and_mem, sleeper};
use integration::{Cluster, Framework, eventually, http};

const GB: f64 = 1024.0;
const FILLED: Duration = Duration::from_secs(60);

/// A user of the paper: takes one task's worth of each offer, and leaves the rest.
struct User {
    framework: Framework,
    name: &'static str,
    demand: [f64; 2],
    launched: usize,
    /// It was offered less than a task, and wants no more.
    content: bool,
}

impl User {
    fn subscribe(master: &str, began: Instant, name: &'static str, demand: [f64; 2]) -> Self {
        let framework = Framework::subscribe(master, began, name, name);
        Self { framework, name, demand, launched: 0, content: false }
    }

    fn serve(&mut self) {
        while self.framework.hear(Duration::from_millis(2)).is_some() {}
        while let Some(offer) = self.framework.take_offer() {
            let free = cpus_and_mem(&offer);
            eprintln!("{} is offered <{} cpus, {} GB>", self.name, free[0], free[1] / GB);
            let [cpus, mem] = self.demand;
            if free[0] < cpus || free[1] < mem {
                self.framework.decline(&offer, 600.0);
                self.content = true;
                continue;
            }
            self.launched += 1;
            let id = format!("{}-{}", self.name, self.launched);
            self.framework.launch(&offer, &[sleeper(&id, &offer["agent_id"], cpus, mem)]);
        }
    }
}

#[test]
fn the_example_of_the_paper_comes_out_as_it_says() {
    let cluster = Cluster::builder("drf").resources("cpus=9;mem=18432;disk=0").start();
    let master = cluster.masters[0].http();
    let began = Instant::now();
    // Neither takes anything before both are there.
    let mut a = User::subscribe(master, began, "A", [1.0, 4.0 * GB]);
    let mut b = User::subscribe(master, began, "B", [3.0, GB]);

    while !(a.content && b.content) {
        assert!(began.elapsed() < FILLED, "A has {} tasks, B {}", a.launched, b.launched);
        a.serve();
        b.serve();
    }
    assert_eq!((a.launched, b.launched), (3, 2));
    for user in [&mut a, &mut b] {
        for n in 1..=user.launched {
            user.framework.wait(&format!("{}-{n}", user.name), "TASK_RUNNING");
        }
    }
    for (role, resource) in [("A", "mem"), ("B", "cpus")] {
        eventually("the dominant share is two thirds", || {
            let told = http::get(master, &format!("/api/v1/explain/role/{role}"));
            let told = told.map_err(|error| format!("{error:#}"))?.json();
            let share = told["dominant_share"].as_f64().unwrap_or_default();
            eprintln!(
                "the dominant share of {role} is {share:.4} of {}",
                told["dominant_resource"]
            );
            let right = (share - 2.0 / 3.0).abs() < 1e-9 && told["dominant_resource"] == resource;
            if right { Ok(()) } else { Err(told.to_string()) }
        });
    }
}
