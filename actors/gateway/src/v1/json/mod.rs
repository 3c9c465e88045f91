//! The JSON of the v1 API, guided by the descriptors of the messages.
//!
//! Names of fields and enum values as in `proto/`, `bytes` in base64, maps as objects, 64-bit
//! integers as numbers, unset fields left out. Reading is lenient where clients need it (see
//! [`read`]); writing is one line of ASCII (see [`mod@write`]), because there are clients that count
//! characters where the framing counts bytes.

pub mod read;
pub mod write;
