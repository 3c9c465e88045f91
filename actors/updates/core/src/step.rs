//! The only way in: one input, and what follows from it.

use protocol::frameworks::ForwardUpdate;
use protocol::updates::{
    ConfirmUpdate, ForgetFramework, PendingUpdateList, PendingUpdates, QueueUpdate, SetMaster,
    UpdateConfirmed,
};
use protocol::{CallId, Failure, Time};

use crate::effect::{Effect, Reply};
use crate::input::{Input, Timer};
use crate::record::{Record, StreamKey};
use crate::state::State;
use crate::stream::{Queued, Stream};

impl State {
    /// Takes one input and appends what follows from it to `out`.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Queue { call, message } => self.on_queue(call, message, out),
            Input::Confirm { call, message } => self.on_confirm(now, call, message, out),
            Input::SetMaster(message) => self.on_set_master(now, message, out),
            Input::ForgetFramework(message) => self.on_forget_framework(message, out),
            Input::GetPending { call } => self.on_get_pending(call, out),
            Input::Durable { sequence } => self.on_durable(now, sequence, out),
            Input::TimerFired(Timer::Resend(key)) => self.forward_head(now, &key, out),
        }
    }

    fn on_queue(&mut self, call: CallId, message: QueueUpdate, out: &mut Vec<Effect>) {
        let QueueUpdate { framework_id, agent_id, status } = message;
        if status.update_id.is_none() {
            let failure = Failure::refused("an update to be acknowledged needs an update_id");
            return out.push(Effect::Reply { call, reply: Reply::Refused(failure) });
        }
        let key = StreamKey { framework_id: framework_id.clone(), task_id: status.task_id.clone() };
        let stream =
            self.streams.entry(key.clone()).or_insert_with(|| Stream::new(agent_id.clone()));
        let queued = stream.queue(status.clone(), self.sequence + 1);
        if queued == Queued::Added {
            self.sequence += 1;
            self.unwritten.insert(self.sequence, key);
        }
        match stream.entry(&status) {
            Some(entry) if entry.sequence > self.durable => entry.waiting.push(call),
            _ => out.push(Effect::Reply { call, reply: Reply::Queued }),
        }
        if queued == Queued::Added {
            let record = Record::Queued { framework_id, agent_id, status };
            out.push(Effect::Append { sequence: self.sequence, record });
        }
    }

    /// The record of a confirmation is not waited for: if it is lost, the update is sent once more.
    fn on_confirm(
        &mut self,
        now: Time,
        call: CallId,
        message: ConfirmUpdate,
        out: &mut Vec<Effect>,
    ) {
        let ConfirmUpdate { framework_id, task_id, update_id } = message;
        let key = StreamKey { framework_id, task_id };
        let confirmed = self.streams.get_mut(&key).and_then(|s| s.confirm(&update_id));
        let task_done = self.streams.get(&key).is_some_and(Stream::is_done);
        if let Some(entry) = confirmed {
            // Recovered and acknowledged before `agent` asked again: safe, and settled.
            for call in entry.waiting {
                out.push(Effect::Reply { call, reply: Reply::Queued });
            }
            self.append(Record::Confirmed { key: key.clone(), update_id }, out);
            out.push(Effect::CancelTimer { timer: Timer::Resend(key.clone()) });
        }
        if task_done {
            self.streams.remove(&key);
        } else {
            self.forward_unsent_head(now, &key, out);
        }
        let reply = Reply::Confirmed(UpdateConfirmed { task_done });
        out.push(Effect::Reply { call, reply });
    }

    /// A new master, or the same one again after a registration, knows nothing of what was sent.
    fn on_set_master(&mut self, now: Time, message: SetMaster, out: &mut Vec<Effect>) {
        self.master = message.frameworks;
        let keys: Vec<_> = self.streams.keys().cloned().collect();
        for key in keys {
            if let Some(stream) = self.streams.get_mut(&key).filter(|s| s.sent > 0) {
                stream.sent = 0;
                out.push(Effect::CancelTimer { timer: Timer::Resend(key.clone()) });
            }
            self.forward_unsent_head(now, &key, out);
        }
    }

    fn on_forget_framework(&mut self, message: ForgetFramework, out: &mut Vec<Effect>) {
        let framework_id = message.framework_id;
        let of_it = |key: &StreamKey| key.framework_id == framework_id;
        if !self.streams.keys().any(of_it) {
            return;
        }
        for (key, stream) in self.streams.iter_mut().filter(|(key, _)| of_it(key)) {
            let timer = Timer::Resend(key.clone());
            out.push(Effect::CancelTimer { timer });
            for call in stream.entries_mut().flat_map(|e| std::mem::take(&mut e.waiting)) {
                out.push(Effect::Reply { call, reply: Reply::Queued });
            }
        }
        self.streams.retain(|key, _| !of_it(key));
        self.append(Record::Forgotten { framework_id }, out);
    }

    fn on_get_pending(&mut self, call: CallId, out: &mut Vec<Effect>) {
        let pending = |(key, stream): (&StreamKey, &Stream)| PendingUpdates {
            framework_id: key.framework_id.clone(),
            task_id: key.task_id.clone(),
            updates: stream.entries().map(|entry| entry.status.clone()).collect(),
        };
        let with_some = self.streams.iter().filter(|(_, stream)| stream.head().is_some());
        let reply = Reply::Pending(PendingUpdateList { tasks: with_some.map(pending).collect() });
        out.push(Effect::Reply { call, reply });
    }

    fn on_durable(&mut self, now: Time, sequence: u64, out: &mut Vec<Effect>) {
        self.durable = self.durable.max(sequence.min(self.sequence));
        let still_unwritten = self.unwritten.split_off(&(self.durable + 1));
        for key in std::mem::replace(&mut self.unwritten, still_unwritten).into_values() {
            let durable = self.durable;
            if let Some(stream) = self.streams.get_mut(&key) {
                let safe = stream.entries_mut().filter(|e| e.sequence <= durable);
                let calls = safe.flat_map(|e| std::mem::take(&mut e.waiting));
                out.extend(calls.map(|call| Effect::Reply { call, reply: Reply::Queued }));
            }
            self.forward_unsent_head(now, &key, out);
        }
    }

    fn append(&mut self, record: Record, out: &mut Vec<Effect>) {
        self.sequence += 1;
        out.push(Effect::Append { sequence: self.sequence, record });
    }

    fn forward_unsent_head(&mut self, now: Time, key: &StreamKey, out: &mut Vec<Effect>) {
        if self.streams.get(key).is_some_and(|stream| stream.sent == 0) {
            self.forward_head(now, key, out);
        }
    }

    fn forward_head(&mut self, now: Time, key: &StreamKey, out: &mut Vec<Effect>) {
        let Some(to) = self.master.clone() else { return };
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Some(head) = stream.head().filter(|head| head.sequence <= self.durable) else {
            return;
        };
        let message = ForwardUpdate {
            framework_id: key.framework_id.clone(),
            agent_id: stream.agent_id.clone(),
            status: head.status.clone(),
            latest_state: stream.latest_state(),
        };
        stream.sent = stream.sent.saturating_add(1);
        let at = now + self.settings.backoff(stream.sent);
        out.push(Effect::Forward { to, message });
        out.push(Effect::SetTimer { timer: Timer::Resend(key.clone()), at });
    }
}

#[cfg(test)]
mod tests;
