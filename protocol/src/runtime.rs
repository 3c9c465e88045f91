//! Messages that every actor of every host answers, and those of the `host` actor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Address, HostAddr};
use crate::id::Incarnation;
use crate::messages;

/// Which messages do you take, with what bodies? From anyone, to any actor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Describe {}

/// One message of an actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageDescription {
    pub name: String,
    /// JSON schema of the body.
    pub body: serde_json::Value,
    /// JSON schema of the reply.
    pub reply: serde_json::Value,
}

/// Answers [`Describe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    pub address: Address,
    /// What the actor owns, in one sentence.
    pub about: String,
    pub messages: Vec<MessageDescription>,
}

/// What do you hold now? From anyone, to any actor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Inspect {}

/// Answers [`Inspect`]: the actor's observable state, as free-form JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    pub address: Address,
    pub incarnation: Incarnation,
    pub state: serde_json::Value,
}

/// How busy are you? From anyone, to any actor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stats {}

/// Answers [`Stats`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActorStats {
    pub address: Address,
    pub incarnation: Incarnation,
    /// Messages waiting now.
    pub mailbox_depth: usize,
    pub mailbox_capacity: usize,
    /// Messages handled since the host started.
    pub handled: u64,
    /// Messages turned away because the mailbox was full.
    pub refused: u64,
    /// Messages whose name the actor does not have, or whose body could not be read.
    pub rejected: u64,
    /// Handling time of sampled messages, in microseconds.
    pub p50_us: u64,
    pub p99_us: u64,
}

/// I want what you publish under `topic`. Ends with the subscriber or with [`Unsubscribe`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Subscribe {
    pub topic: String,
    /// Who gets it; absent: the sender.
    #[serde(default)]
    pub subscriber: Option<Address>,
}

/// No longer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Unsubscribe {
    pub topic: String,
    #[serde(default)]
    pub subscriber: Option<Address>,
}

/// Why an actor that was linked to is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// It ended by itself or was told to.
    Stopped,
    /// It panicked. Supervised actors come back at the same address as `restarted_as`.
    Panicked { restarted_as: Option<Incarnation> },
    /// Its host cannot be reached, or the connection to it broke.
    Unreachable,
    /// There was no such actor when the link was made.
    NoSuchActor,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for ExitReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stopped => "it was stopped",
            Self::Panicked { .. } => "it panicked",
            Self::Unreachable => "its host cannot be reached",
            Self::NoSuchActor => "there is no such actor",
            Self::Unknown => "the reason is unknown",
        })
    }
}

/// Told to those that linked to `actor`, once for each link; the link is then gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exited {
    pub actor: Address,
    pub reason: ExitReason,
}

/// Which actors do you have? To `host`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListActors {}

/// Answers [`ListActors`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActorList {
    pub cluster: String,
    pub host: HostAddr,
    pub incarnation: Incarnation,
    pub actors: Vec<ActorStats>,
}

/// Whom are you connected to? To `host`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListConnections {}

/// One connection to another host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionStats {
    pub peer: HostAddr,
    /// This side opened it.
    pub dialled: bool,
    pub version: u16,
    pub sent_frames: u64,
    pub received_frames: u64,
    /// Bytes waiting to be written.
    pub queued_bytes: usize,
    /// Messages dropped because the queue was full.
    pub dropped: u64,
}

/// Answers [`ListConnections`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionList {
    pub connections: Vec<ConnectionStats>,
}

/// Watch messages pass: the host keeps those of this trace (0: of every trace that is not 0) in a
/// bounded ring. To `host`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetTrace {
    #[serde(default)]
    pub trace: u64,
}

/// One traced message as the receiving host saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEntry {
    pub trace: u64,
    /// Microseconds since the epoch when its handling began.
    pub at: crate::time::Time,
    pub from: Address,
    pub to: Address,
    pub name: String,
    /// How long the handler took, in microseconds.
    pub took_us: u64,
}

/// Answers [`GetTrace`], oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceList {
    pub entries: Vec<TraceEntry>,
}

messages! {
    Describe -> Description,
    Inspect -> Inspection,
    Stats -> ActorStats,
    Subscribe,
    Unsubscribe,
    Exited,
    ListActors -> ActorList,
    ListConnections -> ConnectionList,
    GetTrace -> TraceList,
}
