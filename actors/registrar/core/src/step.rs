//! The one way in.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::elector::Leadership;
use protocol::registrar::{ApplyOperations, RegistrySnapshot};
use protocol::{CallId, Epoch, Failure, FailureKind, Time};

use crate::batch::{Batch, Limits, Request, pack};
use crate::effect::{Answer, Effect};
use crate::input::{Committed, Input, Timer};
use crate::prune;
use crate::records;
use crate::size::Size;
use crate::state::{Role, State, Term};

/// Until the store is read again. It takes its own time to find out that it cannot be reached.
const RETRY: Duration = Duration::from_millis(500);

/// Requests that may wait for a commit. At some milliseconds for each commit of many, one more
/// than this would wait for minutes.
const MAX_QUEUE: usize = 65_536;

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
            Input::TimerFired(Timer::Prune) => self.on_prune_timer(now, out),
        }
    }

    fn on_leader_changed(&mut self, leadership: Leadership, out: &mut Vec<Effect>) {
        self.leadership = leadership;
        let leads = self.leadership.leader.as_ref().filter(|_| self.leadership.leading);
        let leads = leads.map(|leader| leader.epoch);
        if leads == self.epoch() {
            return;
        }
        self.end(Role::Standby, out);
        if let Some(epoch) = leads {
            self.role = Role::Loading { epoch, readers: Vec::new() };
            out.push(Effect::Load { epoch });
        }
    }

    /// Leaves the present role; whoever waits is told why.
    fn end(&mut self, next: Role, out: &mut Vec<Effect>) {
        let before = std::mem::replace(&mut self.role, next);
        let why = self.not_leader();
        let mut waiting = Vec::new();
        match before {
            Role::Standby | Role::Deposed { .. } => {}
            Role::Loading { readers, .. } => {
                out.push(Effect::CancelTimer { timer: Timer::Load });
                waiting = readers;
            }
            Role::Leading(term) => {
                out.push(Effect::CancelTimer { timer: Timer::Prune });
                let text = "this host stopped leading during the write; its outcome is unknown";
                let unknown = Failure::new(FailureKind::ActorDied, text);
                let batch = term.batch.into_iter().flat_map(|batch| batch.calls);
                out.extend(batch.map(|call| refused(call, unknown.clone())));
                waiting.extend(term.queue.into_iter().map(|request| request.call));
            }
        }
        out.extend(waiting.into_iter().map(|call| refused(call, why.clone())));
    }

    fn not_leader(&self) -> Failure {
        match self.role {
            Role::Deposed { .. } => Leadership { leader: None, leading: false }.not_leader(),
            _ => self.leadership.not_leader(),
        }
    }

    // --- loading ---

    fn on_load_timer(&mut self, out: &mut Vec<Effect>) {
        if let Role::Loading { epoch, .. } = self.role {
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
        let Role::Loading { epoch, readers } = &mut self.role else { return };
        if *epoch != loaded {
            return;
        }
        let Ok(read) = result else {
            return out.push(Effect::SetTimer { timer: Timer::Load, at: now + RETRY });
        };
        let size = Size::of(&read);
        match records::read(read) {
            Ok(registry) => {
                let readers = std::mem::take(readers);
                let (batch, queue) = (None, VecDeque::new());
                let term = Term { epoch: loaded, registry, batch, queue, commits: 0, size };
                out.extend(readers.into_iter().map(|call| term.answer(call)));
                self.role = Role::Leading(Box::new(term));
                out.push(Effect::SetTimer { timer: Timer::Prune, at: now + prune::INTERVAL });
            }
            // To lead with a part of the registry would be to lose the rest.
            Err(unreadable) => out.push(Effect::Fail(unreadable.to_string())),
        }
    }

    fn on_get_registry(&mut self, call: CallId, out: &mut Vec<Effect>) {
        match &mut self.role {
            Role::Loading { readers, .. } => readers.push(call),
            Role::Leading(term) => out.push(term.answer(call)),
            Role::Standby | Role::Deposed { .. } => out.push(refused(call, self.not_leader())),
        }
    }

    // --- changing ---

    fn on_apply(&mut self, call: CallId, request: ApplyOperations, out: &mut Vec<Effect>) {
        let why = self.not_leader();
        let Role::Leading(term) = &mut self.role else {
            return out.push(refused(call, why));
        };
        if request.epoch != term.epoch {
            let why = format!("epoch {} is over, this is epoch {}", request.epoch, term.epoch);
            return out.push(refused(call, Failure::new(FailureKind::NotLeader, why)));
        }
        if term.queue.len() >= MAX_QUEUE {
            let why = "too many changes of the registry are waiting; ask again later";
            return out.push(refused(call, Failure::new(FailureKind::Overloaded, why)));
        }
        term.queue.push_back(Request { call, operations: request.operations });
        term.commit_next(self.limits, out);
    }

    fn on_prune_timer(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Role::Leading(term) = &mut self.role else { return };
        out.push(Effect::SetTimer { timer: Timer::Prune, at: now + prune::INTERVAL });
        // While others commit there is no hurry.
        if term.batch.is_none() {
            let draft = prune::draft(&term.registry, now, self.limits.writes);
            term.begin(Batch::of(draft, &term.registry), out);
        }
    }

    fn on_committed(&mut self, epoch: Epoch, result: Committed, out: &mut Vec<Effect>) {
        let Role::Leading(term) = &mut self.role else { return };
        if term.epoch != epoch {
            return;
        }
        let Some(batch) = term.batch.take() else { return };
        match result {
            Committed::Done => {
                batch.writes.values().for_each(|write| term.size.note(write));
                batch.draft.merge_into(&mut term.registry);
                out.extend(batch.calls.into_iter().map(applied));
            }
            Committed::Refused(why) => {
                let why = Failure::refused(why);
                out.extend(batch.calls.into_iter().map(|call| refused(call, why.clone())));
            }
            Committed::Deposed => {
                self.end(Role::Deposed { epoch }, out);
                let why = self.not_leader();
                return out.extend(batch.calls.into_iter().map(|call| refused(call, why.clone())));
            }
            Committed::Unknown(why) => {
                term.batch = Some(batch);
                return out.push(Effect::Fail(why));
            }
        }
        term.commit_next(self.limits, out);
    }
}

impl Term {
    fn answer(&self, call: CallId) -> Effect {
        let snapshot = RegistrySnapshot { epoch: self.epoch, registry: self.registry.clone() };
        Effect::Reply { call, result: Ok(Answer::Registry(snapshot)) }
    }

    /// Begins the next commit, if none is under way and something waits. What changes nothing is
    /// answered at once.
    fn commit_next(&mut self, limits: Limits, out: &mut Vec<Effect>) {
        while self.batch.is_none() && !self.queue.is_empty() {
            let (batch, odd) = pack(&mut self.queue, &self.registry, limits);
            out.extend(odd.into_iter().map(|(call, why)| refused(call, why)));
            self.begin(batch, out);
        }
    }

    fn begin(&mut self, batch: Batch, out: &mut Vec<Effect>) {
        if batch.writes.is_empty() {
            return out.extend(batch.calls.into_iter().map(applied));
        }
        self.commits += 1;
        let writes = batch.writes.values().cloned().collect();
        self.batch = Some(batch);
        out.push(Effect::Commit { epoch: self.epoch, writes });
    }
}

fn applied(call: CallId) -> Effect {
    Effect::Reply { call, result: Ok(Answer::Applied) }
}

fn refused(call: CallId, why: Failure) -> Effect {
    Effect::Reply { call, result: Err(why) }
}
