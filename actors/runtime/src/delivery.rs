//! One message on its way into an actor, and the way back for its answer.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use protocol::runtime::Exited;
use protocol::{Address, Failure, FailureKind, Message};
use serde::Serialize;
use smallbox::space::S4;
use smallbox::{SmallBox, smallbox};
use tokio::sync::oneshot;

use crate::peer::Peer;

pub(crate) struct Delivery {
    /// Absent: the same as of the one before it in its mailbox. Most traffic comes in runs, and to
    /// count references to one address from two threads costs more than the rest of a small message.
    pub(crate) from: Option<Address>,
    pub(crate) trace: u64,
    pub(crate) reply: Reply,
    pub(crate) payload: Payload,
}

pub(crate) enum Payload {
    /// From an actor of this host: never encoded.
    Local {
        name: &'static str,
        type_id: TypeId,
        message: Boxed,
    },
    /// From another host: decoded on the receiver's own thread.
    Wire(WireMessage),
    System(System),
}

/// The frame that a message came in, and where in it its name and its body are.
pub(crate) struct WireMessage {
    pub(crate) frame: Bytes,
    pub(crate) name: Range<usize>,
    pub(crate) body: Range<usize>,
}

impl WireMessage {
    /// A message that did not come in a frame (an ask with an encoded body, made here).
    pub(crate) fn of(name: &str, body: &[u8]) -> Self {
        let frame = [name.as_bytes(), body].concat();
        Self { name: 0..name.len(), body: name.len()..frame.len(), frame: frame.into() }
    }

    /// For people; what it is compared with is its bytes.
    pub(crate) fn name(&self) -> &str {
        std::str::from_utf8(self.name_bytes()).unwrap_or("")
    }

    pub(crate) fn name_bytes(&self) -> &[u8] {
        &self.frame[self.name.clone()]
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.frame[self.body.clone()]
    }
}

pub(crate) enum System {
    Exited(Exited),
    Stop,
}

impl Delivery {
    pub(crate) fn local<M: Message>(trace: u64, reply: Reply, message: M) -> Self {
        let payload =
            Payload::Local { name: M::NAME, type_id: TypeId::of::<M>(), message: boxed(message) };
        Self { from: None, trace, reply, payload }
    }

    pub(crate) fn is_system(&self) -> bool {
        matches!(self.payload, Payload::System(_))
    }

    pub(crate) fn is_ask(&self) -> bool {
        !matches!(self.reply, Reply::Nobody)
    }

    pub(crate) fn message_name(&self) -> &str {
        match &self.payload {
            Payload::Local { name, .. } => name,
            Payload::Wire(wire) => wire.name(),
            Payload::System(System::Exited(_)) => "Exited",
            Payload::System(System::Stop) => "Stop",
        }
    }
}

/// A message or answer of any type. Up to four words are held in place, a larger one on the heap:
/// freeing what another thread has allocated is the dearest part of a small message.
pub(crate) type Boxed = SmallBox<dyn Any + Send, S4>;

/// What a local asker receives: the reply type in a box.
pub(crate) type LocalReply = Result<Boxed, Failure>;
/// What an asker receives whose answer is bytes.
pub(crate) type RawReply = Result<Bytes, Failure>;

/// Where the answer goes. Dropping it unanswered tells the asker that the actor died: a local one
/// by its closed channel, a remote one by [`RemoteReply`].
pub(crate) enum Reply {
    /// It was told.
    Nobody,
    Local(oneshot::Sender<LocalReply>),
    Raw(oneshot::Sender<RawReply>),
    Remote(RemoteReply),
}

impl Reply {
    // An asker that gave up has dropped its end; then nobody wants the answer.

    pub(crate) fn send<R: Serialize + Send + 'static>(self, result: Result<R, Failure>) {
        match self {
            Self::Nobody => {}
            Self::Local(asker) => {
                let _ = asker.send(result.map(boxed));
            }
            Self::Raw(asker) => {
                let _ = asker.send(result.and_then(|reply| encode(&reply)));
            }
            Self::Remote(to) => to.answer(|peer, to| peer.send_reply(to, &result)),
        }
    }

    /// Passes on an answer that is already bytes.
    pub(crate) fn send_raw(self, result: RawReply, decode: Decode) {
        match self {
            Self::Nobody => {}
            Self::Local(asker) => {
                let _ = asker.send(result.and_then(|bytes| decode(&bytes)));
            }
            Self::Raw(asker) => {
                let _ = asker.send(result);
            }
            Self::Remote(to) => to.answer(|peer, to| peer.send_raw_reply(to, &result)),
        }
    }

    pub(crate) fn refuse(self, failure: Failure) {
        self.send::<()>(Err(failure));
    }
}

/// One ask of one connection, as its answer names it.
#[derive(Clone, Copy)]
pub(crate) struct AskKey {
    pub(crate) connection: u64,
    pub(crate) id: u64,
}

/// An ask that came over a connection: answered over the same connection or not at all.
pub(crate) struct RemoteReply {
    peer: Arc<Peer>,
    key: AskKey,
    answered: bool,
}

impl RemoteReply {
    pub(crate) fn new(peer: Arc<Peer>, key: AskKey) -> Self {
        Self { peer, key, answered: false }
    }

    fn answer(mut self, send: impl FnOnce(&Peer, AskKey)) {
        self.answered = true;
        send(&self.peer, self.key);
    }
}

impl Drop for RemoteReply {
    fn drop(&mut self) {
        if !self.answered {
            self.peer.send_reply::<()>(self.key, &Err(died()));
        }
    }
}

/// Turns the bytes of an answer into what a local asker expects.
pub(crate) type Decode = fn(&[u8]) -> LocalReply;

pub(crate) fn decode_reply<M: Message>(bytes: &[u8]) -> LocalReply {
    protocol::codec::decode::<M::Reply>(bytes).map(boxed)
}

/// What is in the box, if it is a `T`.
pub(crate) fn open<T: 'static>(boxed: Boxed) -> Option<T> {
    boxed.downcast::<T>().ok().map(SmallBox::into_inner)
}

fn boxed<T: Send + 'static>(value: T) -> Boxed {
    smallbox!(value)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, Failure> {
    protocol::codec::encode(value)
        .map(Bytes::from)
        .map_err(|e| Failure::new(FailureKind::BadMessage, format!("cannot be encoded: {e}")))
}

pub(crate) fn died() -> Failure {
    Failure::new(FailureKind::ActorDied, "the actor ended before it answered")
}

/// The right to answer one ask, later and from anywhere. Dropped unanswered, the asker hears
/// [`FailureKind::ActorDied`].
#[must_use]
pub struct ReplyTo<R> {
    reply: Reply,
    of: PhantomData<fn(R)>,
}

impl<R> ReplyTo<R> {
    pub(crate) fn into_inner(self) -> Reply {
        self.reply
    }
}

impl<R: Serialize + Send + 'static> ReplyTo<R> {
    pub(crate) fn new(reply: Reply) -> Self {
        Self { reply, of: PhantomData }
    }

    /// Answers.
    pub fn reply(self, reply: R) {
        self.reply.send(Ok(reply));
    }

    /// Says no.
    pub fn refuse(self, failure: Failure) {
        self.reply.send::<R>(Err(failure));
    }

    /// Either.
    pub fn complete(self, result: Result<R, Failure>) {
        self.reply.send(result);
    }
}

impl<R> std::fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyTo")
    }
}
