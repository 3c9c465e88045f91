//! Files of this machine, read with the rights of the task's user: the agent may read everything,
//! and its tasks may not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{PipeReader, Read};
use std::path::Path;
use std::process::Stdio;

use isolator::{Identity, Output, Place, Program, Watch, spawn};
use protocol::task::Termination;

use crate::error::FetchError;

/// What is kept of the complaints of `cp`.
const MAX_COMPLAINT: u64 = 1000;

/// Copies a file to a new one.
pub(crate) async fn copy(
    from: &Path,
    to: &Path,
    identity: Option<&Identity>,
) -> Result<(), FetchError> {
    match identity {
        Some(identity) => copy_as(from, to, identity).await,
        None => {
            let (from, to) = (from.to_owned(), to.to_owned());
            let copy = move || {
                fs::copy(&from, &to).map_err(|e| FetchError::file("copy", &from, e)).map(|_| ())
            };
            tokio::task::spawn_blocking(copy).await.map_err(FetchError::Abandoned)?
        }
    }
}

/// As another user: by a process that is one.
async fn copy_as(from: &Path, to: &Path, identity: &Identity) -> Result<(), FetchError> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let arguments = ["cp".to_owned(), "--".to_owned(), text(from), text(to)];
    let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let failed = |e| FetchError::file("copy", from, e);
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let program = Program {
        path: "cp",
        arguments: &arguments,
        environment: &environment,
        directory: Path::new("/"),
    };
    let place = Place { identity: Some(identity), ..Place::default() };
    let output = Output { stdout: Stdio::null(), stderr: Stdio::from(writer) };
    let watch = Watch::open(spawn(&program, &place, output)?)?;
    // The complaints fit into the pipe, so it need not be read before the end.
    match watch.ended().await {
        Some(Termination::Exited(0)) => Ok(()),
        _ => Err(FetchError::Copy(complaint(reader))),
    }
}

fn complaint(reader: PipeReader) -> String {
    let mut text = Vec::new();
    // What could be read of it is better than nothing.
    let _ = reader.take(MAX_COMPLAINT).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    text.trim().trim_start_matches("cp: ").to_owned()
}
