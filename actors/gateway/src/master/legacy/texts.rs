//! Tasks as text, which the next answer takes over where nothing has changed.
//!
//! Tasks come in [`Chunk`]s. One that is the same as last time is not even looked at, so an answer
//! takes as long as what has changed, and sending it. The text is let go when nobody has asked for a
//! while; there is as much of it as in the longest answer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::rt::time::{Instant, sleep_until};
use actix_web::web::Bytes;
use foldhash::HashMap;
use parking_lot::Mutex;
use protocol::id::FrameworkId;
use protocol::shared::Chunk;
use protocol::task::{Task, TaskState};
use serde::Serialize;

use super::model::TaskModel;
use crate::aside::{each, in_turns};
use crate::master::ahead::read_ahead;
use crate::master::totals::Totals;

/// Text that nobody has asked for in this time is let go: slow tools ask every minute.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// What a task takes, more or less, in bytes: a guess that spares copies of what is written so far.
const TASK_LENGTH: usize = 512;

/// What was written for the last answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    chunks: Arc<Vec<Arc<ChunkText>>>,
    /// Absent while nothing is kept.
    until: Option<Instant>,
}

/// The tasks of a chunk.
#[derive(Debug)]
pub(super) struct ChunkText {
    /// Which one: it does not keep it there, so that its owner may change it without a copy.
    of: Weak<Vec<Arc<Task>>>,
    pub(super) runs: Vec<Run>,
}

/// Tasks of one framework that follow each other. In text, each begins with a comma.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) framework_id: FrameworkId,
    pub(super) used: Totals,
    pub(super) live: Bytes,
    pub(super) unreachable: Bytes,
    pub(super) ended: Bytes,
}

impl Texts {
    /// These chunks as text, of which what is new is written by two threads.
    pub(super) fn of(
        &self,
        chunks: &[Chunk<Task>],
    ) -> serde_json::Result<Arc<Vec<Arc<ChunkText>>>> {
        let before = Arc::clone(&self.0.lock().chunks);
        let known: HashMap<usize, &Arc<ChunkText>> =
            in_turns(before.iter()).map(|text| (text.of.as_ptr().addr(), text)).collect();
        let texts = each(chunks, |chunk| match known.get(&Arc::as_ptr(chunk).addr()) {
            Some(text) => Ok(Arc::clone(text)),
            None => ChunkText::new(chunk).map(Arc::new),
        });
        let texts = Arc::new(texts.into_iter().collect::<serde_json::Result<Vec<_>>>()?);
        self.0.lock().chunks = Arc::clone(&texts);
        Ok(texts)
    }

    /// Somebody asks: what is kept is kept for longer.
    pub(super) fn keep(&self) {
        self.keep_for(KEPT_FOR);
    }

    fn keep_for(&self, time: Duration) {
        let until = Instant::now() + time;
        if self.0.lock().until.replace(until).is_some() {
            // Somebody looks after it already.
            return;
        }
        let texts = self.clone();
        actix_web::rt::spawn(async move {
            while let Some(until) = texts.over() {
                sleep_until(until).await;
            }
        });
    }

    /// Until when it is kept. If that is over, it is let go.
    fn over(&self) -> Option<Instant> {
        let mut kept = self.0.lock();
        if kept.until.is_some_and(|until| until > Instant::now()) {
            return kept.until;
        }
        let gone = std::mem::take(&mut *kept);
        // Thousands of texts are not a matter of this thread.
        actix_web::rt::task::spawn_blocking(move || drop(gone));
        None
    }
}

impl ChunkText {
    fn new(chunk: &Chunk<Task>) -> serde_json::Result<Self> {
        let mut runs: Vec<RunDraft> = Vec::new();
        for task in read_ahead(chunk.iter().map(AsRef::as_ref)) {
            if runs.last().is_none_or(|run| run.framework_id != task.framework_id) {
                runs.push(RunDraft::new(task.framework_id.clone(), chunk.len()));
            }
            if let Some(run) = runs.last_mut() {
                run.add(task)?;
            }
        }
        let runs = runs.into_iter().map(RunDraft::done).collect();
        Ok(Self { of: Arc::downgrade(chunk), runs })
    }
}

/// A run while it is written.
struct RunDraft {
    framework_id: FrameworkId,
    used: Totals,
    live: Vec<u8>,
    unreachable: Vec<u8>,
    ended: Vec<u8>,
}

impl RunDraft {
    fn new(framework_id: FrameworkId, tasks: usize) -> Self {
        Self {
            framework_id,
            used: Totals::default(),
            live: Vec::with_capacity(tasks * TASK_LENGTH),
            unreachable: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn add(&mut self, task: &Task) -> serde_json::Result<()> {
        let text = match task.state {
            TaskState::Unreachable => &mut self.unreachable,
            state if state.is_terminal() => &mut self.ended,
            _ => {
                self.used.add(&task.agent_id, &task.resources);
                &mut self.live
            }
        };
        item(text, &TaskModel::new(task))
    }

    fn done(self) -> Run {
        // They stay for long, without room for more.
        let text = |text: Vec<u8>| text.into_boxed_slice().into();
        Run {
            framework_id: self.framework_id,
            used: self.used,
            live: text(self.live),
            unreachable: text(self.unreachable),
            ended: text(self.ended),
        }
    }
}

/// Adds an item of a list, after a comma.
pub(super) fn item(text: &mut Vec<u8>, item: &impl Serialize) -> serde_json::Result<()> {
    text.push(b',');
    serde_json::to_writer(text, item)
}

#[cfg(test)]
mod tests {
    use protocol::resources::Resources;
    use protocol::shared::SharedList;
    use protocol::task::ExecutorKind;

    use super::*;

    fn task(framework: usize, n: usize, state: TaskState) -> Arc<Task> {
        Arc::new(Task {
            task_id: format!("t{n:04}").into(),
            framework_id: format!("f{framework}").into(),
            agent_id: "a".into(),
            executor_id: "e".into(),
            executor_kind: ExecutorKind::Custom,
            name: String::new(),
            role: "dev".into(),
            resources: Resources::parse("cpus=1").unwrap(),
            labels: vec![],
            state,
            status: None,
        })
    }

    /// Of two frameworks, in several chunks, of which one has tasks of both.
    fn tasks() -> SharedList<Task> {
        (0..2000).map(|n| task(n / 1000, n, TaskState::Running)).collect()
    }

    fn change(tasks: &mut SharedList<Task>, new: Arc<Task>) {
        let key = new.task_id.clone();
        tasks.put(Some(new), |it| it.task_id.cmp(&key));
    }

    fn live(texts: &[Arc<ChunkText>], framework: &str) -> String {
        let runs = texts.iter().flat_map(|text| &text.runs);
        let of_it = runs.filter(|run| run.framework_id.as_str() == framework);
        of_it.map(|run| std::str::from_utf8(&run.live).unwrap()).collect()
    }

    #[test]
    fn only_what_has_changed_is_written_again() {
        let (texts, mut tasks) = (Texts::default(), tasks());
        let before = texts.of(tasks.chunks()).unwrap();
        assert!(before.len() > 3 && before.iter().any(|text| text.runs.len() == 2));
        change(&mut tasks, task(0, 5, TaskState::Finished));
        let after = texts.of(tasks.chunks()).unwrap();
        let same =
            before.iter().zip(after.iter()).filter(|(old, new)| Arc::ptr_eq(old, new)).count();
        assert_eq!(same, before.len() - 1);
        let anew = Texts::default().of(tasks.chunks()).unwrap();
        for framework in ["f0", "f1"] {
            assert_eq!(live(&after, framework), live(&anew, framework));
        }
        assert_eq!(live(&before, "f0").matches("\"id\":").count(), 1000);
        assert_eq!(live(&after, "f0").matches("\"id\":").count(), 999);
        let run = &after[0].runs[0];
        assert!(std::str::from_utf8(&run.ended).unwrap().starts_with(",{\"id\":\"t0005\""));
        let cpus = after[0].runs[0].used.amount("cpus", false);
        assert_eq!(cpus.milli() / 1000 + 1, tasks.chunks()[0].len() as i64);
    }

    /// The owner keeps its only copy, and the memory may be used again.
    #[test]
    fn a_chunk_that_was_changed_in_place_is_another_one() {
        let (texts, mut tasks) = (Texts::default(), tasks());
        for n in 0..100 {
            let state = if n % 2 == 0 { TaskState::Killing } else { TaskState::Running };
            change(&mut tasks, task(0, 7, state));
            let text = live(&texts.of(tasks.chunks()).unwrap(), "f0");
            let of_it = text.split(",{\"id\":").find(|it| it.starts_with("\"t0007\"")).unwrap();
            assert!(of_it.contains(state.as_str()), "{n}: {of_it}");
        }
    }

    #[actix_web::test]
    async fn what_nobody_asks_for_is_let_go() {
        let (texts, tasks) = (Texts::default(), tasks());
        texts.of(tasks.chunks()).unwrap();
        let kept = || texts.0.lock().chunks.len();
        texts.keep_for(Duration::from_millis(1));
        texts.keep_for(Duration::from_secs(60));
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        assert_ne!(kept(), 0, "somebody has asked again");
        let texts = Texts::default();
        texts.of(tasks.chunks()).unwrap();
        for _ in 0..2 {
            texts.keep_for(Duration::from_millis(1));
            for _ in 0..1000 {
                if texts.0.lock().chunks.is_empty() {
                    break;
                }
                actix_web::rt::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(texts.0.lock().chunks.is_empty());
            texts.of(tasks.chunks()).unwrap();
        }
    }
}
