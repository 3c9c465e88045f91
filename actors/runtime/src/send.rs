//! Sending, from actors and from code outside of them: finds the receiver here or on another host.

use std::future::Future;
use std::time::Duration;

use protocol::envelope::{EnvelopeHeader, Kind};
use protocol::runtime::{ExitReason, Exited};
use protocol::{Address, Failure, FailureKind, HostAddr, Message};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::ask::PendingAsk;
use crate::cell::overloaded;
use crate::delivery::{
    Delivery, LocalReply, Payload, RawReply, Reply, System, WireMessage, decode_reply, died, open,
};
use crate::host::Host;
use crate::mailbox::Undelivered;
use crate::peer::written_from;

/// An answer that is on its way.
enum Answer {
    Local(oneshot::Receiver<LocalReply>),
    LocalRaw(oneshot::Receiver<RawReply>),
    /// Its deadline is kept where it waits.
    Remote(oneshot::Receiver<RawReply>, PendingAsk),
    Failed(Failure),
}

impl Host {
    // --- from outside of actors ---

    /// Sends in the name of this host, at most once.
    pub fn tell<M: Message>(&self, to: &Address, message: M) {
        self.tell_from(self.own_address(), 0, to, message);
    }

    /// Sends in the name of this host and waits for the answer, for up to `deadline`.
    pub fn ask<M: Message>(
        &self,
        to: &Address,
        message: M,
        deadline: Duration,
    ) -> impl Future<Output = Result<M::Reply, Failure>> + Send + 'static + use<M> {
        self.ask_from(self.own_address(), 0, to, message, deadline)
    }

    /// [`Self::ask`] with bodies as MessagePack, for those who do not have the types. Everything
    /// that follows from it carries `trace`, unless that is 0.
    pub fn ask_raw(
        &self,
        to: &Address,
        name: &str,
        body: &[u8],
        deadline: Duration,
        trace: u64,
    ) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send + 'static + use<> {
        let from = self.own_address();
        let answer = if to.host() == self.addr() {
            let (asker, answer) = oneshot::channel();
            let payload = Payload::Wire(WireMessage::of(name, body));
            let reply = Reply::Raw(asker);
            self.deliver(to.name(), from, Delivery { from: None, trace, reply, payload });
            Answer::LocalRaw(answer)
        } else {
            self.ask_peer((from, trace), to, name, deadline, |out| {
                out.extend_from_slice(body);
                Ok(())
            })
        };
        let to = to.clone();
        async move { answer_bytes(answer, &to, deadline).await.map(|bytes| bytes.to_vec()) }
    }

    /// [`Self::tell`] with a body as MessagePack.
    pub fn tell_raw(&self, to: &Address, name: &str, body: &[u8]) -> Result<(), Failure> {
        let from = self.own_address();
        if to.host() == self.addr() {
            let payload = Payload::Wire(WireMessage::of(name, body));
            let told = Delivery { from: None, trace: 0, reply: Reply::Nobody, payload };
            self.deliver(to.name(), from, told);
            return Ok(());
        }
        let header = EnvelopeHeader {
            to: to.name(),
            from: from.name(),
            name,
            kind: Kind::Tell,
            id: 0,
            deadline_ms: 0,
            trace: 0,
        };
        self.peer(to.host()).send_with(self, &header, |out| {
            out.extend_from_slice(body);
            Ok(())
        })
    }

    // --- from actors ---

    pub(crate) fn tell_from<M: Message>(
        &self,
        from: &Address,
        trace: u64,
        to: &Address,
        message: M,
    ) {
        if to.host() == self.addr() {
            self.deliver(to.name(), from, Delivery::local(trace, Reply::Nobody, message));
            return;
        }
        let mut full = String::new();
        let header = EnvelopeHeader {
            to: to.name(),
            from: written_from(from, self.addr(), &mut full),
            name: M::NAME,
            kind: Kind::Tell,
            id: 0,
            deadline_ms: 0,
            trace,
        };
        if let Err(failure) = self.peer(to.host()).send(self, &header, &message) {
            tracing::debug!(%to, message = M::NAME, %failure, "message dropped");
        }
    }

    /// Sends now; the future only waits.
    pub(crate) fn ask_from<M: Message>(
        &self,
        from: &Address,
        trace: u64,
        to: &Address,
        message: M,
        deadline: Duration,
    ) -> impl Future<Output = Result<M::Reply, Failure>> + Send + 'static + use<M> {
        let answer = if to.host() == self.addr() {
            let (asker, answer) = oneshot::channel();
            let reply = Reply::Local(asker);
            self.deliver(to.name(), from, Delivery::local(trace, reply, message));
            Answer::Local(answer)
        } else {
            self.ask_peer((from, trace), to, M::NAME, deadline, |out| {
                protocol::codec::encode_into(out, &message).map_err(|e| e.to_string())
            })
        };
        let to = to.clone();
        async move {
            if let Answer::Local(answer) = answer {
                let result = within(deadline, &to, answer).await?;
                return Ok(open(result).expect("a handler replies with its type"));
            }
            protocol::codec::decode(&answer_bytes(answer, &to, deadline).await?)
        }
    }

    fn ask_peer(
        &self,
        (from, trace): (&Address, u64),
        to: &Address,
        name: &str,
        deadline: Duration,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Answer {
        let peer = self.peer(to.host());
        let Some((pending, answer)) = peer.asks.open(self, deadline) else {
            return Answer::Failed(peer.too_many_asks());
        };
        let mut full = String::new();
        let header = EnvelopeHeader {
            to: to.name(),
            from: written_from(from, self.addr(), &mut full),
            name,
            kind: Kind::Ask,
            id: pending.id,
            deadline_ms: u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX),
            trace,
        };
        match peer.send_with(self, &header, body) {
            Ok(()) => Answer::Remote(answer, pending),
            Err(failure) => Answer::Failed(failure),
        }
    }

    /// Passes a message on in its sender's name; the answer goes to `reply`.
    pub(crate) fn forward<M: Message>(
        &self,
        from: &Address,
        trace: u64,
        to: &Address,
        message: M,
        reply: Reply,
    ) {
        if to.host() == self.addr() {
            return self.deliver(to.name(), from, Delivery::local(trace, reply, message));
        }
        if matches!(reply, Reply::Nobody) {
            return self.tell_from(from, trace, to, message);
        }
        let peer = self.peer(to.host());
        let Some(id) = peer.asks.open_relay(self, reply, decode_reply::<M>) else { return };
        let mut full = String::new();
        let header = EnvelopeHeader {
            to: to.name(),
            from: written_from(from, self.addr(), &mut full),
            name: M::NAME,
            kind: Kind::Ask,
            id,
            deadline_ms: 0,
            trace,
        };
        if let Err(failure) = peer.send(self, &header, &message) {
            peer.asks.answer(id, Err(failure));
        }
    }

    // --- into mailboxes ---

    /// Puts a delivery into a local actor's mailbox, or answers its asker why not.
    pub(crate) fn deliver(&self, to: &str, from: &Address, delivery: Delivery) {
        if self.probe_state().intercepts(to, &delivery) {
            return;
        }
        let undelivered = self.registry().with(to, |actor| match actor {
            Some(actor) => {
                actor.mailbox.push(from, delivery).map(|why| (why, actor.mailbox.capacity()))
            }
            None => Some((Undelivered::NoActor(delivery), 0)),
        });
        if let Some((undelivered, capacity)) = undelivered {
            self.refuse(to, undelivered, capacity);
        }
    }

    /// [`Self::deliver`] for several to one actor, each with its sender, in their order; `run` is
    /// empty afterwards.
    pub(crate) fn deliver_all(&self, to: &str, run: &mut Vec<Delivery>) {
        run.retain(|delivery| !self.probe_state().intercepts(to, delivery));
        let (undelivered, capacity) = self.registry().with(to, |actor| match actor {
            Some(actor) => (actor.mailbox.push_all(run), actor.mailbox.capacity()),
            None => (run.drain(..).map(Undelivered::NoActor).collect(), 0),
        });
        for undelivered in undelivered {
            self.refuse(to, undelivered, capacity);
        }
    }

    fn refuse(&self, to: &str, undelivered: Undelivered, capacity: usize) {
        match undelivered {
            Undelivered::Full(delivery) => refuse(to, delivery, overloaded(capacity)),
            Undelivered::Closed(delivery) => refuse(to, delivery, died()),
            Undelivered::NoActor(delivery) => refuse(to, delivery, self.no_such_actor(to)),
        }
    }

    fn no_such_actor(&self, name: &str) -> Failure {
        Failure::new(
            FailureKind::NoSuchActor,
            format!(
                "no actor `{name}` on {}; it has {}",
                self.addr(),
                self.actor_names().join(", ")
            ),
        )
    }

    // --- links ---

    pub(crate) fn link(&self, watcher: &Address, target: &Address) {
        if target.host() == self.addr() {
            if !self.watch_local(watcher, target.name()) {
                self.send_exited(watcher, target, &ExitReason::NoSuchActor);
            }
            return;
        }
        if self.links().watch_remote(watcher, target)
            && self.send_link(Kind::Link, watcher, target).is_err()
            && self.links().unwatch_remote(watcher, target)
        {
            self.send_exited(watcher, target, &ExitReason::Unreachable);
        }
    }

    pub(crate) fn unlink(&self, watcher: &Address, target: &Address) {
        if target.host() == self.addr() {
            self.links().unwatch_local(watcher, target.name());
        } else if self.links().unwatch_remote(watcher, target) {
            // A host that cannot be told has forgotten the link with the connection.
            let _ = self.send_link(Kind::Unlink, watcher, target);
        }
    }

    fn send_link(&self, kind: Kind, watcher: &Address, target: &Address) -> Result<(), Failure> {
        let header = EnvelopeHeader {
            to: target.name(),
            from: watcher.name(),
            name: "",
            kind,
            id: 0,
            deadline_ms: 0,
            trace: 0,
        };
        self.peer(target.host()).send_with(self, &header, |_| Ok(()))
    }

    /// False if there is no such actor.
    pub(crate) fn watch_local(&self, watcher: &Address, name: &str) -> bool {
        self.links().watch_local(watcher, name);
        // Looked up after the link is made, so that an end in between is not missed.
        let there = self.registry().get(name).is_some();
        if !there {
            self.links().unwatch_local(watcher, name);
        }
        there
    }

    /// Tells `watcher`, here or elsewhere, that the local actor `ended` has.
    pub(crate) fn send_exited(&self, watcher: &Address, ended: &Address, reason: &ExitReason) {
        let exited = Exited { actor: ended.clone(), reason: reason.clone() };
        if watcher.host() == self.addr() {
            return self.deliver_system(watcher.name(), System::Exited(exited));
        }
        let header = EnvelopeHeader {
            to: watcher.name(),
            from: ended.name(),
            name: "Exited",
            kind: Kind::Exited,
            id: 0,
            deadline_ms: 0,
            trace: 0,
        };
        // A watcher whose host is gone hears `Unreachable` from its own host.
        let _ = self.peer(watcher.host()).send(self, &header, &exited);
    }

    /// A local actor ended: tells those that watch it, and releases what it watched.
    pub(crate) fn actor_ended(&self, ended: &Address, reason: &ExitReason) {
        let (watchers, released) = self.links().actor_ended(ended);
        for watcher in watchers {
            self.send_exited(&watcher, ended, reason);
        }
        for target in released {
            let _ = self.send_link(Kind::Unlink, ended, &target);
        }
    }

    /// A remote actor that the local `watcher` watches has ended.
    pub(crate) fn remote_exited(&self, watcher: &str, target: &Address, reason: ExitReason) {
        if self.links().unwatch_remote(&self.address_of(watcher), target) {
            let exited = Exited { actor: target.clone(), reason };
            self.deliver_system(watcher, System::Exited(exited));
        }
    }

    /// The connection to a host is gone, or cannot be made.
    pub(crate) fn peer_lost(&self, host: &HostAddr) {
        for (watcher, target) in self.links().host_lost(host) {
            let exited = Exited { actor: target, reason: ExitReason::Unreachable };
            self.deliver_system(watcher.name(), System::Exited(exited));
        }
    }
}

fn refuse(to: &str, delivery: Delivery, failure: Failure) {
    if !delivery.is_ask() {
        tracing::debug!(to, message = delivery.message_name(), %failure, "message dropped");
    }
    delivery.reply.refuse(failure);
}

async fn answer_bytes(answer: Answer, to: &Address, deadline: Duration) -> RawReply {
    match answer {
        Answer::LocalRaw(answer) => within(deadline, to, answer).await,
        Answer::Remote(answer, _pending) => match answer.await {
            Ok(Err(failure)) if is_expired(&failure) => Err(too_late(to, deadline)),
            Ok(result) => result,
            Err(_) => Err(died()),
        },
        Answer::Failed(failure) => Err(failure),
        Answer::Local(_) => unreachable!("typed answers are taken before"),
    }
}

/// Not a timeout that the actor itself reports: those have a text.
fn is_expired(failure: &Failure) -> bool {
    failure.kind == FailureKind::Timeout && failure.message.is_empty()
}

async fn within<T>(
    deadline: Duration,
    to: &Address,
    answer: oneshot::Receiver<Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout(deadline, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(died()),
        Err(_) => Err(too_late(to, deadline)),
    }
}

fn too_late(to: &Address, deadline: Duration) -> Failure {
    let text = format!("{to} did not answer within {} ms", deadline.as_millis());
    Failure::new(FailureKind::Timeout, text)
}
