//! What is being committed about an agent, and what waits for that.

use protocol::agents::RegisterAgent;
use protocol::registrar::{ApplyOperations, RegistryOperation};
use protocol::{AgentId, CallId, Failure, FailureKind, Incarnation, Time};

use crate::effect::Effect;
use crate::input::CommitId;
use crate::life::Life;
use crate::term::Term;

/// More requests than this for one agent that has a commit under way are refused: an agent asks
/// one thing at a time, and a flood must not be kept.
const MAX_WAITING: usize = 16;

/// A commit about one agent.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) commit: CommitId,
    pub(crate) change: Change,
    /// Oldest first; at most [`MAX_WAITING`], at most one of them a registration.
    pub(crate) waiting: Vec<Request>,
}

/// What becomes of the agent when the commit is durable.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Admit {
        call: CallId,
        message: Box<RegisterAgent>,
    },
    Expire {
        since: Time,
        /// Another agent has its address.
        displaced: bool,
    },
    MarkGone {
        call: CallId,
        since: Time,
    },
    /// Without a call: its machine is down.
    Remove {
        call: Option<CallId>,
    },
}

/// Something that somebody wants of an agent's membership.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Register {
        call: CallId,
        message: Box<RegisterAgent>,
    },
    Unregister {
        call: CallId,
        incarnation: Incarnation,
    },
    MarkGone {
        call: CallId,
    },
    /// Its machine is down.
    ShutDown,
}

impl Request {
    pub(crate) fn call(&self) -> Option<CallId> {
        match self {
            Self::Register { call, .. }
            | Self::Unregister { call, .. }
            | Self::MarkGone { call } => Some(*call),
            Self::ShutDown => None,
        }
    }
}

impl Request {
    /// Nobody waits for one without a call: it is made again with the next word of `frameworks`.
    fn refuse(self, failure: Failure, out: &mut Vec<Effect>) {
        if let Some(call) = self.call() {
            refuse(call, failure, out);
        }
    }
}

impl Change {
    fn operation(&self, agent_id: AgentId) -> RegistryOperation {
        match self {
            Self::Admit { message, .. } => {
                RegistryOperation::AdmitAgent { agent_id, info: message.info.clone() }
            }
            Self::Expire { since, .. } => {
                RegistryOperation::MarkAgentUnreachable { agent_id, since: *since }
            }
            Self::MarkGone { since, .. } => {
                RegistryOperation::MarkAgentGone { agent_id, since: *since }
            }
            Self::Remove { .. } => RegistryOperation::RemoveAgent { agent_id },
        }
    }

    fn call(&self) -> Option<CallId> {
        match self {
            Self::Admit { call, .. } | Self::MarkGone { call, .. } => Some(*call),
            Self::Remove { call } => *call,
            Self::Expire { .. } => None,
        }
    }
}

impl Work {
    /// Keeps a request for later. Of two registrations only the newer one matters.
    pub(crate) fn wait(&mut self, request: Request, out: &mut Vec<Effect>) {
        if let Request::Register { message, .. } = &request {
            let life = Life::of(message);
            let older = self.waiting.iter().position(|waiting| match waiting {
                Request::Register { message, .. } => !life.is_older_than(&Life::of(message)),
                _ => false,
            });
            if let Some(older) = older {
                self.waiting.remove(older).refuse(superseded(), out);
            } else if self.waiting.iter().any(|w| matches!(w, Request::Register { .. })) {
                return request.refuse(superseded(), out);
            }
        }
        if self.waiting.len() >= MAX_WAITING {
            let why = "too many requests about this agent are waiting; ask again later";
            return request.refuse(Failure::new(FailureKind::Overloaded, why), out);
        }
        self.waiting.push(request);
    }

    /// Everybody who waits for an answer.
    pub(crate) fn into_calls(self) -> impl Iterator<Item = CallId> {
        self.change.call().into_iter().chain(self.waiting.into_iter().filter_map(|w| w.call()))
    }

    /// As [`Self::into_calls`], to look at.
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> {
        self.change.call().into_iter().chain(self.waiting.iter().filter_map(Request::call))
    }
}

fn superseded() -> Failure {
    Failure::new(FailureKind::Conflict, "a newer registration of this agent is being handled")
}

pub(crate) fn refuse(call: CallId, failure: Failure, out: &mut Vec<Effect>) {
    out.push(Effect::Reply { call, result: Err(failure) });
}

impl Term {
    /// Hands a change to `registrar`. Nothing may be under way for this agent.
    pub(crate) fn commit(&mut self, agent_id: AgentId, change: Change, out: &mut Vec<Effect>) {
        self.counters.commit += 1;
        let commit = CommitId(self.counters.commit);
        let operations = vec![change.operation(agent_id.clone())];
        self.commits.insert(commit, agent_id.clone());
        self.works.insert(agent_id, Work { commit, change, waiting: Vec::new() });
        let request = ApplyOperations { epoch: self.epoch, operations };
        out.push(Effect::Commit { commit, request });
    }

    pub(crate) fn on_committed(
        &mut self,
        now: Time,
        commit: CommitId,
        result: Result<(), Failure>,
        out: &mut Vec<Effect>,
    ) {
        let Some(agent_id) = self.commits.remove(&commit) else { return };
        let Some(work) = self.works.remove(&agent_id) else { return };
        match result {
            Ok(()) => self.complete(now, &agent_id, work.change, out),
            Err(failure) => self.abandon(now, &agent_id, &work.change, failure, out),
        }
        for request in work.waiting {
            self.request(now, agent_id.clone(), request, out);
        }
    }

    fn complete(&mut self, now: Time, id: &AgentId, change: Change, out: &mut Vec<Effect>) {
        match change {
            Change::Admit { call, message } => self.admitted(now, id, call, *message, out),
            Change::Expire { since, displaced } => self.expired(id, since, displaced, out),
            Change::MarkGone { call, .. } => self.marked_gone(id, call, out),
            Change::Remove { call: Some(call) } => self.removed(id, call, out),
            Change::Remove { call: None } => self.shut_down(id, out),
        }
    }

    /// The outcome is a refusal or unknown. Nobody was told anything yet, and every operation is
    /// idempotent: whoever asked asks again, and what the term wants itself it tries again.
    fn abandon(
        &mut self,
        now: Time,
        id: &AgentId,
        change: &Change,
        failure: Failure,
        out: &mut Vec<Effect>,
    ) {
        // What the registry refuses now (no space, say) it may take later. To an agent `Refused`
        // would mean never.
        let failure = match failure.kind {
            FailureKind::Refused => Failure::new(FailureKind::Conflict, failure.message),
            _ => failure,
        };
        match (change.call(), change) {
            (Some(call), _) => refuse(call, failure, out),
            (None, Change::Expire { displaced, .. }) => {
                self.queue_removal(now, id, *displaced, out);
            }
            (None, _) => self.schedule_removal(now, id, out),
        }
    }
}
