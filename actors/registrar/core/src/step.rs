//! The one way in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::elector::Leadership;
use protocol::registrar::{ApplyOperations, RegistrySnapshot};
use protocol::{CallId, Epoch, Failure, FailureKind, Time};

use crate::effect::{Answer, Effect};
use crate::input::{Committed, Input, Timer};
use crate::state::{Batch, Role, State, Term, Wish};
use crate::{MAX_WRITES, records};

/// Until the store is asked again: it is away for seconds when its own leader changes.
const RETRY: Duration = Duration::from_millis(500);

impl State {
    /// Takes one input; what is to be done is appended to `out`, to be performed in order.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::LeaderChanged(leadership) => self.on_leader_changed(leadership, out),
            Input::Apply { call, request } => self.on_apply(call, request, out),
            Input::GetRegistry { call } => self.on_get_registry(call, out),
            Input::Loaded { epoch, result } => self.on_loaded(now, epoch, result, out),
            Input::Committed { epoch, result } => self.on_committed(epoch, result, out),
            Input::TimerFired(Timer::Load) => self.on_load_timer(out),
        }
    }

    fn on_leader_changed(&mut self, leadership: Leadership, out: &mut Vec<Effect>) {
        self.leadership = leadership;
        let leads = self.leadership.leader.as_ref().filter(|_| self.leadership.leading);
        let leads = leads.map(|leader| leader.epoch);
        if leads == self.epoch() {
            return;
        }
        self.end_term(out);
        if let Some(epoch) = leads {
            self.role = Role::Loading { epoch };
            out.push(Effect::Load { epoch });
        }
    }

    fn end_term(&mut self, out: &mut Vec<Effect>) {
        let Role::Leading(term) = std::mem::replace(&mut self.role, Role::Standby) else { return };
        for wish in term.under_way.into_iter().flat_map(|batch| batch.wishes) {
            let why = "this host stopped leading during the write; its outcome is unknown";
            let result = Err(Failure::new(FailureKind::ActorDied, why));
            out.push(Effect::Reply { call: wish.call, result });
        }
        for wish in term.queue {
            let result = Err(self.leadership.not_leader());
            out.push(Effect::Reply { call: wish.call, result });
        }
    }

    fn on_load_timer(&mut self, out: &mut Vec<Effect>) {
        if let Role::Loading { epoch } = self.role {
            out.push(Effect::Load { epoch });
        }
    }

    fn on_loaded(
        &mut self,
        now: Time,
        loaded: Epoch,
        result: Result<BTreeMap<String, Vec<u8>>, String>,
        out: &mut Vec<Effect>,
    ) {
        let Role::Loading { epoch } = self.role else { return };
        if loaded != epoch {
            return;
        }
        match result.map(|found| records::read(&found)) {
            Ok(Ok(durable)) => {
                let queue = VecDeque::new();
                let term = Term { epoch, durable, under_way: None, queue };
                self.role = Role::Leading(Box::new(term));
            }
            Ok(Err(unreadable)) => out.push(Effect::Fail(unreadable)),
            Err(_) => out.push(Effect::SetTimer { timer: Timer::Load, at: now + RETRY }),
        }
    }

    fn on_get_registry(&self, call: CallId, out: &mut Vec<Effect>) {
        let result = match &self.role {
            Role::Leading(term) => Ok(Answer::Registry(RegistrySnapshot {
                epoch: term.epoch,
                registry: term.durable.clone(),
            })),
            _ => Err(self.leadership.not_leader()),
        };
        out.push(Effect::Reply { call, result });
    }

    fn on_apply(&mut self, call: CallId, request: ApplyOperations, out: &mut Vec<Effect>) {
        let refuse = |failure| Effect::Reply { call, result: Err(failure) };
        let Role::Leading(term) = &mut self.role else {
            return out.push(refuse(self.leadership.not_leader()));
        };
        if request.epoch != term.epoch {
            let (asked, own) = (request.epoch, term.epoch);
            let text = format!("asked under epoch {asked}, this registrar leads under {own}");
            return out.push(refuse(Failure::refused(text)));
        }
        let touched = records::keys(&request.operations).len();
        if touched > MAX_WRITES {
            let text = format!("{touched} records at once, at most {MAX_WRITES} are accepted");
            return out.push(refuse(Failure::refused(text)));
        }
        term.queue.push_back(Wish { call, operations: request.operations });
        term.commit_next(out);
    }

    fn on_committed(&mut self, epoch: Epoch, result: Committed, out: &mut Vec<Effect>) {
        let Role::Leading(term) = &mut self.role else { return };
        if term.epoch != epoch {
            return;
        }
        let Some(batch) = term.under_way.take() else { return };
        match result {
            Committed::Done => term.on_durable(batch, out),
            Committed::Refused(why) => {
                for wish in batch.wishes {
                    let result = Err(Failure::refused(why.clone()));
                    out.push(Effect::Reply { call: wish.call, result });
                }
            }
            Committed::Unknown(why) => return out.push(Effect::Fail(why)),
        }
        term.commit_next(out);
    }
}

impl Term {
    fn on_durable(&mut self, batch: Batch, out: &mut Vec<Effect>) {
        for wish in batch.wishes {
            for operation in &wish.operations {
                records::apply(&mut self.durable, operation);
            }
            out.push(Effect::Reply { call: wish.call, result: Ok(Answer::Applied) });
        }
    }

    /// Commits what waits, as much of it as one commit takes, unless one is under way.
    fn commit_next(&mut self, out: &mut Vec<Effect>) {
        if self.under_way.is_some() {
            return;
        }
        let mut keys = BTreeSet::new();
        let mut wishes = Vec::new();
        while let Some(wish) = self.queue.front() {
            let mut with = keys.clone();
            with.extend(records::keys(&wish.operations));
            if with.len() > MAX_WRITES {
                break;
            }
            keys = with;
            wishes.extend(self.queue.pop_front());
        }
        if wishes.is_empty() {
            return;
        }
        let writes = records::writes(&self.preview(&keys, &wishes), &keys);
        self.under_way = Some(Batch { wishes });
        out.push(Effect::Commit { epoch: self.epoch, writes });
    }

    /// The records with these keys as they will be, and nothing else of the registry.
    fn preview(&self, keys: &BTreeSet<String>, wishes: &[Wish]) -> protocol::registrar::Registry {
        let mut next = records::part(&self.durable, keys);
        for operation in wishes.iter().flat_map(|wish| &wish.operations) {
            records::apply(&mut next, operation);
        }
        next
    }
}
