//! Generates the messages of the Mesos v1 API and their descriptors from `proto/`.

use std::env;
use std::io::{Error, Result};
use std::path::PathBuf;

const FILES: [&str; 4] = [
    "mesos/v1/mesos.proto",
    "mesos/v1/scheduler/scheduler.proto",
    "mesos/v1/executor/executor.proto",
    "mesos/v1/master/master.proto",
];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=proto");
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| Error::other("OUT_DIR is not set"))?;
    prost_build::Config::new()
        // The descriptor of a message is found by its name.
        .enable_type_names()
        // The same message has the same bytes every time.
        .btree_map(["."])
        .file_descriptor_set_path(out.join("v1_descriptors.bin"))
        .include_file("v1_messages.rs")
        .compile_protos(&FILES, &["proto"])
}
