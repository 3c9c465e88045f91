//! What makes a struct a message, and the ways in which an answer can be a failure.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A struct that one actor sends to another.
///
/// `NAME` is what travels in the envelope and what people type after `meseta send`; it never
/// changes once released. `Reply` is the body of the answer to an `ask`; one-way messages have
/// `Reply = ()`, and asking one means "tell me when you have handled it".
pub trait Message: Serialize + DeserializeOwned + JsonSchema + fmt::Debug + Send + 'static {
    /// The name on the wire, equal to the struct's name.
    const NAME: &'static str;
    /// What a successful ask answers.
    type Reply: Serialize + DeserializeOwned + JsonSchema + fmt::Debug + Send + 'static;
}

/// Declares messages: `messages! { Ping -> Pong, Publish }` (no arrow: one-way). Once in a module,
/// whose `MESSAGES` then lists them.
#[macro_export]
macro_rules! messages {
    ($($name:ident $(-> $reply:ty)?),+ $(,)?) => {
        $( $crate::messages!(@one $name $(-> $reply)?); )+

        /// The names of the messages that this module declares.
        #[allow(dead_code, unreachable_pub, reason = "not every module's list is read")]
        pub const MESSAGES: &[&str] = &[$( stringify!($name) ),+];
    };
    (@one $name:ident) => { $crate::messages!(@one $name -> ()); };
    (@one $name:ident -> $reply:ty) => {
        impl $crate::message::Message for $name {
            const NAME: &'static str = stringify!($name);
            type Reply = $reply;
        }
    };
}

/// Why an ask was not answered with its reply. The body of an error frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What a program decides on.
    pub kind: FailureKind,
    /// One lowercase line for people: what was wrong, and what is accepted.
    pub message: String,
}

/// The ways in which an ask fails. The CLI ends with an exit code for each (`boot::exit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host is there; it has no actor of that name.
    NoSuchActor,
    /// The actor is there; it has no message of that name.
    UnknownMessage,
    /// The message is known; its body could not be read (missing field, wrong type).
    BadMessage,
    /// The mailbox or the send queue was full; nothing was done.
    Overloaded,
    /// No answer before the deadline; it may or may not have been handled.
    Timeout,
    /// The host could not be reached, or the connection broke before the answer.
    LinkDown,
    /// Something listens there and there is no connection to be had: it belongs to another cluster,
    /// or speaks no version of this protocol that this host does.
    Unwelcome,
    /// The actor read the message and says no; the text says why.
    Refused,
    /// This host is not the leader; `message` names the leader's host if it is known.
    NotLeader,
    /// The actor ended (panicked or stopped) while it had the message.
    ActorDied,
    /// What the message names is not there; nothing was done.
    NotFound,
    /// What the message would make is there already; nothing was done.
    AlreadyExists,
    /// What the message would change has changed meanwhile, or is being changed; nothing was done.
    Conflict,
    /// Whoever asks may not do that; nothing was done.
    Forbidden,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Failure {
    /// A failure of `kind` with a line for people.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Whether nothing was done; otherwise nobody knows.
    pub fn is_certain(&self) -> bool {
        use FailureKind::{ActorDied, LinkDown, Timeout, Unknown};
        !matches!(self.kind, ActorDied | LinkDown | Timeout | Unknown)
    }

    /// The actor understood and says no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
