//! The wire of the Mesos v1 API, against bytes that this project's code did not make.

mod convert;
mod golden;
mod json;
mod negotiation;
mod random;
mod tables;
mod tiny;
mod validation;
