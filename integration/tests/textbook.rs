//! The example with which two-level scheduling is explained, on a real cluster: what one framework
//! leaves of an agent is offered to the next one at once. Every message is printed with its time.

use std::time::{Duration, Instant};

use integration::framework::{cpus_and_mem, sleeper};
use integration::{Cluster, Framework};

/// What is free must be offered within this time: far less than the ten seconds after which the
/// allocator looks at everything again.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn what_one_framework_leaves_is_offered_to_the_next_at_once() {
    let cluster = Cluster::builder("textbook").resources("cpus=4;mem=4096").start();
    let master = cluster.masters[0].http();
    let began = Instant::now();

    let mut first = Framework::subscribe(master, began, "framework 1", "*");
    let (_, offer) = first.offer();
    assert_eq!(cpus_and_mem(&offer), [4.0, 4096.0]);
    // It is there while nothing is free.
    let mut second = Framework::subscribe(master, began, "framework 2", "*");

    let agent_id = &offer["agent_id"];
    let tasks =
        [sleeper("task-1", agent_id, 2.0, 1024.0), sleeper("task-2", agent_id, 1.0, 2048.0)];
    let accepted = Instant::now();
    first.launch(&offer, &tasks);

    let (offered, rest) = second.offer();
    assert_eq!(cpus_and_mem(&rest), [1.0, 1024.0]);
    let took = offered.duration_since(accepted);
    eprintln!("framework 2 is offered the rest {took:?} after framework 1 began to accept");
    assert!(took < AT_ONCE, "{took:?}");

    first.wait("task-1", "TASK_RUNNING");
    first.wait("task-2", "TASK_RUNNING");
}
