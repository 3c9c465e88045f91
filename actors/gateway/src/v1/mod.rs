//! The Mesos v1 HTTP API. Most of it is its wire: messages, their two encodings, and the framing of
//! streams, which know nothing of the cluster.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | the messages, generated from `proto/` |
//! | [`media`] | which encoding a request has and its answer gets |
//! | [`codec`] | bodies to messages and back |
//! | [`json`] | the JSON of these messages |
//! | [`required`] | required fields, and enum values of later versions |
//! | [`validate`] | what a call must say beyond its required fields |
//! | [`recordio`] | records of a stream |
//! | `stream` | bodies that go on, and the queues that fill them |
//! | `scheduler` | the endpoint of frameworks on the master |
//! | [`convert`] | to and from the vocabulary of the actors |
//! | [`executor`] | the executor API on an agent |
//! | [`operator`] | the operator API on a master |
//! | [`error`] | why a request is refused, with Mesos's texts |

pub mod codec;
pub mod convert;
pub mod error;
pub mod executor;
pub mod json;
pub mod media;
pub mod operator;
pub mod recordio;
pub mod required;
pub(crate) mod scheduler;
pub(crate) mod stream;
pub mod validate;
pub mod wire;

pub use codec::{decode, encode};
pub use error::WireError;
pub use media::MediaType;

/// The version of Mesos whose API this is: digits and dots, because clients compare the parts as
/// numbers.
pub const MESOS_VERSION: &str = "1.11.0";
