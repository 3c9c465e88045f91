//! Long lists of tasks, of which the processor reads the next ones ahead.
//!
//! Two hundred thousand tasks are a few hundred megabytes in thousands of places. One after the other,
//! each pointer in a task is waited for on its own: longer than everything that is done with it takes.
//! Looked at several at a time, they are waited for together.

use std::hint::black_box;

use protocol::task::Task;

/// Tasks that are looked at together: what is read of them, some 40 KB, stays in a core's own cache.
const BLOCK: usize = 32;

/// The same tasks, in their order.
pub(crate) fn read_ahead<'a>(
    tasks: impl Iterator<Item = &'a Task>,
) -> impl Iterator<Item = &'a Task> {
    let mut tasks = tasks.fuse();
    let mut block = Vec::with_capacity(BLOCK);
    std::iter::from_fn(move || {
        if block.is_empty() {
            block.extend(tasks.by_ref().take(BLOCK));
            look_at(&block);
            block.reverse();
        }
        block.pop()
    })
}

/// Reads a byte of each piece of memory. What depends on nothing that is still on its way does not
/// wait: first the tasks, then what they point to, then what that points to.
fn look_at(block: &[&Task]) {
    let lengths = block.iter().map(|task| task.name.len() + task.role.len());
    black_box(lengths.sum::<usize>());
    black_box(block.iter().map(|task| of_strings(task)).fold(0, u8::wrapping_add));
    black_box(block.iter().map(|task| of_resources(task)).fold(0, u8::wrapping_add));
}

fn first(text: &str) -> u8 {
    text.bytes().next().unwrap_or_default()
}

fn of_strings(task: &Task) -> u8 {
    let container = task.status.as_ref().and_then(|status| status.container_id.as_ref());
    [
        task.task_id.as_str(),
        task.framework_id.as_str(),
        task.agent_id.as_str(),
        task.executor_id.as_str(),
        &task.name,
        &task.role,
        container.map_or("", |id| id.as_str()),
    ]
    .into_iter()
    .map(first)
    .fold(u8::from(task.resources.is_empty()), u8::wrapping_add)
}

fn of_resources(task: &Task) -> u8 {
    task.resources.iter().map(|resource| first(&resource.name)).fold(0, u8::wrapping_add)
}

#[cfg(test)]
mod tests {
    use protocol::resources::Resources;
    use protocol::task::{ExecutorKind, TaskState};

    use super::*;

    #[test]
    fn every_task_comes_once_and_in_its_place() {
        let task = |n: usize| Task {
            task_id: format!("t{n}").into(),
            framework_id: "f".into(),
            agent_id: "a".into(),
            executor_id: "".into(),
            executor_kind: ExecutorKind::Command,
            name: String::new(),
            role: "dev".into(),
            resources: Resources::parse("cpus=1;mem=2").unwrap(),
            labels: vec![],
            state: TaskState::Running,
            status: None,
        };
        for count in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5] {
            let tasks: Vec<_> = (0..count).map(task).collect();
            assert!(read_ahead(tasks.iter()).eq(&tasks), "{count}");
        }
    }
}
