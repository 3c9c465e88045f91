//! Frameworks, offers and tasks as a state machine: input and time in, effects out.
//!
//! Owns what the master knows of frameworks (their schedulers, failover timers and records), the
//! book of outstanding offers, and the task ledger that a scheduler sees. It decides no
//! allocation (the allocator does), knows no agent's address (`agents` does) and writes no
//! registry (`registrar` does).
//!
//! Invariants, checked by [`State::check`]:
//! - every resource of an agent is, at every moment, free, in exactly one offer, or held by exactly
//!   one task or executor; no sum exceeds what the agent has;
//! - an offer is outstanding only while its framework is active and its agent is here, in the
//!   generation that it was made for;
//! - a framework is in the registry before its scheduler is told that it is subscribed, and its
//!   removal is there before anything of it is killed;
//! - what operators set is in the registry before the allocator is told of it;
//! - resources of a task are given back exactly once: at the first terminal state that the agent
//!   or the master reports.
//!
//! Deliberately absent: clocks, randomness, I/O, retries of status updates (the agent's), and
//! durable state (rebuilt from the registry and from the agents that join).

mod accept;
mod agents;
mod allocator;
mod authority;
mod calls;
mod check;
mod config;
mod consumption;
mod conversion;
mod counters;
mod effect;
mod executors;
mod explain;
mod framework;
mod input;
mod inverse;
mod joins;
mod lead;
mod ledger;
mod maintenance;
mod offers;
mod operations;
mod operator;
mod preempt;
mod queries;
mod questions;
mod quotas;
mod reconcile;
mod removal;
mod report;
mod requests;
mod resize;
mod resize_plan;
mod revision;
mod roles;
mod schedulers;
mod setbacks;
mod settings;
mod shares;
mod state;
mod step;
mod subscribe;
mod traffic;
mod updates;
mod validate;
mod victims;
mod views;
mod violation;
mod weights;
mod writes;

pub use agents::{Agent, Standing};
pub use config::Config;
pub use effect::{
    AllocatorQuestion, Answer, Effect, QuestionId, Timer, ToAgents, ToAllocator, ToScheduler,
};
pub use explain::complete as complete_explanation;
pub use framework::{Framework, FrameworkEvent, FrameworkState, Rejected};
pub use input::{Input, News, Request};
pub use ledger::{Entry, TaskKey};
pub use state::{State, Summary, Term};
pub use violation::Violation;
pub use writes::Subject;
