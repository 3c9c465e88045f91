//! The messages of the v1 API, generated from `proto/`, and what is known about them at run time.

use std::fmt::Debug;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

/// The generated messages by package: `mesos::v1`, `mesos::v1::scheduler`, `mesos::v1::executor`,
/// `mesos::v1::master`, and what these need.
mod generated {
    #![allow(clippy::all, clippy::pedantic, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/v1_messages.rs"));
}

pub use generated::mesos::v1 as mesos;
pub use generated::mesos::v1::{executor, master, quota, scheduler};

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let set = include_bytes!(concat!(env!("OUT_DIR"), "/v1_descriptors.bin"));
    DescriptorPool::decode(set.as_slice()).expect("protoc wrote the descriptors")
});

/// A message of the v1 API.
pub trait WireMessage: prost::Message + prost::Name + Default + PartialEq + Debug {
    /// Its fields, their types and which of them are required.
    #[must_use]
    fn descriptor() -> MessageDescriptor {
        DESCRIPTORS
            .get_message_by_name(&Self::full_name())
            .expect("messages and descriptors are generated from the same files")
    }

    /// How Mesos's error texts name it, e.g. `scheduler::Call`.
    #[must_use]
    fn qualified_name() -> String {
        match Self::PACKAGE.strip_prefix("mesos.v1.") {
            // Whoever wrote the texts of this API had it with a capital.
            Some("executor") => format!("Executor::{}", Self::NAME),
            Some(api) => format!("{api}::{}", Self::NAME),
            None => Self::NAME.to_owned(),
        }
    }
}

impl<M: prost::Message + prost::Name + Default + PartialEq + Debug> WireMessage for M {}
