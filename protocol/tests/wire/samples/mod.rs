//! One sample of every message and of every reply, written by hand with every field filled in.
//!
//! A sample is about the wire, not about sense: a task that has both a command and an executor is
//! refused by those who read it, and has both here so that both are on record.

use protocol::{Failure, Message, codec};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

mod agent;
mod agents;
mod allocator;
mod common;
mod frameworks;
mod host;
mod master;
mod runtime;
mod scheduler;
mod services;

/// A sample as it travels, its type forgotten.
pub(crate) struct Sample {
    /// The file that keeps its bytes: `<receiver>/<Message>.msgpack`, `….reply.msgpack`.
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    /// Reads such bytes and writes what was read.
    pub(crate) recode: fn(&[u8]) -> Result<Vec<u8>, Failure>,
    /// The JSON schema that `Describe` shows for it.
    pub(crate) schema: fn() -> serde_json::Value,
}

/// Every sample of every receiver.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = Vec::new();
    for add in [
        agent::add,
        agents::add,
        allocator::add,
        frameworks::add,
        host::add,
        master::add,
        runtime::add,
        scheduler::add,
        services::add,
    ] {
        add(&mut samples);
    }
    samples
}

/// A receiver's samples on their way into the list.
struct To<'a> {
    receiver: &'static str,
    samples: &'a mut Vec<Sample>,
}

impl<'a> To<'a> {
    fn new(receiver: &'static str, samples: &'a mut Vec<Sample>) -> Self {
        Self { receiver, samples }
    }

    /// A message whose reply is `()`.
    fn tell<M: Message<Reply = ()>>(&mut self, message: &M) -> &mut Self {
        self.add(M::NAME, message)
    }

    /// A message and its reply.
    fn ask<M: Message>(&mut self, message: &M, reply: &M::Reply) -> &mut Self {
        self.add(M::NAME, message).add(&format!("{}.reply", M::NAME), reply)
    }

    fn add<T: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        name: &str,
        value: &T,
    ) -> &mut Self {
        self.samples.push(Sample {
            file: format!("{}/{name}.msgpack", self.receiver),
            bytes: codec::encode(value).expect("every message can be written"),
            recode: |bytes| {
                let value: T = codec::decode(bytes)?;
                Ok(codec::encode(&value).expect("what was read can be written"))
            },
            schema: || schemars::schema_for!(T).to_value(),
        });
        self
    }
}
