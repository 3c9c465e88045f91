//! Which requests go into the next commit.

use std::collections::{BTreeMap, VecDeque};

use protocol::registrar::{Registry, RegistryOperation};
use protocol::{CallId, Failure};
use serde::Serialize;

use crate::draft::View;
use crate::effect::RecordWrite;
use crate::operations;
use crate::tables::Draft;

/// What one commit can take, as the store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub writes: usize,
    /// Of keys and values.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { writes: crate::MAX_WRITES, bytes: crate::MAX_BYTES }
    }
}

/// A request that waits for the next commit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) call: CallId,
    pub(crate) operations: Vec<RegistryOperation>,
}

/// A commit that is being put together, or under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// Whom it answers.
    pub(crate) calls: Vec<CallId>,
    pub(crate) draft: Draft,
    /// By their keys. None: everything is as asked already.
    pub(crate) writes: BTreeMap<String, RecordWrite>,
}

/// The changes of one request, to be put into a batch.
struct Addition {
    draft: Draft,
    writes: Vec<(String, Option<RecordWrite>)>,
}

/// Takes requests off the queue, oldest first, for as long as they fit into one commit. One that
/// cannot be applied, or not even alone, is refused.
pub(crate) fn pack(
    queue: &mut VecDeque<Request>,
    durable: &Registry,
    limits: Limits,
) -> (Batch, Vec<(CallId, Failure)>) {
    let mut batch = Batch::default();
    let mut refused = Vec::new();
    while let Some(request) = queue.front() {
        match batch.addition(durable, &request.operations) {
            Ok(addition) if batch.has_room(&addition, limits) => {
                batch.add(request.call, addition);
            }
            // It goes first into the next commit.
            Ok(_) if !batch.calls.is_empty() => break,
            Ok(_) => refused.push((request.call, too_large(limits))),
            Err(failure) => refused.push((request.call, failure)),
        }
        queue.pop_front();
    }
    (batch, refused)
}

impl Batch {
    /// A commit that nobody asked for, of records that go: nothing of it could not be written.
    pub(crate) fn of(draft: Draft, durable: &Registry) -> Self {
        let writes = draft.writes(durable).unwrap_or_default().into_iter();
        let writes = writes.filter_map(|(key, write)| Some((key, write?))).collect();
        Self { calls: Vec::new(), draft, writes }
    }

    fn addition(
        &self,
        durable: &Registry,
        operations: &[RegistryOperation],
    ) -> Result<Addition, Failure> {
        let mut view = View { own: Draft::default(), before: &self.draft, durable };
        for operation in operations {
            operations::apply(&mut view, operation.clone())?;
        }
        let draft = view.own;
        let writes = draft.writes(durable);
        let writes =
            writes.map_err(|error| Failure::refused(format!("cannot be written: {error}")))?;
        Ok(Addition { draft, writes })
    }

    fn has_room(&self, addition: &Addition, limits: Limits) -> bool {
        let touched = |key: &String| addition.writes.iter().any(|(other, _)| other == key);
        let kept = self.writes.iter().filter(|(key, _)| !touched(key)).map(|(_, write)| write);
        let added = addition.writes.iter().filter_map(|(_, write)| write.as_ref());
        let (writes, bytes) = kept
            .chain(added)
            .fold((0, 0), |(writes, bytes), write| (writes + 1, bytes + size(write)));
        writes <= limits.writes && bytes <= limits.bytes
    }

    fn add(&mut self, call: CallId, addition: Addition) {
        self.calls.push(call);
        self.draft.absorb(addition.draft);
        for (key, write) in addition.writes {
            match write {
                Some(write) => drop(self.writes.insert(key, write)),
                None => drop(self.writes.remove(&key)),
            }
        }
    }
}

fn size(write: &RecordWrite) -> usize {
    write.key.len() + write.value.as_ref().map_or(0, Vec::len)
}

fn too_large(limits: Limits) -> Failure {
    Failure::refused(format!(
        "the operations change more than one commit can take: {} records of {} bytes",
        limits.writes, limits.bytes
    ))
}
