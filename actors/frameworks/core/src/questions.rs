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

use crate::effect::{AllocatorQuestion, Answer, Effect, QuestionId};
use crate::ledger::TaskKey;
use crate::state::{Term, Turn};

/// Answers that may be waited for at once. One takes well under a millisecond, or the allocator is
/// stuck and more would only be more to void.
const MAX_PENDING: usize = 1024;

/// What waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Purpose {
    /// A call that is answered with it.
    #[cfg_attr(not(test), expect(dead_code, reason = "no call asks yet: those of operators will"))]
    Call(CallId),
    /// A task that is to grow by this. Who waits for that is kept with it.
    Resize(Box<(TaskKey, GrowHolding)>),
}

impl Purpose {
    /// Who waits for an answer.
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Call(call) => Some(*call),
            Self::Resize(_) => None,
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
            Purpose::Call(call) => turn.reply(call, result.map(|()| Answer::Done)),
            Purpose::Resize(growth) => {
                let (key, question) = *growth;
                self.on_growth_answered(&key, question, result, turn);
            }
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

#[cfg(test)]
mod tests {
    use protocol::Time;
    use protocol::allocator::{ConvertResources, Holder};
    use protocol::id::{Epoch, Generation};
    use protocol::resources::Resources;

    use super::*;
    use crate::config::Config;
    use crate::state::Ids;

    fn term() -> Term {
        Term::new(Config::default(), Epoch(1), Ids::new("run".into()), 4)
    }

    fn wish() -> AllocatorQuestion {
        AllocatorQuestion::Convert(ConvertResources {
            agent_id: "a1".into(),
            generation: Generation(1),
            holder: Some(Holder { framework_id: "f1".into(), role: "dev".into() }),
            consumed: Resources::EMPTY,
            produced: Resources::EMPTY,
        })
    }

    fn turn<R>(term: &mut Term, go: impl FnOnce(&mut Term, &mut Turn<'_>) -> R) -> Vec<Effect> {
        let mut out = Vec::new();
        go(term, &mut Turn { now: Time::default(), out: &mut out });
        out
    }

    /// Asks, and returns the question's name.
    fn ask(term: &mut Term, call: u64) -> QuestionId {
        let purpose = Purpose::Call(CallId(call));
        let out = turn(term, |term, turn| term.ask_allocator(wish(), purpose, turn));
        match out.first() {
            Some(Effect::AskAllocator { question, .. }) => *question,
            other => panic!("{other:?} is no question"),
        }
    }

    fn failure(out: &[Effect], call: u64) -> Option<FailureKind> {
        out.iter().find_map(|effect| match effect {
            Effect::Reply { call: CallId(n), result: Err(failure) } if *n == call => {
                Some(failure.kind)
            }
            _ => None,
        })
    }

    #[test]
    fn an_answer_goes_to_who_waits_for_it_and_counts_once() {
        let mut term = term();
        let (first, second) = (ask(&mut term, 1), ask(&mut term, 2));
        let answer = |term: &mut Term, question, result| {
            turn(term, |term, turn| {
                term.on_allocator_answered(question, result, turn);
            })
        };
        let done = answer(&mut term, second, Ok(()));
        assert_eq!(done, [Effect::Reply { call: CallId(2), result: Ok(Answer::Done) }]);
        assert_eq!(answer(&mut term, second, Ok(())), []);
        let no = answer(&mut term, first, Err(Failure::refused("short")));
        assert_eq!((failure(&no, 1), no.len()), (Some(FailureKind::Refused), 1));
        assert_eq!(term.questions.len(), 0);
    }

    #[test]
    fn a_lost_allocator_answers_what_is_open_with_a_failure_and_later_not_at_all() {
        let mut term = term();
        let question = ask(&mut term, 1);
        let out = turn(&mut term, |term, turn| term.distrust_allocator(turn));
        assert_eq!(failure(&out, 1), Some(FailureKind::Conflict));
        let late = turn(&mut term, |term, turn| term.on_allocator_answered(question, Ok(()), turn));
        assert_eq!(late, []);
        assert!(ask(&mut term, 2) > question, "no question of another round is of that name");
    }

    #[test]
    fn an_allocator_that_may_have_done_it_is_told_everything_anew() {
        let mut term = term();
        let (question, round) = (ask(&mut term, 1), term.round);
        let timeout = Failure::new(FailureKind::Timeout, "no answer");
        let out = turn(&mut term, |term, turn| {
            term.on_allocator_answered(question, Err(timeout), turn);
        });
        assert_eq!(failure(&out, 1), Some(FailureKind::Timeout));
        assert!(term.round > round);
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let mut term = term();
        for call in 0..MAX_PENDING as u64 {
            ask(&mut term, call);
        }
        let purpose = Purpose::Call(CallId(9999));
        let out = turn(&mut term, |term, turn| term.ask_allocator(wish(), purpose, turn));
        assert_eq!(failure(&out, 9999), Some(FailureKind::Overloaded));
    }
}
