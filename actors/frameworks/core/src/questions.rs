//! Questions to the allocator, and what waits for their answers: changes of what is free, which it
//! alone knows.
//!
//! Whoever asks goes on in `conclude`. A question is answered once: by the allocator, or with a
//! failure when what the allocator knows is replaced by what is known here, so that a failure always
//! means that nothing was changed.

use std::collections::BTreeMap;

use protocol::allocator::GrowHolding;
use protocol::id::CallId;
use protocol::{Failure, FailureKind};
use serde::Serialize;

use crate::effect::{AllocatorQuestion, Effect, QuestionId};
use crate::ledger::TaskKey;
use crate::operator::Wish;
use crate::state::{Term, Turn};

/// Answers that may be waited for at once. One takes well under a millisecond, or the allocator is
/// stuck and more would only be more to void.
const MAX_PENDING: usize = 1024;

/// What waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Purpose {
    /// A task that is to grow by this. Who waits for that is kept with it.
    Resize(Box<(TaskKey, GrowHolding)>),
    /// An operator's change of an agent's resources.
    Operate(Box<Wish>),
}

impl Purpose {
    /// Who waits for an answer.
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Resize(_) => None,
            Self::Operate(wish) => Some(wish.call),
        }
    }
}

/// The questions that are not answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Questions {
    #[serde(skip)]
    pending: BTreeMap<QuestionId, Purpose>,
    asked: u64,
}

impl Questions {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Who waits for an answer.
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.pending.values().filter_map(Purpose::call)
    }
}

impl Term {
    /// Asks; `conclude` goes on. That is at once if too many wait already.
    pub(crate) fn ask_allocator(
        &mut self,
        message: AllocatorQuestion,
        purpose: Purpose,
        turn: &mut Turn<'_>,
    ) {
        if self.questions.pending.len() >= MAX_PENDING {
            let text = "too many questions to the allocator are open; try again";
            let failure = Failure::new(FailureKind::Overloaded, text);
            return self.conclude(purpose, Err(failure), turn);
        }
        self.questions.asked += 1;
        let question = QuestionId { round: self.round, number: self.questions.asked };
        self.questions.pending.insert(question, purpose);
        turn.out.push(Effect::AskAllocator { question, message });
    }

    /// An answer to what is not pending is of an earlier round or term: it was answered already.
    pub(crate) fn on_allocator_answered(
        &mut self,
        question: QuestionId,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Some(purpose) = self.questions.pending.remove(&question) else { return };
        let in_doubt = result.as_ref().is_err_and(is_in_doubt);
        self.conclude(purpose, result, turn);
        if in_doubt {
            self.distrust_allocator(turn);
        }
    }

    /// The allocator is going to be told everything anew, as it was before these questions.
    pub(crate) fn void_questions(&mut self, turn: &mut Turn<'_>) {
        for (_, purpose) in std::mem::take(&mut self.questions.pending) {
            let text = "the allocator was told everything anew; try again";
            let failure = Failure::new(FailureKind::Conflict, text);
            self.conclude(purpose, Err(failure), turn);
        }
    }

    /// Goes on with what waited for an answer.
    fn conclude(&mut self, purpose: Purpose, result: Result<(), Failure>, turn: &mut Turn<'_>) {
        match purpose {
            Purpose::Resize(growth) => {
                let (key, question) = *growth;
                self.on_growth_answered(&key, question, result, turn);
            }
            Purpose::Operate(wish) => self.on_wish_answered(*wish, result, turn),
        }
    }
}

/// Whether the allocator may have done it all the same: then its view and ours may differ.
fn is_in_doubt(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Timeout
            | FailureKind::LinkDown
            | FailureKind::ActorDied
            | FailureKind::Unknown
    )
}
