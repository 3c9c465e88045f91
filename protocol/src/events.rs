//! To `events`: the ordered log of what happened, for people and programs that follow along.
//!
//! Subscribers pull: a slow one misses the oldest events and is told how many, and never slows
//! the actor that reported them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::Epoch;
use crate::messages;
use crate::time::Time;

/// The types of event, as `?types=` takes them.
pub mod types {
    pub const AGENT_ADDED: &str = "agent_added";
    pub const AGENT_REMOVED: &str = "agent_removed";
    pub const AGENT_DISCONNECTED: &str = "agent_disconnected";
    pub const FRAMEWORK_ADDED: &str = "framework_added";
    pub const FRAMEWORK_UPDATED: &str = "framework_updated";
    pub const FRAMEWORK_REMOVED: &str = "framework_removed";
    pub const OFFER_SENT: &str = "offer_sent";
    pub const OFFER_ACCEPTED: &str = "offer_accepted";
    pub const OFFER_DECLINED: &str = "offer_declined";
    pub const OFFER_RESCINDED: &str = "offer_rescinded";
    pub const TASK_ADDED: &str = "task_added";
    pub const TASK_UPDATED: &str = "task_updated";
    pub const APP_CREATED: &str = "app_created";
    pub const APP_UPDATED: &str = "app_updated";
    pub const APP_DELETED: &str = "app_deleted";
    pub const INSTANCE_CHANGED: &str = "instance_changed";
    pub const LEADER_CHANGED: &str = "leader_changed";

    /// All of them; a filter that names another is refused.
    pub const ALL: &[&str] = &[
        AGENT_ADDED,
        AGENT_REMOVED,
        AGENT_DISCONNECTED,
        FRAMEWORK_ADDED,
        FRAMEWORK_UPDATED,
        FRAMEWORK_REMOVED,
        OFFER_SENT,
        OFFER_ACCEPTED,
        OFFER_DECLINED,
        OFFER_RESCINDED,
        TASK_ADDED,
        TASK_UPDATED,
        APP_CREATED,
        APP_UPDATED,
        APP_DELETED,
        INSTANCE_CHANGED,
        LEADER_CHANGED,
    ];
}

/// Something happened. From any actor of the same host, one-way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// One of [`types::ALL`].
    pub kind: String,
    /// What happened, with the fields of its type.
    pub data: serde_json::Value,
}

/// A reported event in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Grows by one with every event of this host's life, from 1.
    pub seq: u64,
    /// The leadership during which it happened.
    pub epoch: Epoch,
    pub time: Time,
    #[serde(rename = "type")]
    pub kind: String,
    pub data: serde_json::Value,
}

/// What comes after `after`? Answered as soon as there is something, or empty after `wait_ms`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextEvents {
    /// The last `seq` seen; absent: only what comes from now on.
    #[serde(default)]
    pub after: Option<u64>,
    /// The `epoch` of the event with that `seq`, by which a log that has another event there (of
    /// another host, or after a restart) is told from the one that the reader knows. Such a log
    /// answers [`crate::FailureKind::NotFound`], and so does one that has not come that far.
    #[serde(default)]
    pub epoch: Option<Epoch>,
    /// Only these types; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// At most this many; 0 or more than 1000: 1000.
    #[serde(default)]
    pub max: usize,
    /// How long to wait for the first; at most 30 s.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Answers [`NextEvents`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventBatch {
    pub events: Vec<Event>,
    /// Give this as `after` next time,
    pub next: u64,
    /// and this as `epoch`, unless it is absent: the log is empty.
    #[serde(default)]
    pub epoch: Option<Epoch>,
    /// How many events between `after` and the first of these are no longer kept (of any type).
    #[serde(default)]
    pub missed: u64,
}

messages! {
    Report,
    NextEvents -> EventBatch,
}
